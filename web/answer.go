// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// How an answer leaves. The only response of a method, its head and what ends it go in one append; a stream of responses
// starts with its first message or SendHeader.

// Send encodes a response. The only response of a method leaves when the handler returns.
func (s *stream) Send(message any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.returnsStream() && s.tap.On() && !s.told {
		s.told = true
		s.tap.Step(farcall.StepHandlerReturns, 0, 0, nil) // generated code sends what the handler returned
	}
	encoded, err := s.format.Encode(message, s.Compressing())
	if err != nil {
		s.step(farcall.StepEncodeResponse, s.sent+1, 0, err)
		if s.sendErr == nil {
			s.sendErr = call.Outcome(err)
		}
		return s.sendErr
	}
	s.CountSent(len(encoded.B) - wire.PrefixBytes)
	s.step(farcall.StepEncodeResponse, s.sent+1, len(encoded.B)-wire.PrefixBytes, nil)
	if err := s.sendableLocked(); err != nil {
		encoded.Free()
		return err
	}
	s.sent++
	if !s.returnsStream() {
		s.pending = encoded
		return nil
	}
	defer encoded.Free()
	if err := s.startLocked(); err != nil {
		return err
	}
	if err := s.x.Send(encoded.B); err != nil {
		s.sendErr = s.gone(err)
		return s.sendErr
	}
	s.step(farcall.StepSendResponse, s.sent, len(encoded.B), nil)
	s.sendTurn.Taken(len(encoded.B))
	return nil
}

// returnsStream reports whether any number of messages may be sent; see sendsStream.
func (s *stream) returnsStream() bool { return s.method.Kind.ReturnsStream() && s.form.enveloped() }

// sendableLocked returns why no message can be sent, nil if one can.
func (s *stream) sendableLocked() error {
	switch {
	case s.sendErr != nil:
		return s.sendErr
	case s.phase == finished || s.call.Err() != nil:
		if s.returned.Load() { // a goroutine that the handler left behind has no part in the answer
			return errHandlerReturned
		}
		s.sendErr = s.afterEnd()
	case s.sent > 0 && !s.returnsStream():
		s.sendErr = farcall.Errorf(farcall.Internal, "%s returns one message, and its handler sent a second", s.method)
	}
	return s.sendErr
}

// SendHeader sends the response header now. Where the head of the answer is to tell how the call went, it cannot go before
// that.
func (s *stream) SendHeader() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.sendErr != nil:
		return s.sendErr
	case s.phase == finished:
		return s.afterEnd()
	case s.phase == headSent:
		return farcall.Errorf(farcall.FailedPrecondition, "the response header of %s was sent already", s.method)
	case !s.form.enveloped():
		return nil
	}
	return s.startLocked()
}

// startLocked sends the head, unless it has been sent.
func (s *stream) startLocked() error {
	if s.phase != unanswered {
		return nil
	}
	head, err := s.headLocked(s.format.Compressor != nil)
	if err != nil {
		s.sendErr = err
		return err
	}
	s.phase = headSent
	if err := s.x.Start(head); err != nil {
		s.sendErr = s.gone(err)
	}
	return s.sendErr
}

// headForm is what the fixed part of an answer's head says.
type headForm struct {
	form              form
	subtype, encoding string
}

var heads sync.Map // headForm to *exchange.Fixed; as many as a server has codecs times compressors

// headLocked returns the head of an answer with the handler's header. compressed says that messages may be.
func (s *stream) headLocked(compressed bool) (exchange.Head, error) {
	form := s.headForm()
	if compressed && s.format.Compressor != nil {
		form.encoding = s.format.Compressor.Name()
	}
	head := form.head()
	var err error
	switch {
	case s.form.isConnect():
		head.Fields, err = wire.AppendConnectMetadata(nil, *s.call.ResponseHeader(), "")
	default:
		head.Fields, err = wire.AppendAnswer(nil, *s.call.ResponseHeader())
	}
	if s.encodingRefused {
		name := "grpc-accept-encoding"
		switch s.form {
		case connectUnary, connectGet:
			name = "accept-encoding"
		case connectStream:
			name = "connect-accept-encoding"
		}
		head.Fields = append(head.Fields, exchange.Field{Name: name, Value: s.handler.options.Compressors.Names()})
	}
	return head, err
}

// headForm returns the form of the head. A subtype that nobody knows is not answered in, and not remembered.
func (s *stream) headForm() headForm {
	if _, known := s.handler.options.Codecs.Find(s.subtype); known {
		return headForm{form: s.form, subtype: s.subtype}
	}
	return headForm{form: s.form}
}

// head returns the fixed part of a head: for the same form the same pointer every time, for what is known here.
func (f headForm) head() exchange.Head {
	known, ok := heads.Load(f)
	if !ok {
		known, _ = heads.LoadOrStore(f, f.newFixed())
	}
	return exchange.Head{Fixed: known.(*exchange.Fixed)}
}

