// SPDX-License-Identifier: Apache-2.0

package server

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// stream is one gRPC call that came over HTTP/2: the farcall.Stream of its handler and, with call, the handler's context.
// It is one allocation and never recycled, because a handler may keep its context.
type stream struct {
	call.Traffic
	call      farcall.Call
	server    *Server
	transport *http2.ServerStream
	method    *registered // nil for a call that is refused
	form      *form
	tap       *call.Tap // the goroutine's that answers

	state atomic.Uint32 // owned, returned
	gate  sync.Mutex    // held by the reader goroutine while it looks at the body, and by Overdue while it sets owned
	mu    sync.Mutex    // guards the answer: the handler's goroutine answers, and Overdue may

	// receiving is held by Receive, and to give back what it reads from: a goroutine that the handler has left behind may
	// still be at it. released says that it was given back.
	receiving sync.Mutex
	released  bool

	// The reader goroutine's until it starts the handler's; that goroutine's from then on, or whose has receiving:
	prefixed    bool   // the prefix of the only message was taken off the body
	compressed  bool   // the message that comes next is
	stepTimes   bool   // the client asked for them, and gets them
	length      uint32 // of the only message
	receiveTurn call.Turn

	// The answer, guarded by mu:
	told      bool  // the observer has been told that the handler has its result
	phase     phase // how far it is
	sendTurn  call.Turn
	sent      int            // messages
	responses *call.Format   // of the messages: form's own, unless the handler has chosen a compression
	pending   *buffer.Buffer // the only message behind its prefix: it leaves with the call's end
	sendErr   error          // sticks

	// The request, whose messages are as prefixed and those after it:
	body       []byte        // the only message, until Receive
	stretch    *wire.Stretch // of a stream's messages, a view into transport's buffer; nil where there is one message
	received   int           // messages
	receiveErr error         // sticks
}

// What state says of a call.
const (
	// owned: somebody answers the call and releases the transport's stream. Whoever sets it is that one: as a rule the
	// handler's goroutine, or Overdue for a request that was not complete in time.
	owned uint32 = 1 << iota
	// returned: the handler has.
	returned
)

// own reports whether the caller is the one that answers the call from now on.
func (s *stream) own() bool { return s.state.Or(owned)&owned == 0 }

// phase is how far a call's answer is.
type phase uint8

const (
	unanswered phase = 0
	headSent   phase = 1
	finished   phase = 2
)

var (
	_ farcall.Stream                               = (*stream)(nil)
	_ interface{ ReceiveFresh(message any) error } = (*stream)(nil)
)

func (s *stream) Method() *farcall.Method            { return s.method.method }
func (s *stream) RequestHeader() *farcall.Metadata   { return s.call.RequestHeader() }
func (s *stream) ResponseHeader() *farcall.Metadata  { return s.call.ResponseHeader() }
func (s *stream) ResponseTrailer() *farcall.Metadata { return s.call.ResponseTrailer() }
func (s *stream) CloseSend() error                   { return nil } // a handler ends its stream by returning

// largeRequest is the size from which the memory of a request is given back as soon as it is decoded, and not with its call's end.
const largeRequest = 64 << 10

// Receive decodes the next request.
func (s *stream) Receive(message any) error { return s.receiveNext(message, false) }

// ReceiveFresh is Receive for a message that has nothing in it yet; package farcall looks for it.
func (s *stream) ReceiveFresh(message any) error { return s.receiveNext(message, true) }

func (s *stream) receiveNext(message any, fresh bool) error {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	switch {
	case s.receiveErr != nil:
		return s.receiveErr
	case s.released || s.state.Load()&returned != 0:
		return s.afterEnd()
	}
	data, err := s.nextMessage()
	if err != nil {
		s.receiveErr = err
		return err
	}
	s.received++
	s.receiveTurn.Taken(len(data))
	s.CountReceived(len(data))
	if fresh {
		err = s.form.DecodeFresh(&s.call, data, s.compressed, s.server.options.MaxReceiveBytes, message)
	} else {
		err = s.form.Decode(&s.call, data, s.compressed, s.server.options.MaxReceiveBytes, message)
	}
	if len(data) >= largeRequest && !s.method.method.Kind.SendsStream() {
		s.transport.Next(0) // its memory is there for the response then
	}
	s.step(farcall.StepDecodeRequest, s.received, len(data), err)
	if err != nil {
		s.receiveErr = call.Outcome(err)
		return s.receiveErr
	}
	if !s.method.method.Kind.SendsStream() {
		s.step(farcall.StepInvokeHandler, 0, 0, nil) // what generated code does with its one request
	}
	return nil
}

