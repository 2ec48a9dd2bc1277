// SPDX-License-Identifier: Apache-2.0

package client

import (
	"io"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
)

// Another attempt at a call in Connect or gRPC-Web over HTTP/2, as resend.go has it for gRPC. A unary call of Connect has no
// prefix before its message, or the message in its head, so each attempt has a head of its own.

// deliver sends one message, or with nil only the half-close, on the attempt under way, and opens the call if there is none.
func (s *webCall) deliver(encoded *buffer.Buffer, end bool) (err error) {
	var data []byte
	if encoded != nil {
		data = encoded.B
	}
	s.mu.Lock()
	first, rest := !s.opened, data
	if first {
		rest, err = s.openLocked(data, end)
	} else if s.exchange == nil {
		err = s.outcome
	}
	if err != nil {
		s.mu.Unlock()
		encoded.Free()
		return err
	}
	if s.size > keptBytes && s.method.Kind.SendsStream() {
		s.commitLocked()
	}
	attempt, resent := s.exchange, s.resent
	sending := s.keepLocked(data, encoded, end)
	s.mu.Unlock()

	if !first && data != nil {
		s.step(farcall.StepSendRequest, s.sent, len(data), nil)
	}
	if !first || len(rest) > 0 {
		if err = awaitResent(s.ctx, resent); err == nil {
			err = attempt.Send(s.ctx, rest, end)
		}
	}
	if sending == nil {
		encoded.Free()
		if err == nil {
			return nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer sending.drop()
	switch {
	case err == nil:
		return nil
	case s.ctx.Err() != nil:
		s.stuck = err
	case s.reopenLocked(attempt, err): // with this message
		return nil
	}
	return io.EOF // Receive says how the call has ended
}

// answering waits for the answer's head, on the receiving goroutine; there may be several attempts until one is answered.
// Its error is the call's outcome.
func (s *webCall) answering() (exchange.Head, error) {
	for {
		s.mu.Lock()
		attempt := s.exchange
		s.mu.Unlock()
		head, err := attempt.Head(s.ctx)
		s.mu.Lock()
		switch {
		case err == nil:
			s.commitLocked()
		case s.reopenLocked(attempt, err):
			s.mu.Unlock()
			continue
		case s.failure != nil:
			err = s.failure
		default:
			s.commitLocked()
			if s.stuck != nil {
				err = s.stuck
			}
			err = s.lost(err)
		}
		s.mu.Unlock()
		return head, err
	}
}

// reopenLocked makes another attempt in the place of one that has failed with cause, and reports whether there is one now.
// Where the other goroutine was faster, there is one already.
func (s *webCall) reopenLocked(failed exchange.Sent, cause error) bool {
	if s.exchange != failed {
		return true
	}
	if s.committed || s.failure != nil || !s.again(cause) {
		return false
	}
	// The failed stream is not closed: it is over, and the other goroutine may still wait to be told.
	first, end := s.firstLocked()
	rest, err := s.open(first, end, s.transport.Conn()) // over HTTP/1.1 the first attempt is the last
	if err != nil {
		s.failure = err
		return false
	}
	s.sendKeptLocked(&s.stream, &s.mu, s.exchange, rest)
	return true
}
