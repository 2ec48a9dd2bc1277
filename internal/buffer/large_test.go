// SPDX-License-Identifier: Apache-2.0

package buffer

import (
	"runtime"
	"testing"
	"time"
)

// What one processor has freed another finds, whatever the collector did meanwhile but for two cycles.
func TestLargeBuffersAreFound(t *testing.T) {
	const size = 3 << 20
	b := Get(size)
	memory := &b.B[:1][0]
	b.Free()
	for range 50 {
		found := make(chan *Buffer)
		go func() { found <- Get(size) }()
		b = <-found
		if &b.B[:1][0] != memory {
			t.Fatal("a buffer was allocated though one was free")
		}
		b.Free()
	}
}

// Those that were used last are used first, and what nobody needs goes with the collector's cycles.
func TestLargeBuffersAreLetGo(t *testing.T) {
	const size = 5 << 20
	s := &stacks[classOf(size)-largeClass]
	held := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.free)
	}
	var all []*Buffer
	for range 4 {
		all = append(all, Get(size))
	}
	for _, b := range all {
		b.Free()
	}
	deadline := time.Now().Add(10 * time.Second)
	for held() > 1 { // one stays in use, the others go
		b := Get(size)
		if b != all[3] {
			t.Fatal("the buffer that was used last was not found first")
		}
		b.Free()
		runtime.GC()
		if time.Now().After(deadline) {
			t.Fatalf("%d buffers are held that nobody needs", held())
		}
		time.Sleep(time.Millisecond)
	}
	for held() > 0 {
		runtime.GC()
		if time.Now().After(deadline) {
			t.Fatal("the last buffer is held though nobody needs it")
		}
		time.Sleep(time.Millisecond)
	}
	s.mu.Lock()
	watched := s.watched
	s.mu.Unlock()
	if watched {
		t.Error("an empty stack waits for the collector")
	}
}