func (f headForm) contentType() string {
	switch f.form {
	case connectUnary, connectGet:
		return wire.ConnectType + f.subtype
	case connectStream:
		return wire.ConnectStreamType + f.subtype
	}
	contentType := wire.ContentType
	switch f.form {
	case grpcWeb:
		contentType = wire.WebType
	case grpcWebText:
		contentType = wire.WebTextType
	}
	if f.subtype != "" {
		contentType += "+" + f.subtype
	}
	return contentType
}

func (f headForm) newFixed() *exchange.Fixed {
	fields := []exchange.Field{{Name: ":status", Value: "200"}, {Name: "content-type", Value: f.contentType()}}
	if f.encoding != "" {
		name := "grpc-encoding"
		switch f.form {
		case connectUnary, connectGet:
			name = "content-encoding"
		case connectStream:
			name = "connect-content-encoding"
		}
		fields = append(fields, exchange.Field{Name: name, Value: f.encoding})
	}
	return &exchange.Fixed{Fields: fields}
}

// finish ends the answer with the call's outcome, unless that was done because the deadline had passed.
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
	var refused *refusal
	if errors.As(err, &refused) {
		s.refuseLocked(refused)
		return
	}
	bytes := 0
	if s.pending != nil {
		bytes = len(s.pending.B)
	}
	s.step(farcall.StepSendResponse, s.sent, bytes, nil)
	s.sendLocked(farcall.AsError(err), *s.call.ResponseTrailer())
}

// missingLocked returns the error of a handler that returned no error and not what its method returns either.
func (s *stream) missingLocked() error {
	switch {
	case s.sendErr != nil: // something is missing that the handler has made nothing of
		return s.sendErr
	case s.returnsStream():
		return nil
	case s.pending == nil:
		return farcall.Errorf(farcall.Internal, "the handler of %s returned neither a message nor an error", s.method)
	}
	return nil
}

// refuseLocked answers a request that is no call.
func (s *stream) refuseLocked(refused *refusal) {
	s.phase = finished
	text := refused.text + "\n"
	fields := append([]exchange.Field{{Name: ":status", Value: refused.status}, {Name: "content-type", Value: "text/plain; charset=utf-8"},
		{Name: "content-length", Value: strconv.Itoa(len(text))}}, refused.fields...)
	_ = s.x.Answer(exchange.Head{Fields: fields}, s.body([]byte(text)), nil) // fails if the peer has gone
}

// body returns what is sent of a body: nothing to who asked for the head alone.
func (s *stream) body(whole []byte) []byte {
	if s.head.Get(":method") == "HEAD" {
		return nil
	}
	return whole
}

// sendLocked sends what is left of the answer. Where that fails because the client does not take the head, it is sent
// without the handler's metadata; otherwise the client has gone, and nobody needs to be told.
func (s *stream) sendLocked(failure *farcall.Error, trailer farcall.Metadata) {
	was := s.phase
	s.phase = finished
	var err error
	if s.form.enveloped() {
		err = s.endLocked(was, failure, trailer)
	} else {
		err = s.answerLocked(failure, trailer)
	}
	if err == nil {
		return
	}
	if was == unanswered && s.call.Err() != context.Canceled {
		if failure == nil {
			failure = &farcall.Error{Code: farcall.ResourceExhausted, Message: "the metadata that the method answers with is too large for the client"}
		}
		*s.call.ResponseHeader() = farcall.Metadata{}
		less := &farcall.Error{Code: failure.Code, Message: clip(failure.Message)}
		if s.form.enveloped() {
			err = s.endLocked(was, less, farcall.Metadata{})
		} else {
			err = s.answerLocked(less, farcall.Metadata{})
		}
	}
	if err != nil {
		s.x.Abort(err)
	}
}

// endLocked ends an answer whose messages have prefixes: the only response, if it is still to be sent, and how the call
// went.
func (s *stream) endLocked(was phase, failure *farcall.Error, trailer farcall.Metadata) error {
	var head exchange.Head
	if was == unanswered {
		var err error
		if head, err = s.headLocked(s.pending != nil || s.returnsStream()); err != nil && failure == nil {
			failure = farcall.AsError(err)
		}
	}
	var body []byte
	if failure == nil && s.pending != nil {
		body = s.pending.B
	}
	var trailers []exchange.Field
	if s.form == connectStream {
		ended, err := wire.AppendConnectEnd(body, failure, trailer)
		if err != nil && failure == nil {
			ended, _ = wire.AppendConnectEnd(nil, farcall.AsError(err), farcall.Metadata{}) // there is no metadata to be wrong
		}
		body = ended
	} else {
		var err error
		if trailers, err = wire.AppendTrailers(nil, failure, trailer, nil); err != nil {
			body = nil
		}
		if s.form != grpc {
			body, trailers = wire.AppendWebTrailers(body, trailers), nil
		}
	}
	if was == unanswered {
		return s.x.Answer(head, body, trailers)
	}
	if len(body) > 0 {
		if err := s.x.Send(body); err != nil {
			return err
		}
	}
	return s.x.Finish(trailers)
}

