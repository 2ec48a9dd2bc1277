// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/server"
)

// What follows is against the contract. None of it may hang, leak, panic, or trouble another call (TestMain looks for
// goroutines, the server's Shutdown for calls, the race detector for the rest).

// Several goroutines use one direction of a stream: messages come in some order, each once and whole.
func TestSeveralGoroutinesSendAndReceive(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		const senders, messages = 4, 200
		rules := m.start(t, echo(), settings{})
		stream, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
		if err != nil {
			t.Fatal(err)
		}
		var sending, receiving sync.WaitGroup
		for sender := range int64(senders) {
			sending.Go(func() {
				for number := range int64(messages) {
					if err := stream.Send(&rulespb.Item{Number: sender*messages + number, Payload: make([]byte, 500)}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		var mu sync.Mutex
		seen := make(map[int64]int)
		for range 3 {
			receiving.Go(func() {
				for {
					message, err := stream.Receive()
					if err != nil {
						wantEOF(t, err)
						return
					}
					mu.Lock()
					seen[message.GetNumber()]++
					mu.Unlock()
				}
			})
		}
		sending.Wait()
		for range 2 {
			sending.Go(func() {
				if err := stream.CloseSend(); err != nil {
					t.Error(err)
				}
			})
		}
		sending.Wait()
		receiving.Wait()
		if len(seen) != senders*messages {
			t.Errorf("%d different messages came back, want %d", len(seen), senders*messages)
		}
	})
}

// A handler that returns while goroutines of its own still use the stream: they are told, and get nothing of other calls.
func TestAHandlerLeavesGoroutinesBehind(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var left sync.WaitGroup
		handler := func(_ context.Context, stream farcall.Stream) error {
			begun := make(chan struct{})
			for range 2 {
				left.Go(func() {
					for {
						message := new(rulespb.Item)
						if stream.Receive(message) != nil {
							break
						}
						if n := message.GetNumber(); n != 0 && (len(message.GetPayload()) != 2000 || message.GetPayload()[1999] != byte(n)) {
							t.Errorf("message %d has a payload that is not its own", n)
						}
						select {
						case begun <- struct{}{}:
						default:
						}
					}
					_ = stream.Send(item(1))
					_ = stream.SendHeader()
					_ = stream.CloseSend()
				})
			}
			<-begun
			return nil
		}
		rules := m.startWith(t, func(srv *server.Server) { srv.Register(rulespb.RulesTalkMethod, handler) }, settings{})
		var calling sync.WaitGroup
		for caller := range 8 {
			calling.Go(func() {
				payload := make([]byte, 2000)
				payload[1999] = byte(caller + 1)
				for range 30 {
					in := func(yield func(*rulespb.Item, error) bool) {
						for yield(&rulespb.Item{Number: int64(caller + 1), Payload: payload}, nil) {
						}
					}
					for _, err := range rules.Talk(t.Context(), in) {
						if err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		calling.Wait()
		left.Wait()
	})
}

// A caller's body that returns while goroutines of its own still use the stream.
func TestACallerLeavesGoroutinesBehind(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		var left sync.WaitGroup
		for call := range 60 {
			err := rules.via.Stream(t.Context(), rulespb.RulesTalkMethod, func(_ context.Context, stream farcall.Stream) error {
				begun := make(chan struct{}, 1)
				left.Go(func() {
					for stream.Send(&rulespb.Item{Number: int64(call), Payload: make([]byte, 2000)}) == nil {
					}
					_ = stream.CloseSend()
				})
				left.Go(func() {
					for {
						message := new(rulespb.Item)
						if stream.Receive(message) != nil {
							break
						}
						if message.GetNumber() != int64(call) {
							t.Errorf("call %d received a message of call %d", call, message.GetNumber())
						}
						select {
						case begun <- struct{}{}:
						default:
						}
					}
					_, _ = stream.ResponseHeader(), stream.Receive(nil)
				})
				<-begun
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		left.Wait()
	})
}

// What is nothing is no message, in whatever form it comes, and the stream says so.
func TestSendingNothing(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		for _, nothing := range []any{nil, (*rulespb.Item)(nil), (*farcall.Raw)(nil), 7, "text"} {
			for _, method := range rulesMethods {
				for _, before := range []int{0, 1} { // messages
					err := rules.via.Stream(t.Context(), method, func(_ context.Context, stream farcall.Stream) error {
						for range before {
							if err := stream.Send(item(1)); err != nil {
								return err
							}
						}
						err := stream.Send(nothing)
						if err == nil || err == io.EOF {
							t.Errorf("%s: %T was sent as message %d: %v", method, nothing, before, err)
						}
						if again := stream.Send(item(2)); again != err { // a message is missing, and none may come behind it
							t.Errorf("%s: after %v a message was sent: %v", method, err, again)
						}
						return err
					})
					wantCode(t, err, farcall.Internal)
				}
			}
		}
	})
}

// A handler that makes nothing of a response that could not be sent does not end its call well: a message is missing.
func TestAHandlerThatIgnoresItsErrors(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		handler := func(_ context.Context, stream farcall.Stream) error {
			_ = stream.Receive(new(rulespb.Item))
			_ = stream.Send(nil)
			if stream.Send(item(2)) == nil {
				t.Error("a message was sent behind one that could not be")
			}
			return nil
		}
		rules := m.startWith(t, func(srv *server.Server) {
			for _, method := range rulesMethods {
				srv.Register(method, handler)
			}
		}, settings{})
		for name, kind := range kinds {
			t.Log(name)
			wantCode(t, kind(t.Context(), rules), farcall.Internal)
		}
	})
}

// A loop that ends its goroutine (runtime.Goexit, as t.FailNow does) ends the call as one that is left.
func TestALoopThatEndsItsGoroutine(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ended, talking := make(chan error, 1), make(chan struct{}, 2)
		rules := m.start(t, &service{
			list: endless(ended),
			talk: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				talking <- struct{}{}
				return endless(ended)(ctx, nil)
			},
			collect: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				<-ctx.Done()
				ended <- ctx.Err()
				return nil, ctx.Err()
			},
		}, settings{})
		for name, call := range map[string]func(){
			"list": func() {
				for _, err := range rules.List(t.Context(), item(0)) {
					if err != nil {
						t.Error(err)
					}
					runtime.Goexit()
				}
			},
			"talk": func() {
				for _, err := range rules.Talk(t.Context(), items(nil)) {
					if err != nil {
						t.Error(err)
					}
					runtime.Goexit()
				}
			},
			"collect": func() {
				_, _ = rules.Collect(t.Context(), func(yield func(*rulespb.Item, error) bool) {
					yield(item(1), nil)
					runtime.Goexit()
				})
			},
		} {
			over := make(chan struct{})
			go func() {
				defer close(over)
				call()
				t.Errorf("%s: the goroutine goes on", name)
			}()
			await(t, over, name)
			if err := await(t, ended, "the handler's end"); err != context.Canceled {
				t.Errorf("%s: the handler's context ended with %v", name, err)
			}
		}
		// The input of a two-way call has a goroutine of the library's.
		await(t, talking, "the call above")
		got := all(t, rules.Talk(t.Context(), func(func(*rulespb.Item, error) bool) {
			<-talking // or else the call would end before there is a handler
			runtime.Goexit()
		}))
		wantCode(t, got.err, farcall.Internal)
		await(t, ended, "the handler's end")
	})
}

