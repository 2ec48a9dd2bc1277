// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// The queue of calls for which there is no room: every connection that there may be has as many calls as the server takes
// at a time. First come, first served: whoever comes while calls wait stands behind them. A change that may have made room
// (a call has ended, the server raises its limit, a connection has ended so that another may be opened) wakes the first. It
// stays first until it has what it wants, or gives up, and then wakes the next: so one change serves as many as there is
// room for, and none is missed.
//
// The queue is not silent. The first call in it is logged, once a minute at most, Conn.Stats counts all of them, and a call
// whose time is over while it stands there says what it has waited for.

// place is a call's place in the queue.
type place struct {
	woken   chan struct{} // has room for one signal, which may be for nothing
	entered bool
}

// enter puts a call into the queue, and reports whether it is the first.
func (p *pool) enter(q *place) (first bool) {
	q.woken, q.entered = make(chan struct{}, 1), true
	p.mu.Lock()
	p.queue = append(p.queue, q)
	p.waiting.Store(int32(len(p.queue)))
	first = p.queue[0] == q
	full := len(p.connections) >= p.most // otherwise it merely waits for another connection
	if full {
		p.waited++
	}
	tell := full && time.Since(p.toldAt) > tellEvery
	if tell {
		p.toldAt = time.Now()
	}
	p.mu.Unlock()
	if tell {
		p.log(p.stats())
	}
	return first
}

// tellEvery is how often a queue is logged.
const tellEvery = time.Minute

// wait waits until it may be a call's turn. The first in the queue also looks at retryAt, when another connection may be
// dialled, unless that is zero.
func (p *pool) wait(ctx context.Context, q *place, retryAt time.Time) error {
	var retry <-chan time.Time
	if !retryAt.IsZero() && p.first(q) {
		timer := time.NewTimer(time.Until(retryAt))
		defer timer.Stop()
		retry = timer.C
	}
	select {
	case <-q.woken:
		return nil
	case <-retry:
		return nil
	case <-ctx.Done():
		return waited{what: p.busy(), cause: ctx.Err()}
	case <-p.life.Done():
		return unconnected{errClosed}
	}
}

func (p *pool) first(q *place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue[0] == q
}

// leave takes a call out of the queue. If it was the first, the next may try.
func (p *pool) leave(q *place) {
	if !q.entered {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.queue, q)
	p.queue = slices.Delete(p.queue, at, at+1)
	p.waiting.Store(int32(len(p.queue)))
	if at == 0 {
		p.wakeLocked()
	}
}

// freed is told that there may be room for a call, and lets the first in the queue try.
func (p *pool) freed() {
	if p.waiting.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wakeLocked()
}

func (p *pool) wakeLocked() {
	if len(p.queue) == 0 {
		return
	}
	select {
	case p.queue[0].woken <- struct{}{}:
	default: // it has been woken, and has not looked yet
	}
}

// busy says what calls in the queue wait for.
func (p *pool) busy() string {
	now := p.stats()
	p.mu.Lock()
	d := p.dialing
	p.mu.Unlock()
	text := fmt.Sprintf("the %d connections that there are have %d calls under way, as many as the server takes at a time", now.Connections, now.Calls)
	if d != nil {
		return p.progress(d) + "; " + text
	}
	return fmt.Sprintf("while it waited for other calls to end: %s (client.Options.MaxConnections is %d)", text, p.most)
}

// Stats is what a channel has under way at one moment.
type Stats struct {
	// Connections take calls.
	Connections int
	// Calls are under way on them.
	Calls int
	// Waiting are calls that wait for others to end, because Options.MaxConnections have as many as the server takes at a
	// time.
	Waiting int
	// Waited is how many calls have had to wait so since the channel was made.
	Waited uint64
}

func (p *pool) stats() Stats {
	p.mu.Lock()
	connections := slices.Clone(p.connections)
	now := Stats{Connections: len(connections), Waiting: len(p.queue), Waited: p.waited}
	p.mu.Unlock()
	for _, conn := range connections {
		now.Calls += conn.Active()
	}
	return now
}
