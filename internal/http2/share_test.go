// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// A lone stream's share of a write grows while the socket takes all of it, to what may wait for the socket at most. It is small
// again once somebody else has small frames, or the socket has taken no more; control frames make no difference.
func TestShareGrowsForALoneStream(t *testing.T) {
	s := busy(t) // the test is the writer
	c := s.conn
	body := pattern(2 << 20)
	c.mu.Lock()
	defer c.mu.Unlock()
	write := func(blocked bool) int {
		t.Helper()
		body = c.appendData(&s.stream, body, false)
		_, bulk := c.takeLocked()
		c.learnShare(len(bulk), blocked)
		return len(bulk) / (frame.HeaderBytes + frame.SmallestMaxFrame) * frame.SmallestMaxFrame
	}
	want := func(what string, sizes ...int) {
		t.Helper()
		for _, size := range sizes {
			if got := write(false); got != size<<10 {
				t.Fatalf("%s: a write has %d bytes of a lone stream's DATA, want %d KiB", what, got, size)
			}
		}
	}
	want("at first", 64, 128, 256, 256)
	if got := write(true); got != 256<<10 {
		t.Fatalf("%d bytes", got)
	}
	want("when the socket was full", 64, 128, 256)
	c.appendWindowUpdate(s.id, 1000)
	want("with control frames", 256)
	c.appendSmall(&s.stream, []byte("small"), false)
	write(false)
	want("behind a small frame", 128)
}

// swallow answers with the length of the request's body, of which it keeps nothing.
func swallow(s *ServerStream) {
	length := 0
	for s.Want(context.Background(), 1) == nil {
		length += len(s.Next(s.Buffered()))
	}
	if s.Err() == nil {
		_ = s.Answer(okHead, []byte(strconv.Itoa(length)), okTrailers)
	}
}

// Small calls beside a stream that sends all the time: they keep its share small.
func TestSmallCallsKeepTheShareSmall(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: swallow}, Options{}, Options{})
	ctx, cancel := context.WithCancel(withTimeout(t))
	uploaded := make(chan struct{})
	go func() {
		defer close(uploaded)
		body := pattern(8 << 20)
		for ctx.Err() == nil {
			if _, err := call(ctx, client, postHead, body); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	}()
	largest := func(during time.Duration) (share int) {
		for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(20 * time.Microsecond) {
			client.mu.Lock()
			share = max(share, client.share)
			client.mu.Unlock()
		}
		return share
	}
	for deadline := time.Now().Add(20 * time.Second); largest(10*time.Millisecond) < bulkBound; {
		if time.Now().After(deadline) {
			t.Fatal("the share of a lone stream did not grow")
		}
	}
	for range 200 {
		if got, err := call(ctx, client, postHead, []byte("small")); err != nil || string(got) != "5" {
			t.Fatal(string(got), err)
		}
		client.mu.Lock()
		if client.share > bulkBound || client.share < bulkShare {
			t.Errorf("a share of %d", client.share)
		}
		client.mu.Unlock()
	}
	cancel()
	<-uploaded
}

// Streams take turns, whatever the share is: none waits for another's end.
func TestLargeStreamsTakeTurns(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	for _, nc := range []net.Conn{clientEnd, serverEnd} {
		_ = nc.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	done := make(chan uint32, 16)
	client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: swallow}, Options{}, Options{})
	client.mu.Lock()
	client.share = bulkBound
	client.mu.Unlock()
	const long, short = 256 << 20, 1 << 20
	ctx, cancel := context.WithCancel(withTimeout(t))
	defer cancel()
	started := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		body := make([]byte, long)
		close(started)
		_, _ = call(ctx, client, postHead, body)
		done <- 1
	}()
	<-started
	for range 5 {
		if _, err := call(ctx, client, postHead, make([]byte, short)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			t.Fatal("the long stream was done first")
		default:
		}
	}
	cancel()
	<-ended
}
