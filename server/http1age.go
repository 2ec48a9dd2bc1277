// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// ages ends connections over HTTP/1.1 that are older than Options.MaxConnectionAge, as the engine does with those over HTTP/2:
// at once where no request is under way, else behind its answer, which tells the client (RFC 9112 section 9.6), or when the
// grace is over.
type ages struct {
	age, grace  time.Duration
	connections sync.Map // net.Conn to *aging, of those that net/http has
}

// aging is one of them. nil is one that may be as old as it likes.
type aging struct {
	nc    net.Conn
	grace time.Duration

	mu       sync.Mutex // guards what follows
	timer    *time.Timer
	old      bool
	lane     *lane              // that has the connection; nil once it is net/http's, and what follows is of that
	idle     bool               // nothing of a request has come
	hijacked bool               // the connection is its handler's
	cancel   context.CancelFunc // ends the context of the request under way; nil before the first
}

// ageJitter spreads the ends of connections that began together, as the engine does.
const ageJitter = 10

// begin begins a connection's time, which ends with end, or with the request that hijacks it. lane has the connection, or nil
// if it is net/http's.
func (a *ages) begin(nc net.Conn, lane *lane) *aging {
	if a.age <= 0 {
		return nil
	}
	c := &aging{nc: nc, grace: a.grace, lane: lane}
	spread := max(a.age/ageJitter, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer = time.AfterFunc(a.age-spread+rand.N(2*spread), c.grow)
	return c
}

// passOn is told that a connection will be net/http's, which knows it by nc.
func (a *ages) passOn(c *aging, nc net.Conn) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lane = nil
	a.connections.Store(nc, c)
}

// agingKey is how a request's context knows its connection.
type agingKey struct{}

// agingOf returns the aging of the connection that net/http has taken a request from.
func agingOf(r *http.Request) *aging {
	c, _ := r.Context().Value(agingKey{}).(*aging)
	return c
}

// withAging returns the context of a connection's requests.
func (a *ages) withAging(ctx context.Context, nc net.Conn) context.Context {
	if c, ok := a.connections.Load(nc); ok {
		return context.WithValue(ctx, agingKey{}, c)
	}
	return ctx
}

// changed is told by net/http what a connection does.
func (a *ages) changed(nc net.Conn, state http.ConnState) {
	found, ok := a.connections.Load(nc)
	if !ok {
		return
	}
	c := found.(*aging)
	if state == http.StateClosed || state == http.StateHijacked { // no more is told of it
		a.connections.Delete(nc)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle, c.hijacked = state == http.StateIdle, state == http.StateHijacked
	switch {
	case state == http.StateClosed:
		c.timer.Stop()
	case c.idle && c.old:
		c.nc.Close()
	}
}

// grow makes a connection old.
func (c *aging) grow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.old = true
	idle := c.idle
	if c.lane != nil {
		idle = c.lane.state.CompareAndSwap(laneIdle, laneEnded)
	}
	switch {
	case idle:
		c.nc.Close()
	case c.grace > 0:
		c.timer = time.AfterFunc(c.grace, c.cut)
	}
}

// cut ends a connection whose request has not ended in time. Who serves it does not always notice.
func (c *aging) cut() {
	c.mu.Lock()
	lane, cancel := c.lane, c.cancel
	c.mu.Unlock()
	c.nc.Close()
	switch {
	case lane != nil:
		lane.cancel()
	case cancel != nil:
		cancel()
	}
}

// isOld reports whether the answer under way is the last.
func (c *aging) isOld() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.old
}

// end is for a connection that has ended.
func (c *aging) end() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
}

// enter returns a request that net/http has taken with a context that ends where the grace does. leave is for its end.
func (c *aging) enter(r *http.Request) (entered *http.Request, leave func()) {
	ctx, cancel := context.WithCancel(r.Context())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = cancel
	return r.WithContext(ctx), func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.hijacked {
			c.timer.Stop()
		}
	}
}
