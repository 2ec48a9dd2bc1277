// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"io"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// streaming is the client's end of a call whose requests or responses are a stream. One goroutine may send while another
// receives; the first of them opens the call. What was sent is kept for another attempt (resend.go) until an answer begins:
// from then on transport is the receiving goroutine's to use without mu, and before that either may replace it.
//
// Where several goroutines do the same, against the contract, they take turns, and one that is left behind when the call is
// over finds it over: the connection is others' as well.
type streaming struct {
	stream             // of it the sending side uses request and tap, the receiving side answered and what follows
	form   call.Format // what format points to: of its fields each side has its own

	mu       sync.Mutex // guards what follows, and transport and outcome until the answer begins
	prepared bool       // how requests are compressed is settled
	opened   bool       // an attempt was made: transport is set, or outcome says why not
	opening  int        // bytes of the message that opened the call
	stuck    error      // what a message that could not be sent in time has waited for
	unwatch  func() bool
	resend

	sending   sync.Mutex          // taken before mu; guards what is the sending goroutine's:
	sent      int                 // messages
	halfClose bool                // no more messages are sent
	sendErr   error               // sticks
	settled   *http2.ClientStream // the attempt, once it is known to be the last
	last      *http2.ClientStream // the attempt that the last message was sent on

	// The receiving goroutine's, and guarded by receiving:
	begun    bool // the answer's head was read
	answer   wire.Answer
	stretch  wire.Stretch // of messages, a view into transport's buffer
	messages int          // received
	ended    bool         // the call has succeeded
}

var (
	_ farcall.Stream                               = (*streaming)(nil)
	_ interface{ ReceiveFresh(message any) error } = (*streaming)(nil)
)

// Stream makes a call of any kind and runs body with its stream, on the caller's goroutine, inside the interceptors. The
// call is over when body returns: if it has not ended by then, the server is told to stop.
func (c *Conn) Stream(ctx context.Context, method *farcall.Method, body farcall.Handler) error {
	if c.options.Protocol != GRPC {
		return c.webStream(ctx, method, body)
	}
	outgoing, err := call.Claim(ctx)
	if err != nil {
		return err
	}
	ctx, tap := call.Begin(ctx, c.options.Observer, method, farcall.SideClient)
	if method.Kind == farcall.KindUnary {
		s := &stream{}
		s.init(ctx, c, method, outgoing, tap)
		return s.run(s, body)
	}
	s := &streaming{form: c.format}
	s.init(ctx, c, method, outgoing, tap)
	s.format = &s.form
	return s.run(s, body)
}

// prepare settles, before the first request is encoded, how it is. Its error is the outcome of a call that cannot be opened.
func (s *streaming) prepare() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prepareLocked()
}

func (s *streaming) prepareLocked() error {
	if s.opened || s.prepared || s.outcome != nil {
		return s.unopenedOutcome()
	}
	s.prepared = true
	err := call.ContextEnded(s.ctx, s.method, "before it was sent")
	if err == nil {
		err = s.chooseCompression()
	}
	if err != nil {
		s.opened = true
	}
	return s.fail(err)
}

// unopenedOutcome returns the outcome, under mu, of a call that could not be opened.
func (s *streaming) unopenedOutcome() error {
	if s.transport == nil {
		return s.outcome
	}
	return nil
}

// openLocked opens the call with body, which may be nil, and returns what is left of it for want of credit.
func (s *streaming) openLocked(body []byte, end bool) (rest []byte, err error) {
	s.opened = true
	s.opening = len(body)
	if rest, err = s.open(body, end, nil); err != nil {
		return nil, s.fail(err)
	}
	if s.ctx.Done() != nil {
		s.unwatch = context.AfterFunc(s.ctx, s.giveUp)
	}
	return rest, nil
}

// giveUp resets the stream at once when the call's context has ended, also while the caller is busy with what it has
// received, or with what it is about to send.
func (s *streaming) giveUp() {
	s.mu.Lock()
	transport := s.transport
	s.mu.Unlock()
	if s.ctx.Err() == context.DeadlineExceeded {
		transport.Overdue()
	}
	transport.Reset(frame.Cancel)
}

