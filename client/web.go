// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// Protocol is what a channel speaks.
type Protocol uint8

// The protocols. All of them have calls of every kind, metadata, deadlines, compression and details of errors.
const (
	GRPC    Protocol = 0 // over HTTP/2, the fastest here
	GRPCWeb Protocol = 1 // for servers behind proxies that drop trailers
	Connect Protocol = 2 // connectrpc.com: unary calls are plain HTTP
)

// webCall is the client's end of a call in gRPC-Web or Connect, of any kind. One goroutine may send while another receives;
// the first of them opens the call. What was sent is kept for another attempt (webresend.go) until an answer begins. Over
// HTTP/1.1 the request ends before the answer begins, and the one attempt is net/http's.
type webCall struct {
	stream             // of it the sending side uses tap, the receiving side what follows
	form   call.Format // what format points to: of its fields each side has its own

	mu       sync.Mutex // guards what follows, and transport and outcome until the answer begins
	prepared bool
	opened   bool          // an attempt was made: exchange is set, or outcome says why not
	exchange exchange.Sent // nil until then
	abandon  func()        // ends the exchange whatever others do with it
	stuck    error         // what a message that could not be sent in time has waited for
	unwatch  func() bool
	resend

	sending   sync.Mutex // taken before mu; guards what is the sending goroutine's:
	sent      int        // messages
	halfClose bool
	sendErr   error // sticks

	// The receiving goroutine's, and guarded by receiving:
	begun    bool // the answer's head was read
	answer   wire.Answer
	messages int  // received
	ended    bool // the call has succeeded
	connect  wire.ConnectAnswer
}

var _ farcall.Stream = (*webCall)(nil)

// webStream makes a call of any kind and runs body with its stream.
func (c *Conn) webStream(ctx context.Context, method *farcall.Method, body farcall.Handler) error {
	outgoing, err := call.Claim(ctx)
	if err != nil {
		return err
	}
	ctx, tap := call.Begin(ctx, c.options.Observer, method, farcall.SideClient)
	s := &webCall{form: c.format}
	s.init(ctx, c, method, outgoing, tap)
	s.format = &s.form
	s.form.Longer = !s.enveloped() && c.options.MinCompressBytes <= 0 // all are compressed, and the head says whether this one is
	return s.run(s, body)
}

// webInvoke makes a unary call.
func (c *Conn) webInvoke(ctx context.Context, method *farcall.Method, request, response any) error {
	taken := false
	defer func() {
		if !taken {
			release(request)
		}
	}()
	return c.webStream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
		taken = true
		if err := stream.Send(request); err != nil && err != io.EOF {
			return err
		}
		return stream.Receive(response)
	})
}

// enveloped reports whether messages have a prefix: all but those of a unary call of Connect.
func (s *webCall) enveloped() bool {
	return s.conn.options.Protocol != Connect || s.method.Kind != farcall.KindUnary
}

