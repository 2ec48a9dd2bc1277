// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// Headers before the first message, send then receive then send, half-close, trailers after the last.
func TestAConversation(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, &service{
			talk: func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return func(yield func(*rulespb.Item, error) bool) {
					call := farcall.IncomingCall(ctx)
					call.ResponseHeader().Set("x-header", "early")
					if err := call.SendHeader(); err != nil {
						t.Error(err)
					}
					if err := call.SendHeader(); farcall.CodeOf(err) != farcall.FailedPrecondition {
						t.Errorf("the header was sent twice: %v", err)
					}
					for message, err := range in {
						if !yield(message, err) {
							return
						}
					}
					yield(item(-1), nil) // the half-close has come
					call.ResponseTrailer().Set("x-trailer", "late")
				}
			},
		}, settings{})
		stream, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		header := stream.Header()
		if got := header.Get("x-header"); got != "early" {
			t.Errorf("the header before the first message is %q", got)
		}
		for number := range int64(5) {
			if err := stream.Send(item(number)); err != nil {
				t.Fatal(err)
			}
			if message, err := stream.Receive(); err != nil || message.GetNumber() != number {
				t.Fatalf("received %v, %v", message, err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(item(9)); err == nil {
			t.Error("sent behind the half-close")
		}
		if message, err := stream.Receive(); err != nil || message.GetNumber() != -1 {
			t.Errorf("after the half-close: %v, %v", message, err)
		}
		for range 2 { // it sticks
			_, err := stream.Receive()
			wantEOF(t, err)
		}
		trailer, header := stream.Trailer(), stream.Header()
		if trailer.Get("x-trailer") != "late" || header.Get("x-header") != "early" {
			t.Errorf("the trailer is %q, the header %q", trailer.Get("x-trailer"), header.Get("x-header"))
		}
	})
}

// The header leaves with the first message, whatever comes later.
func TestTheHeaderLeavesWithTheFirstMessage(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, &service{
			list: func(ctx context.Context, _ *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
				return func(yield func(*rulespb.Item, error) bool) {
					call := farcall.IncomingCall(ctx)
					call.ResponseHeader().Set("x-header", "in time")
					yield(item(1), nil)
					call.ResponseHeader().Set("x-header", "too late")
					<-ctx.Done()
				}
			},
		}, settings{})
		ctx, cancel := context.WithTimeout(t.Context(), patience) // so that a header that does not come fails the test
		defer cancel()
		stream, err := rulespb.OpenRulesList(ctx, rules.via, item(0))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		header := stream.Header()
		if got := header.Get("x-header"); got != "in time" || ctx.Err() != nil {
			t.Errorf("the header is %q", got)
		}
		if message, err := stream.Receive(); err != nil || message.GetNumber() != 1 {
			t.Errorf("received %v, %v", message, err)
		}
	})
}

func TestOpenServerStream(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, counter{}, settings{})
		stream, err := rulespb.OpenRulesList(t.Context(), rules.via, &rulespb.Item{Text: "ab", Number: -2})
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		for want := range int64(2) {
			if message, err := stream.Receive(); err != nil || message.GetNumber() != want {
				t.Errorf("received %v, %v", message, err)
			}
		}
		for range 2 {
			_, err := stream.Receive()
			wantCode(t, err, farcall.Aborted)
		}
		if _, err := rulespb.OpenRulesList(t.Context(), rules.via, &rulespb.Item{Text: "\xff"}); farcall.CodeOf(err) != farcall.Internal {
			t.Errorf("a request that cannot be encoded: %v", err)
		}
	})
}

func TestOpenClientStream(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, counter{}, settings{})
		stream, err := rulespb.OpenRulesCollect(t.Context(), rules.via)
		if err != nil {
			t.Fatal(err)
		}
		for number := range int64(4) {
			if err := stream.Send(item(number)); err != nil {
				t.Fatal(err)
			}
		}
		message, err := stream.CloseAndReceive()
		one(t, message, err).want(t, farcall.OK, 6)
		stream.Close()
		stream.Close()

		// The handler answers early: Send says so, CloseAndReceive how.
		if stream, err = rulespb.OpenRulesCollect(t.Context(), rules.via); err != nil {
			t.Fatal(err)
		}
		for err == nil {
			err = stream.Send(item(-2))
		}
		wantEOF(t, err)
		_, err = stream.CloseAndReceive()
		wantCode(t, err, farcall.Aborted)
	})
}

