// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"io"
	"math"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// Receive decodes the next request.
func (s *stream) Receive(message any) error {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	switch {
	case s.receiveErr != nil:
		return s.receiveErr
	case s.over || s.returned.Load():
		return s.afterEnd()
	}
	if err := s.receive(message); err != nil {
		s.receiveErr = call.Outcome(err)
		if err == io.EOF {
			s.receiveErr = io.EOF
		}
	}
	return s.receiveErr
}

func (s *stream) receive(message any) error {
	if s.received > 0 && !s.sendsStream() {
		return io.EOF
	}
	data, compressed, err := s.next()
	if err != nil {
		return err
	}
	s.received++
	s.receiveTurn.Taken(len(data))
	s.CountReceived(len(data))
	s.step(farcall.StepReceiveRequest, s.received, len(data), nil)
	err = s.format.Decode(&s.call, data, compressed, s.handler.options.MaxReceiveBytes, message)
	if err != nil && s.form.isConnect() && farcall.CodeOf(err) == farcall.Internal {
		err = farcall.Errorf(farcall.InvalidArgument, "%w", withoutCode(err)) // what a client sends is its own mistake, says Connect
	}
	s.step(farcall.StepDecodeRequest, s.received, len(data), err)
	if err == nil && !s.method.Kind.SendsStream() {
		s.step(farcall.StepInvokeHandler, 0, 0, nil)
	}
	return err
}

// withoutCode returns an error with the text of err alone.
func withoutCode(err error) error { return errors.New(farcall.AsError(err).Message) }

// sendsStream reports whether any number of messages may come. A call of a method that nobody here knows, of which a
// proxy knows no more than that, sends one where its form has room for one.
func (s *stream) sendsStream() bool { return s.method.Kind.SendsStream() && s.form.enveloped() }

// next returns the bytes of the next message, valid until the next call, or io.EOF.
func (s *stream) next() (data []byte, compressed bool, err error) {
	switch {
	case s.form == connectGet:
		if len(s.get.message) > limitOf(s.handler.options.MaxReceiveBytes) {
			return nil, false, wire.TooLarge(len(s.get.message), s.handler.options.MaxReceiveBytes)
		}
		return s.get.message, s.request.Encoding != "", nil
	case s.form == connectUnary:
		return s.wholeBody()
	}
	length, compressed, err := s.prefix()
	if err != nil {
		return nil, false, err
	}
	if compressed && length > call.MinTrialBytes {
		if err := s.try(); err != nil {
			return nil, false, err
		}
	}
	if s.sendsStream() {
		if err := s.x.Want(&s.call, length); err != nil {
			return nil, false, s.incomplete(err)
		}
		return s.x.Next(length), compressed, nil
	}
	switch err := s.x.WantEnd(&s.call, length); {
	case errors.Is(err, exchange.ErrTooLong):
		return nil, false, farcall.Errorf(farcall.Unimplemented, "more than one message came, %s takes exactly one: do both sides have the same .proto?", s.method)
	case err != nil:
		return nil, false, s.gone(err)
	case s.x.Buffered() < length:
		return nil, false, s.truncated()
	}
	return s.x.Next(length), compressed, nil
}

// limitOf returns a limit as a number that anything can be compared with: a negative one is none.
func limitOf(limit int) int {
	if limit < 0 {
		return math.MaxInt32
	}
	return limit
}

// wholeBody returns the message that is the whole body.
func (s *stream) wholeBody() (data []byte, compressed bool, err error) {
	limit := limitOf(s.handler.options.MaxReceiveBytes)
	if s.request.Encoding != "" && s.x.Want(&s.call, call.MinTrialBytes+1) == nil { // how long it is nobody says, but so much has come
		if err := s.try(); err != nil {
			return nil, false, err
		}
	}
	switch err := s.x.WantEnd(&s.call, limit); {
	case errors.Is(err, exchange.ErrTooLong):
		return nil, false, farcall.Errorf(farcall.ResourceExhausted,
			"received a message of more than %d bytes, which is the limit: raise Options.MaxReceiveBytes, or send less at a time", limit)
	case err != nil:
		return nil, false, s.gone(err)
	}
	data = s.x.Next(s.x.Buffered())
	return data, s.request.Encoding != "" && len(data) > 0, nil
}

// prefix reads what stands before the next message.
func (s *stream) prefix() (length int, compressed bool, err error) {
	if err := s.x.Want(&s.call, wire.PrefixBytes); err != nil {
		if err == io.EOF && s.x.Buffered() == 0 && !s.sendsStream() {
			return 0, false, farcall.Errorf(farcall.Unimplemented, "no message came, %s takes exactly one: do both sides have the same .proto?", s.method)
		}
		if err == io.EOF && s.x.Buffered() == 0 {
			return 0, false, io.EOF
		}
		return 0, false, s.incomplete(err)
	}
	prefix := s.x.Next(wire.PrefixBytes)
	if prefix[0] > 1 && s.form.isConnect() {
		return 0, false, farcall.Errorf(farcall.InvalidArgument,
			"a message starts with flag byte %d, 0 or 1 is expected: does the client speak Connect here?", prefix[0])
	}
	length, compressed, err = wire.ParsePrefix(prefix, s.handler.options.MaxReceiveBytes)
	if err != nil {
		return 0, false, err
	}
	if compressed && s.request.Encoding == "" {
		if s.form.isConnect() {
			return 0, false, farcall.Errorf(farcall.Internal, "a message has the compressed flag, but connect-content-encoding did not say how it is compressed")
		}
		return 0, false, wire.CheckCompressed(true, "")
	}
	return length, compressed, nil
}

// try decompresses the beginning of a large message, before the rest of what may be a bomb is waited for.
func (s *stream) try() error {
	peeking, ok := s.x.(interface{ Peek(n int) []byte })
	if !ok || s.x.Want(&s.call, call.TrialBytes) != nil {
		return nil // whoever waits for the whole message explains it
	}
	return s.format.IsBomb(&s.call, peeking.Peek(call.TrialBytes), s.handler.options.MaxReceiveBytes)
}

// incomplete returns the error of a request that ended, or failed with err, inside a message.
func (s *stream) incomplete(err error) error {
	if err == io.EOF {
		return s.truncated()
	}
	return s.gone(err)
}

func (s *stream) truncated() error {
	if s.form.isConnect() {
		return farcall.Errorf(farcall.InvalidArgument, "the body ended inside a message")
	}
	return wire.Truncated(s.x.Buffered())
}
