// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"io"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// Receive waits for the next response. With nil it waits for the end of the call.
func (s *webCall) Receive(message any) error {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	for {
		data, err := s.next()
		if err != nil {
			return err
		}
		if message == nil {
			continue
		}
		if err := s.format.Decode(s.ctx, data, s.compressed, s.conn.options.MaxReceiveBytes, message); err != nil {
			return s.fail(err)
		}
		if s.method.Kind != farcall.KindUnary {
			s.step(farcall.StepDecodeResponse, s.messages, len(data), nil)
		}
		if !s.method.Kind.ReturnsStream() {
			return s.only()
		}
		return nil
	}
}

// ready opens the call if nothing was sent yet, and returns its outcome if it has one.
func (s *webCall) ready() error {
	switch {
	case s.ended:
		return io.EOF
	case s.over && s.outcome == nil:
		return errOver(s.method)
	case s.begun:
		return s.outcome
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened && !s.method.Kind.SendsStream() {
		return farcall.Errorf(farcall.FailedPrecondition, "%s waits for its request: Send comes before Receive", s.method)
	}
	if err := s.prepareLocked(); err != nil {
		return err
	}
	if !s.opened {
		if _, err := s.openLocked(nil, false); err != nil {
			return err
		}
	}
	return s.outcome
}

// next returns the bytes of the next message, valid until the next call, or io.EOF when the call has succeeded.
func (s *webCall) next() ([]byte, error) {
	if s.ctx.Err() != nil { // messages that have come already do not outlive the context
		return nil, s.overdue()
	}
	if err := s.begin(); err != nil {
		return nil, s.fail(err)
	}
	var data []byte
	var err error
	if s.enveloped() {
		data, err = s.nextEnveloped()
	} else {
		data, err = s.wholeBody()
	}
	switch {
	case err == io.EOF && s.messages == 0 && !s.method.Kind.ReturnsStream():
		return nil, s.fail(farcall.Errorf(farcall.Unimplemented, "no message came, %s returns exactly one: do both sides have the same .proto?", s.method))
	case err == io.EOF:
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
		return nil, io.EOF
	case err != nil:
		return nil, s.fail(call.Returned(s.ctx, s.method, err))
	}
	s.messages++
	s.message = data
	s.CountReceived(len(data))
	s.step(farcall.StepReceiveResponse, s.messages, len(data), nil)
	return data, nil
}

// begin reads the answer's head.
func (s *webCall) begin() error {
	if s.begun {
		return nil
	}
	head, err := s.answering()
	if err != nil {
		return err
	}
	s.begun = true
	if met, ok := s.exchange.(interface{ Peer() exchange.Peer }); ok {
		s.peer = farcall.Peer(met.Peer())
	}
	if s.conn.options.Protocol == Connect {
		s.connect, err = wire.ParseConnectAnswer(head, s.conn.heads.Subtype, s.enveloped())
		s.answer.Encoding, s.trailer = s.connect.Encoding, s.connect.Trailer
	} else {
		s.answer, err = wire.ParseWebAnswer(head)
		if err == nil {
			err = s.answer.CheckSubtype(s.conn.heads.Subtype)
		}
	}
	if s.answer.Encoding != "" {
		s.format.Decompressor = s.conn.compressors.Find(s.answer.Encoding)
	}
	return err
}

// lost returns the error of a call whose exchange has failed.
func (s *webCall) lost(cause error) error { return s.transportError(s.transport, cause) }

// overdue is the outcome of a call whose context has ended.
func (s *webCall) overdue() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail(s.lost(s.stuck))
}

// wholeBody returns the message of a unary call of Connect, or its failure.
func (s *webCall) wholeBody() ([]byte, error) {
	if s.messages > 0 {
		return nil, io.EOF
	}
	limit := s.conn.options.MaxReceiveBytes
	switch err := s.exchange.WantEnd(s.ctx, limit); {
	case errors.Is(err, exchange.ErrTooLong) && !s.connect.Failed:
		return nil, farcall.Errorf(farcall.ResourceExhausted,
			"received a message of more than %d bytes, which is the limit: raise Options.MaxReceiveBytes, or send less at a time", limit)
	case err != nil && !errors.Is(err, exchange.ErrTooLong):
		return nil, s.lost(err)
	}
	body := s.exchange.Next(s.exchange.Buffered())
	s.compressed = s.answer.Encoding != "" && len(body) > 0
	if s.compressed && s.format.Decompressor == nil {
		return nil, s.unreadCompression()
	}
	if !s.connect.Failed {
		return body, nil
	}
	if s.compressed {
		var err error
		if body, err = s.format.Decompressor.Decompress(nil, body, limit); err != nil {
			body = nil // the status says what it can
		}
	}
	return nil, s.connect.Failure(body)
}

