// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Peer is the other end of a call.
type Peer struct {
	Address net.Addr // nil for a call made in this process
	// TLS is the connection's, nil in plaintext. It is shared by the connection's calls, and not to be changed. The
	// certificates that the peer has shown are PeerCertificates: to a handler its client's, verified if the server's
	// tls.Config.ClientAuth says so (VerifiedChains is empty if not), to a caller the server's.
	TLS *tls.ConnectionState
}

// Call is what a call carries besides its messages. A handler finds the call it serves with IncomingCall; a caller that
// wants an answer's headers and trailers makes one with NewCall.
//
// An incoming Call is also the handler's context, and is never recycled: it may be kept as long as anyone likes.
// Its headers may be changed on the handler's goroutine only.
type Call struct {
	method  *Method
	peer    Peer
	request Metadata
	header  Metadata
	trailer Metadata

	// An outgoing Call is claimed by the first call made with its context.
	claimed atomic.Bool
	plain   atomic.Bool // its messages are not compressed for the time being

	// What follows makes an incoming Call a context.
	parent   context.Context // values only
	stream   Stream
	deadline time.Time // zero without one

	mu    sync.Mutex           // guards what follows
	done  chan struct{}        // made when somebody asks
	timer *time.Timer          // likewise; ends by firing or in Cancel
	err   error                // set once, with done closed
	after map[*func()]struct{} // functions to start at the end
}

type (
	incomingKey struct{}
	outgoingKey struct{}
)

// IncomingCall returns the call that ctx's handler is serving, nil outside a handler.
func IncomingCall(ctx context.Context) *Call {
	call, _ := ctx.Value(incomingKey{}).(*Call)
	return call
}

// NewCall returns a context for one call, and the Call that holds its answer's headers and trailers once the call has
// returned. A second call made with the context fails with FAILED_PRECONDITION.
func NewCall(ctx context.Context) (context.Context, *Call) {
	call := &Call{}
	return &outgoing{Context: ctx, metadata: OutgoingMetadata(ctx), call: call, compression: OutgoingCompression(ctx)}, call
}

// Method returns the method called.
func (c *Call) Method() *Method { return c.method }

// Peer returns the other end.
func (c *Call) Peer() Peer { return c.peer }

// RequestHeader returns the metadata that the client sent. To a handler it also shows the keys ":authority" and
// "user-agent", which metadata cannot set: sent back in an answer they are left out, in a request they are an error.
func (c *Call) RequestHeader() *Metadata { return &c.request }

// ResponseHeader returns the metadata that precedes the first response: for a handler to fill, for a caller to read.
func (c *Call) ResponseHeader() *Metadata { return &c.header }

// ResponseTrailer returns the metadata that follows the last response: for a handler to fill, for a caller to read.
func (c *Call) ResponseTrailer() *Metadata { return &c.trailer }

// SendHeader sends an incoming call's response header now instead of with the first message.
func (c *Call) SendHeader() error {
	if c.stream == nil {
		return Errorf(FailedPrecondition, "SendHeader is for a handler's incoming call")
	}
	return c.stream.SendHeader()
}

// outgoing is a context with what it carries for the calls made with it. It is never changed.
type outgoing struct {
	context.Context
	metadata Metadata
	call     *Call

	compression string // of requests; "" for what the Invoker does by itself
}

// outgoingOf returns ctx's innermost outgoing, nil if there is none.
func outgoingOf(ctx context.Context) *outgoing {
	have, _ := ctx.Value(outgoingKey{}).(*outgoing)
	return have
}

// Value makes the outgoing itself one of its context's values.
func (o *outgoing) Value(key any) any {
	if _, ok := key.(outgoingKey); ok {
		return o
	}
	return o.Context.Value(key)
}

// AfterFunc hands on the AfterFunc of a Call further up, which package context would not see from here: it would start a
// goroutine for each context derived from this one.
func (o *outgoing) AfterFunc(f func()) (stop func() bool) {
	if direct, ok := o.Context.(interface{ AfterFunc(func()) func() bool }); ok {
		return direct.AfterFunc(f)
	}
	return context.AfterFunc(o.Context, f)
}

