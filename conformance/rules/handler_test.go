// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// A handler that answers with nothing has a mistake in it, and the call fails.
func TestHandlersThatReturnNothing(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		nothing := func(yield func(*rulespb.Item, error) bool) { yield(nil, nil) }
		var list, talk iter.Seq2[*rulespb.Item, error]
		rules := m.start(t, &service{
			get:     func(context.Context, *rulespb.Item) (*rulespb.Item, error) { return nil, nil },
			collect: func(context.Context, iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) { return nil, nil },
			list:    func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] { return list },
			talk: func(context.Context, iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return talk
			},
		}, settings{})
		message, err := rules.Get(t.Context(), item(1))
		one(t, message, err).want(t, farcall.Internal)
		message, err = rules.Collect(t.Context(), items(nil, 1))
		one(t, message, err).want(t, farcall.Internal)
		for _, result := range []iter.Seq2[*rulespb.Item, error]{nil, nothing} {
			list, talk = result, result
			for _, got := range []outcome{all(t, rules.List(t.Context(), item(1))), all(t, rules.Talk(t.Context(), items(nil, 1)))} {
				got.want(t, farcall.Internal)
				if got.err != nil && strings.Contains(got.err.Error(), "panic") {
					t.Errorf("the mistake is not named: %v", got.err)
				}
			}
		}
	})
}

// With both a message and an error the error wins.
func TestHandlersThatReturnBoth(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		both := func(yield func(*rulespb.Item, error) bool) {
			if yield(item(1), nil) && yield(item(2), farcall.Aborted) {
				t.Error("the handler goes on after an error")
			}
		}
		rules := m.start(t, &service{
			get: func(context.Context, *rulespb.Item) (*rulespb.Item, error) { return item(1), farcall.Aborted },
			collect: func(context.Context, iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				return item(1), farcall.Aborted
			},
			list: func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] { return both },
			talk: func(context.Context, iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] { return both },
		}, settings{})
		message, err := rules.Get(t.Context(), item(1))
		one(t, message, err).want(t, farcall.Aborted)
		message, err = rules.Collect(t.Context(), items(nil))
		one(t, message, err).want(t, farcall.Aborted)
		all(t, rules.List(t.Context(), item(1))).want(t, farcall.Aborted, 1)
		all(t, rules.Talk(t.Context(), items(nil))).want(t, farcall.Aborted, 1)
	})
}

// The error that a handler's input yields comes last, once, and again for whoever ranges on.
func TestTheErrorsOfAHandlersInputStick(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var with settings
		with.server.MaxReceiveBytes = 1000
		seen := make(chan [2]outcome, 1)
		look := func(in iter.Seq2[*rulespb.Item, error]) { seen <- [2]outcome{all(t, in), all(t, in)} }
		rules := m.start(t, &service{
			collect: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				look(in)
				return item(1), nil
			},
			talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				look(in)
				return items(nil)
			},
		}, with)
		check := func(code farcall.Code, numbers ...int64) {
			t.Helper()
			got := await(t, seen, "the handler's input")
			got[0].want(t, code, numbers...)
			got[1].want(t, code)
			if code != farcall.OK {
				wantCode(t, got[0].err, code)
			}
		}
		// Messages before one that is too large arrive, and the outcome is what the handler makes of it.
		large := func(yield func(*rulespb.Item, error) bool) {
			for _, message := range []*rulespb.Item{item(1), item(2), {Payload: make([]byte, 2000)}, item(3)} {
				if !yield(message, nil) {
					return
				}
			}
		}
		message, err := rules.Collect(t.Context(), large)
		one(t, message, err).want(t, farcall.OK, 1)
		check(farcall.ResourceExhausted, 1, 2)
		all(t, rules.Talk(t.Context(), large)).want(t, farcall.OK)
		check(farcall.ResourceExhausted, 1, 2)

		// The caller gives up.
		for _, giveUp := range []func(context.Context, iter.Seq2[*rulespb.Item, error]) error{
			func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) error {
				_, err := rules.Collect(ctx, in)
				return err
			},
			func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) error {
				return all(t, rules.Talk(ctx, in)).err
			},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			err := giveUp(ctx, func(yield func(*rulespb.Item, error) bool) {
				if yield(item(1), nil) {
					cancel() // and returns, as an input that ends by its context does: this is no proper end
				}
			})
			wantCode(t, err, farcall.Canceled)
			got := await(t, seen, "the handler's input")
			if len(got[0].numbers) > 1 {
				t.Errorf("the handler received %v", got[0].numbers)
			}
			wantCode(t, got[0].err, farcall.Canceled)
			wantCode(t, got[1].err, farcall.Canceled)
			cancel()
		}

		// The good end sticks as well.
		message, err = rules.Collect(t.Context(), items(nil, 1, 2))
		one(t, message, err).want(t, farcall.OK, 1)
		check(farcall.OK, 1, 2)
	})
}

