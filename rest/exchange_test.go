// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/transcode"
)

// request is a served exchange in memory.
type request struct {
	t        testing.TB
	head     exchange.Head
	body     []byte
	pieces   []string      // what comes behind body, for Want
	hold     chan struct{} // received from before each piece; nil: they are there
	endless  bool          // the body's end never comes
	broken   error         // the exchange fails in place of the body's end
	failing  func()        // called before WantEnd fails; nil: nothing is
	waiting  chan struct{} // closed when somebody waits for what never comes; nil: nobody is told
	refuses  error         // what Answer returns
	answers  []exchange.Head
	answered []byte
	aborted  error
	onAbort  func() // nil: nothing happens

	started   []exchange.Head // as answers, of a stream
	lines     []string        // what each Send sent
	finished  int
	onSend    func(n int) error // what the nth Send returns, counted from 1; nil: every one works
	cannotEnd error             // what Finish returns
}

var _ exchange.Served = (*request)(nil)

// newRequest makes a request of "name: value" headers. content-type and content-length are as curl would have them.
func newRequest(t testing.TB, method, target, body string, headers ...string) *request {
	fields := []exchange.Field{{Name: ":method", Value: method}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "shop.test"}, {Name: ":path", Value: target}}
	if body != "" && !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "content-type:") }) {
		headers = append([]string{"content-type: application/json"}, headers...)
	}
	if body != "" && !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "content-length:") }) {
		headers = append(headers, fmt.Sprintf("content-length: %d", len(body)))
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if value != "" {
			fields = append(fields, exchange.Field{Name: name, Value: value})
		}
	}
	return &request{t: t, head: exchange.Head{Fields: fields}, body: []byte(body)}
}

func (r *request) Request() exchange.Head { return r.head }

func (r *request) WantEnd(ctx context.Context, limit int) error {
	r.body, r.pieces = append(r.body, strings.Join(r.pieces, "")...), nil
	switch {
	case len(r.body) > limit:
		return exchange.ErrTooLong
	case r.broken != nil:
		if r.failing != nil {
			r.failing()
		}
		return r.broken
	case r.endless:
		if r.waiting != nil {
			close(r.waiting)
		}
		<-ctx.Done()
		if r.failing != nil {
			r.failing()
		}
		return ctx.Err()
	}
	return nil
}

func (r *request) Buffered() int { return len(r.body) }
func (r *request) Next(n int) []byte {
	taken := r.body[:n]
	r.body = r.body[n:]
	return taken
}

func (r *request) Answer(head exchange.Head, body []byte, trailers []exchange.Field) error {
	if trailers != nil {
		r.t.Errorf("trailers %v", trailers)
	}
	head.Fields = slices.Clone(head.Fields)
	r.answers = append(r.answers, head)
	r.answered = slices.Clone(body)
	return r.refuses
}

func (r *request) Start(head exchange.Head) error {
	head.Fields = slices.Clone(head.Fields)
	r.started = append(r.started, head)
	return nil
}

func (r *request) Send(body []byte) error {
	if len(r.started) != 1 || r.finished > 0 || len(body) == 0 {
		r.t.Errorf("Send of %q out of turn", body)
	}
	r.lines = append(r.lines, string(body))
	if r.onSend != nil {
		return r.onSend(len(r.lines))
	}
	return nil
}

func (r *request) Finish(trailers []exchange.Field) error {
	if len(r.started) != 1 || trailers != nil {
		r.t.Errorf("Finish out of turn, or with trailers %v", trailers)
	}
	r.finished++
	return r.cannotEnd
}

func (r *request) Abort(reason error) {
	if r.onAbort != nil {
		r.onAbort()
		return
	}
	r.aborted = reason
}

// Want lets the body come in pieces, where it has some.
func (r *request) Want(ctx context.Context, n int) error {
	if len(r.body) >= n {
		return nil
	}
	if len(r.pieces) > 0 {
		if r.hold != nil {
			<-r.hold
		}
		r.body, r.pieces = append(r.body, r.pieces[0]...), r.pieces[1:]
		return r.Want(ctx, n)
	}
	if err := r.WantEnd(ctx, 1<<30); err != nil {
		return err
	}
	return io.EOF
}

func (r *request) Into(context.Context, []byte) (int, error) { return 0, r.unexpected("Into") }
func (r *request) Trailers() []exchange.Field                { return nil }
func (r *request) unexpected(name string) error {
	r.t.Errorf("%s was called", name)
	return fmt.Errorf("%s was called", name)
}

// text is the answer as one reads it: status, headers (but content-length, which is checked, and content-type where it is
// the usual) and body.
func (r *request) text() string {
	if len(r.started) > 0 {
		return r.streamed()
	}
	if len(r.answers) != 1 {
		r.t.Fatalf("%d answers", len(r.answers))
	}
	var b strings.Builder
	first, length := true, ""
	for field := range r.answers[0].All {
		switch {
		case first != (field.Name == ":status"):
			r.t.Errorf("the field %s is not in its place", field.Name)
		case first:
			b.WriteString(field.Value)
		case field.Name == "content-length":
			length = field.Value
		case field.Name == "content-type" && field.Value == "application/json":
		default:
			fmt.Fprintf(&b, " %s: %s", field.Name, field.Value)
		}
		first = false
	}
	if bodiless := r.answers[0].Get(":status") == "204"; bodiless {
		if length != "" || len(r.answered) > 0 || r.answers[0].Get("content-type") != "" {
			r.t.Errorf("204 with a body, or headers of one")
		}
		return b.String()
	}
	if r.head.Get(":method") == "HEAD" {
		fmt.Fprintf(&b, " length %s", length)
	} else if length != fmt.Sprint(len(r.answered)) {
		r.t.Errorf("content-length %q for %d bytes", length, len(r.answered))
	}
	if r.answers[0].Get("content-type") == "" {
		r.t.Error("the answer has no content-type")
	}
	if len(r.answered) > 0 {
		b.WriteString(" " + string(r.answered))
	}
	return b.String()
}

