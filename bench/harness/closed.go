// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// run plays a load on the clients as the order says.
func run(clients []Client, order Command) (Report, error) {
	l, err := FindLoad(order.Load)
	if err != nil {
		return Report{}, err
	}
	if order.Rate > 0 {
		return runOpen(clients, l, order)
	}
	if l.beside == nil {
		return runClosed(clients, l, order.InFlight, order.Lasting)
	}
	besides := clients
	if l.apart {
		if len(clients) < 2 {
			return Report{}, errors.New("a load with another apart needs two clients at least")
		}
		last := len(clients) - 1
		clients, besides = clients[:last], clients[last:]
	}
	stop, err := startBeside(besides, l)
	if err != nil {
		return Report{}, err
	}
	report, err := runClosed(clients, l, order.InFlight, order.Lasting)
	return report, errors.Join(err, stop())
}

// startBeside begins what a load has beside it. stop waits for its last operation.
func startBeside(clients []Client, l Load) (stop func() error, err error) {
	if len(clients) == 0 {
		return nil, errors.New("a load needs at least one client")
	}
	operation, err := l.beside(clients[0])
	if err != nil {
		return nil, err
	}
	var stopped atomic.Bool
	ended := make(chan error, 1)
	go func() { // ends after the operation in which stop is called
		for again := true; again; again = !stopped.Load() { // once at least
			if _, err := operation(); err != nil {
				ended <- fmt.Errorf("beside the load: %w", err)
				return
			}
		}
		ended <- nil
	}()
	return func() error {
		stopped.Store(true)
		return <-ended
	}, nil
}

// prepareAll returns an operation for each worker, the workers in turn on the clients.
func prepareAll(clients []Client, l Load, workers int) ([]operation, error) {
	if workers < 1 || len(clients) == 0 {
		return nil, errors.New("a load needs at least one call in flight and one client")
	}
	operations := make([]operation, workers)
	for i := range operations {
		var err error
		if operations[i], err = l.prepare(clients[i%len(clients)]); err != nil {
			return nil, err
		}
	}
	return operations, nil
}

// runClosed keeps inFlight operations in flight for a while: a closed loop. Each worker reads the clock
// once an operation, since the end of one is the beginning of the next.
func runClosed(clients []Client, l Load, inFlight int, lasting time.Duration) (Report, error) {
	operations, err := prepareAll(clients, l, inFlight)
	if err != nil {
		return Report{}, err
	}
	var (
		latencies = newRecorder()
		workers   sync.WaitGroup
		units     atomic.Int64
		once      sync.Once // guards failure until workers.Wait
		failure   error
	)
	before, err := ownUsage()
	if err != nil {
		return Report{}, err
	}
	begin := time.Now()
	for i := range operations {
		workers.Go(func() {
			done, err := work(operations[i], latencies.of(i), begin, lasting)
			units.Add(done)
			if err != nil {
				once.Do(func() { failure = err })
			}
		})
	}
	workers.Wait()
	took := time.Since(begin)
	after, err := ownUsage()
	if err = cmp.Or(failure, err); err != nil {
		return Report{}, err
	}
	return Report{Usage: after.Since(before), Units: units.Load(), Took: took, Latencies: latencies.latencies()}, nil
}

// work does one operation at least.
func work(operation operation, latencies *shard, begin time.Time, lasting time.Duration) (units int64, err error) {
	for last := time.Since(begin); ; {
		done, err := operation()
		if err != nil {
			return units, err
		}
		units += int64(done)
		now := time.Since(begin)
		if err := latencies.record(now - last); err != nil || now >= lasting {
			return units, err
		}
		last = now
	}
}
