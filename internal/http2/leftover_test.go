// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"fmt"
	"testing"
	"time"
)

// nothingLeft waits until both ends are at rest, and checks that they are even.
func nothingLeft(t *testing.T, client, server *Conn) {
	t.Helper()
	var left string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if left = leftover("client", client, creditOf(server)) + leftover("server", server, creditOf(client)); left == "" {
			return
		}
	}
	t.Errorf("left: %s; the client's end: %v; the server's: %v", left, client.Err(), server.Err())
}

// leftover says what c still has of the past. credit is what the other end may send.
func leftover(name string, c *Conn, credit int64) (left string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	note := func(what string, n int) {
		if n != 0 {
			left += fmt.Sprintf(" %s's %s: %d;", name, what, n)
		}
	}
	note("streams", c.streams.len())
	note("handlers", c.places.handling)
	note("waiting for a place", len(c.places.queue))
	note("budget", int(c.options.Budget.Used()))
	note("waiters for room", len(c.room))
	for _, s := range c.blocked {
		if s.sender != nil {
			note("blocked", int(s.id))
		}
	}
	if c.err != nil {
		return left
	}
	note("unanswered", c.places.unanswered)
	note("unwritten", len(c.fast)+len(c.bulk))
	note("missing connection credit", c.window.target-c.window.open-c.window.owed)
	note("credit that the other end does not have", c.window.open-int(credit))
	return left
}

func creditOf(c *Conn) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.credit.credit
}
