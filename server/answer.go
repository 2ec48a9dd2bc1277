// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// How an answer leaves. The only response of a method, its head and its trailers go in one append, and so does a failure
// without anything before it (Trailers-Only); a stream of responses starts with its first message or SendHeader.

// answerHead returns the head of the answer without the handler's metadata.
func (s *stream) answerHead() exchange.Head {
	encoding := ""
	if s.responses.Compressor != nil {
		encoding = s.responses.Compressor.Name()
	}
	return wire.AnswerHead(s.form.subtype, encoding)
}

// head returns the head of the answer with the handler's metadata.
func (s *stream) head() (exchange.Head, error) {
	head := s.answerHead()
	var err error
	head.Fields, err = wire.AppendAnswer(nil, *s.call.ResponseHeader())
	return head, err
}

// startLocked sends the head, unless it has been sent; where a message follows at once, together with that.
func (s *stream) startLocked(messageFollows bool) error {
	if s.phase != unanswered {
		return nil
	}
	head, err := s.head()
	if err != nil {
		s.sendErr = err
		return err
	}
	if messageFollows {
		err = s.transport.Begin(head)
	} else {
		err = s.transport.Start(head)
	}
	if tooLarge := headTooLarge(err); tooLarge != nil {
		s.sendErr = s.tooMuchMetadata(tooLarge)
		return s.sendErr
	}
	s.phase = headSent
	if err != nil {
		s.sendErr = s.gone(err)
	}
	return s.sendErr
}

// finish ends the answer with the call's outcome, unless Overdue has ended it.
func (s *stream) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == finished {
		s.step(farcall.StepSendResponse, 0, 0, s.afterEnd())
		return
	}
	if err == nil {
		err = s.missingLocked()
	}
	head, headErr := s.head()
	if headErr != nil && err == nil {
		err = headErr
	}
	sending := 0
	if s.pending != nil {
		sending = len(s.pending.B)
	}
	// The step is reported before the deed, so that its time can be among those that the trailers tell.
	if s.tap.On() {
		s.tap.Step(farcall.StepSendResponse, s.sent, sending, s.transport.Err())
	}
	failure := farcall.AsError(err)
	trailers, trailerErr := wire.AppendTrailers(nil, failure, *s.call.ResponseTrailer(), s.tap.Times())
	if trailerErr != nil && failure == nil {
		failure = farcall.AsError(trailerErr)
	}
	s.sendLocked(head, headErr == nil, trailers, failure)
}

// missingLocked returns the error of a handler that returned no error and not what its method returns either.
func (s *stream) missingLocked() error {
	switch {
	case s.sendErr != nil: // something is missing that the handler has made nothing of
		return s.sendErr
	case s.method.method.Kind.ReturnsStream():
		return nil
	case s.pending == nil:
		return farcall.Errorf(farcall.Internal, "the handler of %s returned neither a message nor an error", s.method.method)
	}
	return nil
}

// sendLocked sends what is left of the answer. It fails only if the peer has gone, which nobody needs to be told.
func (s *stream) sendLocked(head exchange.Head, headFits bool, trailers []exchange.Field, failure *farcall.Error) {
	was := s.phase
	s.phase = finished
	var err error
	switch {
	case was == headSent:
		if failure == nil && s.pending != nil {
			if err = s.transport.Send(s.pending.B); err != nil {
				break
			}
		}
		err = s.transport.Finish(trailers)
	case failure == nil && s.pending != nil:
		err = s.transport.Answer(head, s.pending.B, trailers)
	case failure == nil || headFits && len(head.Fields) > 0: // the handler's header is worth a head of its own
		err = s.transport.Answer(head, nil, trailers)
	default:
		err = s.transport.Answer(s.trailersOnly(trailers), nil, nil)
	}
	if tooLarge := headTooLarge(err); tooLarge != nil {
		s.sendLessLocked(was, failure, tooLarge)
	}
}

// sendLessLocked ends an answer whose head or trailers the client does not take: with the code alone, and what there is
// room for of the message.
func (s *stream) sendLessLocked(was phase, failure *farcall.Error, tooLarge *http2.HeadTooLargeError) {
	var less *farcall.Error
	if failure == nil {
		less = farcall.AsError(s.tooMuchMetadata(tooLarge))
	} else {
		message := failure.Message
		if room := min(1<<10, tooLarge.Limit/8); len(message) > room {
			message = strings.ToValidUTF8(message[:room], "") + "…"
		}
		less = farcall.AsError(farcall.Errorf(failure.Code, "%s (the rest was left out: %d bytes, and the client takes %d)",
			message, tooLarge.Bytes, tooLarge.Limit))
	}
	trailers, _ := wire.AppendTrailers(nil, less, farcall.Metadata{}, nil) // there is no metadata to be wrong
	var err error
	if was == headSent {
		err = s.transport.Finish(trailers)
	} else {
		err = s.transport.Answer(s.trailersOnly(trailers), nil, nil)
	}
	if headTooLarge(err) != nil { // a client that takes next to nothing
		s.transport.Abort(err)
	}
}

// headTooLarge returns err if it says that the client does not take a head, or trailers. It allocates for errors alone.
func headTooLarge(err error) *http2.HeadTooLargeError {
	if err == nil {
		return nil
	}
	var tooLarge *http2.HeadTooLargeError
	errors.As(err, &tooLarge)
	return tooLarge
}

func (s *stream) tooMuchMetadata(tooLarge *http2.HeadTooLargeError) error {
	return farcall.Errorf(farcall.ResourceExhausted, "the metadata that %s answers with is too large: %d bytes with gRPC's own, and the client takes %d",
		s.method.method, tooLarge.Bytes, tooLarge.Limit)
}

// trailersOnly returns the head that is a whole answer.
func (s *stream) trailersOnly(trailers []exchange.Field) exchange.Head {
	head := wire.AnswerHead(s.form.subtype, "")
	head.Fields = trailers
	if s.form.unknown {
		head.Fields = append(head.Fields, exchange.Field{Name: "grpc-accept-encoding", Value: s.server.compressors.Names()})
	}
	return head
}

// overdue returns the error of a call whose deadline has passed.
func (s *stream) overdue() error { return overdue(s.method.method) }

func overdue(method *farcall.Method) error {
	return farcall.Errorf(farcall.DeadlineExceeded, "the deadline of %s passed on the server", method)
}

// overduePatience is how long Overdue waits for a message that the handler is just sending.
const overduePatience = 50 * time.Millisecond

// finishOverdue tells the peer that the deadline has passed, while the handler may still be at work: its metadata is its
// own, so none of it goes along.
func (s *stream) finishOverdue() {
	if !s.mu.TryLock() { // the handler is sending, and perhaps waits for a peer that takes nothing: a reset ends that
		patience := time.AfterFunc(overduePatience, func() { s.transport.Abort(context.DeadlineExceeded) })
		s.mu.Lock()
		patience.Stop()
	}
	defer s.mu.Unlock()
	if s.phase == finished {
		return
	}
	failure := farcall.AsError(s.overdue())
	trailers, _ := wire.AppendTrailers(nil, failure, farcall.Metadata{}, nil) // there is no metadata to be wrong
	if s.phase == headSent {
		_ = s.transport.Finish(trailers)
	} else {
		_ = s.transport.Answer(s.trailersOnly(trailers), nil, nil)
	}
	s.phase = finished
}
