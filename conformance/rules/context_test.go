// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// kinds are the four kinds of call as one: each makes a call that sends one message and returns the call's error.
var kinds = map[string]func(context.Context, rulespb.Rules) error{
	"get": func(ctx context.Context, rules rulespb.Rules) error {
		_, err := rules.Get(ctx, item(1))
		return err
	},
	"list": func(ctx context.Context, rules rulespb.Rules) (last error) {
		for _, err := range rules.List(ctx, &rulespb.Item{Number: 1, Text: "a"}) {
			last = err
		}
		return last
	},
	"collect": func(ctx context.Context, rules rulespb.Rules) error {
		_, err := rules.Collect(ctx, items(nil, 1))
		return err
	},
	"talk": func(ctx context.Context, rules rulespb.Rules) (last error) {
		for _, err := range rules.Talk(ctx, items(nil, 1)) {
			last = err
		}
		return last
	},
}

// everyKind is a service whose four methods do the same: what do says, then one message.
func everyKind(do func(ctx context.Context) error) *service {
	answer := func(ctx context.Context) (*rulespb.Item, error) {
		if err := do(ctx); err != nil {
			return nil, err
		}
		return item(1), nil
	}
	stream := func(ctx context.Context) iter.Seq2[*rulespb.Item, error] {
		return func(yield func(*rulespb.Item, error) bool) { yield(answer(ctx)) }
	}
	return &service{
		get: func(ctx context.Context, _ *rulespb.Item) (*rulespb.Item, error) { return answer(ctx) },
		collect: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
			return answer(ctx)
		},
		list: func(ctx context.Context, _ *rulespb.Item) iter.Seq2[*rulespb.Item, error] { return stream(ctx) },
		talk: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
			return stream(ctx)
		},
	}
}

// each runs test for each kind of call.
func each(t *testing.T, test func(t *testing.T, call func(context.Context, rulespb.Rules) error)) {
	for name, call := range kinds {
		t.Run(name, func(t *testing.T) { test(t, call) })
	}
}

// A Call collects the answer of one call; outgoing metadata serves any number.
func TestMetadataBothWays(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		seen := make(chan *farcall.Call, 1)
		rules := m.start(t, everyKind(func(ctx context.Context) error {
			call := farcall.IncomingCall(ctx)
			call.ResponseHeader().Set("x-header", "h")
			call.ResponseTrailer().Set("x-trailer", "t")
			seen <- call
			return nil
		}), settings{})
		shared := farcall.WithMetadata(t.Context(), "x-key", "1", "x-key", "2", "x-bytes-bin", "\x00\xff")
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			ctx, call := farcall.NewCall(shared)
			if err := kind(ctx, rules); err != nil {
				t.Fatal(err)
			}
			got := await(t, seen, "the call").RequestHeader()
			if values := got.Values("x-key"); len(values) != 2 || values[1] != "2" || got.Get("x-bytes-bin") != "\x00\xff" {
				t.Errorf("the handler received %v and %q", values, got.Get("x-bytes-bin"))
			}
			if call.ResponseHeader().Get("x-header") != "h" || call.ResponseTrailer().Get("x-trailer") != "t" {
				t.Errorf("the caller received %q and %q", call.ResponseHeader().Get("x-header"), call.ResponseTrailer().Get("x-trailer"))
			}
			if err := kind(ctx, rules); farcall.CodeOf(err) != farcall.FailedPrecondition {
				t.Errorf("a second call with one Call: %v", err)
			}
			if len(seen) > 0 {
				t.Error("the second call was made")
			}
		})
	})
}

// A caller that leaves early still gets the header that has come.
func TestACallWhoseLoopWasLeft(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, &service{list: func(ctx context.Context, _ *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
			farcall.IncomingCall(ctx).ResponseHeader().Set("x-header", "h")
			return items(nil, 1, 2, 3)
		}}, settings{})
		ctx, call := farcall.NewCall(t.Context())
		for _, err := range rules.List(ctx, item(1)) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if got := call.ResponseHeader().Get("x-header"); got != "h" {
			t.Errorf("the header is %q", got)
		}
	})
}

