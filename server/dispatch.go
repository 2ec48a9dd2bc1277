// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// run is the goroutine of a call that has a handler: it takes the request, calls the handler and answers.
func (s *stream) run() {
	defer s.leave() // in a defer, because a handler may end its goroutine (runtime.Goexit, t.FailNow)
	ctx := s.begin()
	if !s.method.method.Kind.SendsStream() && s.receiveErr == nil {
		s.takeOnlyMessage()
	}
	err := s.receiveErr
	if err == nil {
		if s.method.method.Kind.SendsStream() {
			s.step(farcall.StepInvokeHandler, 0, 0, nil)
		}
		err = s.handle(ctx)
	}
	s.handlerReturned(err)
}

// handle calls the handler, and measures the calls of a method that is not known to be quick.
func (s *stream) handle(ctx context.Context) error {
	method := s.method
	if method.pace.quick.Load() || method.method.Kind != farcall.KindUnary {
		return call.Guard(ctx, s, method.handler, s.server.logger)
	}
	began := http2.Clock()
	err := call.Guard(ctx, s, method.handler, s.server.logger)
	now := http2.Clock()
	method.pace.tried(now-began, now)
	return err
}

// begin tells the observer, and returns the handler's context: the Call itself, or what the observer put around it.
func (s *stream) begin() context.Context {
	ctx, tap := call.Begin(&s.call, s.server.options.Observer, s.method.method, farcall.SideServer)
	s.tap = tap
	if s.stepTimes {
		s.tap = tap.Timed()
	}
	if s.tap.On() {
		var received time.Time
		bytes := s.transport.Buffered()
		if s.prefixed {
			bytes += wire.PrefixBytes
			_, received = s.transport.Times()
		}
		s.tap.StepAt(received, farcall.StepReceiveRequest, 1, bytes, nil)
	}
	return ctx
}

// takeOnlyMessage takes the body of a method whose request is one message. It has come, unless something is wrong with it.
func (s *stream) takeOnlyMessage() {
	if !s.prefixed {
		s.receiveErr = s.incomplete(s.transport.WantEnd(context.Background(), 0))
		return
	}
	length := int(s.length)
	switch err := s.transport.WantEnd(context.Background(), length); {
	case errors.Is(err, exchange.ErrTooLong):
		s.receiveErr = farcall.Errorf(farcall.Unimplemented, "more than one message came, %s takes exactly one: do both sides have the same .proto?", s.method.method)
	case err != nil:
		s.receiveErr = s.gone(err)
	case s.transport.Buffered() < length:
		s.receiveErr = wire.Truncated(wire.PrefixBytes + s.transport.Buffered())
	default:
		s.body = s.transport.Next(length)
	}
}

// incomplete returns the error for a request that ended, or failed with err, before its message's prefix was there.
func (s *stream) incomplete(err error) error {
	switch n := s.transport.Buffered(); {
	case err != nil && !errors.Is(err, exchange.ErrTooLong):
		return s.gone(err)
	case n == 0:
		return farcall.Errorf(farcall.Unimplemented, "no message came, %s takes exactly one: do both sides have the same .proto?", s.method.method)
	default:
		return wire.Truncated(n)
	}
}

// gone returns the error of a call whose request has failed with err: the peer went away, or the deadline passed.
func (s *stream) gone(err error) error {
	code := farcall.Canceled
	if ended := s.call.Err(); ended != nil {
		code = farcall.CodeOf(ended)
	}
	return farcall.Errorf(code, "the call has ended: %w", err)
}

// handlerReturned ends the handler's context and answers with what it returned.
func (s *stream) handlerReturned(err error) {
	s.state.Or(returned)                          // before the context ends, which is no reason then for a Send to fail
	if s.call.Err() == context.DeadlineExceeded { // the call's own timer may be earlier than the connection's
		err = s.overdue()
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

// endedGoroutine is the error of a handler that did not return (runtime.Goexit, t.FailNow).
func endedGoroutine(method *farcall.Method) error {
	return farcall.Errorf(farcall.Internal, "the handler of %s ended its goroutine", method)
}

// leave is the last thing that happens to a call.
func (s *stream) leave() {
	if s.state.Load()&returned == 0 {
		s.handlerReturned(endedGoroutine(s.method.method))
	}
	s.pending.Free()
	s.pending = nil
	s.receiving.Lock() // the end of the handler's context ends a Receive that is at work
	defer s.receiving.Unlock()
	s.released = true
	if s.method.method.Kind == farcall.KindUnary {
		s.transport.Recycle() // a unary call's stream touches it no more, whoever keeps the stream
	} else {
		s.transport.Release()
	}
}

// step reports a step if anybody wants to know.
func (s *stream) step(step farcall.Step, message, bytes int, err error) {
	if s.tap.On() {
		s.tap.Step(step, message, bytes, err)
	}
}