// Bytes that are no message of the method's type are the handler's INVALID input, not the connection's end.
func TestRequestsThatCannotBeDecoded(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, counter{}, settings{})
		for _, method := range []*farcall.Method{rulespb.RulesCollectMethod, rulespb.RulesTalkMethod, rulespb.RulesListMethod, rulespb.RulesGetMethod} {
			err := rules.via.Stream(t.Context(), method, func(_ context.Context, stream farcall.Stream) error {
				if err := stream.Send(&farcall.Raw{Data: []byte{0xff}}); err != nil {
					return err
				}
				return stream.Receive(new(rulespb.Item))
			})
			wantCode(t, err, farcall.Internal)
		}
		all(t, rules.List(t.Context(), &rulespb.Item{Text: "a"})).want(t, farcall.OK, 0)
	})
}

// A range of the input that was left goes on where it stopped.
func TestAHandlerRangesItsInputInParts(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, &service{
			collect: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				for first, err := range in {
					if err != nil || first.GetNumber() != 1 {
						t.Errorf("the first is %v, %v", first, err)
					}
					break
				}
				all(t, in).want(t, farcall.OK, 2, 3)
				return item(0), nil
			},
		}, settings{})
		message, err := rules.Collect(t.Context(), items(nil, 1, 2, 3))
		one(t, message, err).want(t, farcall.OK, 0)
	})
}

// A handler's panic, and the end of its goroutine, fail the call and nothing else.
func TestHandlersThatPanic(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		secret := "the panic's value"
		rules := m.start(t, &service{
			get:     func(context.Context, *rulespb.Item) (*rulespb.Item, error) { panic(secret) },
			collect: func(context.Context, iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) { panic(secret) },
			list: func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
				return func(func(*rulespb.Item, error) bool) { panic(secret) }
			},
			talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return func(yield func(*rulespb.Item, error) bool) {
					for message, err := range in {
						yield(message, err)
						panic(secret)
					}
				}
			},
		}, settings{})
		_, getErr := rules.Get(t.Context(), item(1))
		_, collectErr := rules.Collect(t.Context(), items(nil, 1, 2, 3))
		talked := all(t, rules.Talk(t.Context(), items(nil, 1, 2, 3)))
		talked.want(t, farcall.Internal, 1)
		for _, err := range []error{getErr, collectErr, talked.err, all(t, rules.List(t.Context(), item(1))).err} {
			wantCode(t, err, farcall.Internal)
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("what was panicked with crosses the wire: %v", err)
			}
		}
	})
}

// Causes stay on their side; code, message and details cross. The trailers of a call that a handler made do not.
func TestErrorsCrossWithoutTheirCauses(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		cause := errors.New("the database's password is 1234")
		detail := item(42)
		detailed := farcall.NewError(farcall.FailedPrecondition, "not now", detail)
		far := m.start(t, &service{
			list: func(ctx context.Context, _ *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
				farcall.IncomingCall(ctx).ResponseTrailer().Set("x-far", "1")
				return items(detailed)
			},
		}, settings{})
		middle := m.start(t, &service{
			get: func(context.Context, *rulespb.Item) (*rulespb.Item, error) {
				return nil, farcall.Errorf(farcall.Unavailable, "try later: %w", cause)
			},
			list: func(ctx context.Context, request *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
				return items(all(t, far.List(ctx, request)).err) // passed on as it came
			},
		}, settings{})
		_, err := middle.Get(t.Context(), item(1))
		wantCode(t, err, farcall.Unavailable)
		if errors.Is(err, cause) || errors.Unwrap(err) != nil {
			t.Errorf("the cause has crossed: %v", errors.Unwrap(err))
		}
		ctx, call := farcall.NewCall(t.Context())
		got := all(t, middle.List(ctx, item(1)))
		wantCode(t, got.err, farcall.FailedPrecondition)
		if packed, ok := farcall.Detail[*rulespb.Item](got.err); !ok || packed.GetNumber() != 42 {
			t.Errorf("the detail is %v, %v", packed, ok)
		}
		var failure *farcall.Error
		if errors.As(got.err, &failure) && failure.Message != "not now" {
			t.Errorf("the message is %q", failure.Message)
		}
		if far := call.ResponseTrailer().Get("x-far"); far != "" {
			t.Errorf("the trailers of the further call have crossed as well: %q", far)
		}
	})
}
