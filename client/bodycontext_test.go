// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// impatient returns an interceptor that leaves next behind once reached is closed, and where to read what becomes of that.
func impatient(reached <-chan struct{}) (farcall.Interceptor, <-chan error) {
	behind := make(chan error, 1)
	return func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		go func() { behind <- next(ctx, stream) }()
		<-reached
		return farcall.Errorf(farcall.Unavailable, "too slow")
	}, behind
}

// What an interceptor has left behind ends with the call, wherever it waits.
func TestWhatIsLeftBehindEnds(t *testing.T) {
	await := func(t *testing.T, reached chan struct{}, address string, options client.Options) {
		interceptor, behind := impatient(reached)
		options.Interceptors = []farcall.Interceptor{interceptor}
		if _, err := call(t.Context(), dial(t, address, options), "x"); farcall.CodeOf(err) != farcall.Unavailable {
			t.Errorf("the call: %v", err)
		}
		if err := <-behind; farcall.CodeOf(err) != farcall.Canceled {
			t.Errorf("what was left behind: %v", err)
		}
	}
	t.Run("answer", func(t *testing.T) {
		reached, ended := make(chan struct{}), make(chan struct{})
		await(t, reached, serveTCP(t, server.Options{}, func(ctx context.Context, _ *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
			close(reached)
			<-ctx.Done() // the server is told to stop
			close(ended)
			return nil, ctx.Err()
		}), client.Options{})
		<-ended
	})
	t.Run("connection", func(t *testing.T) {
		reached := make(chan struct{})
		await(t, reached, "192.0.2.1:1", client.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			close(reached)
			<-ctx.Done()
			return nil, ctx.Err()
		}})
	})
}

// derives has a context derived from that of each attempt, as an Observer may, and notes whether it has ended.
type derives struct {
	farcall.Observer
	began, ended atomic.Int32
	seen         chan error
}

func (d *derives) Begin(ctx context.Context, info *farcall.CallInfo) context.Context {
	if info.Attempt == 0 {
		return ctx
	}
	d.began.Add(1)
	context.AfterFunc(ctx, func() {
		d.ended.Add(1)
		d.seen <- ctx.Err()
	})
	derived, cancel := context.WithCancel(ctx)
	context.AfterFunc(derived, func() {
		cancel()
		d.seen <- context.Cause(derived)
	})
	return derived
}

func (d *derives) Event(farcall.Event) {}

var errEnough = errors.New("enough")

// The context of an attempt ends with the call, and with the caller's.
func TestAnAttemptsContextEnds(t *testing.T) {
	pass := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error { return next(ctx, stream) }
	observer := &derives{seen: make(chan error, 2)}
	ctx, cancel := context.WithCancelCause(t.Context())
	conn := dial(t, serveTCP(t, server.Options{}, func(serving context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if request.Value == "wait" {
			cancel(errEnough)
			<-serving.Done()
		}
		return request, nil
	}), client.Options{Interceptors: []farcall.Interceptor{pass}, Observer: observer})
	if _, err := call(t.Context(), conn, "x"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-observer.seen; err != context.Canceled {
			t.Errorf("behind the call: %v", err)
		}
	}
	if _, err := call(ctx, conn, "wait"); !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	seen := []error{<-observer.seen, <-observer.seen}
	if !slices.Contains(seen, context.Canceled) || !slices.Contains(seen, errEnough) {
		t.Errorf("behind the caller's end: %v", seen)
	}
	if observer.began.Load() != 2 || observer.ended.Load() != 2 {
		t.Errorf("%d attempts began and %d ended", observer.began.Load(), observer.ended.Load())
	}
}