func (s *webCall) unreadCompression() error {
	return farcall.Errorf(farcall.Internal, "the answer of %s is compressed by %s, which was not accepted", s.method, s.answer.Encoding)
}

// nextEnveloped returns the next message that has a prefix.
func (s *webCall) nextEnveloped() ([]byte, error) {
	last := byte(wire.WebTrailerFlag)
	if s.conn.options.Protocol == Connect {
		last = wire.ConnectEndFlag
	}
	if err := s.exchange.Want(s.ctx, wire.PrefixBytes); err != nil {
		return nil, s.unended(err)
	}
	prefix := [wire.PrefixBytes]byte(s.exchange.Next(wire.PrefixBytes))
	ends := prefix[0]&last != 0
	prefix[0] &^= last
	length, compressed, err := wire.ParsePrefix(prefix[:], s.conn.options.MaxReceiveBytes)
	if err != nil {
		return nil, err
	}
	if compressed && s.format.Decompressor == nil {
		if s.answer.Encoding != "" {
			return nil, s.unreadCompression()
		}
		return nil, farcall.Errorf(farcall.Internal, "a message has the compressed flag, but the answer's head did not say how it is compressed")
	}
	if err := s.exchange.Want(s.ctx, length); err == io.EOF {
		return nil, wire.Truncated(wire.PrefixBytes + s.exchange.Buffered())
	} else if err != nil {
		return nil, s.lost(err)
	}
	s.compressed = compressed
	data := s.exchange.Next(length)
	if !ends {
		return data, nil
	}
	if compressed {
		if data, err = s.format.Decompressor.Decompress(nil, data, s.conn.options.MaxReceiveBytes); err != nil {
			return nil, farcall.Errorf(farcall.Internal, "decompressing the message that ends the answer: %w", err)
		}
	}
	return nil, s.finish(data)
}

// finish reads the message that ends the answer. It returns io.EOF for a good end.
func (s *webCall) finish(message []byte) error {
	var err error
	if s.conn.options.Protocol == Connect {
		s.trailer, err = wire.ParseConnectEnd(message)
	} else {
		var fields []exchange.Field
		if fields, err = wire.ParseWebTrailers(message); err == nil {
			var end wire.End
			end, err = s.answer.End(fields, false)
			s.trailer = end.Trailer
		}
	}
	if err != nil {
		return err
	}
	if err := s.exchange.Want(s.ctx, 1); err == nil {
		return farcall.Errorf(farcall.Internal, "more came behind the message that ends the answer of %s", s.method)
	} else if err != io.EOF {
		return s.lost(err)
	}
	return io.EOF
}

// unended returns the error of an answer that ended, or failed with cause, before a message said how the call went.
func (s *webCall) unended(cause error) error {
	switch {
	case cause != io.EOF:
		return s.lost(cause)
	case s.exchange.Buffered() > 0:
		return wire.Truncated(s.exchange.Buffered())
	case s.conn.options.Protocol == Connect:
		return farcall.Errorf(farcall.Internal, "the answer of %s ended without the message that says how the call went: does a proxy in between cut it off?", s.method)
	}
	end, err := s.answer.End(s.exchange.Trailers(), s.messages == 0)
	s.trailer = end.Trailer
	if s.messages == 0 { // what is header and what is trailer cannot be told apart where all of it is in the head
		s.answer.Header = end.Trailer.Clone()
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

// only makes sure that nothing but a good end comes behind the one response of a method.
func (s *webCall) only() error {
	if s.messages > 1 {
		return nil
	}
	switch _, err := s.next(); err {
	case io.EOF:
		return nil
	case nil:
		return s.fail(farcall.Errorf(farcall.Unimplemented, "more than one message came, %s returns exactly one: do both sides have the same .proto?", s.method))
	default:
		return err
	}
}

// ResponseHeader waits for the answer's head. It belongs to the receiving goroutine.
func (s *webCall) ResponseHeader() *farcall.Metadata {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if !s.ended && s.ready() == nil {
		if err := s.begin(); err != nil {
			s.fail(err)
		}
	}
	if s.conn.options.Protocol == Connect {
		return &s.connect.Header
	}
	return &s.answer.Header
}
