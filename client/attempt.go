// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// open begins an attempt: it sends the head and body, which is the first message or nil, and half-closes if end is set. It
// returns what is left of the body for want of credit; the end has not been sent then either. avoid is the connection of an
// attempt that has failed.
func (s *stream) open(body []byte, end bool, avoid *http2.Conn) (rest []byte, err error) {
	ctx := s.ctx
	metadata := s.outgoing.Metadata()
	s.attempts++
	if s.tap.On() {
		ctx = s.tap.Attempt(ctx, int(s.attempts))
	}
	if s.tap.On() || len(s.conn.options.Interceptors) > 0 {
		metadata = s.outgoing.Open(ctx)
	}
	fields := wire.RequestFields{StepTimes: s.conn.options.StepTimes, Metadata: metadata}
	if s.format.Compressor != nil {
		fields.Encoding = s.format.Compressor.Name()
	}
	if deadline, ok := ctx.Deadline(); ok {
		fields.Timeout, fields.HasTimeout = time.Until(deadline), true
		if fields.Timeout <= 0 { // the timer behind ctx merely fires a moment later
			return nil, farcall.Errorf(farcall.DeadlineExceeded, "%s: the caller's deadline passed before it was sent: %w", s.method, context.DeadlineExceeded)
		}
	}
	wanted := opening{body: body, end: end}
	if wanted.head.Fixed, err = s.conn.heads.Fixed(s.method); err != nil {
		return nil, err
	}
	if fields.Varies() {
		varying := fieldLists.Get().(*[]exchange.Field)
		defer func() {
			clear(*varying)
			fieldLists.Put(varying)
		}()
		if *varying, err = wire.AppendRequest((*varying)[:0], &fields); err != nil {
			return nil, err
		}
		wanted.head.Fields = *varying
	}
	if body != nil {
		s.step(farcall.StepSendRequest, 1, len(body), nil)
	}
	opened, err := s.conn.pool.open(ctx, wanted, avoid)
	if err != nil {
		return nil, s.unopened(err)
	}
	s.transport = opened.stream
	return opened.rest, nil
}

// fieldLists are used for one head after the other: nobody has a head's fields any more when its stream has been opened.
var fieldLists = sync.Pool{New: func() any { return new([]exchange.Field) }}

// unopened returns the call's error where no stream could be opened.
func (s *stream) unopened(cause error) error {
	if err := s.ended(nil, cause); err != nil {
		return err
	}
	var none unconnected
	if errors.As(cause, &none) {
		return s.conn.unreachable(s.method, none.error)
	}
	return s.transportError(nil, cause)
}

// try makes an attempt at a unary call, and waits until all of the request is on its way. avoid is as it is for open.
func (s *stream) try(avoid *http2.Conn) error {
	rest, err := s.open(s.request.B, true, avoid)
	if err != nil || len(rest) == 0 {
		return err
	}
	if err := s.transport.Send(s.ctx, rest, true); err != nil {
		return s.ended(s.transport, err) // or else the answer tells what it means
	}
	return nil
}

// await waits for the whole answer, in one wake-up, and reads it. An attempt that the server never saw is made once more
// (grpc/proposal A6, "transparent retries"), on another connection if there can be one.
func (s *stream) await() {
	for s.outcome == nil {
		err := s.wantEnd(s.conn.options.MaxReceiveBytes + wire.PrefixBytes)
		if err == nil || errors.Is(err, exchange.ErrTooLong) {
			s.fail(call.Returned(s.ctx, s.method, s.read(err != nil)))
			break
		}
		if s.again(err) {
			s.transport.Close()
			s.fail(s.try(s.transport.Conn()))
			continue
		}
		if sent, _ := s.transport.Times(); s.tap.On() && !sent.IsZero() { // no answer has come
			s.tap.StepAt(sent, farcall.StepRequestFrames, 1, len(s.request.B), nil)
		}
		s.fail(s.transportError(s.transport, err))
	}
	s.answered = true
}

// wantEnd waits for the end of the answer.
func (s *stream) wantEnd(limit int) error {
	if s.ctx == context.Context(&s.body) {
		return s.body.wait(s.transport, limit)
	}
	return s.transport.WantEnd(s.ctx, limit)
}

// mostUnsent bounds the attempts that break before anything of them has left: a server that ends its connections at once
// must not keep a call busy for ever.
const mostUnsent = 5

// again reports whether another attempt may be made after one that failed with err: what the server has refused is tried
// once more, what never left a few times (grpc/proposal A6).
func (s *stream) again(err error) bool {
	failure := unprocessed(err)
	switch {
	case failure == nil || s.ctx.Err() != nil:
		return false
	case failure.Unsent:
		s.unsent++
		return s.unsent <= mostUnsent
	}
	s.refused++
	return s.refused == 1
}