// answerLocked sends the answer to a unary call of Connect.
func (s *stream) answerLocked(failure *farcall.Error, trailer farcall.Metadata) error {
	compressed := failure == nil && s.pending != nil && s.pending.B[0] == 1
	head, err := s.headLocked(compressed)
	if err != nil && failure == nil {
		failure = farcall.AsError(err)
	}
	fields, err := wire.AppendConnectTrailers(head.Fields, trailer)
	if err != nil && failure == nil {
		failure = farcall.AsError(err)
	}
	head.Fields = fields
	var body []byte
	if failure != nil {
		body = wire.AppendConnectError(nil, failure)
		status := wire.ConnectStatus(failure.Code)
		if s.unknown && failure.Code == farcall.Unimplemented { // a wrong address is, in HTTP, something else than a method to be
			status = "404"
		}
		head.Fixed = failureHeads[status]
	} else {
		body = s.pending.B[wire.PrefixBytes:]
	}
	if s.form == connectGet && failure == nil {
		if s.isKnown(&head, compressed, body) {
			head.Fixed = notModified
			return s.x.Answer(head, nil, nil)
		}
	}
	head.Fields = append(head.Fields, exchange.Field{Name: "content-length", Value: strconv.Itoa(len(body))})
	return s.x.Answer(head, s.body(body), nil)
}

// isKnown gives the answer to a GET its tag, and reports whether the client has it already.
func (s *stream) isKnown(head *exchange.Head, compressed bool, body []byte) bool {
	tag := head.Get("etag")
	if tag == "" { // a handler may know better, and without the bytes
		form := s.headForm()
		if compressed {
			form.encoding = s.format.Compressor.Name()
		}
		tag = entityTag(form.contentType(), form.encoding, body)
		head.Fields = append(head.Fields, exchange.Field{Name: "etag", Value: tag})
	}
	head.Fields = append(head.Fields, exchange.Field{Name: "vary", Value: "accept-encoding"})
	given, ok := s.head.Lookup("if-none-match")
	return ok && tagged(given, tag)
}

var notModified = &exchange.Fixed{Fields: []exchange.Field{{Name: ":status", Value: "304"}}}

// failureHeads are the beginnings of answers to unary calls that failed, by HTTP status.
var failureHeads = func() map[string]*exchange.Fixed {
	heads := make(map[string]*exchange.Fixed)
	for code := farcall.Canceled; code <= farcall.Unauthenticated+1; code++ { // and one that does not exist
		status := wire.ConnectStatus(code)
		heads[status] = &exchange.Fixed{Fields: []exchange.Field{{Name: ":status", Value: status}, {Name: "content-type", Value: "application/json"}}}
	}
	return heads
}()

// overduePatience is how long finishOverdue waits for a message that the handler is just sending.
const overduePatience = 50 * time.Millisecond

// finishOverdue tells the client that the deadline has passed, while the handler may still be at work: its metadata is its
// own, so none of it goes along.
func (s *stream) finishOverdue() {
	if !s.mu.TryLock() { // the handler is sending, and perhaps waits for a client that takes nothing: a reset ends that
		patience := time.AfterFunc(overduePatience, func() { s.x.Abort(context.DeadlineExceeded) })
		s.mu.Lock()
		patience.Stop()
	}
	defer s.mu.Unlock()
	if s.phase == finished {
		return
	}
	was := s.phase
	s.phase = finished
	failure := farcall.AsError(s.overdueError())
	var err error
	if s.form.enveloped() {
		err = s.overdueEndLocked(was, failure)
	} else {
		body := wire.AppendConnectError(nil, failure)
		err = s.x.Answer(exchange.Head{Fixed: failureHeads[wire.ConnectStatus(failure.Code)],
			Fields: []exchange.Field{{Name: "content-length", Value: strconv.Itoa(len(body))}}}, s.body(body), nil)
	}
	if err != nil {
		s.x.Abort(err)
	}
}

// overdueEndLocked is endLocked without anything of the handler's.
func (s *stream) overdueEndLocked(was phase, failure *farcall.Error) error {
	var body []byte
	trailers, _ := wire.AppendTrailers(nil, failure, farcall.Metadata{}, nil) // there is no metadata to be wrong
	switch s.form {
	case connectStream:
		body, _ = wire.AppendConnectEnd(nil, failure, farcall.Metadata{})
		trailers = nil
	case grpcWeb, grpcWebText:
		body, trailers = wire.AppendWebTrailers(nil, trailers), nil
	}
	if was == unanswered {
		return s.x.Answer(s.headForm().head(), body, trailers)
	}
	if len(body) > 0 {
		if err := s.x.Send(body); err != nil {
			return err
		}
	}
	return s.x.Finish(trailers)
}
