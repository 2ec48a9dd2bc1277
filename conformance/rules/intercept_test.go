// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// The interceptors that the package documentation of farcall shows (example_interceptor_test.go), one type for both ends
// and all four kinds. Here each is put to work on both.

// logCalls logs each call with its code and duration.
func logCalls(logger *slog.Logger) farcall.Interceptor {
	return func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		start := time.Now()
		err := next(ctx, stream)
		logger.InfoContext(ctx, "call", "method", stream.Method().String(), "code", farcall.CodeOf(err).String(), "took", time.Since(start))
		return err
	}
}

// authenticate lets calls with the token through, before anything is decoded.
func authenticate(token string) farcall.Interceptor {
	return func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		if stream.RequestHeader().Get("authorization") != "Bearer "+token {
			return farcall.Errorf(farcall.Unauthenticated, "a valid token is needed")
		}
		return next(ctx, stream)
	}
}

// authorize sends the token with every call: the client's side of authenticate.
func authorize(token string) farcall.Interceptor {
	return func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		stream.RequestHeader().Set("authorization", "Bearer "+token)
		return next(ctx, stream)
	}
}

// validating is a stream that refuses received messages which say of themselves that they are wrong.
type validating struct{ farcall.Stream }

func (s validating) Receive(message any) error {
	if err := s.Stream.Receive(message); err != nil {
		return err
	}
	if item, ok := message.(*rulespb.Item); ok && item.GetNumber() > 100 {
		return farcall.Errorf(farcall.InvalidArgument, "the number %d is above 100", item.GetNumber())
	}
	return nil
}

func validate(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
	return next(ctx, validating{stream})
}

// measured is a stream that counts messages.
type measured struct {
	farcall.Stream
	received, sent *metrics
}

type metrics struct {
	mu              sync.Mutex
	messages, bytes int
}

func (m *metrics) note(err error) error {
	if err == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.messages++
	}
	return err
}

func (m *metrics) noteBytes(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += int(bytes)
}

func (s measured) Send(message any) error    { return s.sent.note(s.Stream.Send(message)) }
func (s measured) Receive(message any) error { return s.received.note(s.Stream.Receive(message)) }

// recoverPanics turns a panic further in into an error with a text of one's own.
func recoverPanics(logger *slog.Logger) farcall.Interceptor {
	return func(ctx context.Context, stream farcall.Stream, next farcall.Handler) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				logger.ErrorContext(ctx, "panic", "cause", cause, "stack", string(debug.Stack()))
				err = farcall.Errorf(farcall.Internal, "we have been told")
			}
		}()
		return next(ctx, stream)
	}
}

// lines is where a logger writes; calls of both ends end on goroutines of their own.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func TestLogging(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var near, far lines
		var with settings
		with.client.Interceptors = []farcall.Interceptor{logCalls(slog.New(slog.NewTextHandler(&near, nil)))}
		with.server.Interceptors = []farcall.Interceptor{logCalls(slog.New(slog.NewTextHandler(&far, nil)))}
		var outcome error
		rules := m.start(t, everyKind(func(context.Context) error { return outcome }), with)
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			for _, outcome = range []error{nil, farcall.Aborted} {
				if err := kind(t.Context(), rules); farcall.CodeOf(err) != farcall.CodeOf(outcome) {
					t.Fatal(err)
				}
				want := "code=" + farcall.CodeOf(outcome).String()
				if got := far.take(); strings.Count(got, "\n") != 1 || !strings.Contains(got, want) {
					t.Errorf("the server's log is %q, want %s", got, want)
				}
				if got := near.take(); m.wire && (strings.Count(got, "\n") != 1 || !strings.Contains(got, want)) {
					t.Errorf("the client's log is %q, want %s", got, want)
				}
			}
		})
	})
}

func TestAuthentication(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ran := false
		impl := everyKind(func(context.Context) error { ran = true; return nil })
		var with settings
		with.server.Interceptors = []farcall.Interceptor{authenticate("secret")}
		stranger := m.start(t, impl, with)
		with.client.Interceptors = []farcall.Interceptor{authorize("secret")}
		friend := m.start(t, impl, with)
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			ran = false
			wantCode(t, kind(t.Context(), stranger), farcall.Unauthenticated)
			for _, method := range rulesMethods { // whatever a stranger sends, nobody decodes it
				err := stranger.via.Stream(t.Context(), method, func(_ context.Context, stream farcall.Stream) error {
					if err := stream.Send(&farcall.Raw{Data: []byte{0xff}}); err != nil && err != io.EOF {
						return err
					}
					return stream.Receive(new(rulespb.Item))
				})
				wantCode(t, err, farcall.Unauthenticated)
			}
			if ran {
				t.Error("the handler ran")
			}
			ctx := t.Context()
			if !m.wire { // Local has one end
				ctx = farcall.WithMetadata(ctx, "authorization", "Bearer secret")
			}
			if err := kind(ctx, friend); err != nil || !ran {
				t.Errorf("with the token: %v, the handler ran: %v", err, ran)
			}
		})
	})
}