// prepareLocked settles, before the first request is encoded, how it is. Its error is the outcome of a call that cannot be
// opened.
func (s *webCall) prepareLocked() error {
	if s.opened || s.prepared || s.outcome != nil {
		if s.exchange == nil {
			return s.outcome
		}
		return nil
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

// openLocked opens the call with encoded, a message behind its prefix or nil, and half-closes if end is set. It returns
// what is left of the message for want of credit; the end has not been sent then either.
func (s *webCall) openLocked(encoded []byte, end bool) (rest []byte, err error) {
	s.opened = true
	if rest, err = s.open(encoded, end, nil); err != nil {
		return nil, s.fail(err)
	}
	if s.ctx.Done() != nil {
		s.unwatch = context.AfterFunc(s.ctx, s.giveUp)
	}
	return rest, nil
}

// open makes an attempt under mu; avoid is the connection of one that has failed.
func (s *webCall) open(encoded []byte, end bool, avoid *http2.Conn) (rest []byte, err error) {
	head, body, err := s.head(encoded)
	if err != nil {
		return nil, err
	}
	if encoded != nil {
		s.step(farcall.StepSendRequest, 1, len(body), nil)
	}
	return s.openExchange(head, body, end, avoid)
}

// giveUp ends the exchange at once when the call's context has ended, whatever the caller is busy with.
func (s *webCall) giveUp() {
	s.mu.Lock()
	abandon := s.abandon
	s.mu.Unlock()
	abandon()
}

// head returns the head of the request, and the first bytes of its body.
func (s *webCall) head(encoded []byte) (head exchange.Head, body []byte, err error) {
	ctx := s.ctx
	metadata := s.outgoing.Metadata()
	s.attempts++
	if s.tap.On() {
		ctx = s.tap.Attempt(ctx, int(s.attempts))
	}
	if s.tap.On() || len(s.conn.options.Interceptors) > 0 {
		metadata = s.outgoing.Open(ctx)
	}
	fields := wire.RequestFields{Metadata: metadata}
	body = encoded
	if s.format.Compressor != nil {
		fields.Encoding = s.format.Compressor.Name()
	}
	if !s.enveloped() {
		if encoded[0] == 0 {
			fields.Encoding = ""
		}
		body = encoded[wire.PrefixBytes:]
	}
	if deadline, ok := ctx.Deadline(); ok {
		fields.Timeout, fields.HasTimeout = time.Until(deadline), true
		if fields.Timeout <= 0 { // the timer behind ctx merely fires a moment later
			return head, nil, farcall.Errorf(farcall.DeadlineExceeded, "%s: the caller's deadline passed before it was sent: %w", s.method, context.DeadlineExceeded)
		}
	}
	if head.Fixed, err = s.conn.heads.Fixed(s.method); err != nil {
		return head, nil, err
	}
	if s.conn.options.Protocol != Connect {
		head.Fields, err = wire.AppendRequest(nil, &fields)
		return head, body, err
	}
	head.Fields, err = wire.AppendConnectRequest(nil, &fields, s.enveloped())
	if err == nil && s.conn.options.ConnectGet && s.method.Idempotency == farcall.NoSideEffects && !s.enveloped() {
		return wire.ConnectGet(head.Fixed, body, s.conn.heads.Subtype, fields.Encoding, head.Fields), nil, nil
	}
	return head, body, err
}

// openExchange sends the beginning of the request.
func (s *webCall) openExchange(head exchange.Head, body []byte, end bool, avoid *http2.Conn) (rest []byte, err error) {
	if s.conn.http1 != nil {
		opened, err := s.conn.http1.Open(s.ctx, head, body, end)
		if err != nil {
			return nil, s.transportError(nil, err)
		}
		s.exchange, s.abandon = opened, opened.Close
		s.commitLocked()
		return nil, nil
	}
	opened, err := s.conn.pool.open(s.ctx, opening{head: head, body: body, end: end}, avoid)
	if err != nil {
		return nil, s.unopened(err)
	}
	transport := opened.stream
	s.transport, s.exchange = transport, transport
	s.abandon = func() {
		if s.ctx.Err() == context.DeadlineExceeded {
			transport.Overdue()
		}
		transport.Reset(frame.Cancel)
	}
	return opened.rest, nil
}

// Send sends the next request; the first opens the call. It returns io.EOF when the call has ended: Receive says how.
func (s *webCall) Send(message any) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	if s.sendErr == nil {
		s.sendErr = s.sendNext(message)
	} else {
		release(message)
	}
	return s.sendErr
}

func (s *webCall) sendNext(message any) error {
	if s.halfClose {
		release(message)
		return farcall.Errorf(farcall.Internal, "%s: a message was sent after the last", s.method)
	}
	s.sent++
	single := !s.method.Kind.SendsStream()
	s.halfClose = single
	s.mu.Lock()
	err := s.prepareLocked()
	s.mu.Unlock()
	if err != nil {
		release(message)
		return err
	}
	encoded, err := s.encode(s.sent, message)
	if err != nil {
		return s.unencoded(err)
	}
	return s.deliver(encoded, single)
}

// unencoded returns the error of a request that could not be encoded, which is the outcome of a call that was to begin with
// it.
func (s *webCall) unencoded(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened {
		return err
	}
	s.opened = true
	return s.fail(err)
}

// CloseSend half-closes.
func (s *webCall) CloseSend() error {
	s.sending.Lock()
	defer s.sending.Unlock()
	switch {
	case s.halfClose:
		return nil
	case s.sendErr != nil: // what is missing must not look like a good end
		return s.sendErr
	}
	s.halfClose = true
	s.mu.Lock()
	err := s.prepareLocked()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.deliver(nil, true)
}

// takeEnd ends the call. A sending goroutine that is late finds it over, and does not open it.
func (s *webCall) takeEnd(err error) error {
	s.takeBack(&s.mu)
	if !s.opened {
		s.opened = true
		s.fail(err) // which says more than that the call is over
		s.fail(errOver(s.method))
	}
	s.commitLocked()
	abandon, resent := s.abandon, s.resent
	finished := s.ended
	s.mu.Unlock()
	if abandon != nil && !finished {
		abandon() // so that a goroutine that was left behind in Receive or Send lets go
	}
	s.takeBack(&s.receiving)
	defer s.receiving.Unlock()
	s.over = true
	if s.unwatch != nil {
		s.unwatch()
	}
	if s.exchange != nil {
		s.exchange.Close()
	}
	s.header = s.responseHeader()
	err = s.conclude(err, len(s.message))
	if resent != nil {
		<-resent // its stream has ended
	}
	return err
}

func (s *webCall) responseHeader() farcall.Metadata {
	if s.conn.options.Protocol == Connect {
		return s.connect.Header
	}
	return s.answer.Header
}
