// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// turnstile is a handler whose calls stay until each of them is let go.
type turnstile struct{ entered, leave chan string }

func newTurnstile() *turnstile {
	return &turnstile{entered: make(chan string, 1000), leave: make(chan string)}
}

func (s *turnstile) say(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	s.entered <- request.GetValue()
	select {
	case <-s.leave:
		return request, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// waiting waits until so many calls wait for others.
func waiting(t *testing.T, conn *client.Conn, n int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d calls that wait", n), func() bool { return conn.Stats().Waiting == n })
}

// At the bound of connections calls wait, first come first served, which the channel tells in three ways.
func TestCallsWaitInAQueueThatIsSeen(t *testing.T) {
	var log bytes.Buffer
	handler := newTurnstile()
	conn := dial(t, serveTCP(t, server.Options{MaxConcurrentStreams: 1}, handler.say), client.Options{
		MaxConnections: 2, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	var calls sync.WaitGroup
	begin := func(text string) {
		calls.Go(func() {
			if got, err := call(context.Background(), conn, text); err != nil || got != text {
				t.Errorf("%s: got %q, %v", text, got, err)
			}
		})
	}
	begin("a")
	<-handler.entered
	begin("b")
	<-handler.entered
	waitFor(t, "two calls at the bound", func() bool { return conn.Stats() == (client.Stats{Connections: 2, Calls: 2}) })
	const queued = 10
	for i := range queued {
		begin(fmt.Sprint(i))
		waiting(t, conn, i+1)
	}
	if now := conn.Stats(); now != (client.Stats{Connections: 2, Calls: 2, Waiting: queued, Waited: queued}) {
		t.Errorf("at the bound: %+v", now)
	}
	hasty, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := call(hasty, conn, "hasty")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "MaxConnections is 2") {
		t.Errorf("a call whose time is over while it waits: %v", err)
	}
	for i := range queued {
		handler.leave <- ""
		if got, want := <-handler.entered, fmt.Sprint(i); got != want {
			t.Errorf("%s was served, and %s came first", got, want)
		}
	}
	handler.leave <- ""
	handler.leave <- ""
	calls.Wait()
	waitFor(t, "the end", func() bool { return conn.Stats() == (client.Stats{Connections: 2, Waited: queued + 1}) })
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "MaxConnections") || !strings.Contains(text, "level=WARN") {
		t.Errorf("the log says %q", text)
	}
}

// There are as many connections as calls need, up to the bound and not up to some attempts.
func TestAsManyConnectionsAsItTakes(t *testing.T) {
	const most = 20
	handler := newTurnstile()
	conn := dial(t, serveTCP(t, server.Options{MaxConcurrentStreams: 1}, handler.say), client.Options{MaxConnections: most})
	var calls sync.WaitGroup
	for range most {
		calls.Go(func() {
			if _, err := call(context.Background(), conn, "x"); err != nil {
				t.Error(err)
			}
		})
	}
	for range most {
		<-handler.entered
	}
	if now := conn.Stats(); now.Connections != most || now.Waited != 0 {
		t.Errorf("%+v", now)
	}
	close(handler.leave)
	calls.Wait()
}

// Connections that were opened for a peak end when nobody needs them any more, and the client goes on.
func TestConnectionsAreGivenBack(t *testing.T) {
	handler := newTurnstile()
	closed := make(chan struct{}, 100)
	conn := dial(t, serveTCP(t, server.Options{MaxConcurrentStreams: 1}, handler.say), client.Options{
		IdleTimeout: 200 * time.Millisecond,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			return &ends{Conn: nc, closed: closed}, err
		}})
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() { _, _ = call(context.Background(), conn, "x") })
	}
	for range 4 {
		<-handler.entered
	}
	for range 3 {
		handler.leave <- ""
	}
	for range 3 {
		<-closed
	}
	if now := conn.Stats(); now.Connections != 1 || now.Calls != 1 {
		t.Errorf("with one call left: %+v", now)
	}
	handler.leave <- ""
	calls.Wait()
	<-closed
	if now := conn.Stats(); now.Connections != 0 {
		t.Errorf("in the end: %+v", now)
	}
	go func() { handler.leave <- "" }()
	if got, err := call(t.Context(), conn, "again"); err != nil || got != "again" {
		t.Errorf("got %q, %v", got, err)
	}
}

