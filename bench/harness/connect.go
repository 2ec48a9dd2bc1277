// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"sync"
)

// Ends are what the client process of a setup has open.
type Ends struct {
	clients []Client
	parked  []func() // leave the parked streams
}

// Close leaves the streams and closes the clients.
func (e *Ends) Close() {
	for _, leave := range e.parked {
		leave()
	}
	closeAll(e.clients)
}

// Run plays a load once, as the order says.
func (e *Ends) Run(order Command) (Report, error) { return run(e.clients, order) }

func closeAll(clients []Client) {
	for _, one := range clients {
		if one != nil {
			one.Close()
		}
	}
}

// ConnectAll opens what the setup asks for: the clients, each of which has had a first call answered, and the parked
// streams.
func ConnectAll(ctx context.Context, s System, address string, setup Setup) (*Ends, error) {
	ends := new(Ends)
	err := ends.connect(ctx, s, address, setup, max(setup.Connections, 1))
	if err == nil {
		err = ends.park(setup.Parked)
	}
	if err != nil {
		ends.Close()
		return nil, err
	}
	return ends, nil
}

// connectingAtATime keeps thousands of connections from overrunning the listener's queue.
const connectingAtATime = 16

// connect opens so many more clients.
func (e *Ends) connect(ctx context.Context, s System, address string, setup Setup, count int) error {
	more := make([]Client, count)
	err := inParallel(count, func(i int) error {
		var err error
		if more[i], err = s.Connect(ctx, address, setup); err != nil {
			return err
		}
		return firstCall(ctx, more[i], setup)
	})
	e.clients = append(e.clients, more...)
	return err
}

func firstCall(ctx context.Context, on Client, setup Setup) error {
	if !setup.Interceptors {
		return charge(ctx, on, NewRequest(0, 0))
	}
	first, err := chargingAnnotated(on)
	if err == nil {
		_, err = first()
	}
	return err
}

// park leaves so many streams open, spread evenly.
func (e *Ends) park(count int) error {
	var mu sync.Mutex // guards parked
	return inParallel(count, func(i int) error {
		on := e.clients[i%len(e.clients)]
		parker, ok := on.(Parker)
		if !ok {
			return lacks(on, "streams that can be left open")
		}
		leave, err := parker.Park(context.Background(), NewRequest(0, 0))
		if err != nil {
			return fmt.Errorf("parked stream %d: %w", i, err)
		}
		mu.Lock()
		defer mu.Unlock()
		e.parked = append(e.parked, leave)
		return nil
	})
}

// inParallel does f(0) to f(count-1), some of them at a time, and returns the first error.
func inParallel(count int, f func(i int) error) error {
	var (
		workers sync.WaitGroup
		mu      sync.Mutex // guards next and failure
		next    int
		failure error
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= count && failure == nil
	}
	for range min(connectingAtATime, count) {
		workers.Go(func() {
			for {
				i, ok := take()
				if !ok {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					failure = err
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return failure
}
