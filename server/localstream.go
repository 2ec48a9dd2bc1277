// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/wire"
)

// Stream makes a call of any kind in this process and runs body with the caller's end of it. The handler runs on a
// goroutine of its own; a few messages at a time are on their way.
func (l local) Stream(ctx context.Context, method *farcall.Method, body farcall.Handler) (err error) {
	outgoing, err := call.Claim(ctx)
	if err != nil {
		return err
	}
	caller := &localCaller{via: l, ctx: ctx, method: method, outgoing: outgoing, left: make(chan struct{})}
	defer func() { caller.end() }() // in a defer, because body may panic
	return call.Outcome(body(ctx, caller))
}

// conversation is one call in this process: two pipes, and how the handler ended.
type conversation struct {
	requests, responses pipe
	begun               chan struct{} // closed when header was set
	beginning           sync.Once
	header              farcall.Metadata // as it was with the first response
	done                chan struct{}    // closed when the handler has returned, after outcome was set
	outcome             error            // as it crosses; nil if the call has succeeded
}

// pipe hands messages to the other end. Its sender closes it.
type pipe struct {
	messages chan parcel
	closed   chan struct{}
}

// pipeMessages is how many messages a pipe holds before its sender waits.
const pipeMessages = 4

func newPipe() pipe {
	return pipe{messages: make(chan parcel, pipeMessages), closed: make(chan struct{})}
}

// rest returns a message that is there, and reports whether one is.
func (p *pipe) rest() (parcel, bool) {
	select {
	case message := <-p.messages:
		return message, true
	default:
		return parcel{}, false
	}
}

// begin makes the response header readable: what the handler changes from here on comes too late.
func (h *localHandler) begin() {
	h.beginning.Do(func() {
		h.header = h.call.ResponseHeader().Clone()
		close(h.begun)
	})
}

// localCaller is the caller's end: what a client's stream is to a call over a wire. Goroutines that do the same against
// the contract take turns, and one that is left behind when the call is over finds it over.
type localCaller struct {
	call.Traffic
	via      local
	ctx      context.Context
	method   *farcall.Method
	outgoing call.Outgoing
	left     chan struct{} // closed when the caller's body has returned

	mu       sync.Mutex // guards what follows: a sending and a receiving goroutine may both start the call
	started  bool
	handler  *localHandler // nil until then, and if it could not be started
	startErr error

	sending   sync.Mutex // guards what is the sending goroutine's:
	halfClose bool
	sent      int
	sendTurn  call.Turn // a handler that always takes what is sent shares the sender's time
	sendErr   error     // sticks

	receiving   sync.Mutex // guards what is the receiving goroutine's:
	received    int
	receiveTurn call.Turn
	outcome     error
	header      farcall.Metadata
	trailer     farcall.Metadata
}

var _ farcall.Stream = (*localCaller)(nil)

func (c *localCaller) Method() *farcall.Method            { return c.method }
func (c *localCaller) RequestHeader() *farcall.Metadata   { return c.outgoing.RequestHeader() }
func (c *localCaller) ResponseTrailer() *farcall.Metadata { return &c.trailer }

func (c *localCaller) SendHeader() error {
	return farcall.Errorf(farcall.FailedPrecondition, "SendHeader is for a server: the client's header leaves with its first message")
}

// start starts the handler, once.
func (c *localCaller) start() (*localHandler, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started {
		c.started = true
		c.handler, c.startErr = c.via.begin(c.ctx, c.method, c.outgoing.Open(c.ctx))
		c.startErr = call.Outcome(c.startErr)
	}
	return c.handler, c.startErr
}

// begin checks a call as both ends of a wire would, and starts its handler.
func (l local) begin(ctx context.Context, method *farcall.Method, metadata farcall.Metadata) (*localHandler, error) {
	if err := call.ContextEnded(ctx, method, "before it began"); err != nil {
		return nil, err
	}
	found, err := l.server.find(method.Path)
	if err != nil {
		return nil, err
	}
	if err := l.server.checkMetadata(method, metadata); err != nil {
		return nil, err
	}
	h := &localHandler{server: l.server, method: found, conversation: conversation{
		requests: newPipe(), responses: newPipe(), begun: make(chan struct{}), done: make(chan struct{}),
	}}
	if !l.admit(ctx, &h.call, h, metadata.Clone()) {
		return nil, errServerClosed
	}
	unwatch := context.AfterFunc(ctx, func() { h.call.Cancel(ctx.Err()) })
	go h.run(unwatch) // ends with the handler, whose context ends with the caller's, and with the caller's body
	return h, nil
}