// nextMessage returns the bytes of the next message, valid until the next call, or io.EOF.
func (s *stream) nextMessage() ([]byte, error) {
	if !s.method.method.Kind.SendsStream() {
		if s.received > 0 {
			return nil, io.EOF
		}
		body := s.body
		s.body = nil
		return body, nil
	}
	if s.stretch == nil {
		s.stretch = new(wire.Stretch)
	}
	if message, ok := s.stretch.Next(s.server.options.MaxReceiveBytes); ok {
		s.messageCame(false, len(message))
		return message, nil
	}
	if taken := s.stretch.End(); taken > 0 {
		s.transport.Next(taken)
	}
	// The call itself is the context: the engine does not wake a reader whose answer Overdue has given.
	if err := s.transport.Want(&s.call, wire.PrefixBytes); err != nil {
		if err != io.EOF {
			return nil, s.gone(err)
		}
		if n := s.transport.Buffered(); n > 0 {
			return nil, wire.Truncated(n)
		}
		return nil, io.EOF
	}
	s.stretch.Begin(s.transport.Ready(wire.StretchBytes))
	if message, ok := s.stretch.Next(s.server.options.MaxReceiveBytes); ok {
		s.messageCame(false, len(message))
		return message, nil
	}
	length, compressed, err := wire.ParsePrefix(s.transport.Next(wire.PrefixBytes), s.server.options.MaxReceiveBytes)
	if err == nil {
		err = wire.CheckCompressed(compressed, s.form.received())
	}
	if err != nil {
		return nil, err
	}
	if wantsTrial(compressed, length) {
		if err := s.tryMessage(); err != nil {
			return nil, err
		}
	}
	if err := s.transport.Want(&s.call, length); err != nil {
		if err != io.EOF {
			return nil, s.gone(err)
		}
		return nil, wire.Truncated(wire.PrefixBytes + s.transport.Buffered())
	}
	s.messageCame(compressed, length)
	return s.transport.Next(length), nil
}

// messageCame notes that a message of a stream is there whole.
func (s *stream) messageCame(compressed bool, length int) {
	s.compressed = compressed
	if s.received > 0 && s.tap.On() { // the first was reported when the call began
		s.tap.Step(farcall.StepReceiveRequest, s.received+1, wire.PrefixBytes+length, nil)
	}
}

// Send encodes a response. The only response of a method leaves when the handler returns, together with the trailers.
func (s *stream) Send(message any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	streams := s.method.method.Kind.ReturnsStream()
	if !streams && s.tap.On() && !s.told {
		s.told = true
		s.tap.Step(farcall.StepHandlerReturns, 0, 0, nil) // generated code sends what the handler returned
	}
	var place []byte
	if streams && s.phase == headSent {
		place = s.transport.Spare()
	}
	encoded, memory, err := s.responses.EncodeInto(place, message, s.Compressing())
	if err != nil {
		s.step(farcall.StepEncodeResponse, s.sent+1, 0, err)
		if s.sendErr == nil {
			s.sendErr = call.Outcome(err)
		}
		return s.sendErr
	}
	s.CountSent(len(encoded) - wire.PrefixBytes)
	s.step(farcall.StepEncodeResponse, s.sent+1, len(encoded)-wire.PrefixBytes, nil)
	if err := s.sendableLocked(); err != nil {
		memory.Free()
		return err
	}
	s.sent++
	if !streams {
		s.pending = memory
		return nil
	}
	err = s.startLocked(true)
	if err == nil {
		if err = s.transport.Send(encoded); err != nil {
			s.sendErr = s.gone(err)
			err = s.sendErr
		}
	}
	memory.Free()
	if err != nil {
		return err
	}
	s.step(farcall.StepSendResponse, s.sent, len(encoded), nil)
	s.sendTurn.Taken(len(encoded))
	return nil
}

// sendableLocked returns why no message can be sent, nil if one can.
func (s *stream) sendableLocked() error {
	switch {
	case s.sendErr != nil:
		return s.sendErr
	case s.phase == finished || s.call.Err() != nil:
		if s.state.Load()&returned != 0 { // a goroutine that the handler left behind has no part in the answer
			return errHandlerReturned
		}
		s.sendErr = s.afterEnd()
	case s.sent > 0 && !s.method.method.Kind.ReturnsStream():
		s.sendErr = farcall.Errorf(farcall.Internal, "%s returns one message, and its handler sent a second", s.method.method)
	}
	return s.sendErr
}

// afterEnd returns the error for a handler that goes on after its call has ended.
func (s *stream) afterEnd() error {
	if ended := s.call.Err(); ended != nil {
		return farcall.Errorf(farcall.CodeOf(ended), "the call has ended: %w", ended)
	}
	return errHandlerReturned
}

// SendHeader sends the response header now.
func (s *stream) SendHeader() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.sendErr != nil:
		return s.sendErr
	case s.phase == finished:
		return s.afterEnd()
	case s.phase == headSent:
		return farcall.Errorf(farcall.FailedPrecondition, "the response header of %s was sent already", s.method.method)
	}
	return s.startLocked(false)
}
