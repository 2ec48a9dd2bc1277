// SPDX-License-Identifier: Apache-2.0

package call

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var method = &farcall.Method{Path: "/test.v1.Echo/Say"}

// someStream is a Stream of which only Method is used.
type someStream struct{ farcall.Stream }

func (someStream) Method() *farcall.Method { return method }

func TestWrapRunsTheFirstOutermost(t *testing.T) {
	var order []string
	type key string
	note := func(name string) farcall.Interceptor {
		return func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
			order = append(order, name+" begins")
			err := next(context.WithValue(ctx, key(name), true), stream)
			order = append(order, name+" ends")
			return err
		}
	}
	failure := errors.New("failure")
	handler := Wrap(Interceptors([]farcall.Interceptor{note("a"), nil, note("b")}), func(ctx context.Context, _ farcall.Stream) error {
		if ctx.Value(key("a")) == nil || ctx.Value(key("b")) == nil {
			t.Error("the context of the interceptors did not reach the handler")
		}
		order = append(order, "handler")
		return failure
	})
	if err := handler(t.Context(), someStream{}); err != failure {
		t.Errorf("the chain returned %v", err)
	}
	want := []string{"a begins", "b begins", "handler", "b ends", "a ends"}
	if !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
}

func TestGuardMakesPanicsInternalAndKeepsTheirValueHere(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	err := Guard(t.Context(), someStream{}, func(context.Context, farcall.Stream) error { panic("the secret") }, logger)
	if farcall.CodeOf(err) != farcall.Internal || strings.Contains(err.Error(), "secret") {
		t.Errorf("the caller gets %v", err)
	}
	for _, part := range []string{"the secret", "test.v1.Echo/Say", "TestGuardMakes"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %q: %s", part, log.String())
		}
	}
	if err := Guard(t.Context(), someStream{}, func(context.Context, farcall.Stream) error { return nil }, logger); err != nil {
		t.Errorf("a handler that does not panic returned %v", err)
	}
}

func TestOutcomeOfNilIsAPlainNil(t *testing.T) {
	if err := Outcome(nil); err != nil {
		t.Errorf("got %#v", err)
	}
	var own *farcall.Error
	if err := Outcome(errors.New("x")); !errors.As(err, &own) || own.Code != farcall.Unknown {
		t.Errorf("got %v", err)
	}
}

func TestContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := ContextEnded(ctx, method, "before it began"); err != nil {
		t.Errorf("a living context gives %v", err)
	}
	reason := errors.New("the user went home")
	cancel(reason)
	err := ContextEnded(ctx, method, "before it began")
	if farcall.CodeOf(err) != farcall.Canceled || !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
		t.Errorf("got %v", err)
	}
	late, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	err = ContextEnded(late, method, "before it began")
	if farcall.CodeOf(err) != farcall.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if want := "DEADLINE_EXCEEDED: test.v1.Echo/Say: the caller's deadline passed before it began: context deadline exceeded"; err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
}

// lateTimer is a context whose deadline has passed and whose timer has not fired.
type lateTimer struct{ context.Context }

