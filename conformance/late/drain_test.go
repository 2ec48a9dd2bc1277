// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"context"
	"fmt"
	"iter"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/server"
)

// generations serve on one socket, one after the other: the next listens before the last goes away, as it does when a
// service is deployed anew.
type generations struct {
	socket net.Listener
	ended  sync.WaitGroup
}

// next serves with another server, and returns what ends it.
func (g *generations) next(t *testing.T, s security, impl rulespb.Rules) *server.Server {
	t.Helper()
	file, err := g.socket.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	srv := server.New(server.Options{TLS: s.server, Logger: quiet})
	rulespb.RegisterRules(srv, impl)
	g.ended.Go(func() {
		if err := srv.Serve(listener); err != nil {
			t.Error(err)
		}
	})
	return srv
}

// exact are the four kinds of call with many messages, each of which checks every one that comes back.
var exact = map[string]func(ctx context.Context, rules rulespb.Rules, seed int64) error{
	"unary": func(ctx context.Context, rules rulespb.Rules, seed int64) error {
		return checkOne(seed)(rules.Get(ctx, numbered(seed)))
	},
	"server stream": func(ctx context.Context, rules rulespb.Rules, seed int64) error {
		return checkAll(rules.List(ctx, numbered(seed)), seed, 1)
	},
	"client stream": func(ctx context.Context, rules rulespb.Rules, seed int64) error {
		return checkOne(seed + 9)(rules.Collect(ctx, series(seed, 10)))
	},
	"two-way": func(ctx context.Context, rules rulespb.Rules, seed int64) error {
		return checkAll(rules.Talk(ctx, series(seed, 10)), seed, 10)
	},
}

// numbered returns the message with a number: its payload follows from that, and is of very different sizes.
func numbered(number int64) *rulespb.Item {
	size := number * 7919 % 3000
	if number%50 == 0 {
		size = 100_000
	}
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(number + int64(i)*31)
	}
	return &rulespb.Item{Number: number, Payload: payload}
}

func series(first int64, n int) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		for number := range int64(n) {
			if !yield(numbered(first+number), nil) {
				return
			}
		}
	}
}

func checkOne(want int64) func(got *rulespb.Item, err error) error {
	return func(got *rulespb.Item, err error) error {
		if err != nil {
			return err
		}
		return check(got, want)
	}
}

func check(got *rulespb.Item, want int64) error {
	if expected := numbered(want); got.GetNumber() != want || string(got.GetPayload()) != string(expected.GetPayload()) {
		return fmt.Errorf("the wrong answer: number %d with %d bytes, want %d with %d", got.GetNumber(), len(got.GetPayload()), want, len(expected.GetPayload()))
	}
	return nil
}

func checkAll(result iter.Seq2[*rulespb.Item, error], first int64, n int) error {
	received := int64(0)
	for got, err := range result {
		if err != nil {
			return err
		}
		if err := check(got, first+received); err != nil {
			return err
		}
		received++
	}
	if received != int64(n) {
		return fmt.Errorf("%d messages came, want %d", received, n)
	}
	return nil
}

// Servers come and go while clients call without a pause: no call of any kind is lost, and none gets a wrong answer.
func TestNoCallIsLostWhenServersAreReplaced(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		g := &generations{socket: listen(t)}
		current := g.next(t, s, echoing)
		rules, _ := s.dial(t, g.socket.Addr().String(), client.Options{Backoff: client.Backoff{First: time.Millisecond, Longest: time.Millisecond}})
		replace(t, rules, func() {
			last := current
			current = g.next(t, s, echoing)
			shutdown, end := context.WithTimeout(context.Background(), patience)
			defer end()
			if err := last.Shutdown(shutdown); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
		current.Close()
		g.ended.Wait()
	})
}

// replace makes calls of every kind without a pause while servers are replaced: none may be lost.
func replace(t *testing.T, rules rulespb.Rules, next func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var calling sync.WaitGroup
	var made atomic.Int64
	for kind, call := range exact {
		for caller := range int64(2) {
			calling.Go(func() {
				for seed := caller; ctx.Err() == nil; seed += 10 {
					if err := call(context.Background(), rules, seed); err != nil {
						t.Errorf("%s: %v", kind, err)
						cancel()
					}
					made.Add(1)
				}
			})
		}
	}
	const replacements = 8
	for range replacements {
		enough := made.Load() + 100
		until(t, "calls", func() bool { return made.Load() >= enough || ctx.Err() != nil })
		next()
	}
	cancel()
	calling.Wait()
	t.Logf("%d calls over %d replacements", made.Load(), replacements)
}

// A server that drains finishes calls of every kind that it has accepted, also those whose messages come only afterwards, and
// their client makes new calls on another connection meanwhile.
func TestADrainingServerFinishesWhatItHasAccepted(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		began := make(chan struct{}, 10)
		proceed := make(chan struct{})
		h := handlers{func(context.Context) error {
			began <- struct{}{}
			<-proceed
			return nil
		}}
		g := &generations{socket: listen(t)}
		first := g.next(t, s, h)
		rules, conn := s.dial(t, g.socket.Addr().String(), client.Options{})
		result := make(chan error, len(exact))
		for kind, call := range exact {
			go func() {
				err := call(context.Background(), rules, 5)
				if err != nil {
					err = fmt.Errorf("%s: %w", kind, err)
				}
				result <- err
			}()
			await(t, began, "a handler")
		}
		second := g.next(t, s, echoing)
		shut := make(chan error, 1)
		go func() { shut <- first.Shutdown(context.Background()) }()
		until(t, "the news at the client", func() bool { return conn.Stats().Connections == 0 })
		for kind, call := range exact {
			if err := call(t.Context(), rules, 1000); err != nil {
				t.Errorf("a new %s call: %v", kind, err)
			}
		}
		select {
		case err := <-shut:
			t.Errorf("Shutdown returned %v while calls are under way", err)
		default:
		}
		close(proceed)
		for range exact {
			if err := await(t, result, "an accepted call"); err != nil {
				t.Errorf("an accepted call: %v", err)
			}
		}
		if err := await(t, shut, "the end of Shutdown"); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		second.Close()
		g.ended.Wait()
	})
}