// WithMetadata returns a context whose calls send the key, value, key, value pairs, besides those ctx already has.
func WithMetadata(ctx context.Context, pairs ...string) context.Context {
	next := &outgoing{Context: ctx, metadata: NewMetadata(pairs...)}
	if have := outgoingOf(ctx); have != nil {
		next.metadata, next.call, next.compression = have.metadata.Join(next.metadata), have.call, have.compression
	}
	return next
}

// OutgoingMetadata returns what calls made with ctx send.
func OutgoingMetadata(ctx context.Context) Metadata {
	if have := outgoingOf(ctx); have != nil {
		return have.metadata
	}
	return Metadata{}
}

// ClaimCall is for an Invoker: it returns the Call that ctx's caller made with NewCall, nil if there is none, and an
// error if an earlier call has claimed it.
func ClaimCall(ctx context.Context) (*Call, error) {
	have := outgoingOf(ctx)
	if have == nil || have.call == nil {
		return nil, nil
	}
	if !have.call.claimed.CompareAndSwap(false, true) {
		return nil, Errorf(FailedPrecondition,
			"a context from farcall.NewCall was used for a second call: it collects the answer of one; make another")
	}
	return have.call, nil
}

// Deliver is for an Invoker: it fills a claimed Call, before the call returns to its maker.
func (c *Call) Deliver(method *Method, peer Peer, request, header, trailer Metadata) {
	c.method, c.peer, c.request, c.header, c.trailer = method, peer, request, header, trailer
}

// InitIncoming is for a server: it makes the zero Call the incoming one that stream's handler serves. parent lends its
// values, never its end: the server ends the call with Cancel. A zero deadline is none.
func (c *Call) InitIncoming(parent context.Context, stream Stream, peer Peer, deadline time.Time, request Metadata) {
	c.parent, c.stream, c.method, c.peer, c.deadline, c.request = parent, stream, stream.Method(), peer, deadline, request
}

// Cancel ends an incoming call's context with err, context.Canceled or context.DeadlineExceeded. Only the first call
// counts. The server calls it when the client goes away, when the deadline passes and when the handler has returned.
func (c *Call) Cancel(err error) {
	c.mu.Lock()
	c.cancelLocked(err)
	c.mu.Unlock()
}

func (c *Call) cancelLocked(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if err == nil { // which would read as "not ended"
		c.err = context.Canceled
	}
	if c.done != nil {
		close(c.done)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	for f := range c.after {
		go (*f)()
	}
	c.after = nil
}

// Deadline makes Call a context.Context.
func (c *Call) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// closedChannel is what Done returns where the call ended before anyone asked.
var closedChannel = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done makes Call a context.Context. The channel and the timer exist from the first time someone asks.
func (c *Call) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		if c.err != nil {
			c.done = closedChannel
		} else {
			c.done = make(chan struct{})
			c.startTimerLocked()
		}
	}
	return c.done
}

func (c *Call) startTimerLocked() {
	if c.timer == nil && !c.deadline.IsZero() {
		c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.Cancel(context.DeadlineExceeded) })
	}
}

// Err makes Call a context.Context.
func (c *Call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		c.cancelLocked(context.DeadlineExceeded)
	}
	return c.err
}

// Value makes Call a context.Context.
func (c *Call) Value(key any) any {
	switch key.(type) {
	case incomingKey:
		return c
	case outgoingKey:
		return nil // what came in does not go out by itself
	}
	if c.parent == nil {
		return nil
	}
	return c.parent.Value(key)
}

// AfterFunc runs f in a goroutine of its own when the call ends; stop prevents that and reports whether it did. Package
// context looks for this method, so that a context derived from a Call directly, or from what WithMetadata and NewCall
// made of one, costs no goroutine. (One derived from a context.WithValue over a Call does.)
func (c *Call) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = make(map[*func()]struct{})
	}
	registered := &f
	c.after[registered] = struct{}{}
	c.startTimerLocked()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waiting := c.after[registered]
		delete(c.after, registered)
		return waiting
	}
}

var _ context.Context = (*Call)(nil)
