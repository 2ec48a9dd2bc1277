// SPDX-License-Identifier: Apache-2.0

package buffer

import (
	"runtime"
	"sync"
)

// largeClass is the first class whose buffers are kept in a stack instead of a sync.Pool. A pool keeps one buffer for each
// processor where the others do not find it, and so allocates a large one now and then though there is one: the kernel must
// then clear memory for it, and the collector runs sooner. There are few of them, and a lock costs nothing beside what is
// copied.
const largeClass = 20

// stack holds the free buffers of one class. What has not been needed between two of the collector's cycles is left to the
// next, as that of a pool is.
type stack struct {
	mu       sync.Mutex // guards what follows
	free     []*Buffer  // the one that was used last at the end
	unneeded int        // how many there were at least since the last cycle: those at the beginning
	watched  bool       // the next cycle will tell
}

func (s *stack) get() *Buffer {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.free) - 1
	if last < 0 {
		return nil
	}
	b := s.free[last]
	s.free[last] = nil
	s.free = s.free[:last]
	s.unneeded = min(s.unneeded, last)
	return b
}

func (s *stack) put(b *Buffer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, b)
	if !s.watched {
		s.watched, s.unneeded = true, len(s.free)-1
		s.watch()
	}
}

// watch has collected called after the collector's next cycle: it finds a piece of memory that nobody has.
func (s *stack) watch() { runtime.AddCleanup(new([16]byte), (*stack).collected, s) }

// collected drops what was not needed since the cycle before.
func (s *stack) collected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := copy(s.free, s.free[s.unneeded:])
	clear(s.free[kept:])
	s.free = s.free[:kept]
	s.unneeded = kept
	if s.watched = kept > 0; s.watched {
		s.watch()
	}
}