func (lateTimer) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestReturnedTellsTheOwnEndFromTheOthers(t *testing.T) {
	remote := func(code farcall.Code) error { return farcall.Errorf(code, "said the server") }
	own := func(err error) bool {
		return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	cases := []struct {
		name string
		ctx  context.Context
		err  error
		code farcall.Code
		own  bool
	}{
		{"success", t.Context(), nil, farcall.OK, false},
		{"the server's own deadline", t.Context(), remote(farcall.DeadlineExceeded), farcall.DeadlineExceeded, false},
		{"the server cancels", t.Context(), remote(farcall.Canceled), farcall.Canceled, false},
		{"both ended", ended, remote(farcall.DeadlineExceeded), farcall.Canceled, true},
		{"another failure while ctx ended", ended, remote(farcall.NotFound), farcall.NotFound, false},
		{"the timer is late", lateTimer{t.Context()}, remote(farcall.DeadlineExceeded), farcall.DeadlineExceeded, true},
	}
	for _, c := range cases {
		err := Returned(c.ctx, method, c.err)
		if farcall.CodeOf(err) != c.code || own(err) != c.own {
			t.Errorf("%s: got %v, its own end: %v", c.name, err, own(err))
		}
	}
}

func TestCrossedSharesNothing(t *testing.T) {
	near := farcall.NewError(farcall.InvalidArgument, "wrong", &errdetails.ErrorInfo{Reason: "R"})
	wrapped := farcall.Errorf(farcall.NotFound, "no: %w", near)
	if far := Crossed(wrapped); far.Unwrap() != nil || far.Code != farcall.NotFound {
		t.Errorf("got %v with cause %v", far, far.Unwrap())
	}
	far := Crossed(near)
	far.Details[0].Value[0]++
	far.Message = "changed"
	if info, ok := farcall.Detail[*errdetails.ErrorInfo](near); !ok || info.Reason != "R" || farcall.AsError(near).Message != "wrong" {
		t.Error("a change of what crossed is seen on this side")
	}
	if Crossed(nil) != nil {
		t.Error("nil did not stay nil")
	}
}

func pairs(metadata farcall.Metadata) (list []string) {
	for key, value := range metadata.All() {
		list = append(list, key+"="+value)
	}
	return list
}

func TestOutgoingMetadata(t *testing.T) {
	base := farcall.WithMetadata(t.Context(), "a", "1", "b", "2")
	cases := []struct {
		name   string
		change func(*Outgoing) context.Context
		want   []string
	}{
		{"untouched", func(*Outgoing) context.Context { return base }, []string{"a=1", "b=2"}},
		{"added to the context", func(*Outgoing) context.Context { return farcall.WithMetadata(base, "a", "3") }, []string{"a=1", "b=2", "a=3"}},
		{"changed in the header", func(o *Outgoing) context.Context { o.RequestHeader().Set("a", "4"); return base }, []string{"b=2", "a=4"}},
		{"both", func(o *Outgoing) context.Context {
			o.RequestHeader().Delete("a")
			return farcall.WithMetadata(base, "c", "5")
		}, []string{"b=2", "c=5"}},
		{"another context", func(*Outgoing) context.Context { return farcall.WithMetadata(context.Background(), "d", "6") }, []string{"a=1", "b=2", "d=6"}},
		{"another context that looks longer", func(*Outgoing) context.Context {
			return farcall.WithMetadata(context.Background(), "a", "1", "x", "2", "y", "3")
		}, []string{"a=1", "b=2", "a=1", "x=2", "y=3"}},
	}
	for _, c := range cases {
		outgoing, err := Claim(base)
		if err != nil {
			t.Fatal(err)
		}
		ctx := c.change(&outgoing)
		for range 2 { // a second attempt sends the same
			if got := pairs(outgoing.Open(ctx)); !slices.Equal(got, c.want) {
				t.Errorf("%s: sends %q, want %q", c.name, got, c.want)
			}
		}
		if got := pairs(farcall.OutgoingMetadata(base)); !slices.Equal(got, []string{"a=1", "b=2"}) {
			t.Fatalf("%s: the caller's context now sends %q", c.name, got)
		}
	}
}

func TestClaimAndDeliver(t *testing.T) {
	ctx, collected := farcall.NewCall(farcall.WithMetadata(t.Context(), "a", "1"))
	outgoing, err := Claim(ctx)
	if err != nil || !outgoing.Collects() {
		t.Fatalf("the first claim: %v", err)
	}
	if _, err := Claim(ctx); farcall.CodeOf(err) != farcall.FailedPrecondition {
		t.Errorf("the second claim: %v", err)
	}
	outgoing.Open(farcall.WithMetadata(ctx, "b", "2"))
	outgoing.Deliver(method, farcall.Peer{}, farcall.NewMetadata("h", "1"), farcall.NewMetadata("t", "2"))
	if got := pairs(*collected.RequestHeader()); !slices.Equal(got, []string{"a=1", "b=2"}) {
		t.Errorf("request header %q", got)
	}
	if collected.Method() != method || collected.ResponseHeader().Get("h") != "1" || collected.ResponseTrailer().Get("t") != "2" {
		t.Error("the answer was not delivered whole")
	}
	nobody, err := Claim(t.Context())
	if err != nil || nobody.Collects() {
		t.Errorf("without NewCall: %v", err)
	}
	nobody.Deliver(method, farcall.Peer{}, farcall.Metadata{}, farcall.Metadata{}) // must not fail
}

func TestEncode(t *testing.T) {
	encoded, err := new(Format).Encode(wrapperspb.String("hi"), true)
	if err != nil {
		t.Fatal(err)
	}
	if want := []byte{0, 0, 0, 0, 4, 0x0a, 2, 'h', 'i'}; !bytes.Equal(encoded.B, want) {
		t.Errorf("got % x, want % x", encoded.B, want)
	}
	encoded.Free()
	released := 0
	raw := &farcall.Raw{Data: []byte("abc"), Release: func() { released++ }}
	if encoded, err = new(Format).Encode(raw, true); err != nil || string(encoded.B) != "\x00\x00\x00\x00\x03abc" || released != 1 {
		t.Errorf("a Raw: %v, released %d times", err, released)
	}
	if _, err := new(Format).Encode((*wrapperspb.StringValue)(nil), true); farcall.CodeOf(err) != farcall.Internal {
		t.Errorf("a nil message: %v", err)
	}
	if _, err := new(Format).Encode("text", true); farcall.CodeOf(err) != farcall.Internal {
		t.Errorf("no message at all: %v", err)
	}
	if _, err := new(Format).Encode(wrapperspb.String("\xff"), true); farcall.CodeOf(err) != farcall.Internal {
		t.Errorf("invalid UTF-8: %v", err)
	}
}

// recorder is an Observer that keeps what it is told.
type recorder struct {
	begun  []farcall.CallInfo
	events []farcall.Event
}

func (r *recorder) Begin(ctx context.Context, info *farcall.CallInfo) context.Context {
	r.begun = append(r.begun, *info)
	return context.WithValue(ctx, r, len(r.begun))
}

func (r *recorder) Event(event farcall.Event) { r.events = append(r.events, event) }

func TestTap(t *testing.T) {
	ctx, off := Begin(t.Context(), nil, method, farcall.SideClient)
	if off.On() || ctx != t.Context() {
		t.Error("without an observer the Tap is not off")
	}
	r := &recorder{}
	ctx, tap := Begin(t.Context(), r, method, farcall.SideClient)
	if !tap.On() || ctx.Value(r) != 1 {
		t.Error("the observer's context is not the call's")
	}
	tap.Step(farcall.StepEncodeRequest, 1, 91, nil)
	ctx = tap.Attempt(ctx, 2)
	if ctx.Value(r) != 2 {
		t.Error("the observer's context is not the attempt's")
	}
	failure := errors.New("failure")
	at := time.Now().Add(-time.Hour)
	tap.StepAt(at, farcall.StepReceiveResponse, 1, 20, failure)
	tap.Remote(at, farcall.StepInvokeHandler, 7)
	if len(r.begun) != 2 || r.begun[0].Attempt != 0 || r.begun[1].Attempt != 2 {
		t.Fatalf("begun %+v", r.begun)
	}
	first, second, third := r.events[0], r.events[1], r.events[2]
	if first.Step != farcall.StepEncodeRequest || first.Attempt != 1 || first.Bytes != 91 || first.Message != 1 || first.Time.IsZero() {
		t.Errorf("first event %+v", first)
	}
	if second.Attempt != 2 || second.Err != failure || !second.Time.Equal(at) || second.Call != first.Call || second.Side != farcall.SideClient {
		t.Errorf("second event %+v", second)
	}
	if !third.Remote || third.Side != farcall.SideServer || third.Step != farcall.StepInvokeHandler || third.Bytes != 7 {
		t.Errorf("third event %+v", third)
	}
}

func TestClockKeepsTheFirstOfEachStep(t *testing.T) {
	var tap *Tap
	if tap.Times() != nil {
		t.Error("nothing was noted")
	}
	tap = tap.Timed()
	begin := time.Now()
	tap.StepAt(begin, farcall.StepReceiveRequest, 1, 91, nil)
	tap.StepAt(begin.Add(time.Millisecond), farcall.StepDecodeRequest, 1, 86, nil)
	tap.StepAt(begin.Add(time.Second), farcall.StepDecodeRequest, 2, 1, nil)
	tap.StepAt(begin, farcall.StepAnswer, 1, 1, nil) // not a server's
	times := tap.Times()
	if len(times) != 2 || times[0].Step != farcall.StepReceiveRequest || times[0].Since != 0 || times[0].Bytes != 91 ||
		times[1].Step != farcall.StepDecodeRequest || times[1].Since != time.Millisecond || times[1].Bytes != 86 {
		t.Errorf("times %+v", times)
	}
}
