// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/health"
	"github.com/farcall/farcall/internal/pb/healthv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a server as far as health sees one, and an Invoker of what is registered.
type host struct {
	farcall.Invoker
	methods  map[string]*farcall.Method
	handlers map[string]farcall.Handler
	shutdown []func()
}

func newHost() *host {
	return &host{methods: map[string]*farcall.Method{}, handlers: map[string]farcall.Handler{}}
}

func (h *host) Register(method *farcall.Method, handler farcall.Handler) {
	h.methods[method.Name()], h.handlers[method.Name()] = method, handler
}

func (h *host) OnShutdown(f func()) { h.shutdown = append(h.shutdown, f) }

func (h *host) Shutdown() {
	for _, f := range h.shutdown {
		f()
	}
}

// Invoke calls a unary handler.
func (h *host) Invoke(ctx context.Context, method *farcall.Method, request, response any) error {
	s := newStream(method, request.(proto.Message))
	if err := h.handlers[method.Name()](ctx, s); err != nil {
		return farcall.AsError(err)
	}
	proto.Merge(response.(proto.Message), <-s.sent)
	return nil
}

// stream is the server's end of a call: a script of requests, and what the handler sent.
type stream struct {
	farcall.Stream
	method   *farcall.Method
	requests []proto.Message
	sent     chan proto.Message
}

func newStream(method *farcall.Method, requests ...proto.Message) *stream {
	return &stream{method: method, requests: requests, sent: make(chan proto.Message, 1)}
}

func (s *stream) Method() *farcall.Method { return s.method }

func (s *stream) Receive(message any) error {
	if len(s.requests) == 0 {
		return io.EOF
	}
	proto.Merge(message.(proto.Message), s.requests[0])
	s.requests = s.requests[1:]
	return nil
}

func (s *stream) Send(message any) error {
	s.sent <- proto.Clone(message.(proto.Message))
	return nil
}

func check(t *testing.T, h *host, service string) health.Status {
	t.Helper()
	status, err := health.Check(t.Context(), h, service)
	if err != nil {
		t.Fatalf("Check(%q): %v", service, err)
	}
	return status
}

func wantStatus(t *testing.T, got, want health.Status) {
	t.Helper()
	if got != want {
		t.Errorf("status is %v, want %v", got, want)
	}
}

func TestCheckAnswersWhatWasSet(t *testing.T) {
	h := newHost()
	s := health.Register(h)
	wantStatus(t, check(t, h, ""), health.Serving)
	wantStatus(t, check(t, h, "shop.v1.Payments"), health.ServiceUnknown)

	s.SetServing("shop.v1.Payments")
	wantStatus(t, check(t, h, "shop.v1.Payments"), health.Serving)
	s.SetNotServing("shop.v1.Payments")
	wantStatus(t, check(t, h, "shop.v1.Payments"), health.NotServing)
	wantStatus(t, check(t, h, ""), health.Serving)
	s.SetStatus("shop.v1.Payments", health.Unknown)
	wantStatus(t, check(t, h, "shop.v1.Payments"), health.Unknown)
	s.SetStatus("shop.v1.Payments", health.ServiceUnknown)
	wantStatus(t, check(t, h, "shop.v1.Payments"), health.ServiceUnknown)
	wantStatus(t, s.Status(""), health.Serving)
}

func TestCheckOfAnUnknownServiceIsNotFound(t *testing.T) {
	h := newHost()
	health.Register(h)
	request := &healthv1.HealthCheckRequest{Service: "nobody"}
	err := h.Invoke(t.Context(), h.methods["Check"], request, new(healthv1.HealthCheckResponse))
	if !errors.Is(err, farcall.NotFound) {
		t.Errorf("got %v, want NOT_FOUND", err)
	}
}

func TestShutdownPausesUntilResume(t *testing.T) {
	h := newHost()
	s := health.Register(h)
	s.SetServing("a")
	s.Shutdown()
	s.SetServing("b")
	for _, service := range []string{"", "a", "b"} {
		wantStatus(t, check(t, h, service), health.NotServing)
	}
	wantStatus(t, check(t, h, "nobody"), health.ServiceUnknown)
	s.SetNotServing("a")
	s.Resume()
	wantStatus(t, check(t, h, ""), health.Serving)
	wantStatus(t, check(t, h, "a"), health.NotServing)
	wantStatus(t, check(t, h, "b"), health.Serving)
}

func TestNothingResumesAfterTheServersShutdown(t *testing.T) {
	h := newHost()
	s := health.Register(h)
	h.Shutdown()
	s.Resume()
	s.SetServing("")
	wantStatus(t, check(t, h, ""), health.NotServing)
}

