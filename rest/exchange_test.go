// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"fmt"
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
	endless  bool          // the body's end never comes
	broken   error         // the exchange fails in place of the body's end
	failing  func()        // called before WantEnd fails; nil: nothing is
	waiting  chan struct{} // closed when somebody waits for what never comes; nil: nobody is told
	refuses  error         // what Answer returns
	answers  []exchange.Head
	answered []byte
	aborted  error
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

func (r *request) Abort(reason error) { r.aborted = reason }

func (r *request) Want(context.Context, int) error           { return r.unexpected("Want") }
func (r *request) Into(context.Context, []byte) (int, error) { return 0, r.unexpected("Into") }
func (r *request) Start(exchange.Head) error                 { return r.unexpected("Start") }
func (r *request) Send([]byte) error                         { return r.unexpected("Send") }
func (r *request) Finish([]exchange.Field) error             { return r.unexpected("Finish") }
func (r *request) Trailers() []exchange.Field                { return nil }
func (r *request) unexpected(name string) error {
	r.t.Errorf("%s was called", name)
	return fmt.Errorf("%s was called", name)
}

// text is the answer as one reads it: status, headers (but content-length, which is checked, and content-type where it is
// the usual) and body.
func (r *request) text() string {
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

// backend is an Invoker that notes the call and answers as it is told.
type backend struct {
	farcall.Invoker // for what is not called here

	answer func(ctx context.Context, method *farcall.Method, request, response proto.Message) error

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

// take returns what was seen since the last time, "" for nothing.
func (b *backend) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := strings.Join(b.seen, "; ")
	b.seen = nil
	return seen
}
