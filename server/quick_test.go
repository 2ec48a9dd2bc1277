// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// makeQuick makes calls on one connection until their method is known to be quick.
func makeQuick(t *testing.T, srv *server.Server, via farcall.Invoker) {
	t.Helper()
	for range 10_000 {
		if srv.Quick(say.Path) {
			return
		}
		var calls sync.WaitGroup
		for range 16 {
			calls.Go(func() {
				if _, err := call(context.Background(), via, "quick"); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
	}
	t.Fatal("the method is never quick")
}

// TestQuickMethodBlocks has a method that was always quick wait, in a call in the middle of others on the same connection. Those
// have their answers while it waits, and it has its own in the end.
func TestQuickMethodBlocks(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	srv := register(say, farcall.HandleUnary(func(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if request.Value == "wait" {
			entered <- struct{}{}
			<-leave
		}
		return request, nil
	}), server.Options{})
	conn := dialWith(t, run(t, srv), client.Options{MaxConnections: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 20 {
		makeQuick(t, srv, conn)
		var waiting, others sync.WaitGroup
		for i := range 64 {
			text, calls := fmt.Sprint(i), &others
			if i%20 == 10 {
				text, calls = "wait", &waiting
			}
			calls.Go(func() {
				if got, err := call(ctx, conn, text); err != nil || got != text {
					t.Errorf("%q was answered by %q, %v", text, got, err)
				}
			})
		}
		for range 3 {
			<-entered
		}
		others.Wait()
		for range 3 {
			leave <- struct{}{}
		}
		waiting.Wait()
	}
}

// TestQuickMethodEndsItsGoroutine has a quick method end the goroutine that it runs on, which is the one that reads.
func TestQuickMethodEndsItsGoroutine(t *testing.T) {
	srv := register(say, farcall.HandleUnary(func(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if request.Value == "end" {
			runtime.Goexit()
		}
		return request, nil
	}), server.Options{})
	conn := dialWith(t, run(t, srv), client.Options{MaxConnections: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 20 {
		makeQuick(t, srv, conn)
		var calls sync.WaitGroup
		for i := range 20 {
			calls.Go(func() {
				text, want := "go on", farcall.OK
				if i == 10 {
					text, want = "end", farcall.Internal
				}
				if _, err := call(ctx, conn, text); farcall.CodeOf(err) != want {
					t.Errorf("%q: %v, want %v", text, err, want)
				}
			})
		}
		calls.Wait()
	}
}

// TestQuickMethodShutsDown shuts the server down from within a quick handler, whose goroutine reads the connection that Shutdown
// drains.
func TestQuickMethodShutsDown(t *testing.T) {
	var srv *server.Server
	down := make(chan error, 1)
	srv = register(say, farcall.HandleUnary(func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if request.Value == "down" {
			within, cancel := context.WithTimeout(ctx, 100*time.Millisecond) // it waits for this very call
			defer cancel()
			down <- srv.Shutdown(within)
		}
		return request, nil
	}), server.Options{})
	conn := dialWith(t, run(t, srv), client.Options{MaxConnections: 1})
	makeQuick(t, srv, conn)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, _ = call(ctx, conn, "down") // Shutdown cuts it off
	select {
	case err := <-down:
		if err == nil {
			t.Error("Shutdown has not waited for the call that it was made in")
		}
	case <-ctx.Done():
		t.Error("Shutdown does not end")
	}
}