func TestListHasEveryServiceUpToAHundred(t *testing.T) {
	h := newHost()
	s := health.Register(h)
	s.SetNotServing("a")
	list := func() (*healthv1.HealthListResponse, error) {
		return farcall.InvokeUnary[healthv1.HealthListResponse](t.Context(), h, h.methods["List"], &healthv1.HealthListRequest{})
	}
	got, err := list()
	if err != nil {
		t.Fatal(err)
	}
	want := &healthv1.HealthListResponse{Statuses: map[string]*healthv1.HealthCheckResponse{
		"":  {Status: healthv1.HealthCheckResponse_SERVING},
		"a": {Status: healthv1.HealthCheckResponse_NOT_SERVING},
	}}
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i := range 98 {
		s.SetServing(fmt.Sprint("service", i))
	}
	if got, err := list(); err != nil || len(got.GetStatuses()) != 100 {
		t.Errorf("a list of 100: %d, %v", len(got.GetStatuses()), err)
	}
	s.SetServing("one more")
	if _, err := list(); !errors.Is(err, farcall.ResourceExhausted) {
		t.Errorf("a list of 101: %v, want RESOURCE_EXHAUSTED", err)
	}
}

// watching is a Watch call in progress.
type watching struct {
	*stream
	ended  chan error
	cancel context.CancelFunc
}

func startWatch(t *testing.T, h *host, service string) *watching {
	ctx, cancel := context.WithCancel(t.Context())
	w := &watching{
		newStream(h.methods["Watch"], &healthv1.HealthCheckRequest{Service: service}), make(chan error, 1), cancel,
	}
	go func() { w.ended <- h.handlers["Watch"](ctx, w.stream) }() // ends by cancel or the host's shutdown
	t.Cleanup(cancel)
	return w
}

func (w *watching) next() health.Status {
	return health.Status((<-w.sent).(*healthv1.HealthCheckResponse).GetStatus())
}

func TestWatchSendsTheStatusAndEveryChange(t *testing.T) {
	h := newHost()
	s := health.Register(h)
	w := startWatch(t, h, "a")
	wantStatus(t, w.next(), health.ServiceUnknown)
	s.SetServing("a")
	wantStatus(t, w.next(), health.Serving)
	s.SetServing("a") // no change, so no message: the next one is the change after it
	s.SetServing("b")
	s.SetNotServing("a")
	wantStatus(t, w.next(), health.NotServing)
	s.SetStatus("a", health.ServiceUnknown)
	wantStatus(t, w.next(), health.ServiceUnknown)
	s.SetServing("a")
	wantStatus(t, w.next(), health.Serving)
	s.Shutdown()
	wantStatus(t, w.next(), health.NotServing)
	s.Resume()
	wantStatus(t, w.next(), health.Serving)
	w.cancel()
	if err := <-w.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Watch ended with %v", err)
	}
}

func TestWatchEndsWithTheServer(t *testing.T) {
	h := newHost()
	health.Register(h)
	w, unknown := startWatch(t, h, ""), startWatch(t, h, "nobody")
	wantStatus(t, w.next(), health.Serving)
	wantStatus(t, unknown.next(), health.ServiceUnknown)
	h.Shutdown()
	wantStatus(t, w.next(), health.NotServing)
	for _, ended := range []chan error{w.ended, unknown.ended} {
		if err := <-ended; !errors.Is(err, farcall.Unavailable) {
			t.Errorf("a Watch ended with %v at the server's shutdown, want UNAVAILABLE", err)
		}
	}
}

func TestWatchWithoutARequestFails(t *testing.T) {
	h := newHost()
	health.Register(h)
	if err := h.handlers["Watch"](t.Context(), newStream(h.methods["Watch"])); err == nil {
		t.Error("a Watch without a request succeeded")
	}
}

// However the changes and the watchers' sends fall together, the last message is the last status.
func TestWatchersOfARestlessServiceEndWithItsLastStatus(t *testing.T) {
	h := newHost()
	s := health.Register(h)
	var watches []*watching
	for range 4 {
		watches = append(watches, startWatch(t, h, "a"))
	}
	last := make([]health.Status, len(watches))
	var readers sync.WaitGroup
	for i, w := range watches {
		readers.Go(func() {
			for status := range w.statuses() {
				if status == last[i] {
					t.Errorf("watch %d was sent %v twice in a row", i, status)
				}
				last[i] = status
			}
		})
	}
	for range 1000 {
		s.SetStatus("a", health.Status(1+rand.IntN(3)))
	}
	s.SetServing("a")
	h.Shutdown() // one more change, after which every Watch ends
	readers.Wait()
	for i, status := range last {
		if status != health.NotServing {
			t.Errorf("the last status watch %d was sent is %v", i, status)
		}
	}
}

// statuses ranges over what is sent until the call ends.
func (w *watching) statuses() func(yield func(health.Status) bool) {
	return func(yield func(health.Status) bool) {
		for {
			select {
			case message := <-w.sent:
				yield(health.Status(message.(*healthv1.HealthCheckResponse).GetStatus()))
			case <-w.ended:
				select {
				case message := <-w.sent: // sent before the end, and still in the channel
					yield(health.Status(message.(*healthv1.HealthCheckResponse).GetStatus()))
				default:
				}
				return
			}
		}
	}
}

func TestStatusNames(t *testing.T) {
	for status, name := range healthv1.HealthCheckResponse_ServingStatus_name {
		if got := health.Status(status).String(); got != name {
			t.Errorf("status %d is %q, want %q", status, got, name)
		}
	}
	if got := health.Status(-1).String(); got != "STATUS_-1" {
		t.Errorf("status -1 is %q", got)
	}
}