// takeEnd ends the call. A sending goroutine that is late finds it over, and does not open it.
func (s *streaming) takeEnd(err error) error {
	s.takeBack(&s.mu)
	if !s.opened {
		s.opened = true
		s.fail(err) // which says more than that the call is over
		s.fail(errOver(s.method))
	}
	s.commitLocked()
	resent := s.resent
	s.mu.Unlock()
	s.takeBack(&s.receiving)
	defer s.receiving.Unlock()
	s.over = true
	if s.unwatch != nil {
		s.unwatch()
	}
	if s.transport != nil { // not to be used again: others may be at work with it
		s.transport.Close()
	}
	s.header = s.answer.Header
	err = s.conclude(err, 0)
	if resent != nil {
		<-resent // its stream has ended
	}
	return err
}

// Send sends the next request; the first opens the call. It returns io.EOF when the call has ended: Receive says how.
func (s *streaming) Send(message any) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	if s.sendErr == nil {
		s.sendErr = s.sendNext(message)
	} else {
		release(message)
	}
	return s.sendErr
}

func (s *streaming) sendNext(message any) error {
	single := !s.method.Kind.SendsStream()
	if s.halfClose {
		release(message)
		return farcall.Errorf(farcall.Internal, "%s: a message was sent after the last", s.method)
	}
	s.sent++
	s.halfClose = single
	if s.sent == 1 {
		if err := s.prepare(); err != nil {
			release(message)
			return err
		}
	}
	encoded, owned, err := s.encodeInto(s.spare(), s.sent, message)
	if err != nil {
		return s.unencoded(err)
	}
	return s.deliver(encoded, owned, single)
}

// CloseSend half-closes.
func (s *streaming) CloseSend() error {
	s.sending.Lock()
	defer s.sending.Unlock()
	switch {
	case s.halfClose:
		return nil
	case s.sendErr != nil: // what is missing must not look like a good end
		return s.sendErr
	}
	s.halfClose = true
	if err := s.prepare(); err != nil {
		return err
	}
	return s.deliver(nil, nil, true)
}

// spare returns memory of the transport's to encode the next request into; nil where there is none.
func (s *streaming) spare() []byte {
	if s.last == nil {
		return nil
	}
	return s.last.Spare()
}

// unencoded returns the error of a request that could not be encoded, which is the outcome of a call that was to begin with
// it.
func (s *streaming) unencoded(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened {
		return err
	}
	s.opened = true
	return s.fail(err)
}

// Receive waits for the next response. With nil it waits for the end of the call.
func (s *streaming) Receive(message any) error { return s.receiveNext(message, false) }

// ReceiveFresh is Receive for a message that has nothing in it yet; package farcall looks for it.
func (s *streaming) ReceiveFresh(message any) error { return s.receiveNext(message, true) }

func (s *streaming) receiveNext(message any, fresh bool) error {
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
		if fresh {
			err = s.format.DecodeFresh(s.ctx, data, s.compressed, s.conn.options.MaxReceiveBytes, message)
		} else {
			err = s.format.Decode(s.ctx, data, s.compressed, s.conn.options.MaxReceiveBytes, message)
		}
		if err != nil {
			return s.broken(err)
		}
		s.step(farcall.StepDecodeResponse, s.messages, len(data), nil)
		if !s.method.Kind.ReturnsStream() {
			return s.only()
		}
		return nil
	}
}

