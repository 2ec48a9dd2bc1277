// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// TestQuickMethodIsCut has deadlines pass and callers go away while their calls wait for the reader or are with it. Every call ends,
// others on the connection have their answers, and nothing is kept.
func TestQuickMethodIsCut(t *testing.T) {
	var running atomic.Int64
	srv := register(say, farcall.HandleUnary(func(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		running.Add(1)
		defer running.Add(-1)
		if request.Value == "slow" {
			time.Sleep(3 * time.Millisecond)
		}
		return request, nil
	}), server.Options{})
	conn := dialWith(t, run(t, srv), client.Options{MaxConnections: 1})
	for round := range 20 {
		makeQuick(t, srv, conn)
		var calls sync.WaitGroup
		for i := range 100 {
			calls.Go(func() {
				text, limit := "quick", 30*time.Second
				switch i % 10 {
				case 3:
					text, limit = "slow", time.Duration(i*30+round)*time.Microsecond
				case 4, 5:
					limit = time.Duration(i*10+round) * time.Microsecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				if i%10 == 5 {
					ctx, cancel = context.WithCancel(t.Context())
					time.AfterFunc(limit, cancel)
				}
				defer cancel()
				got, err := call(ctx, conn, text)
				switch {
				case err == nil && got != text:
					t.Errorf("%q was answered by %q", text, got)
				case err != nil && limit > time.Second:
					t.Error(err)
				case err != nil && !errors.Is(ctx.Err(), context.Canceled) && farcall.CodeOf(err) != farcall.DeadlineExceeded:
					t.Errorf("a call whose deadline passes: %v", err)
				}
			})
		}
		calls.Wait()
	}
	for tries := 0; running.Load() > 0; tries++ {
		if tries == 1000 {
			t.Fatalf("%d handlers have not returned", running.Load())
		}
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Errorf("a call is kept: %v", err)
	}
}

// TestQuickMethodCallsItself has a quick method call itself over the connection that it is read from, twice over.
func TestQuickMethodCallsItself(t *testing.T) {
	var conn farcall.Invoker
	srv := register(say, farcall.HandleUnary(func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if next := map[string]string{"call": "once more", "once more": "quick"}[request.Value]; next != "" {
			if _, err := call(ctx, conn, next); err != nil {
				return nil, err
			}
		}
		return request, nil
	}), server.Options{})
	conn = dialWith(t, run(t, srv), client.Options{MaxConnections: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 10 {
		makeQuick(t, srv, conn)
		var calls sync.WaitGroup
		for i := range 20 {
			calls.Go(func() {
				text := "quick"
				if i%3 == 0 {
					text = "call"
				}
				if got, err := call(ctx, conn, text); err != nil || got != text {
					t.Errorf("%q was answered by %q, %v", text, got, err)
				}
			})
		}
		calls.Wait()
	}
}