// An iterator that goes on after its yield has returned false is a mistake that Go panics about.
func TestAnInputThatDoesNotStop(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, &service{
			talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return items(nil)
			},
		}, settings{})
		for range 50 {
			stopped := make(chan struct{})
			func() {
				defer func() { _ = recover() }() // where that is before the result's end
				all(t, rules.Talk(t.Context(), func(yield func(*rulespb.Item, error) bool) {
					defer close(stopped)
					for {
						yield(item(1), nil)
					}
				}))
			}()
			await(t, stopped, "the input's end")
		}
	})
}

// pulled uses iterators the other way round (iter.Pull), from another goroutine for each message, and stops early.
func TestPulledResults(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		ended := make(chan error, 1)
		rules := m.start(t, &service{list: endless(ended)}, settings{})
		next, stop := iter.Pull2(rules.List(t.Context(), item(0)))
		for want := range int64(10) {
			taken := make(chan error)
			go func() {
				message, err, ok := next()
				if !ok || message.GetNumber() != want {
					err = fmt.Errorf("%v, %v, %v", message, err, ok)
				}
				taken <- err
			}()
			if err := await(t, taken, "a message"); err != nil {
				t.Error(err)
			}
		}
		stop()
		await(t, ended, "the handler's end")
		// A result that nobody ranges is no call, and costs nothing.
		_, stop = iter.Pull2(rules.List(t.Context(), item(0)))
		stop()
	})
}