// Send hands a request over. It returns io.EOF when the call has ended: Receive says how.
func (c *localCaller) Send(message any) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.sendErr == nil {
		c.sendErr = c.send(message)
	} else {
		release(message)
	}
	return c.sendErr
}

func (c *localCaller) send(message any) error {
	single := !c.method.Kind.SendsStream()
	if c.halfClose || single && c.sent > 0 {
		release(message)
		return farcall.Errorf(farcall.Internal, "%s: a message was sent after the last", c.method)
	}
	c.sent++
	handler, err := c.start()
	if err != nil {
		release(message)
		return err
	}
	packed, err := c.via.server.pack(message)
	if err != nil {
		return err
	}
	c.CountSent(packed.size)
	c.sendTurn.Taken(packed.size)
	if c.ctx.Err() != nil {
		packed.drop()
		return io.EOF
	}
	select {
	case handler.requests.messages <- packed:
	case <-handler.done:
		packed.drop()
		return io.EOF
	case <-c.ctx.Done():
		packed.drop()
		return io.EOF
	case <-c.left:
		packed.drop()
		return io.EOF
	}
	if single {
		return c.closeSend()
	}
	return nil
}

// CloseSend half-closes.
func (c *localCaller) CloseSend() error {
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.closeSend()
}

func (c *localCaller) closeSend() error {
	switch {
	case c.halfClose:
		return nil
	case c.sendErr != nil:
		return c.sendErr
	}
	handler, err := c.start()
	if err != nil {
		return err
	}
	c.halfClose = true
	if c.ctx.Err() != nil { // after a cancel the requests have no good end
		return io.EOF
	}
	close(handler.requests.closed)
	return nil
}

// Receive waits for the next response. With nil it waits for the end of the call.
func (c *localCaller) Receive(message any) error {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if c.outcome != nil {
		return c.outcome
	}
	handler, err := c.start()
	if err != nil {
		return c.ended(err)
	}
	for {
		packed, err := c.next(handler)
		if err == io.EOF && c.received == 0 && !c.method.Kind.ReturnsStream() {
			err = farcall.Errorf(farcall.Unimplemented, "no message came, %s returns exactly one: do both sides have the same .proto?", c.method)
		}
		if err != nil {
			return c.ended(err)
		}
		c.received++
		c.CountReceived(packed.size)
		c.receiveTurn.Taken(packed.size)
		if message == nil {
			packed.drop()
			continue
		}
		if err := packed.unpack(math.MaxInt, message); err != nil {
			return c.ended(err)
		}
		if !c.method.Kind.ReturnsStream() {
			return c.only(handler)
		}
		return nil
	}
}

// only makes sure that nothing but a good end comes behind the one response of a method.
func (c *localCaller) only(handler *localHandler) error {
	more, err := c.next(handler)
	switch err {
	case io.EOF:
		return nil
	case nil:
		more.drop()
		err = farcall.Errorf(farcall.Unimplemented, "more than one message came, %s returns exactly one: do both sides have the same .proto?", c.method)
	}
	return c.ended(err)
}

// ended notes the outcome of the call as the receiving goroutine has seen it.
func (c *localCaller) ended(err error) error {
	c.outcome = err
	return err
}

// next returns the next response, or io.EOF when the call has succeeded, or its error.
func (c *localCaller) next(handler *localHandler) (parcel, error) {
	// Messages that have come already do not outlive the context.
	if err := call.ContextEnded(c.ctx, c.method, "while it was running"); err != nil {
		return parcel{}, err
	}
	select {
	case packed := <-handler.responses.messages:
		return packed, nil
	case <-handler.done:
	case <-c.ctx.Done():
		return parcel{}, call.ContextEnded(c.ctx, c.method, "while it was running")
	case <-c.left:
		return parcel{}, c.errOver()
	}
	if packed, ok := handler.responses.rest(); ok {
		return packed, nil
	}
	c.header, c.trailer = handler.header.Clone(), handler.call.ResponseTrailer().Clone()
	if handler.outcome != nil {
		return parcel{}, call.Returned(c.ctx, c.method, handler.outcome)
	}
	return parcel{}, io.EOF
}

