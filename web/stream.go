// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// stream is one call: the farcall.Stream of its handler and, with call, the handler's context. It is never recycled,
// because a handler may keep its context.
type stream struct {
	call.Traffic
	// Set before the handler runs:
	call            farcall.Call
	handler         *Handler
	x               exchange.Served
	head            exchange.Head
	form            form
	subtype         string
	request         wire.Request
	get             *get // of a call by GET
	method          *farcall.Method
	unknown         bool // there is no such method
	implementation  farcall.Handler
	encodingRefused bool // the request is compressed in a way that is not known here
	tap             *call.Tap
	returned        atomic.Bool // the handler has

	format call.Format // guarded by mu where it says how to compress

	// receiving is held by Receive, and to take the exchange from it at the end: a goroutine that the handler has left
	// behind may still be at it.
	receiving   sync.Mutex
	over        bool // the exchange is not to be read any more
	received    int  // messages
	receiveErr  error
	receiveTurn call.Turn

	mu       sync.Mutex // guards what follows: the handler's goroutine answers, and overdue may
	told     bool       // the observer has been told that the handler has its result
	phase    phase
	sent     int
	sendTurn call.Turn
	pending  *buffer.Buffer // the only response behind its prefix: it leaves with the call's end
	sendErr  error          // sticks
}

// phase is how far a call's answer is.
type phase uint8

const (
	unanswered phase = 0
	headSent   phase = 1
	finished   phase = 2
)

var _ farcall.Stream = (*stream)(nil)

func (s *stream) Method() *farcall.Method            { return s.method }
func (s *stream) RequestHeader() *farcall.Metadata   { return s.call.RequestHeader() }
func (s *stream) ResponseHeader() *farcall.Metadata  { return s.call.ResponseHeader() }
func (s *stream) ResponseTrailer() *farcall.Metadata { return s.call.ResponseTrailer() }
func (s *stream) CloseSend() error                   { return nil } // a handler ends its stream by returning

// serve runs the handler. Where the call has a deadline, the handler has a goroutine of its own: when the deadline passes
// the client is told, and nobody waits for the handler.
func (s *stream) serve() {
	deadline, limited := s.call.Deadline()
	if !limited {
		s.run()
		return
	}
	done := make(chan struct{})
	go func() { // ends with the handler, whose context ends by the deadline
		defer close(done)
		s.run()
	}()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.call.Cancel(context.DeadlineExceeded)
		s.finishOverdue()
		s.leave()
	}
}

// run calls the handler, and answers with what it returned.
func (s *stream) run() {
	var err error
	returned := false
	defer func() { // in a defer, because a handler may end its goroutine (runtime.Goexit, t.FailNow)
		if !returned {
			err = farcall.Errorf(farcall.Internal, "the handler of %s ended its goroutine", s.method)
		}
		s.handlerReturned(err)
		s.leave()
	}()
	ctx, tap := call.Begin(&s.call, s.handler.options.Observer, s.method, farcall.SideServer)
	s.tap = tap
	if s.method.Kind.SendsStream() {
		s.step(farcall.StepInvokeHandler, 0, 0, nil)
	}
	err = call.Guard(ctx, s, s.implementation, s.handler.options.Logger)
	returned = true
}

// handlerReturned ends the handler's context and answers with what it returned.
func (s *stream) handlerReturned(err error) {
	s.returned.Store(true) // before the context ends, which is no reason then for a Send to fail
	if s.call.Err() == context.DeadlineExceeded {
		err = s.overdueError()
	}
	s.call.Cancel(context.Canceled)
	s.mu.Lock()
	if s.tap.On() && !s.told {
		s.told = true
		s.tap.Step(farcall.StepHandlerReturns, 0, 0, err)
	}
	s.mu.Unlock()
	s.finish(err)
}

// leave takes the exchange from whoever still receives. The end of the handler's context ends a Receive that is at work.
func (s *stream) leave() {
	s.receiving.Lock()
	s.over = true
	s.receiving.Unlock()
	s.mu.Lock()
	s.pending.Free()
	s.pending = nil
	s.mu.Unlock()
}

func (s *stream) overdueError() error {
	return farcall.Errorf(farcall.DeadlineExceeded, "the deadline of %s passed on the server", s.method)
}

// gone returns the error of a call whose exchange has failed with err: the peer went away, or the deadline passed.
func (s *stream) gone(err error) error {
	if own := farcall.AsError(err); own.Code == farcall.InvalidArgument || own.Code == farcall.Internal {
		return err // an exchange knows better: the body is malformed
	}
	code := farcall.Canceled
	if ended := s.call.Err(); ended != nil {
		code = farcall.CodeOf(ended)
	}
	return farcall.Errorf(code, "the call has ended: %w", err)
}

// afterEnd returns the error for a handler that goes on after its call has ended.
func (s *stream) afterEnd() error {
	if ended := s.call.Err(); ended != nil {
		return farcall.Errorf(farcall.CodeOf(ended), "the call has ended: %w", ended)
	}
	return errHandlerReturned
}

var errHandlerReturned = &farcall.Error{Code: farcall.FailedPrecondition, Message: "the call has ended: its handler has returned"}

// step reports a step if anybody wants to know.
func (s *stream) step(step farcall.Step, message, bytes int, err error) {
	if s.tap.On() {
		s.tap.Step(step, message, bytes, err)
	}
}