// After its end a stream says how it ended, whatever is asked of it, and as often.
func TestAStreamThatHasEnded(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		talk, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(talk.Send(item(1)), talk.CloseSend(), talk.CloseSend()); err != nil {
			t.Error(err)
		}
		if _, err := talk.Receive(); err != nil {
			t.Error(err)
		}
		for range 3 {
			_, err := talk.Receive()
			wantEOF(t, err)
			if err := talk.Send(item(2)); err == nil {
				t.Error("sent after the end")
			}
			if err := talk.CloseSend(); err != nil {
				t.Error(err)
			}
			_, _ = talk.Header(), talk.Trailer()
			talk.Close()
		}
		collect, err := rulespb.OpenRulesCollect(t.Context(), rules.via)
		if err != nil {
			t.Fatal(err)
		}
		if message, err := collect.CloseAndReceive(); err != nil || message.GetNumber() != 0 {
			t.Errorf("an empty stream: %v, %v", message, err)
		}
		for range 3 {
			_, err := collect.CloseAndReceive() // there was one response, and it was taken
			wantCode(t, err, farcall.FailedPrecondition)
			if err := collect.Send(item(2)); err == nil {
				t.Error("sent after the end")
			}
		}
	})
}

// Messages of tens of megabytes cross where there is no limit, both ways and at the same time, and are refused where there
// is one.
func TestHugeMessages(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		const size = 16 << 20
		var with settings
		with.server.MaxReceiveBytes, with.client.MaxReceiveBytes = -1, -1
		rules := m.start(t, echo(), with)
		in := func(yield func(*rulespb.Item, error) bool) {
			for number := range int64(3) {
				if !yield(&rulespb.Item{Number: number, Payload: make([]byte, size)}, nil) {
					return
				}
			}
		}
		got := 0
		for message, err := range rules.Talk(t.Context(), in) {
			if err != nil || len(message.GetPayload()) != size {
				t.Fatalf("received %d bytes, %v", len(message.GetPayload()), err)
			}
			got++
		}
		if got != 3 {
			t.Errorf("%d messages came back", got)
		}
		limited := m.start(t, echo(), settings{})
		all(t, limited.Talk(t.Context(), in)).want(t, farcall.ResourceExhausted)
		message, err := limited.Collect(t.Context(), in)
		one(t, message, err).want(t, farcall.ResourceExhausted)
	})
}

// An interceptor that does not wait for next: what it has left behind ends soon after, and the outcome is the
// interceptor's. On the client that is so for unary calls alone: a caller's loop runs inside next, and nothing can take it
// away from the goroutine that it is on.
func TestAnInterceptorLeavesNextBehind(t *testing.T) {
	var left sync.WaitGroup
	impatient := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		begun := make(chan struct{})
		left.Go(func() {
			close(begun)
			_ = next(ctx, stream)
		})
		<-begun
		for range 20 { // so that it ends in the midst of things
			runtime.Gosched()
		}
		return farcall.Errorf(farcall.Unavailable, "too slow")
	}
	called(t, func(t *testing.T, m mode) {
		for _, end := range []string{"client", "server"} {
			var with settings
			if end == "client" {
				with.client.Interceptors = []farcall.Interceptor{impatient}
			} else {
				with.server.Interceptors = []farcall.Interceptor{impatient}
			}
			if end == "client" && !m.wire {
				continue
			}
			rules := m.start(t, &service{
				get:  func(ctx context.Context, request *rulespb.Item) (*rulespb.Item, error) { return request, nil },
				list: echo().list,
				collect: func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
					return item(1), all(t, in).err
				},
				talk: echo().talk,
			}, with)
			for name, kind := range kinds {
				if end == "client" && name != "get" {
					continue
				}
				for range 50 {
					wantCode(t, kind(t.Context(), rules), farcall.Unavailable)
				}
			}
		}
		left.Wait()
	})
}