// ResponseHeader waits for the response header. It belongs to the receiving goroutine.
func (c *localCaller) ResponseHeader() *farcall.Metadata {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if handler, err := c.start(); err == nil {
		select {
		case <-handler.begun:
			c.header = handler.header.Clone()
		case <-c.ctx.Done():
		case <-c.left:
		}
	}
	return &c.header
}

func (c *localCaller) errOver() error {
	return farcall.Errorf(farcall.Canceled, "%s: the call is over", c.method)
}

// end is the end of the caller's body: a handler that is still at work is told that the caller has gone.
func (c *localCaller) end() {
	c.mu.Lock()
	c.started = true
	if c.handler == nil && c.startErr == nil {
		c.startErr = c.errOver()
	}
	handler := c.handler
	c.mu.Unlock()
	close(c.left)
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if handler != nil {
		handler.call.Cancel(context.Canceled)
		select {
		case <-handler.begun: // the caller may have left before the end
			c.header = handler.header.Clone()
		default:
		}
	}
	c.outgoing.Deliver(c.method, farcall.Peer{}, c.header, c.trailer)
}

// localHandler is the handler's end: what a server's stream is to a call over a wire.
type localHandler struct {
	call.Traffic
	conversation
	call   farcall.Call
	server *Server
	method *registered
	tap    *call.Tap

	returned    atomic.Bool // the handler has
	receiving   sync.Mutex  // guards what is the receiving goroutine's:
	received    int
	receiveTurn call.Turn
	receiveErr  error // sticks

	sending  sync.Mutex // guards what is the sending goroutine's:
	sent     int
	sendTurn call.Turn
	sendErr  error  // sticks
	pending  parcel // the only response: it crosses when the handler returns
}

var _ farcall.Stream = (*localHandler)(nil)

func (h *localHandler) Method() *farcall.Method            { return h.method.method }
func (h *localHandler) RequestHeader() *farcall.Metadata   { return h.call.RequestHeader() }
func (h *localHandler) ResponseHeader() *farcall.Metadata  { return h.call.ResponseHeader() }
func (h *localHandler) ResponseTrailer() *farcall.Metadata { return h.call.ResponseTrailer() }
func (h *localHandler) CloseSend() error                   { return nil } // a handler ends its stream by returning

func (h *localHandler) SendHeader() error {
	h.sending.Lock()
	defer h.sending.Unlock()
	select {
	case <-h.begun:
		return farcall.Errorf(farcall.FailedPrecondition, "the response header of %s was sent already", h.method.method)
	default:
		h.begin()
		return nil
	}
}

// UseCompression has nothing to compress, and finds the same mistakes as over a wire.
func (h *localHandler) UseCompression(names string) error {
	select {
	case <-h.begun:
		return lateCompression(h.method.method)
	default:
		return h.server.checkCompression(names)
	}
}

// run calls the handler and settles the outcome.
func (h *localHandler) run(unwatch func() bool) {
	var err error
	defer func() { // in a defer, because a handler may end its goroutine (runtime.Goexit, t.FailNow)
		if h.returned.CompareAndSwap(false, true) {
			err = endedGoroutine(h.method.method)
		}
		unwatch()
		h.call.Cancel(context.Canceled) // before settle, which waits for a Send that was left behind
		h.settle(err)
		h.begin()
		close(h.done)
		h.server.leaveLocal(&h.call)
	}()
	ctx, tap := call.Begin(&h.call, h.server.options.Observer, h.method.method, farcall.SideServer)
	h.tap = tap
	h.step(farcall.StepInvokeHandler, 0, 0, nil)
	err = call.Guard(ctx, h, h.method.handler, h.server.logger)
	h.returned.Store(true)                        // before the context ends, which is no reason then for a Send to fail
	if h.call.Err() == context.DeadlineExceeded { // whatever the handler makes of it, as over a wire
		err = overdue(h.method.method)
	}
	h.step(farcall.StepHandlerReturns, 0, 0, err)
}

