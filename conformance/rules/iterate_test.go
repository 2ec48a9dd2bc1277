// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// endless yields until its loop is left. ended says how the handler's context was when that happened.
func endless(ended chan<- error) func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	return func(ctx context.Context, _ *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
		return func(yield func(*rulespb.Item, error) bool) {
			for i := int64(0); yield(item(i), nil); i++ {
			}
			<-ctx.Done()
			ended <- ctx.Err()
		}
	}
}

// A range is a call: it starts with the first, and there is no second.
func TestResultsAreSingleUse(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var calls atomic.Int32
		rules := m.start(t, &service{
			list: func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
				calls.Add(1)
				return items(nil, 1, 2)
			},
			talk: func(context.Context, iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				calls.Add(1)
				return items(nil, 1, 2)
			},
		}, settings{})
		for _, result := range []iter.Seq2[*rulespb.Item, error]{
			rules.List(t.Context(), item(0)), rules.Talk(t.Context(), items(nil)),
		} {
			before := calls.Load()
			all(t, result).want(t, farcall.OK, 1, 2)
			for range 2 {
				again := all(t, result)
				again.want(t, farcall.FailedPrecondition)
				wantCode(t, again.err, farcall.FailedPrecondition)
			}
			if made := calls.Load() - before; made != 1 {
				t.Errorf("%d calls were made, want 1", made)
			}
		}
		// Also where the first range was left early.
		result := rules.List(t.Context(), item(0))
		for _, err := range result {
			if err != nil {
				t.Error(err)
			}
			break
		}
		all(t, result).want(t, farcall.FailedPrecondition)
	})
}

// Leaving the loop tells the server's handler to stop.
func TestLeavingTheLoopCancels(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ended := make(chan error, 1)
		rules := m.start(t, &service{
			list: endless(ended),
			talk: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return endless(ended)(ctx, nil)
			},
		}, settings{})
		for name, result := range map[string]iter.Seq2[*rulespb.Item, error]{
			"list": rules.List(t.Context(), item(0)),
			"talk": rules.Talk(t.Context(), items(nil)),
		} {
			for message, err := range result {
				if err != nil {
					t.Fatal(name, err)
				}
				if message.GetNumber() == 3 {
					break
				}
			}
			if err := await(t, ended, "the handler's end"); err != context.Canceled {
				t.Errorf("%s: the handler's context ended with %v", name, err)
			}
		}
	})
}

// The same when the loop ends by a panic, which goes through to the caller.
func TestAPanicInTheLoopCancels(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ended := make(chan error, 1)
		rules := m.start(t, &service{
			list: endless(ended),
			talk: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return endless(ended)(ctx, nil)
			},
		}, settings{})
		for name, result := range map[string]iter.Seq2[*rulespb.Item, error]{
			"list": rules.List(t.Context(), item(0)),
			"talk": rules.Talk(t.Context(), items(nil)),
		} {
			func() {
				defer func() {
					if got := recover(); got != "in the loop" {
						t.Errorf("%s: recovered %v", name, got)
					}
				}()
				for _, err := range result {
					if err != nil {
						t.Fatal(name, err)
					}
					panic("in the loop")
				}
			}()
			if err := await(t, ended, "the handler's end"); err != context.Canceled {
				t.Errorf("%s: the handler's context ended with %v", name, err)
			}
		}
	})
}

// resets are the codes of the RST_STREAM frames that a client has sent.
type resets struct{ codes chan uint32 }

func (r resets) HeaderBlock(farcall.HeaderBlockEvent) {}

func (r resets) Frame(event farcall.FrameEvent) {
	if event.Sent && event.Type == "RST_STREAM" {
		r.codes <- binary.BigEndian.Uint32(event.Payload)
	}
}

