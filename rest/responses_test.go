// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/farcall/farcall"
)

// responding is a handler of streams: it sends the totals, and ends with the error.
func responding(err error, totals ...int64) func(context.Context, *backStream) error {
	return func(_ context.Context, stream *backStream) error {
		stream.header = farcall.NewMetadata("etag", "v1", "lane", "7")
		for _, total := range totals {
			if err := stream.respond(total); err != nil {
				return err
			}
		}
		return err
	}
}

const linesStart = "200 content-type: application/x-ndjson etag: v1 grpc-metadata-lane: 7 vary: accept, accept-encoding"

func TestLines(t *testing.T) {
	busy := farcall.NewError(farcall.Unavailable, "later", &errdetails.ErrorInfo{Reason: "BUSY", Domain: "shop"})
	for _, tc := range []struct {
		method, target, body string
		handler              func(context.Context, *backStream) error
		call, answer         string
	}{
		{"GET", "/v1/orders:watch?order_id=o1", ``, responding(nil, 1, 2), `WatchOrders {"orderId":"o1"}`,
			linesStart + ` | {"total":"1"} | {"total":"2"}`},
		{"POST", "/v1/orders:watch", `{"orderId":"o2"}`, responding(nil, 3), `WatchOrders {"orderId":"o2"}`, linesStart + ` | {"total":"3"}`},
		{"GET", "/v1/totals:watch", ``, responding(nil, 1, 2), `WatchOrders {}`, linesStart + ` | "1" | "2"`},
		{"GET", "/v1/orders:watch", ``, responding(nil), `WatchOrders {}`, linesStart},
		{"HEAD", "/v1/orders:watch", ``, responding(nil, 1, 2), `WatchOrders {}`, linesStart},
		{"HEAD", "/v1/orders:watch", ``, responding(nil), `WatchOrders {}`, linesStart},

		// Before the first message a failure is an answer like any other.
		{"GET", "/v1/orders:watch", ``, responding(farcall.Errorf(farcall.NotFound, "no order")), `WatchOrders {}`,
			`404 etag: v1 grpc-metadata-lane: 7 vary: accept, accept-encoding {"code":5,"message":"no order"}`},
		{"HEAD", "/v1/orders:watch", ``, responding(farcall.Errorf(farcall.NotFound, "no order")), `WatchOrders {}`,
			`404 etag: v1 grpc-metadata-lane: 7 vary: accept, accept-encoding length 31`},
		{"GET", "/v1/orders:watch?x=1", ``, responding(nil, 1), ``,
			status3("x", `the query parameter "x": unknown field: shop.Get has no "x"; it has orderId, name, verbose`)},
		{"GET", "/v1/orders:watch", `{}`, responding(nil, 1), ``,
			status3("", `GET /v1/orders:watch takes no body: its fields are in the path and the query`)},
		{"PUT", "/v1/orders:watch", ``, responding(nil, 1), ``,
			`405 allow: GET, HEAD, POST {"code":12,"message":"PUT is not possible at this path: it takes GET, HEAD, POST"}`},

		// After it, a last line.
		{"GET", "/v1/orders:watch", ``, responding(busy, 1), `WatchOrders {}`, linesStart +
			` | {"total":"1"} | {"error":{"code":14,"message":"later","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"BUSY","domain":"shop"}]}}`},
		{"GET", "/v1/orders:watch", ``, responding(errors.New("two\nlines"), 1), `WatchOrders {}`, linesStart +
			` | {"total":"1"} | {"error":{"code":2,"message":"two\nlines"}}`},
	} {
		back := &backend{stream: tc.handler}
		r := newRequest(t, tc.method, tc.target, tc.body)
		shopRouter(t, Options{Invoker: back}).Serve(t.Context(), r)
		if got := back.take(); got != tc.call {
			t.Errorf("%s %s:\ncalled %s\n  want %s", tc.method, tc.target, got, tc.call)
		}
		if got := r.text(); got != tc.answer {
			t.Errorf("%s %s:\nanswer %s\n  want %s", tc.method, tc.target, got, tc.answer)
		}
		if r.aborted != nil {
			t.Errorf("%s %s: aborted with %v", tc.method, tc.target, r.aborted)
		}
	}
}