// streamed is a streamed answer as one reads it: status, headers, and each line behind a bar. One that has not been
// finished is cut.
func (r *request) streamed() string {
	if len(r.started) != 1 || len(r.answers) > 0 || r.finished > 1 {
		r.t.Fatalf("%d heads, %d answers, finished %d times", len(r.started), len(r.answers), r.finished)
	}
	var b strings.Builder
	b.WriteString(r.started[0].Get(":status"))
	for field := range r.started[0].All {
		if field.Name != ":status" {
			fmt.Fprintf(&b, " %s: %s", field.Name, field.Value)
		}
	}
	for _, line := range r.lines {
		if r.started[0].Get("content-type") == mediaLines {
			ended := false
			if line, ended = strings.CutSuffix(line, "\n"); !ended || strings.Contains(line, "\n") {
				r.t.Errorf("%q is not a line", line)
			}
		}
		b.WriteString(" | " + line)
	}
	if r.finished == 0 {
		b.WriteString(" cut")
	}
	return b.String()
}

// backend is an Invoker that notes the call and answers as it is told.
type backend struct {
	answer func(ctx context.Context, method *farcall.Method, request, response proto.Message) error
	stream func(ctx context.Context, stream *backStream) error // the handler of streams

	mu   sync.Mutex // guards seen
	seen []string   // "Method {request}"
}

func (b *backend) Invoke(ctx context.Context, method *farcall.Method, request, response any) error {
	text, err := transcode.Append(nil, request.(proto.Message))
	if err != nil {
		return farcall.Errorf(farcall.Internal, "%w", err)
	}
	b.mu.Lock()
	b.seen = append(b.seen, method.Name()+" "+string(text))
	b.mu.Unlock()
	if b.answer == nil {
		return nil
	}
	return b.answer(ctx, method, request.(proto.Message), response.(proto.Message))
}

// Stream runs the handler of streams beside body, as a client's connection or a server's Local would.
func (b *backend) Stream(ctx context.Context, method *farcall.Method, body farcall.Handler) error {
	claimed, err := farcall.ClaimCall(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	s := &backStream{ctx: ctx, method: method, requests: make(chan proto.Message), responses: make(chan proto.Message), over: make(chan struct{})}
	go func() { // ends with the handler, whose context ends with body
		defer close(ended)
		defer close(s.responses)
		defer close(s.over)
		s.seen = func(request proto.Message) {
			text, err := transcode.Append(nil, request)
			if err != nil {
				text = []byte(err.Error())
			}
			b.mu.Lock()
			b.seen = append(b.seen, method.Name()+" "+string(text))
			b.mu.Unlock()
		}
		if !method.Kind.SendsStream() {
			if _, s.outcome = s.take(); s.outcome != nil {
				return
			}
		}
		if b.stream != nil {
			s.outcome = b.stream(ctx, s)
		}
	}()
	err = body(ctx, s)
	cancel()
	<-ended
	claimed.Deliver(method, farcall.Peer{}, farcall.Metadata{}, s.header, farcall.Metadata{})
	return err
}

// backStream is both ends of a stream that a backend answers.
type backStream struct {
	farcall.Stream // for what is not called here

	ctx       context.Context
	method    *farcall.Method
	requests  chan proto.Message // closed by CloseSend
	responses chan proto.Message
	over      chan struct{}       // closed when the handler has returned
	seen      func(proto.Message) // notes a request
	header    farcall.Metadata    // set by the handler before its first message
	outcome   error               // set before responses is closed
}

func (s *backStream) Method() *farcall.Method           { return s.method }
func (s *backStream) ResponseHeader() *farcall.Metadata { return &s.header }

// Send is the caller's.
func (s *backStream) Send(message any) error {
	select {
	case s.requests <- message.(proto.Message):
		return nil
	case <-s.over:
		return io.EOF
	case <-s.ctx.Done():
		return farcall.AsError(s.ctx.Err())
	}
}

// CloseSend is the caller's.
func (s *backStream) CloseSend() error {
	close(s.requests)
	return nil
}

// take is the handler's: it waits for the next request. The error is io.EOF after the last.
func (s *backStream) take() (proto.Message, error) {
	select {
	case request, more := <-s.requests:
		if !more {
			return nil, io.EOF
		}
		s.seen(request)
		return request, nil
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
}

// Receive is the caller's.
func (s *backStream) Receive(message any) error {
	select {
	case response, more := <-s.responses:
		switch {
		case more:
			proto.Merge(message.(proto.Message), response)
			return nil
		case s.outcome != nil:
			return s.outcome
		}
		return io.EOF
	case <-s.ctx.Done():
		return farcall.AsError(s.ctx.Err())
	}
}

// respond is the handler's: it sends an order with a total.
func (s *backStream) respond(total int64) error {
	response := s.method.NewResponse()
	if err := transcode.Unmarshal(fmt.Appendf(nil, `{"total":"%d"}`, total), response); err != nil {
		return err
	}
	return s.send(response)
}

// send is the handler's.
func (s *backStream) send(response proto.Message) error {
	select {
	case s.responses <- response:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// take returns what was seen since the last time, "" for nothing.
func (b *backend) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := strings.Join(b.seen, "; ")
	b.seen = nil
	return seen
}