// On the wire a call that is given up is reset with CANCEL, once, and one that was ranged to its end is not reset.
func TestWhatIsGivenUpIsResetWithCancel(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		if !m.wire {
			return
		}
		const codeCancel = 8 // RFC 9113 section 7
		frames := resets{make(chan uint32, 100)}
		var with settings
		with.client.Frames = frames
		ended := make(chan error, 1)
		impl := echo()
		impl.list = endless(ended)
		rules := m.start(t, impl, with)
		leave := func(result iter.Seq2[*rulespb.Item, error]) {
			for _, err := range result {
				if err != nil {
					t.Error(err)
				}
				break
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		for name, giveUp := range map[string]func(){
			"leave list": func() { leave(rules.List(t.Context(), item(1))); <-ended },
			"leave talk": func() {
				leave(rules.Talk(t.Context(), func(yield func(*rulespb.Item, error) bool) {
					for yield(item(1), nil) {
					}
				}))
			},
			"panic": func() {
				defer func() { _ = recover(); <-ended }()
				for _, err := range rules.List(t.Context(), item(1)) {
					panic(err)
				}
			},
			"input": func() { _, _ = rules.Collect(t.Context(), items(errors.New("failed"), 1)) },
			"inputs": func() {
				all(t, rules.Talk(t.Context(), func(yield func(*rulespb.Item, error) bool) {
					_ = yield(item(1), nil) && yield(nil, errors.New("failed"))
				}))
			},
			"cancel": func() {
				for _, err := range rules.Talk(ctx, func(yield func(*rulespb.Item, error) bool) {
					yield(item(1), nil)
					<-ctx.Done()
				}) {
					if cancel(); err != nil {
						wantCode(t, err, farcall.Canceled)
					}
				}
			},
			"close": func() {
				stream, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
				if err != nil {
					t.Fatal(err)
				}
				if err := stream.Send(item(1)); err != nil {
					t.Error(err)
				}
				stream.Close()
			},
		} {
			giveUp()
			if code := await(t, frames.codes, "the reset: "+name); code != codeCancel {
				t.Errorf("%s: the stream was reset with %d", name, code)
			}
		}
		all(t, rules.Talk(t.Context(), items(nil, 1, 2))).want(t, farcall.OK, 1, 2)
		message, err := rules.Collect(t.Context(), items(nil, 1, 2))
		one(t, message, err).want(t, farcall.OK, 2)
		if len(frames.codes) > 0 {
			t.Errorf("a stream was reset once more, or after its end, with %d", <-frames.codes)
		}
	})
}

// After the end has been seen nothing is reset: the handler's context ends because the handler has returned, and the
// trailers are the caller's.
func TestALoopThatRanToItsEndResetsNothing(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		outcomes := make(chan error, 1)
		var with settings
		with.server.Interceptors = []farcall.Interceptor{func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
			err := next(ctx, stream)
			if ended := ctx.Err(); ended != nil {
				err = ended
			}
			outcomes <- err
			stream.ResponseTrailer().Set("x-trailer", "1")
			return err
		}}
		rules := m.start(t, counter{}, with)
		ctx, call := farcall.NewCall(t.Context())
		all(t, rules.List(ctx, &rulespb.Item{Text: "ab"})).want(t, farcall.OK, 0, 1)
		if err := await(t, outcomes, "the handler"); err != nil || call.ResponseTrailer().Get("x-trailer") != "1" {
			t.Errorf("the handler saw %v, the caller the trailer %q", err, call.ResponseTrailer().Get("x-trailer"))
		}
	})
}