// Close gives a call up at any time: the handler's context ends, whoever receives is told, and nothing is left.
func TestCloseGivesUp(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ended := make(chan error, 1)
		rules := m.start(t, &service{
			talk: func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return func(yield func(*rulespb.Item, error) bool) {
					yield(item(1), nil)
					<-ctx.Done()
					ended <- ctx.Err()
				}
			},
		}, settings{})
		for range 20 {
			stream, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Receive(); err != nil {
				t.Fatal(err)
			}
			var busy sync.WaitGroup
			busy.Go(func() {
				_, err := stream.Receive()
				wantCode(t, err, farcall.Canceled)
			})
			busy.Go(func() {
				var err error
				for err == nil {
					err = stream.Send(item(2))
				}
				wantEOF(t, err)
			})
			stream.Close()
			busy.Wait()
			stream.Close()
			_, err = stream.Receive()
			wantCode(t, err, farcall.Canceled)
			if err := await(t, ended, "the handler's end"); err != context.Canceled {
				t.Errorf("the handler's context ended with %v", err)
			}
		}
	})
}

// A stream that nobody finishes ends with its context, and leaks nothing (TestMain looks for goroutines, and the
// server's Shutdown for calls).
func TestAStreamEndsWithItsContext(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		begun, ended := make(chan struct{}, 3), make(chan error, 3)
		wait := func(ctx context.Context) error {
			begun <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		}
		rules := m.start(t, everyKind(wait), settings{})
		ctx, cancel := context.WithCancel(t.Context())
		talk, err := rulespb.OpenRulesTalk(ctx, rules.via)
		if err != nil {
			t.Fatal(err)
		}
		collect, err := rulespb.OpenRulesCollect(ctx, rules.via)
		if err != nil {
			t.Fatal(err)
		}
		list, err := rulespb.OpenRulesList(ctx, rules.via, item(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(talk.Send(item(1)), collect.Send(item(1))); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			await(t, begun, "the handler")
		}
		cancel()
		for range 3 {
			await(t, ended, "the handler's end")
		}
		// Whoever comes back late is told.
		_, err = talk.Receive()
		wantCode(t, err, farcall.Canceled)
		_, err = list.Receive()
		wantCode(t, err, farcall.Canceled)
		_, err = collect.CloseAndReceive()
		wantCode(t, err, farcall.Canceled)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not match context.Canceled", err)
		}
	})
}

// The same by a deadline, with someone receiving.
func TestAStreamEndsWithItsDeadline(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, everyKind(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}), settings{})
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			stream, err := rulespb.OpenRulesTalk(ctx, rules.via)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err = stream.Receive()
				wantCode(t, err, farcall.DeadlineExceeded)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v does not match context.DeadlineExceeded", err)
				}
			}
		}
	})
}

// One goroutine sends while another receives, with as much under way as fits.
func TestSendingWhileReceiving(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		stream, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
		if err != nil {
			t.Fatal(err)
		}
		const messages = 500
		var sending sync.WaitGroup
		sending.Go(func() {
			for number := range int64(messages) {
				if err := stream.Send(&rulespb.Item{Number: number, Payload: make([]byte, 3000)}); err != nil {
					t.Error(err)
					return
				}
			}
			if err := stream.CloseSend(); err != nil {
				t.Error(err)
			}
		})
		for want := range int64(messages) {
			message, err := stream.Receive()
			if err != nil || message.GetNumber() != want || len(message.GetPayload()) != 3000 {
				t.Fatalf("received %d, %v, want %d", message.GetNumber(), err, want)
			}
		}
		_, err = stream.Receive()
		wantEOF(t, err)
		sending.Wait()
	})
}

// A call that cannot be made says so at the latest when it is used, and the server's refusal is found by Receive.
func TestOpeningWhatIsNotThere(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, &service{}, settings{})
		stream, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
		if err == nil {
			header := stream.Header()
			if header.Len() != 0 {
				t.Errorf("the header is %v", header)
			}
			_, err = stream.Receive()
		}
		wantCode(t, err, farcall.Unimplemented)
		if _, err = stream.Receive(); err == io.EOF {
			t.Error("a failed call has ended well")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if stream, err = rulespb.OpenRulesTalk(ctx, rules.via); err == nil {
			_, err = stream.Receive()
		}
		wantCode(t, err, farcall.Canceled)
	})
}

// An interceptor that ends its goroutine (as t.FailNow does) has no success to tell of.
func TestOpenWithAnInterceptorThatEndsItsGoroutine(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		var with settings
		with.client.Interceptors = []farcall.Interceptor{func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
			if when == "after" {
				_ = next(ctx, stream)
			}
			runtime.Goexit()
			return nil
		}}
		rules := modes[0].start(t, counter{}, with)
		stream, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
		if when == "after" {
			if err != nil || stream.CloseSend() != nil {
				t.Fatal(err)
			}
			_, err = stream.Receive()
		}
		wantCode(t, err, farcall.Internal)
	}
}