// ready opens the call if nothing was sent yet, and returns its outcome if it has one.
func (s *streaming) ready() error {
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
func (s *streaming) next() ([]byte, error) {
	// Messages that have come already do not outlive the context.
	if s.ctx.Err() != nil {
		return nil, s.overdue()
	}
	if message, ok := s.stretch.Next(s.conn.options.MaxReceiveBytes); ok {
		s.messageCame(false, len(message))
		return message, nil
	}
	if taken := s.stretch.End(); taken > 0 {
		s.transport.Next(taken)
	}
	err := s.answering(func(transport *http2.ClientStream) error { return transport.Want(s.ctx, wire.PrefixBytes) })
	switch {
	case err == io.EOF:
		return nil, s.finish()
	case err != nil:
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, s.broken(err)
	}
	s.stretch.Begin(s.transport.Ready(wire.StretchBytes))
	if message, ok := s.stretch.Next(s.conn.options.MaxReceiveBytes); ok {
		s.messageCame(false, len(message))
		return message, nil
	}
	length, compressed, err := wire.ParsePrefix(s.transport.Next(wire.PrefixBytes), s.conn.options.MaxReceiveBytes)
	if s.compressed = compressed; err == nil {
		err = s.checkCompressed(&s.answer)
	}
	if err != nil {
		return nil, s.broken(err)
	}
	switch err := s.transport.Want(s.ctx, length); {
	case err == io.EOF:
		return nil, s.broken(wire.Truncated(wire.PrefixBytes + s.transport.Buffered()))
	case err != nil:
		return nil, s.fail(s.transportError(s.transport, err))
	}
	s.messageCame(compressed, length)
	return s.transport.Next(length), nil
}

// messageCame notes that a message is there whole.
func (s *streaming) messageCame(compressed bool, length int) {
	s.messages++
	s.compressed = compressed
	s.CountReceived(length)
	if s.tap.On() {
		_, received := s.transport.Times()
		s.tap.StepAt(received, farcall.StepReceiveResponse, s.messages, wire.PrefixBytes+length, nil)
	}
}

// begin reads the answer's head, which has come before any message.
func (s *streaming) begin() error {
	if s.begun {
		return nil
	}
	s.peer = farcall.Peer(s.transport.Peer())
	head, err := s.transport.Head(s.ctx) // it is there
	if err != nil {
		return s.transportError(s.transport, err)
	}
	s.begun = true
	if s.tap.On() {
		sent, _ := s.transport.Times()
		s.tap.StepAt(sent, farcall.StepRequestFrames, 1, s.opening, nil)
	}
	if s.answer, err = wire.ParseAnswer(head); err != nil {
		return err
	}
	return s.checkForm(&s.answer)
}

// finish reads the end of an answer, and returns the call's error, or io.EOF if it has succeeded.
func (s *streaming) finish() error {
	if n := s.transport.Buffered(); n > 0 {
		return s.broken(wire.Truncated(n))
	}
	if err := s.begin(); err != nil {
		return s.fail(call.Returned(s.ctx, s.method, err))
	}
	end, err := s.answer.End(s.transport.Trailers(), s.messages == 0)
	s.trailer = end.Trailer
	s.remoteTimes(end.StepTimes)
	if err == nil && s.messages == 0 && !s.method.Kind.ReturnsStream() {
		err = farcall.Errorf(farcall.Unimplemented, "no message came, %s returns exactly one: do both sides have the same .proto?", s.method)
	}
	if err != nil {
		return s.fail(call.Returned(s.ctx, s.method, err))
	}
	s.ended = true
	return io.EOF
}

// only makes sure that nothing but a good end comes behind the one response of a method.
func (s *streaming) only() error {
	if s.messages > 1 {
		return nil
	}
	switch _, err := s.next(); err {
	case io.EOF:
		return nil
	case nil:
		return s.broken(farcall.Errorf(farcall.Unimplemented, "more than one message came, %s returns exactly one: do both sides have the same .proto?", s.method))
	default:
		return err
	}
}

// overdue is the outcome of a call whose context has ended.
func (s *streaming) overdue() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail(s.transportError(s.transport, s.stuck))
}

// broken is the outcome of a call whose answer cannot be understood: the server is told to stop.
func (s *streaming) broken(err error) error {
	outcome := s.fail(err)
	s.transport.Close()
	return outcome
}

// ResponseHeader waits for the answer's head. It belongs to the receiving goroutine.
func (s *streaming) ResponseHeader() *farcall.Metadata {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if !s.ended && s.ready() == nil && !s.begun {
		err := s.answering(func(transport *http2.ClientStream) error { _, err := transport.Head(s.ctx); return err })
		if err == nil {
			if err := s.begin(); err != nil {
				s.broken(err)
			}
		}
	}
	return &s.answer.Header
}
