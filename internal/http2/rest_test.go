// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"net"
	"runtime"
	"testing"
	"time"
)

// eventually waits for what no signal tells.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("in vain: " + what)
		}
	}
}

// rests reports whether a connection has let go of everything that it does not need at rest.
func rests(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resting && c.streams == nil && cap(c.fast)+cap(c.bulk)+cap(c.spareFast)+cap(c.spareBulk) == 0
}

// TestAConnectionRestsBetweenCalls makes calls on connections that rest, and on those that have been busy.
func TestAConnectionRestsBetweenCalls(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
		for _, calls := range []int{1, 1, 1, 3 * hotReads, 1} {
			for range calls {
				body := pattern(calls * 1000)
				if got, err := call(withTimeout(t), client, postHead, body); err != nil || string(got) != string(body) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
			}
			if !client.socket.wrapped() {
				eventually(t, "the client rests", func() bool { return rests(client) })
				eventually(t, "the server rests", func() bool { return rests(server) })
			}
		}
	})
}

// TestAConnectionAtRestHasASmallStack: what waits is a goroutine at either end that has the stack it was born with.
func TestAConnectionAtRestHasASmallStack(t *testing.T) {
	const connections = 200
	stacks := func() uint64 {
		var memory runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&memory)
		return memory.StackInuse
	}
	var ends []*Conn
	before := stacks()
	for range connections {
		clientEnd, serverEnd := modes["tcp"](t)
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
		if _, err := call(withTimeout(t), client, postHead, pattern(1000)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, client, server)
	}
	for _, end := range ends {
		eventually(t, "a connection rests", func() bool { return rests(end) })
	}
	if each := (int64(stacks()) - int64(before)) / connections; each > 7<<10 { // it was 8 KiB when they had handled frames
		t.Errorf("%d bytes of stacks for both ends of a connection", each)
	}
}