// steps are a conversation in single steps, at each of which something can happen to the call.
var steps = []func(stream *farcall.BidiStream[rulespb.Item, rulespb.Item]) error{
	func(stream *farcall.BidiStream[rulespb.Item, rulespb.Item]) error { return stream.Send(item(1)) },
	func(stream *farcall.BidiStream[rulespb.Item, rulespb.Item]) error { stream.Header(); return nil },
	func(stream *farcall.BidiStream[rulespb.Item, rulespb.Item]) error { return received(stream.Receive()) },
	func(stream *farcall.BidiStream[rulespb.Item, rulespb.Item]) error {
		return stream.Send(&rulespb.Item{Number: 1, Payload: make([]byte, 300_000)})
	},
	func(stream *farcall.BidiStream[rulespb.Item, rulespb.Item]) error { return received(stream.Receive()) },
	func(stream *farcall.BidiStream[rulespb.Item, rulespb.Item]) error { return stream.CloseSend() },
	func(stream *farcall.BidiStream[rulespb.Item, rulespb.Item]) error {
		if _, err := stream.Receive(); err != io.EOF {
			return fmt.Errorf("in the place of the end: %w", err)
		}
		return nil
	},
}

func received(_ *rulespb.Item, err error) error { return err }

// Whatever ends a call, and wherever: the caller is told, and so is the handler, and nothing is left.
func TestAnEndAtEveryPoint(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		for how, end := range map[string]func(cancel func(), stream *farcall.BidiStream[rulespb.Item, rulespb.Item]){
			"cancel": func(cancel func(), _ *farcall.BidiStream[rulespb.Item, rulespb.Item]) { cancel() },
			"close":  func(_ func(), stream *farcall.BidiStream[rulespb.Item, rulespb.Item]) { stream.Close() },
		} {
			for point := range len(steps) + 1 {
				rules := m.start(t, echo(), settings{})
				ctx, cancel := context.WithCancel(t.Context())
				stream, err := rulespb.OpenRulesTalk(ctx, rules.via)
				if err != nil {
					t.Fatal(err)
				}
				for i, step := range steps {
					if i == point {
						end(cancel, stream)
					}
					err := step(stream)
					switch {
					case i < point && err != nil:
						t.Errorf("%s at %d, step %d: %v", how, point, i, err)
					case i >= point && err != nil && !errors.Is(err, farcall.Canceled) && !errors.Is(err, io.EOF):
						t.Errorf("%s at %d, step %d: %v", how, point, i, err)
					}
				}
				_, err = stream.Receive()
				if point < len(steps) {
					wantCode(t, err, farcall.Canceled)
				} else {
					wantEOF(t, err)
				}
				cancel()
			}
		}
	})
}

// One end goes away whole, with calls under way: all of them end, on both sides, and say that it was no good end.
func TestAnEndThatGoesAway(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		for _, goes := range []string{"client", "server"} {
			if goes == "client" && !m.wire {
				continue
			}
			const calls = 4 // of each kind
			var handlers sync.WaitGroup
			begun := make(chan struct{}, 4*calls)
			handlers.Add(4 * calls)
			rules := m.start(t, everyKind(func(ctx context.Context) error {
				defer handlers.Done()
				begun <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}), settings{})
			var calling sync.WaitGroup
			for _, kind := range kinds {
				for range calls {
					calling.Go(func() {
						if code := farcall.CodeOf(kind(t.Context(), rules)); code != farcall.Canceled && code != farcall.Unavailable {
							t.Errorf("the %s goes away: the call has ended with %v", goes, code)
						}
					})
				}
			}
			for range 4 * calls {
				await(t, begun, "the handlers")
			}
			if goes == "client" {
				_ = rules.via.(io.Closer).Close()
			} else {
				_ = rules.server.Close()
			}
			calling.Wait()
			handlers.Wait()
		}
	})
}