// settle finds the outcome: what would be found wrong on the way to the wire is found here.
func (h *localHandler) settle(err error) {
	h.sending.Lock()
	defer h.sending.Unlock()
	for _, metadata := range []*farcall.Metadata{h.call.ResponseHeader(), h.call.ResponseTrailer()} {
		if _, invalid := wire.AppendAnswer(nil, *metadata); invalid != nil && err == nil {
			err = invalid
		}
	}
	switch {
	case err != nil:
	case h.sendErr != nil: // something is missing that the handler has made nothing of
		err = h.sendErr
	case h.sent == 0 && !h.method.method.Kind.ReturnsStream():
		err = farcall.Errorf(farcall.Internal, "the handler of %s returned neither a message nor an error", h.method.method)
	}
	switch {
	case err != nil:
		h.outcome = call.Crossed(err)
		h.pending.drop()
	case h.sent > 0 && !h.method.method.Kind.ReturnsStream():
		h.responses.messages <- h.pending // has room: it is the only one
	}
	h.pending = parcel{}
	h.step(farcall.StepSendResponse, 0, 0, h.outcome)
}

// Receive takes the next request.
func (h *localHandler) Receive(message any) error {
	h.receiving.Lock()
	defer h.receiving.Unlock()
	if h.receiveErr != nil {
		return h.receiveErr
	}
	packed, err := h.nextRequest()
	if err == nil {
		h.received++
		h.CountReceived(packed.size)
		h.receiveTurn.Taken(packed.size)
		err = packed.unpack(h.server.options.MaxReceiveBytes, message)
		h.step(farcall.StepDecodeRequest, h.received, packed.size, err)
	}
	h.receiveErr = err
	return err
}

func (h *localHandler) nextRequest() (parcel, error) {
	if h.method.method.Kind.SendsStream() {
		return h.takeRequest()
	}
	if h.received > 0 {
		return parcel{}, io.EOF
	}
	only, err := h.takeRequest()
	if err == io.EOF {
		return parcel{}, farcall.Errorf(farcall.Unimplemented, "no message came, %s takes exactly one: do both sides have the same .proto?", h.method.method)
	}
	if err != nil {
		return parcel{}, err
	}
	more, err := h.takeRequest()
	if err == io.EOF {
		return only, nil
	}
	only.drop()
	more.drop()
	if err == nil {
		err = farcall.Errorf(farcall.Unimplemented, "more than one message came, %s takes exactly one: do both sides have the same .proto?", h.method.method)
	}
	return parcel{}, err
}

func (h *localHandler) takeRequest() (parcel, error) {
	select {
	case packed := <-h.requests.messages:
		return packed, nil
	case <-h.call.Done():
		return parcel{}, h.gone()
	case <-h.requests.closed:
	}
	if packed, ok := h.requests.rest(); ok {
		return packed, nil
	}
	return parcel{}, io.EOF
}

// gone returns the error for a handler whose caller has gone.
func (h *localHandler) gone() error {
	ended := h.call.Err()
	if errors.Is(ended, context.DeadlineExceeded) {
		return farcall.Errorf(farcall.DeadlineExceeded, "the call has ended: %w", ended)
	}
	return farcall.Errorf(farcall.Canceled, "the call has ended: %w", ended)
}

// Send hands a response over. The only response of a method crosses when the handler returns.
func (h *localHandler) Send(message any) error {
	h.sending.Lock()
	defer h.sending.Unlock()
	if h.sendErr != nil {
		release(message)
		return h.sendErr
	}
	err := h.send(message)
	if err != nil && h.returned.Load() { // a goroutine that the handler left behind has no part in the outcome
		return errHandlerReturned
	}
	h.sendErr = err
	return err
}

func (h *localHandler) send(message any) error {
	if h.sent > 0 && !h.method.method.Kind.ReturnsStream() {
		release(message)
		return farcall.Errorf(farcall.Internal, "%s returns one message, and its handler sent a second", h.method.method)
	}
	packed, err := h.server.pack(message)
	if err != nil {
		h.step(farcall.StepEncodeResponse, h.sent+1, 0, err)
		return err
	}
	h.sent++
	h.CountSent(packed.size)
	h.sendTurn.Taken(packed.size)
	h.step(farcall.StepEncodeResponse, h.sent, packed.size, nil)
	if !h.method.method.Kind.ReturnsStream() {
		h.pending = packed
		return nil
	}
	if h.call.Err() != nil {
		packed.drop()
		return h.gone()
	}
	h.begin()
	select {
	case h.responses.messages <- packed:
		return nil
	case <-h.call.Done():
		packed.drop()
		return h.gone()
	}
}

// step reports a step if anybody wants to know.
func (h *localHandler) step(step farcall.Step, message, bytes int, err error) {
	if h.tap.On() {
		h.tap.Step(step, message, bytes, err)
	}
}