// A context that ends in the middle ends the handler, also while the caller is busy in its loop and receives nothing.
func TestTheCallersContextEndsTheHandler(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ended := make(chan error, 1)
		rules := m.start(t, &service{
			list: endless(ended),
			talk: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return endless(ended)(ctx, nil)
			},
		}, settings{})
		for name, call := range map[string]func(context.Context) iter.Seq2[*rulespb.Item, error]{
			"list": func(ctx context.Context) iter.Seq2[*rulespb.Item, error] { return rules.List(ctx, item(0)) },
			"talk": func(ctx context.Context) iter.Seq2[*rulespb.Item, error] { return rules.Talk(ctx, items(nil)) },
		} {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var got outcome
			after := 0
			for _, err := range call(ctx) {
				if got.err = err; err != nil {
					break
				}
				if ctx.Err() != nil {
					after++
					continue
				}
				cancel()
				if err := await(t, ended, "the handler's end, from inside the loop"); err != context.Canceled {
					t.Errorf("%s: the handler's context ended with %v", name, err)
				}
			}
			got.want(t, farcall.Canceled)
			if !errors.Is(got.err, context.Canceled) || after > 0 {
				t.Errorf("%s: the error is %v, after %d messages that came behind the context's end", name, got.err, after)
			}
		}
	})
}

// An input that fails cancels the call; the error wraps the input's and has its code.
func TestAnInputThatFails(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ended := make(chan error, 1)
		drain := func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) error {
			var last error
			for _, err := range in {
				last = err
			}
			ended <- last
			return last
		}
		rules := m.start(t, &service{
			collect: func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				return nil, drain(ctx, in)
			},
			talk: func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return items(drain(ctx, in))
			},
		}, settings{})
		foreign := errors.New("the disk is full")
		for _, test := range []struct {
			failure error
			code    farcall.Code
		}{
			{foreign, farcall.Unknown},
			{farcall.Errorf(farcall.DataLoss, "gone: %w", foreign), farcall.DataLoss},
			{farcall.NotFound, farcall.NotFound},
			{context.DeadlineExceeded, farcall.DeadlineExceeded}, // the caller's own input yielded it
		} {
			_, err := rules.Collect(t.Context(), items(test.failure, 1, 2))
			wantCode(t, err, test.code)
			if !errors.Is(err, test.failure) {
				t.Errorf("collect: %v does not wrap %v", err, test.failure)
			}
			wantCode(t, await(t, ended, "the handler's input"), farcall.Canceled)

			got := all(t, rules.Talk(t.Context(), items(test.failure, 1, 2)))
			wantCode(t, got.err, test.code)
			if !errors.Is(got.err, test.failure) {
				t.Errorf("talk: %v does not wrap %v", got.err, test.failure)
			}
			wantCode(t, await(t, ended, "the handler's input"), farcall.Canceled)
		}
		// A failure before the first message: the call may have been opened or not, the error is the input's.
		_, err := rules.Collect(t.Context(), items(foreign))
		if !errors.Is(err, foreign) {
			t.Errorf("collect: %v does not wrap %v", err, foreign)
		}
	})
}

// A nil message and a nil iterator of a caller are its own mistakes.
func TestAnInputOfNothing(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, counter{}, settings{})
		empty := func(yield func(*rulespb.Item, error) bool) {
			if yield(nil, nil) {
				t.Error("the input goes on")
			}
		}
		_, err := rules.Collect(t.Context(), empty)
		wantCode(t, err, farcall.Internal)
		wantCode(t, all(t, rules.Talk(t.Context(), empty)).err, farcall.Internal)
		_, err = rules.Collect(t.Context(), nil)
		wantCode(t, err, farcall.InvalidArgument)
		wantCode(t, all(t, rules.Talk(t.Context(), nil)).err, farcall.InvalidArgument)
		_, err = rules.Get(t.Context(), nil)
		wantCode(t, err, farcall.Internal)
		wantCode(t, all(t, rules.List(t.Context(), nil)).err, farcall.Internal)
	})
}

