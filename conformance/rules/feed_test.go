// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// A Feed is a conversation by way of iterators: other goroutines write, the loop reads.
func TestAFeed(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		ctx, feed := farcall.NewFeed[rulespb.Item](t.Context())
		go func() {
			for number := range int64(3) {
				if err := feed.Send(t.Context(), item(number)); err != nil {
					t.Error(err)
				}
			}
			feed.Close(nil)
			feed.Close(errors.New("too late"))
			if err := feed.Send(t.Context(), item(9)); farcall.CodeOf(err) != farcall.FailedPrecondition {
				t.Errorf("Send after Close: %v", err)
			}
		}()
		all(t, rules.Talk(ctx, feed.All())).want(t, farcall.OK, 0, 1, 2)
	})
}

// What Close is given is how the input failed.
func TestAFeedThatFails(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		failure := errors.New("the disk is full")
		ctx, feed := farcall.NewFeed[rulespb.Item](t.Context())
		feed.Close(failure)
		if got := all(t, rules.Talk(ctx, feed.All())); !errors.Is(got.err, failure) {
			t.Errorf("talk: %v", got.err)
		}
		ctx, feed = farcall.NewFeed[rulespb.Item](t.Context())
		feed.Close(failure)
		if _, err := rules.Collect(ctx, feed.All()); !errors.Is(err, failure) {
			t.Errorf("collect: %v", err)
		}
	})
}

// However the call ends, whoever sends is told: nobody is left waiting.
func TestTheEndOfTheCallUnblocksItsFeed(t *testing.T) {
	first := func(in iter.Seq2[*rulespb.Item, error]) {
		for _, err := range in {
			if err != nil {
				t.Error(err)
			}
			break
		}
	}
	called(t, func(t *testing.T, m mode) {
		for name, failure := range map[string]error{"well": nil, "failed": farcall.Aborted} {
			rules := m.start(t, &service{
				collect: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
					first(in)
					return item(1), failure
				},
				talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
					first(in)
					return items(failure)
				},
			}, settings{})
			send := func(feed *farcall.Feed[rulespb.Item]) <-chan error {
				told := make(chan error, 1)
				go func() {
					var err error
					for err == nil {
						err = feed.Send(t.Context(), item(1))
					}
					told <- err
				}()
				return told
			}
			ctx, feed := farcall.NewFeed[rulespb.Item](t.Context())
			told := send(feed)
			all(t, rules.Talk(ctx, feed.All())).want(t, farcall.CodeOf(failure))
			t.Log(name)
			wantEOF(t, await(t, told, "the feed's end"))

			ctx, feed = farcall.NewFeed[rulespb.Item](t.Context())
			told = send(feed)
			if _, err := rules.Collect(ctx, feed.All()); farcall.CodeOf(err) != farcall.CodeOf(failure) {
				t.Errorf("collect: %v", err)
			}
			wantEOF(t, await(t, told, "the feed's end"))

			// A call that fails before it ranges its input.
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			ctx, feed = farcall.NewFeed[rulespb.Item](t.Context())
			collecting, _ := farcall.NewCall(ctx)
			_, _ = rules.Collect(collecting, items(nil)) // uses the Call up
			told = send(feed)
			if _, err := rules.Collect(collecting, feed.All()); farcall.CodeOf(err) != farcall.FailedPrecondition {
				t.Errorf("collect: %v", err)
			}
			wantEOF(t, await(t, told, "the feed's end"))

			// The context of a sender is its own.
			_, feed = farcall.NewFeed[rulespb.Item](t.Context())
			wantCode(t, feed.Send(ended, item(1)), farcall.Canceled)
		}
	})
}

// A caller that leaves the loop ends its feed, and so does its context.
func TestAFeedOfACallThatWasLeft(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		for _, how := range []string{"leave", "cancel"} {
			ctx, cancel := context.WithCancel(t.Context())
			ctx, feed := farcall.NewFeed[rulespb.Item](ctx)
			told := make(chan error, 1)
			go func() {
				var err error
				for err == nil {
					err = feed.Send(t.Context(), item(1))
				}
				told <- err
			}()
			for _, err := range rules.Talk(ctx, feed.All()) {
				if err != nil {
					wantCode(t, err, farcall.Canceled)
					break
				}
				if how == "leave" {
					break
				}
				cancel()
			}
			wantEOF(t, await(t, told, "the feed's end"))
			cancel()
		}
	})
}

// The call's end is noticed also while nobody sends: an early answer, a deadline, the context of the call.
func TestTheEndOfTheCallEndsAFeedThatIsIdle(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		for _, how := range []string{"answer", "error", "deadline", "cancel"} {
			rules := m.start(t, &service{
				collect: func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
					switch how {
					case "answer":
						return item(7), nil
					case "error":
						return nil, farcall.Aborted
					}
					<-ctx.Done()
					return nil, ctx.Err()
				},
			}, settings{})
			ctx, feed := farcall.NewFeed[rulespb.Item](t.Context())
			ctx, cancel := context.WithCancel(ctx) // which the feed does not know
			if how == "deadline" {
				ctx, cancel = context.WithTimeout(ctx, 30*time.Millisecond)
			}
			defer cancel()
			result := make(chan outcome, 1)
			go func() {
				message, err := rules.Collect(ctx, feed.All())
				result <- one(t, message, err)
			}()
			if err := feed.Send(t.Context(), item(1)); err != nil && err != io.EOF {
				t.Error(err)
			}
			if how == "cancel" {
				cancel()
			}
			got := await(t, result, "the end of the call: "+how)
			switch how {
			case "answer":
				got.want(t, farcall.OK, 7)
			case "error":
				got.want(t, farcall.Aborted)
			case "deadline":
				got.want(t, farcall.DeadlineExceeded)
			case "cancel":
				got.want(t, farcall.Canceled)
			}
			wantEOF(t, feed.Send(t.Context(), item(2)))
		}
	})
}

// A feed is its one call's. A call in the middle of that, with the same context, leaves it alone; one before it uses it up,
// and that is said, as is a second range.
func TestAFeedIsForOneCall(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		ctx, feed := farcall.NewFeed[rulespb.Item](t.Context())
		go func() { _ = feed.Send(t.Context(), item(1)) }()
		answers := 0
		for message, err := range rules.Talk(ctx, feed.All()) {
			if err != nil {
				t.Fatal(err)
			}
			answers++
			switch message.GetNumber() {
			case 1:
				between, err := rules.Collect(ctx, items(nil, 5))
				one(t, between, err).want(t, farcall.OK, 5)
				all(t, rules.Talk(ctx, items(nil, 6))).want(t, farcall.OK, 6)
				go func() { _ = feed.Send(t.Context(), item(2)) }()
			case 2:
				feed.Close(nil)
			}
		}
		if answers != 2 {
			t.Errorf("%d answers came", answers)
		}
		all(t, rules.Talk(t.Context(), feed.All())).want(t, farcall.FailedPrecondition)

		ctx, feed = farcall.NewFeed[rulespb.Item](t.Context())
		all(t, rules.Talk(ctx, items(nil, 1))).want(t, farcall.OK, 1)
		all(t, rules.Talk(ctx, feed.All())).want(t, farcall.FailedPrecondition)
		message, err := rules.Collect(ctx, feed.All())
		one(t, message, err).want(t, farcall.FailedPrecondition)
	})
}
