// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// rivals returns two streams of one connection that have credit of their own, while the connection has none.
func rivals(t *testing.T) (c *Conn, first, second *ClientStream) {
	first = loneStream(t, Options{})
	c = first.conn
	second = &ClientStream{}
	c.initStream(&second.stream, 3)
	second.sent = second
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nextStream, c.streams[3] = 5, &second.stream
	first.credit.credit, second.credit.credit = 1<<20, 1<<20
	c.credit.credit = 0
	return c, first, second
}

// awaitBlocked waits until so many streams wait for credit.
func awaitBlocked(t *testing.T, c *Conn, streams int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Microsecond) {
		c.mu.Lock()
		n := len(c.blocked)
		c.mu.Unlock()
		if n == streams {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d streams wait, want %d", n, streams)
		}
	}
}

// TestWakeIsPassedOnWhenContextEnds gives credit to a sender whose context ends at that moment: the next in the queue
// gets it.
func TestWakeIsPassedOnWhenContextEnds(t *testing.T) {
	for range 30 { // either end may be seen first
		c, first, second := rivals(t)
		ctx, cancel := context.WithCancel(context.Background())
		sent := make(chan error, 1)
		var once sync.Once
		err := first.Send(momentContext{ctx, func() {
			once.Do(func() {
				go func() { sent <- second.Send(context.Background(), pattern(5000), true) }()
				awaitBlocked(t, c, 2)
				c.mu.Lock()
				c.credit.add(5000)
				c.wakeBlockedLocked() // the first, and there is nothing left for the second
				c.mu.Unlock()
				cancel()
			})
		}}, pattern(100_000), true)
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		c.mu.Lock()
		if c.credit.credit == 0 { // the first has seen its wake, and used it
			c.credit.add(5000)
			c.wakeBlockedLocked()
		}
		c.mu.Unlock()
		received(t, sent)
	}
}

// TestWakeIsPassedOnWhenTheStreamEnds gives credit to a sender whose stream is reset before it can use it.
func TestWakeIsPassedOnWhenTheStreamEnds(t *testing.T) {
	c, first, second := rivals(t)
	failed, sent := make(chan error, 1), make(chan error, 1)
	go func() { failed <- first.Send(context.Background(), pattern(100_000), true) }()
	awaitBlocked(t, c, 1)
	go func() { sent <- second.Send(context.Background(), pattern(5000), true) }()
	awaitBlocked(t, c, 2)
	reset := &Error{Code: frame.Cancel, Scope: StreamScope, Culprit: ByPeer}
	c.mu.Lock()
	c.credit.add(5000)
	c.wakeBlockedLocked()
	c.removeLocked(&first.stream, reset)
	c.mu.Unlock()
	if err := <-failed; err != reset {
		t.Errorf("the first: %v", err)
	}
	received(t, sent)
}

func received(t *testing.T, sent <-chan error) {
	t.Helper()
	select {
	case err := <-sent:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("a sender was not woken although there is credit for it")
	}
}
