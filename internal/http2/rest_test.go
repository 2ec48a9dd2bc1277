// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"net"
	"runtime"
	"sync"
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
	return c.resting && c.streams.slots == nil && cap(c.fast)+cap(c.bulk)+cap(c.spareFast)+cap(c.spareBulk) == 0
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

// stacks returns what all goroutines' stacks hold.
func stacks() uint64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return memory.StackInuse
}

// bornStack returns the stack that a goroutine is born with, which the runtime fits to those that there are: 2 KiB, or with the
// race detector at times 4.
func bornStack() int64 {
	const goroutines = 400
	before, leave := stacks(), make(chan struct{})
	var waiting, begun sync.WaitGroup
	for range goroutines {
		begun.Add(1)
		waiting.Go(func() { begun.Done(); <-leave })
	}
	begun.Wait()
	held := int64(stacks()) - int64(before)
	close(leave)
	waiting.Wait()
	return held / goroutines
}

// TestAConnectionAtRestHasASmallStack: what waits is a goroutine at either end that has the stack it was born with.
func TestAConnectionAtRestHasASmallStack(t *testing.T) {
	const connections = 200
	var ends []*Conn
	born := bornStack()
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
	each := (int64(stacks()) - int64(before)) / connections
	born = max(born, bornStack())
	if each > 2*born+3<<10 { // it was 8 KiB when they had handled frames, with 2 KiB to begin with
		t.Errorf("%d bytes of stacks for both ends of a connection, where a goroutine is born with %d", each, born)
	}
}