// read reads an answer that is complete, or longer than it may be.
func (s *stream) read(tooLong bool) error {
	s.transportTimes()
	s.peer = farcall.Peer(s.transport.Peer())
	head, body, trailers, err := s.transport.Answer()
	if err != nil {
		return s.transportError(s.transport, err)
	}
	answer, err := wire.ParseAnswer(head)
	s.header = answer.Header
	if err == nil {
		err = s.checkForm(&answer)
	}
	if err != nil {
		return err
	}
	if !tooLong {
		end, err := answer.End(trailers, len(body) == 0)
		s.header, s.trailer = answer.Header, end.Trailer
		s.remoteTimes(end.StepTimes)
		if err != nil {
			return err
		}
	}
	message, compressed, err := wire.OnlyMessage(body, s.conn.options.MaxReceiveBytes)
	if err != nil {
		return err
	}
	s.message, s.compressed = message, compressed
	s.CountReceived(len(message))
	return s.checkCompressed(&answer)
}

// checkForm returns an error for an answer whose messages have a form that is not read here.
func (s *stream) checkForm(answer *wire.Answer) error {
	if answer.Encoding != "" {
		s.ownFormat().Decompressor = s.conn.compressors.Find(answer.Encoding)
	}
	subtype := ""
	if s.format.Codec != nil {
		subtype = s.format.Codec.Name()
	}
	return answer.CheckSubtype(subtype)
}

// checkCompressed returns an error for a compressed message that cannot be decompressed.
func (s *stream) checkCompressed(answer *wire.Answer) error {
	if s.compressed && answer.Encoding != "" && s.format.Decompressor == nil {
		return farcall.Errorf(farcall.Internal, "the answer of %s is compressed by %s, which was not accepted", s.method, answer.Encoding)
	}
	return wire.CheckCompressed(s.compressed, answer.Encoding)
}

// transportError returns the call's error where the stream, or its connection, has failed with cause. transport is the
// stream if there is one.
func (s *stream) transportError(transport *http2.ClientStream, cause error) error {
	if err := s.ended(transport, cause); err != nil {
		return err
	}
	if errors.Is(cause, errClosed) {
		return farcall.Errorf(farcall.Canceled, "%s: %w", s.method, errClosed)
	}
	var failure *http2.Error
	var broken *frame.Error
	var tooLarge *http2.HeadTooLargeError
	switch {
	case errors.As(cause, &tooLarge):
		return farcall.Errorf(farcall.ResourceExhausted, "the metadata sent with %s is too large: %d bytes with gRPC's own, and %s takes %d",
			s.method, tooLarge.Bytes, s.conn.target.name, tooLarge.Limit)
	case errors.As(cause, &failure) && failure.Scope == http2.StreamScope && failure.Culprit == http2.ByPeer:
		code := farcall.Code(farcall.Unavailable)
		if !failure.Unprocessed {
			code = wire.ResetCode(uint32(failure.Code))
		}
		if code == farcall.Canceled && call.Overdue(s.ctx) { // it has noticed a moment before the timer behind ctx
			return farcall.Errorf(farcall.DeadlineExceeded, "%s ended the call when its deadline passed: %w", s.conn.target.name, context.DeadlineExceeded)
		}
		return farcall.Errorf(code, "%s ended the call without an answer: %w", s.conn.target.name, cause)
	case errors.As(cause, &failure) && failure.Scope == http2.StreamScope:
		return farcall.Errorf(wire.ResetCode(uint32(failure.Code)), "%s: %w", s.method, cause)
	case errors.As(cause, &broken) && broken.Stream != 0:
		return farcall.Errorf(farcall.Internal, "the answer of %s is not proper HTTP/2: %w", s.conn.target.name, cause)
	}
	return farcall.Errorf(farcall.Unavailable, "the connection to %s broke while %s was running: %w", s.conn.target.name, s.method, cause)
}

// transportTimes reports when the request's frames left and the answer's came.
func (s *stream) transportTimes() {
	if !s.tap.On() {
		return
	}
	sent, received := s.transport.Times()
	s.tap.StepAt(sent, farcall.StepRequestFrames, 1, len(s.request.B), nil)
	s.tap.StepAt(received, farcall.StepReceiveResponse, 1, s.transport.Buffered(), nil)
}

// remoteTimes reports the server's steps. Only the intervals between them are known: they are laid so that the way there
// took as long as the way back.
func (s *stream) remoteTimes(value string) {
	if !s.conn.options.StepTimes || value == "" {
		return
	}
	steps := wire.ParseStepTimes(value)
	sent, received := s.transport.Times()
	var busy time.Duration
	for _, step := range steps {
		busy = max(busy, step.Since)
	}
	if sent.IsZero() {
		sent = received.Add(-busy) // not known: the answer came as soon as it could
	}
	begin := sent.Add(max(0, received.Sub(sent)-busy) / 2)
	for _, step := range steps {
		s.tap.Remote(begin.Add(step.Since), step.Step, step.Bytes)
	}
}