// stubborn dials as often as it may, and then never answers, or fails.
type stubborn struct {
	good atomic.Int32
	fail atomic.Bool
}

func (s *stubborn) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.good.Add(-1) >= 0 {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	if s.fail.Load() {
		return nil, errors.New("no more")
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// Calls that wait for another connection, which does not come, take the place of a call that ends.
func TestAHangingConnectHoldsNobodyUp(t *testing.T) {
	for name, fails := range map[string]bool{"hangs": false, "fails": true} {
		t.Run(name, func(t *testing.T) {
			handler := newTurnstile()
			dialer := &stubborn{}
			dialer.good.Store(1)
			dialer.fail.Store(fails)
			conn := dial(t, serveTCP(t, server.Options{MaxConcurrentStreams: 1}, handler.say), client.Options{Dialer: dialer.dial})
			var calls sync.WaitGroup
			for i := range 5 {
				calls.Go(func() {
					if got, err := call(context.Background(), conn, "x"); err != nil || got != "x" {
						t.Errorf("got %q, %v", got, err)
					}
				})
				waiting(t, conn, max(0, i))
				if i == 0 {
					<-handler.entered
				}
			}
			for i := range 5 {
				if i > 0 {
					<-handler.entered
				}
				handler.leave <- ""
			}
			calls.Wait()
		})
	}
}

// A connect that has failed is tried again for those who wait, when its pause is over.
func TestTheQueueOutlastsAFailedConnect(t *testing.T) {
	handler := newTurnstile()
	dialer := &stubborn{}
	dialer.good.Store(1)
	dialer.fail.Store(true)
	conn := dial(t, serveTCP(t, server.Options{MaxConcurrentStreams: 1}, handler.say), client.Options{
		Dialer: dialer.dial, Backoff: client.Backoff{First: 20 * time.Millisecond, Longest: 20 * time.Millisecond}})
	var calls sync.WaitGroup
	defer calls.Wait()
	defer close(handler.leave)
	calls.Go(func() { _, _ = call(context.Background(), conn, "first") })
	<-handler.entered
	calls.Go(func() { _, _ = call(context.Background(), conn, "second") })
	waiting(t, conn, 1)
	waitFor(t, "two attempts to connect", func() bool { return dialer.good.Load() <= -2 })
	dialer.good.Store(1)
	if got := <-handler.entered; got != "second" { // while the first is still under way
		t.Errorf("%s was served", got)
	}
}

// Many callers at the bound, some of whom give up: nobody is forgotten, and no place either.
func TestTheQueueLosesNobody(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{MaxConcurrentStreams: 2}, repeat), client.Options{MaxConnections: 2, Logger: slog.New(slog.DiscardHandler)})
	var calls sync.WaitGroup
	var succeeded atomic.Int64
	for caller := range 64 {
		calls.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+caller)%3 == 0 {
					ctx, cancel = context.WithTimeout(t.Context(), time.Duration((i*7+caller)%500)*time.Microsecond)
				}
				got, err := call(ctx, conn, "x")
				switch {
				case err == nil && got == "x":
					succeeded.Add(1)
				case !errors.Is(err, context.DeadlineExceeded):
					t.Errorf("got %q, %v", got, err)
				}
				cancel()
			}
		})
	}
	calls.Wait()
	if now := conn.Stats(); now.Waiting != 0 || now.Calls != 0 {
		t.Errorf("in the end: %+v", now)
	}
	t.Logf("%d calls have succeeded, %d waited", succeeded.Load(), conn.Stats().Waited)
	if got, err := call(t.Context(), conn, "last"); err != nil || got != "last" {
		t.Errorf("got %q, %v", got, err)
	}
}