// A panic of the input ends the call and is raised on the goroutine that waits for the result.
func TestAnInputThatPanics(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ended := make(chan error, 1)
		rules := m.start(t, &service{
			collect: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				<-ctx.Done()
				ended <- ctx.Err()
				return nil, ctx.Err()
			},
			talk: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				<-ctx.Done()
				ended <- ctx.Err()
				return items(ctx.Err())
			},
		}, settings{})
		in := func(yield func(*rulespb.Item, error) bool) {
			yield(item(1), nil)
			panic("in the input")
		}
		for name, call := range map[string]func(){
			"collect": func() { rules.Collect(t.Context(), in) },
			"talk": func() {
				for message, err := range rules.Talk(t.Context(), in) {
					t.Errorf("yielded (%v, %v)", message, err)
				}
			},
		} {
			func() {
				defer func() {
					if got := recover(); got != "in the input" {
						t.Errorf("%s: recovered %v", name, got)
					}
				}()
				call()
			}()
			if err := await(t, ended, "the handler's end"); err != context.Canceled {
				t.Errorf("%s: the handler's context ended with %v", name, err)
			}
		}
	})
}

// A two-way call whose input blocks ends all the same, and nobody waits for the input; its next yield returns false.
func TestAnInputThatBlocks(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, &service{
			talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return func(yield func(*rulespb.Item, error) bool) {
					for message, err := range in {
						if err == nil && yield(message, nil) && message.GetNumber() == 1 {
							return
						}
					}
				}
			},
		}, settings{})
		release, taken := make(chan struct{}), make(chan bool, 1)
		in := func(yield func(*rulespb.Item, error) bool) {
			yield(item(1), nil)
			<-release
			taken <- yield(item(2), nil)
		}
		all(t, rules.Talk(t.Context(), in)).want(t, farcall.OK, 1) // returns while the input still blocks
		close(release)
		if await(t, taken, "the input's next yield") {
			t.Error("the input's next yield returned true: the call has ended")
		}
	})
}

// Client streaming notices an early answer when the input yields next, and the answer counts.
func TestAnEarlyAnswerEndsTheInput(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		for _, failure := range []error{nil, farcall.Errorf(farcall.OutOfRange, "enough")} {
			returned := make(chan struct{})
			var with settings
			with.server.Interceptors = []farcall.Interceptor{func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
				defer close(returned)
				return next(ctx, stream)
			}}
			early := func(in iter.Seq2[*rulespb.Item, error]) (got *rulespb.Item) {
				for message, err := range in {
					if err == nil {
						return message
					}
				}
				return item(-1)
			}
			rules := m.start(t, &service{
				collect: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
					return early(in), failure
				},
			}, with)
			stopped := false
			in := func(yield func(*rulespb.Item, error) bool) {
				for i := int64(7); yield(item(i), nil); i++ {
					if i == 7 {
						<-returned
					}
				}
				stopped = true
			}
			message, err := rules.Collect(t.Context(), in)
			got := one(t, message, err)
			if failure == nil {
				got.want(t, farcall.OK, 7)
			} else {
				got.want(t, farcall.OutOfRange)
			}
			if !stopped {
				t.Error("the input was not told")
			}
		}
	})
}

// So does the deadline, also while the input waits for room.
func TestADeadlineEndsTheInput(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, everyKind(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}), settings{})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		stopped := false
		_, err := rules.Collect(ctx, func(yield func(*rulespb.Item, error) bool) {
			for yield(item(1), nil) {
			}
			stopped = true
		})
		wantCode(t, err, farcall.DeadlineExceeded)
		if !stopped || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the input was told: %v; %v", stopped, err)
		}
	})
}

// Two-way: the handler ends the call in the middle of the input.
func TestAnEarlyEndOfATwoWayCall(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		for _, failure := range []error{nil, farcall.Errorf(farcall.OutOfRange, "enough")} {
			rules := m.start(t, &service{
				talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
					return func(yield func(*rulespb.Item, error) bool) {
						for message, err := range in {
							yield(message, err)
							break
						}
						if failure != nil {
							yield(nil, failure)
						}
					}
				},
			}, settings{})
			over := make(chan struct{})
			in := func(yield func(*rulespb.Item, error) bool) {
				for i := int64(7); yield(item(i), nil); i++ {
				}
				close(over)
			}
			all(t, rules.Talk(t.Context(), in)).want(t, farcall.CodeOf(failure), 7)
			await(t, over, "the end of the input")
		}
	})
}