// TestLinesAreSentAsTheyCome: each message is with the client before the handler has the next.
func TestLinesAreSentAsTheyCome(t *testing.T) {
	sent := make(chan int, 1)
	back := &backend{stream: func(_ context.Context, stream *backStream) error {
		for i := range 3 {
			if err := stream.respond(int64(i)); err != nil {
				return err
			}
			if n := <-sent; n != i+1 {
				return fmt.Errorf("%d lines sent", n)
			}
		}
		return nil
	}}
	r := newRequest(t, "GET", "/v1/orders:watch", "")
	r.onSend = func(n int) error { sent <- n; return nil }
	shopRouter(t, Options{Invoker: back}).Serve(t.Context(), r)
	if got, want := r.text(), `200 content-type: application/x-ndjson | {} | {"total":"1"} | {"total":"2"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// endless sends until its context ends, which it tells.
func endless(ended chan<- error) func(context.Context, *backStream) error {
	return func(ctx context.Context, stream *backStream) error {
		for {
			if err := stream.respond(1); err != nil {
				ended <- ctx.Err()
				return err
			}
		}
	}
}

func TestClientThatLeavesCancelsTheCall(t *testing.T) {
	gone := errors.New("the peer has gone")
	ended := make(chan error, 1)
	router := shopRouter(t, Options{Invoker: &backend{stream: endless(ended)}})

	// Noticed where a line is sent:
	r := newRequest(t, "GET", "/v1/orders:watch", "")
	r.onSend = func(n int) error {
		if n < 3 {
			return nil
		}
		return gone
	}
	router.Serve(t.Context(), r)
	if err := <-ended; err != context.Canceled || r.aborted != gone || r.finished != 0 {
		t.Errorf("the handler's context: %v, aborted with %v, finished %d times", err, r.aborted, r.finished)
	}

	// By the end of the request's context:
	ctx, cancel := context.WithCancel(t.Context())
	r = newRequest(t, "GET", "/v1/orders:watch", "")
	r.onSend = func(n int) error {
		if n == 3 {
			cancel()
		}
		if n > 4 { // a message may have been on its way
			return gone
		}
		return nil
	}
	router.Serve(ctx, r)
	if err := <-ended; err != context.Canceled {
		t.Errorf("the handler's context: %v", err)
	}

	// At the end:
	r = newRequest(t, "GET", "/v1/orders:watch", "")
	r.cannotEnd = gone
	shopRouter(t, Options{Invoker: &backend{stream: responding(nil, 1)}}).Serve(t.Context(), r)
	if r.aborted != gone {
		t.Errorf("aborted with %v", r.aborted)
	}
}

func TestDeadlineOfLines(t *testing.T) {
	quiet := func(ctx context.Context, _ *backStream) error {
		<-ctx.Done()
		return ctx.Err()
	}
	r := newRequest(t, "GET", "/v1/orders:watch", "", "grpc-timeout: 1n")
	shopRouter(t, Options{Invoker: &backend{stream: quiet}}).Serve(t.Context(), r)
	if got, want := r.text(), `504 {"code":4,"message":"context deadline exceeded"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	// A deadline that comes after the first line, wherever that is.
	late := &lateContext{Context: t.Context(), over: make(chan struct{})}
	r = newRequest(t, "GET", "/v1/orders:watch", "")
	r.onSend = func(n int) error {
		if n == 1 {
			close(late.over)
		}
		return nil
	}
	shopRouter(t, Options{Invoker: &backend{stream: func(ctx context.Context, stream *backStream) error {
		if err := stream.respond(1); err != nil {
			return err
		}
		return quiet(ctx, stream)
	}}}).Serve(late, r)
	if got, want := r.text(), `200 content-type: application/x-ndjson | {"total":"1"} | {"error":{"code":4,"message":"context deadline exceeded"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestClientThatTakesNothing is cut off some time after the deadline, which ends the call, but not the Send that waits.
func TestClientThatTakesNothing(t *testing.T) {
	aborted := make(chan struct{})
	r := newRequest(t, "GET", "/v1/orders:watch", "", "grpc-timeout: 1H")
	r.onSend = func(int) error { <-aborted; return errors.New("given up") }
	r.onAbort = sync.OnceFunc(func() { close(aborted) })
	router := shopRouter(t, Options{Invoker: &backend{stream: responding(nil, 1)}})
	router.lateness = -time.Hour
	router.Serve(t.Context(), r)
	if r.finished != 0 {
		t.Error("the answer has a proper end")
	}
}

// lateContext is a context whose deadline passes when over is closed.
type lateContext struct {
	context.Context
	over chan struct{}
}

func (c *lateContext) Deadline() (time.Time, bool) { return time.Now().Add(time.Hour), true }
func (c *lateContext) Done() <-chan struct{}       { return c.over }
func (c *lateContext) Err() error {
	select {
	case <-c.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestLinesThatCannotBeSent(t *testing.T) {
	back := &backend{stream: func(_ context.Context, stream *backStream) error {
		stream.header = farcall.NewMetadata("a", "line\r\nbreak")
		return stream.respond(1)
	}}
	r := newRequest(t, "GET", "/v1/orders:watch", "")
	shopRouter(t, Options{Invoker: back}).Serve(t.Context(), r)
	if got := r.text(); !strings.HasPrefix(got, `500 {"code":13,"message":"the value of metadata key \"a\" cannot be sent`) {
		t.Errorf("a line break in a header: %s", got)
	}
}

func TestObserverOfLines(t *testing.T) {
	for _, tc := range []struct {
		handler func(context.Context, *backStream) error
		want    string
	}{
		{responding(nil, 1, 22), "1 edge message 1 bytes 0; 2 edge message 1 bytes 0; 14 edge message 1 bytes 14; 14 edge message 2 bytes 15; 14 edge message 0 bytes 0"},
		{responding(farcall.NotFound, 1), "1 edge message 1 bytes 0; 2 edge message 1 bytes 0; 14 edge message 1 bytes 14; 14 edge message 0 bytes 34 NOT_FOUND"},
		{responding(farcall.NotFound), "1 edge message 1 bytes 0; 2 edge message 1 bytes 0; 14 edge message 0 bytes 23 NOT_FOUND"},
	} {
		seen := &notes{}
		back := &backend{stream: func(ctx context.Context, stream *backStream) error {
			if ctx.Value(noteKey{}) != "begun" {
				t.Error("the Observer's context does not reach the call")
			}
			return tc.handler(ctx, stream)
		}}
		r := newRequest(t, "GET", "/v1/orders:watch", "")
		shopRouter(t, Options{Invoker: back, Observer: seen}).Serve(t.Context(), r)
		if got := strings.Join(seen.lines, "; "); got != tc.want || seen.begun[0].Method != shop["WatchOrders"] {
			t.Errorf("got %s\nwant %s", got, tc.want)
		}
	}
}