func TestValidation(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var with settings
		with.server.Interceptors = []farcall.Interceptor{validate}
		rules := m.start(t, echo(), with)
		_, getErr := rules.Get(t.Context(), item(101))
		_, collectErr := rules.Collect(t.Context(), items(nil, 1, 101))
		for _, err := range []error{getErr, collectErr, all(t, rules.List(t.Context(), item(101))).err} {
			wantCode(t, err, farcall.InvalidArgument)
		}
		all(t, rules.Talk(t.Context(), items(nil, 1, 101))).want(t, farcall.InvalidArgument, 1)
		all(t, rules.Talk(t.Context(), items(nil, 1, 100))).want(t, farcall.OK, 1, 100)
		if !m.wire {
			return
		}
		with.client.Interceptors, with.server.Interceptors = with.server.Interceptors, nil // answers, at the client
		rules = m.start(t, echo(), with)
		_, getErr = rules.Get(t.Context(), item(101))
		_, collectErr = rules.Collect(t.Context(), items(nil, 1, 101))
		for _, err := range []error{getErr, collectErr, all(t, rules.List(t.Context(), item(101))).err} {
			wantCode(t, err, farcall.InvalidArgument)
		}
		all(t, rules.Talk(t.Context(), items(nil, 1, 101))).want(t, farcall.InvalidArgument, 1)
	})
}

func TestMetrics(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		received := map[string]*metrics{"near": {}, "far": {}}
		sent := map[string]*metrics{"near": {}, "far": {}}
		measure := func(end string) []farcall.Interceptor {
			return []farcall.Interceptor{func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
				err := next(ctx, measured{stream, received[end], sent[end]})
				out, in := stream.Bytes()
				sent[end].noteBytes(out)
				received[end].noteBytes(in)
				return err
			}}
		}
		var with settings
		with.client.Interceptors, with.server.Interceptors = measure("near"), measure("far")
		rules := m.start(t, counter{}, with)
		_, err := rules.Get(t.Context(), item(1)) // 1, 1
		if err == nil {
			_, err = rules.Collect(t.Context(), items(nil, 1, 2, 3)) // 3, 1
		}
		if err != nil {
			t.Fatal(err)
		}
		all(t, rules.List(t.Context(), &rulespb.Item{Text: "abc"})).want(t, farcall.OK, 0, 1, 2) // 1, 3
		all(t, rules.Talk(t.Context(), items(nil, 1, 2, 3))).want(t, farcall.OK, 2, 4, 6)        // 3, 3
		check := func(what string, got *metrics, messages, bytes int) {
			t.Helper()
			if got.messages != messages || got.bytes != bytes {
				t.Errorf("%s: %d messages, %d bytes, want %d and %d", what, got.messages, got.bytes, messages, bytes)
			}
		}
		check("received there", received["far"], 8, 2+3*2+5+3*2)
		check("sent there", sent["far"], 8, 2+2+(0+2+2)+3*2)
		if m.wire {
			check("sent here", sent["near"], 8, 2+3*2+5+3*2)
			check("received here", received["near"], 8, 2+2+(0+2+2)+3*2)
		}
	})
}

func TestRecovery(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var log lines
		var with settings
		with.server.Interceptors = []farcall.Interceptor{recoverPanics(slog.New(slog.NewTextHandler(&log, nil)))}
		rules := m.start(t, everyKind(func(context.Context) error { panic("in the handler") }), with)
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			err := kind(t.Context(), rules)
			wantCode(t, err, farcall.Internal)
			if err != nil && !strings.Contains(err.Error(), "we have been told") {
				t.Errorf("the error is %v", err)
			}
			if got := log.take(); !strings.Contains(got, "in the handler") {
				t.Errorf("the log is %q", got)
			}
		})
	})
}

// What an interceptor may see and change besides: headers and trailers both ways, the context, and the error.
func TestAnInterceptorSeesTheWholeCall(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		if !m.wire {
			return
		}
		type private struct{}
		var with settings
		with.server.Interceptors = []farcall.Interceptor{func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
			stream.ResponseHeader().Set("x-header", stream.RequestHeader().Get("x-added"))
			err := next(context.WithValue(ctx, private{}, "value"), stream)
			stream.ResponseTrailer().Set("x-trailer", farcall.CodeOf(err).String())
			return errors.Join(err)
		}}
		seen := map[string]string{}
		with.client.Interceptors = []farcall.Interceptor{
			func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
				ctx, cancel := context.WithTimeout(farcall.WithMetadata(ctx, "x-added", "1"), time.Hour)
				defer cancel()
				err := next(ctx, stream)
				seen = maps.Collect(stream.ResponseTrailer().All())
				maps.Insert(seen, stream.ResponseHeader().All())
				return err
			},
		}
		rules := m.start(t, everyKind(func(ctx context.Context) error {
			if _, has := ctx.Deadline(); !has || ctx.Value(private{}) != "value" {
				t.Errorf("the handler has a deadline: %v, and the value %v", has, ctx.Value(private{}))
			}
			return nil
		}), with)
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			if err := kind(t.Context(), rules); err != nil {
				t.Fatal(err)
			}
			if seen["x-header"] != "1" || seen["x-trailer"] != "OK" {
				t.Errorf("the client's interceptor has seen %v", seen)
			}
		})
	})
}

