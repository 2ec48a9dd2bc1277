// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The well-behaved client. It makes calls at a steady rate, whether or not those before have ended, so that a server that
// stands still is noticed by every call that it owes: on a standing connection, in a standing two-way stream, and on new
// connections. A call's time begins when it was due.

// How often each kind of call is due, and how long a call may take until it is lost.
const (
	chargeInterval  = 3 * time.Millisecond
	disputeInterval = 25 * time.Millisecond
	arriveInterval  = 200 * time.Millisecond
	callPatience    = 10 * time.Second
)

// experience is what the client has noticed during a period.
type experience struct {
	Calls   int           `json:"calls"`
	Lost    int           `json:"lost"`
	Why     string        `json:"why,omitempty"` // the first loss
	P50     time.Duration `json:"p50"`
	P99     time.Duration `json:"p99"`
	Longest time.Duration `json:"longest"`
}

// period is a time whose calls are counted together: those that were due in it.
type period struct {
	open sync.WaitGroup // the calls that have not ended

	mu        sync.Mutex // guards what follows
	latencies []time.Duration
	lost      int
	why       string
}

func (p *period) record(kind string, took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latencies = append(p.latencies, took)
	if err != nil {
		p.lost++
		if p.why == "" {
			p.why = kind + ": " + err.Error()
		}
	}
}

// sum waits for the period's calls and returns what they were like.
func (p *period) sum() experience {
	p.open.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	e := experience{Calls: len(p.latencies), Lost: p.lost, Why: p.why}
	if len(p.latencies) > 0 {
		slices.Sort(p.latencies)
		e.P50, e.P99 = percentile(p.latencies, 50), percentile(p.latencies, 99)
		e.Longest = p.latencies[len(p.latencies)-1]
	}
	return e
}

// percentile returns the value that so many of a hundred do not exceed.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// steady is the client at work.
type steady struct {
	system  system
	address string
	secure  *tls.Config
	caller  caller // with the standing connection

	mu  sync.Mutex // guards now
	now *period

	stop  context.CancelFunc
	loops sync.WaitGroup
}

// startSteady connects and begins to call. Its goroutines end in end.
func startSteady(s system, address string, secure *tls.Config) (*steady, error) {
	standing, err := s.connect(address, secure)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for range 50 { // the first calls pay for what is set up only once
		if err := standing.Charge(ctx); err != nil {
			standing.Close()
			return nil, err
		}
	}
	c := &steady{system: s, address: address, secure: secure, caller: standing, now: &period{}}
	working, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.loops.Go(func() { c.every(working, "a call", chargeInterval, standing.Charge) })
	c.loops.Go(func() { c.every(working, "a new connection", arriveInterval, c.arrive) })
	c.loops.Go(func() { c.converse(working) })
	return c, nil
}

// next ends the period and returns what it was like.
func (c *steady) next() experience {
	c.mu.Lock()
	ended := c.now
	c.now = &period{}
	c.mu.Unlock()
	return ended.sum()
}

func (c *steady) end() {
	c.stop()
	c.loops.Wait()
	c.next()
	c.caller.Close()
}

// begin enters a call into the period.
func (c *steady) begin() *period {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.open.Add(1)
	return c.now
}

// every makes a call whenever one is due.
func (c *steady) every(ctx context.Context, kind string, interval time.Duration, call func(context.Context) error) {
	for due := time.Now(); pause(ctx, time.Until(due)); due = due.Add(interval) {
		within := c.begin()
		go func() { // ends with the call, which has a deadline; sum waits for it
			defer within.open.Done()
			patience, cancel := context.WithTimeout(context.Background(), callPatience)
			defer cancel()
			err := call(patience)
			within.record(kind, time.Since(due), err)
		}()
	}
}

// arrive is a client that has just come: it connects and makes one call.
func (c *steady) arrive(ctx context.Context) error {
	fresh, err := c.system.connect(c.address, c.secure)
	if err != nil {
		return err
	}
	defer fresh.Close()
	return fresh.Charge(ctx)
}

// converse says something in one long stream whenever that is due.
func (c *steady) converse(ctx context.Context) {
	var talk conversation
	defer func() {
		if talk != nil {
			talk.Close()
		}
	}()
	said := 0
	for due := time.Now(); pause(ctx, time.Until(due)); due = due.Add(disputeInterval) {
		within := c.begin()
		var err error
		if talk == nil {
			talk, err = c.caller.Dispute(context.Background())
		}
		if err == nil {
			said++
			hangUp := time.AfterFunc(callPatience, talk.Close)
			err = talk.Say(strconv.Itoa(said))
			hangUp.Stop()
		}
		within.record("a message in a stream", time.Since(due), err)
		within.open.Done()
		if err != nil && talk != nil {
			talk.Close()
			talk = nil
		}
	}
}