// What came in does not go out by itself, and the deadline does.
func TestWhatAHandlersCallsInherit(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		type got struct {
			values   []string
			deadline bool
			value    any
		}
		type private struct{}
		seen := make(chan got, 1)
		far := m.start(t, everyKind(func(ctx context.Context) error {
			_, has := ctx.Deadline()
			seen <- got{farcall.IncomingCall(ctx).RequestHeader().Values("x-key"), has, ctx.Value(private{})}
			return nil
		}), settings{})
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			middle := m.start(t, everyKind(func(ctx context.Context) error {
				return kind(context.WithValue(ctx, private{}, "here"), far)
			}), settings{})
			ctx, cancel := context.WithTimeout(farcall.WithMetadata(t.Context(), "x-key", "secret"), time.Hour)
			defer cancel()
			if err := kind(ctx, middle); err != nil {
				t.Fatal(err)
			}
			if got := await(t, seen, "the further call"); len(got.values) > 0 || !got.deadline || got.value != nil {
				t.Errorf("the further call got metadata %v, a deadline: %v, the context's values: %v", got.values, got.deadline, got.value)
			}
		})
	})
}

// A deadline that passes in the middle ends both ends; it is the caller's own.
func TestADeadlineInTheMiddle(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ended := make(chan error, 1)
		var began atomic.Bool
		rules := m.start(t, everyKind(func(ctx context.Context) error {
			began.Store(true)
			<-ctx.Done()
			ended <- ctx.Err()
			return nil // whatever the handler makes of it
		}), settings{})
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			began.Store(false)
			for deadline := 50 * time.Millisecond; !began.Load(); deadline *= 2 { // long enough to reach the handler
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				err := kind(ctx, rules)
				wantCode(t, err, farcall.DeadlineExceeded)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v does not match context.DeadlineExceeded: the deadline was the caller's own", err)
				}
			}
			await(t, ended, "the handler's end") // by its own clock, or by the client's reset: whichever is first
		})
		// A deadline that has passed already, and a context that has ended: nothing is sent.
		for name, kind := range kinds {
			ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
			defer cancel()
			err := kind(ctx, rules)
			wantCode(t, err, farcall.DeadlineExceeded)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			ctx, cancel = context.WithCancel(t.Context())
			cancel()
			err = kind(ctx, rules)
			wantCode(t, err, farcall.Canceled)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(ended) > 0 {
			t.Error("a call that had ended before it was made has reached the handler")
		}
	})
}

// A DEADLINE_EXCEEDED from afar matches the code alone.
func TestARemoteDeadlineIsNotTheCallers(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, everyKind(func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 0)
			defer cancel()
			return ctx.Err() // of a deadline that the handler has set itself
		}), settings{})
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			err := kind(ctx, rules)
			wantCode(t, err, farcall.DeadlineExceeded)
			if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v matches context.DeadlineExceeded, and the caller has an hour left", err)
			}
		})
		canceled := m.start(t, everyKind(func(context.Context) error { return context.Canceled }), settings{})
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			err := kind(t.Context(), canceled)
			wantCode(t, err, farcall.Canceled)
			if errors.Is(err, context.Canceled) {
				t.Errorf("%v matches context.Canceled, and the caller has cancelled nothing", err)
			}
		})
	})
}

// The cause that a caller cancelled with is found in its error, and stays there.
func TestTheCauseOfACancelIsFound(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		begun := make(chan struct{}, 1)
		rules := m.start(t, everyKind(func(ctx context.Context) error {
			begun <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}), settings{})
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			why := errors.New("the user has closed the window")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			go func() {
				<-begun
				cancel(why)
			}()
			err := kind(ctx, rules)
			wantCode(t, err, farcall.Canceled)
			if !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
				t.Errorf("%v does not wrap context.Canceled and its cause", err)
			}
		})
	})
}

// A context that WithMetadata made of a handler's ends with the call, without a goroutine for each.
func TestAnIncomingCallEndsWithItsHandler(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		calls := make(chan *farcall.Call, 1)
		rules := m.start(t, everyKind(func(ctx context.Context) error {
			calls <- farcall.IncomingCall(ctx)
			return nil
		}), settings{})
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			ctx := farcall.WithMetadata(t.Context(), "x-key", "kept")
			if err := kind(ctx, rules); err != nil {
				t.Fatal(err)
			}
			call := await(t, calls, "the call")
			over := make(chan struct{})
			call.AfterFunc(func() { close(over) })
			await(t, over, "the end of the handler's context")
			// It may be kept as long as anyone likes.
			if call.Err() != context.Canceled || call.RequestHeader().Get("x-key") != "kept" {
				t.Errorf("the call has ended with %v and holds %q", call.Err(), call.RequestHeader().Get("x-key"))
			}
		})
	})
}