// The mistakes that an interceptor can make are named, on all kinds.
func TestMistakesOfInterceptors(t *testing.T) {
	for name, test := range map[string]struct {
		mistake farcall.Interceptor
		code    farcall.Code
	}{
		"nothing": {func(context.Context, farcall.Stream, farcall.Handler) error { return nil }, farcall.Internal},
		"twice": {func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
			_ = next(ctx, stream)
			return next(ctx, stream)
		}, farcall.FailedPrecondition},
		"refusal": {func(context.Context, farcall.Stream, farcall.Handler) error { return farcall.PermissionDenied }, farcall.PermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			var with settings
			with.client.Interceptors = []farcall.Interceptor{test.mistake}
			rules := modes[0].start(t, echo(), with)
			each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
				wantCode(t, kind(t.Context(), rules), test.code)
			})
			stream, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
			if err == nil {
				stream.Close()
				_, err = stream.Receive()
			}
			if name != "twice" { // what the caller did with the stream comes first there
				wantCode(t, err, test.code)
			}
		})
	}
}

// events are what an Observer was told: of each call, how often each step came.
type events struct {
	mu    sync.Mutex
	steps map[farcall.Side]map[farcall.Step][]int
	began map[farcall.Side]int
}

type begunKey struct{}

func (e *events) Begin(ctx context.Context, call *farcall.CallInfo) context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	if call.Attempt == 0 {
		e.began[call.Side]++
	}
	return context.WithValue(ctx, begunKey{}, call.Side)
}

func (e *events) Event(event farcall.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	of := e.steps[event.Call.Side]
	if of == nil {
		of = make(map[farcall.Step][]int)
		e.steps[event.Call.Side] = of
	}
	of[event.Step] = append(of[event.Step], event.Message)
}

func (e *events) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.steps, e.began = make(map[farcall.Side]map[farcall.Step][]int), make(map[farcall.Side]int)
}

// count returns how many messages a step was reported for.
func (e *events) count(side farcall.Side, step farcall.Step) (messages int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, message := range e.steps[side][step] {
		if message > 0 {
			messages++
		}
	}
	return messages
}

// An Observer sees every step of a stream, those of messages once for each.
func TestObserversOfStreams(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var e events
		e.reset()
		var with settings
		with.client.Observer, with.server.Observer = &e, &e
		with.server.Interceptors = []farcall.Interceptor{func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
			if ctx.Value(begunKey{}) != farcall.SideServer {
				t.Errorf("Begin's context has not come through: %v", ctx.Value(begunKey{}))
			}
			return next(ctx, stream)
		}}
		rules := m.start(t, counter{}, with)
		for _, test := range []struct {
			name                string
			call                func()
			requests, responses int
		}{
			{"list", func() { all(t, rules.List(t.Context(), &rulespb.Item{Text: "abc"})).want(t, farcall.OK, 0, 1, 2) }, 1, 3},
			{"collect", func() {
				message, err := rules.Collect(t.Context(), items(nil, 1, 2, 3))
				one(t, message, err).want(t, farcall.OK, 6)
			}, 3, 1},
			{"talk", func() { all(t, rules.Talk(t.Context(), items(nil, 1, 2, 3))).want(t, farcall.OK, 2, 4, 6) }, 3, 3},
		} {
			e.reset()
			test.call()
			want := map[farcall.Side]map[farcall.Step]int{farcall.SideServer: {
				farcall.StepDecodeRequest: test.requests, farcall.StepEncodeResponse: test.responses,
			}}
			if m.wire {
				want[farcall.SideClient] = map[farcall.Step]int{
					farcall.StepEncodeRequest: test.requests, farcall.StepSendRequest: test.requests, farcall.StepRequestFrames: 1,
					farcall.StepReceiveResponse: test.responses, farcall.StepDecodeResponse: test.responses,
				}
				want[farcall.SideServer][farcall.StepReceiveRequest] = test.requests
			}
			for side, steps := range want {
				for step, messages := range steps {
					if got := e.count(side, step); got != messages {
						t.Errorf("%s: %v of the %v was reported for %d messages, want %d", test.name, step, side, got, messages)
					}
				}
			}
			e.mu.Lock()
			for _, step := range []farcall.Step{farcall.StepInvokeHandler, farcall.StepHandlerReturns} {
				if got := len(e.steps[farcall.SideServer][step]); got != 1 {
					t.Errorf("%s: %v was reported %d times", test.name, step, got)
				}
			}
			if e.began[farcall.SideServer] != 1 || m.wire && e.began[farcall.SideClient] != 1 {
				t.Errorf("%s: Begin was called %v times", test.name, e.began)
			}
			e.mu.Unlock()
		}
	})
}
