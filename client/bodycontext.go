// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"sync"

	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
)

// bodyContext is the context of a call's body: what interceptors have made of the caller's, and it ends with the call as
// well. It is a part of the call's stream, and a context of package context behind it exists once somebody waits for the
// end: of a unary call nobody does, as a rule, but for the one that waits for its answer, and that one is reached by its
// transport.
type bodyContext struct {
	context.Context                     // set once, when the body enters
	derived         *derivedContext     // guarded by mu; nil until somebody asks for Done
	waits           *http2.ClientStream // guarded by mu; whose answer somebody waits for until Context ends

	mu      sync.Mutex // guards what follows
	entered bool       // a body runs, or has run
	left    bool       // the interceptors have returned
	stopped bool       // the call has ended, and Context had not
}

// derivedContext is a context that ends with the call, and with what it was derived from.
type derivedContext struct {
	context.Context
	end context.CancelFunc
}

// closedChannel is what Done returns where the call ended before anyone asked.
var closedChannel = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done makes bodyContext a context.Context of its own.
func (b *bodyContext) Done() <-chan struct{} {
	if derived := b.derive(); derived != nil {
		return derived.Done()
	}
	return closedChannel
}

// derive returns the context behind b, nil if the call has ended without.
func (b *bodyContext) derive() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.derived == nil {
		if b.stopped {
			return nil
		}
		ctx, end := context.WithCancel(b.Context)
		b.derived = &derivedContext{ctx, end}
	}
	return b.derived.Context
}

// Err makes bodyContext a context.Context of its own.
func (b *bodyContext) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.derived != nil:
		if err := b.derived.Err(); err != nil || b.stopped {
			return err
		}
	case b.stopped:
		return context.Canceled
	}
	return b.Context.Err() // whose end may be on its way to what was derived: who has seen it here must not see less
}

// AfterFunc is what package context looks for where it cannot see what a context is made of: without it, it would start a
// goroutine for each that is derived from this one.
func (b *bodyContext) AfterFunc(f func()) (stop func() bool) {
	if derived := b.derive(); derived != nil {
		return context.AfterFunc(derived, f)
	}
	go f()
	return func() bool { return false }
}

// stop ends the context, and the wait for an answer that the body, or what it has left behind, is in.
func (b *bodyContext) stop() {
	b.mu.Lock()
	if b.Context.Err() == nil {
		b.stopped = true
	}
	derived, waits := b.derived, b.waits
	b.mu.Unlock() // before the transport's locks are taken, under which it may ask for Err
	if derived != nil {
		derived.end()
	}
	if waits != nil {
		waits.Reset(frame.Cancel)
	}
}

// wait waits for the end of an answer, of limit bytes at most.
func (b *bodyContext) wait(transport *http2.ClientStream, limit int) error {
	b.mu.Lock()
	if b.stopped {
		b.mu.Unlock()
		return context.Canceled
	}
	b.waits = transport
	b.mu.Unlock()
	err := transport.WantEnd(b.Context, limit)
	b.mu.Lock()
	b.waits = nil
	b.mu.Unlock()
	return err
}

var _ context.Context = (*bodyContext)(nil)
