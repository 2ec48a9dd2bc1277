// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/farcall/farcall"
)

// requestContext is the context of a request that we have read ourselves: it ends when the client goes away, and when the
// request has been answered. It has no deadline, and until somebody waits for its end it costs nothing but its memory,
// which is part of the request's.
type requestContext struct {
	values context.Context // lends its values, never its end

	mu    sync.Mutex    // guards what follows
	done  chan struct{} // made when somebody asks
	err   error         // set once
	after []ending      // functions to start at the end
	place [1]ending     // of after: mostly there is one at a time
	last  uint64        // the number of the newest of them
	call  *farcall.Call // to end with it; nil for none
	lends bool          // a call has what it lends, in place of the context
}

// ending is a function to start at the end of a context.
type ending struct {
	number uint64
	start  func()
}

var (
	_ context.Context = (*requestContext)(nil)
	_ ownContext      = (*requestContext)(nil)
)

// cancel ends the context. Only the first call counts.
func (c *requestContext) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = context.Canceled
	if c.done != nil {
		close(c.done)
	}
	for _, f := range c.after {
		go f.start()
	}
	c.after, c.place = nil, [1]ending{}
	if c.call != nil {
		c.call.Cancel(context.Canceled)
	}
}

func (c *requestContext) lent() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lends = true
	return c.values
}

// unseen reports whether the context has ended and nobody has it who could still look at it: its request has made a call that
// has what it lends, and nothing was derived from it.
func (c *requestContext) unseen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lends && c.err != nil && c.done == nil && c.last == 0
}

// ends makes a call end with the context.
func (c *requestContext) ends(call *farcall.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		call.Cancel(context.Canceled)
		return
	}
	c.call = call
}

// left says that the call is over.
func (c *requestContext) left() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.call = nil
}

func (c *requestContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done makes the channel when somebody asks.
func (c *requestContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

func (c *requestContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Value says besides that the goroutine is our own.
func (c *requestContext) Value(key any) any {
	if _, asked := key.(ownGoroutine); asked {
		return c
	}
	return c.values.Value(key)
}

// AfterFunc runs f in a goroutine of its own when the context ends; stop prevents that and reports whether it did. Package
// context looks for this method, so that contexts derived from this one need no goroutine.
func (c *requestContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = c.place[:0]
	}
	c.last++
	number := c.last
	c.after = append(c.after, ending{number, f})
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		at := slices.IndexFunc(c.after, func(e ending) bool { return e.number == number })
		if at < 0 {
			return false
		}
		c.after = slices.Delete(c.after, at, at+1)
		return true
	}
}
