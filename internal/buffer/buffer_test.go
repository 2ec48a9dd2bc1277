// SPDX-License-Identifier: Apache-2.0

package buffer

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
)

func TestGetHasRoom(t *testing.T) {
	for _, test := range []struct{ capacity, want int }{
		{-1, 512}, {0, 512}, {1, 512}, {511, 512}, {512, 512}, {513, 1024}, {1024, 1024}, {1025, 2048},
		{1<<20 - 1, 1 << 20}, {1 << 20, 1 << 20}, {1<<20 + 100, 1<<20 + 100}, {3 << 20, 3 << 20},
		{33<<20 + 1, 33<<20 + 1}, // beyond the pools: just what was asked for
	} {
		for range 3 { // from the heap, and from a pool
			b := Get(test.capacity)
			if len(b.B) != 0 || cap(b.B) < test.want {
				t.Errorf("Get(%d): length %d, capacity %d, want 0 and %d", test.capacity, len(b.B), cap(b.B), test.want)
			}
			if test.capacity > sizeOf(largestClass) && cap(b.B) != test.capacity {
				t.Errorf("Get(%d): capacity %d", test.capacity, cap(b.B))
			}
			b.Free()
		}
	}
}

// A message of a round size with its framing does not take twice the memory.
func TestLargeClassesAreRoomy(t *testing.T) {
	for class := roomyClass; class <= largestClass; class++ {
		b := Get(1<<class + 1<<class/64)
		if cap(b.B) >= 2<<class {
			t.Errorf("a message of 2^%d bytes takes %d", class, cap(b.B))
		}
		b.Free()
	}
}

// A buffer that grew by append to an odd size serves the class that it is large enough for.
func TestFreeFindsTheClass(t *testing.T) {
	largest := sizeOf(largestClass)
	for _, size := range []int{0, 1, 511, 512, 513, 1000, 1023, 1024, 1025, 65535, 65536, 66560, 1<<20 - 1, 1 << 20, 1<<20 + 1, largest, largest + 1} {
		b := &Buffer{B: make([]byte, size)}
		b.Free()
		if pooled := b.pooled != nil; pooled != (size >= 512 && size <= largest) {
			t.Errorf("a buffer of %d bytes: pooled is %v", size, pooled)
		}
	}
	for capacity := 1; capacity <= largest; capacity += capacity/3 + 1 {
		for range 20 {
			b := Get(capacity)
			if cap(b.B) < capacity {
				t.Fatalf("Get(%d): capacity %d", capacity, cap(b.B))
			}
		}
	}
}

func TestGrow(t *testing.T) {
	b := Get(0)
	var want []byte
	for i, n := range []int{1, 511, 1, 1000, 5000, 0, 100_000, 2 << 20, 1} {
		b.Grow(n)
		if cap(b.B)-len(b.B) < n {
			t.Fatalf("room for %d bytes after Grow(%d)", cap(b.B)-len(b.B), n)
		}
		if !bytes.Equal(b.B, want) {
			t.Fatalf("Grow(%d) changed the content", n)
		}
		add := bytes.Repeat([]byte{byte(i + 1)}, n)
		b.B, want = append(b.B, add...), append(want, add...)
	}
	b.Free()
}

func TestGrowKeepsWhatHasRoom(t *testing.T) {
	b := Get(1000)
	b.B = append(b.B, 1)
	first := &b.B[0]
	b.Grow(1000)
	if &b.B[0] != first {
		t.Error("the memory changed although there was room")
	}
	b.Free()
}

// Growing by a byte at a time must not copy each time.
func TestGrowDoubles(t *testing.T) {
	b := &Buffer{}
	moves := 0
	for range 4 << 20 {
		before := cap(b.B)
		b.Grow(1)
		if cap(b.B) != before {
			moves++
		}
		b.B = append(b.B, 0)
	}
	if moves > 15 {
		t.Errorf("4 MiB took %d moves, want one for each doubling", moves)
	}
}

func TestFreeOfNothing(t *testing.T) {
	var none *Buffer
	none.Free()
	empty := &Buffer{}
	empty.Free()
	empty.Free() // it has no memory that could get two owners
}

func TestFreeTwice(t *testing.T) {
	b := Get(10)
	b.Free()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	b.Free()
}

// A former owner who goes on does not write into what may be the next owner's memory.
func TestUseAfterFree(t *testing.T) {
	b := Get(10)
	b.B = append(b.B, "mine"...)
	memory := b.B[:cap(b.B)]
	b.Free()
	b.B = append(b.B[:0], "late"...)
	if string(memory[:4]) != "mine" {
		t.Errorf("the memory that was given back now says %q", memory[:4])
	}
}

// What is cut off comes back, once and with the rest.
func TestCut(t *testing.T) {
	for _, grow := range []bool{false, true} {
		b := Get(1000)
		b.B = b.B[:cap(b.B)]
		whole := &b.B[0]
		b.Cut(100)
		b.Cut(200)
		if len(b.B) != 1024-300 || &b.B[0] != &b.whole[:301][300] {
			t.Fatalf("%d bytes after 300 of 1024 were cut off", len(b.B))
		}
		if grow {
			b.Grow(5000)
			if b.whole != nil || cap(b.B) < 5724 {
				t.Fatalf("capacity %d after Grow", cap(b.B))
			}
		}
		b.Free()
		if !grow && (cap(b.pooled) != 1024 || &b.pooled[:1][0] != whole) {
			t.Errorf("%d bytes were given back, want 1024", cap(b.pooled))
		}
		if b.whole != nil {
			t.Error("a free buffer has the memory twice")
		}
	}
}

// Many owners at once: what one has written stays until it frees the buffer.
func TestOneOwner(t *testing.T) {
	var owners sync.WaitGroup
	for owner := range byte(8) {
		owners.Go(func() {
			random := rand.New(rand.NewPCG(uint64(owner), 0))
			held := make([]*Buffer, 4)
			for range 3000 {
				i := random.IntN(len(held))
				switch b := held[i]; {
				case b == nil:
					held[i] = Get(random.IntN(5000))
				case random.IntN(3) == 0:
					for _, got := range b.B {
						if got != owner {
							t.Errorf("owner %d reads what owner %d wrote", owner, got)
							return
						}
					}
					b.Free()
					held[i] = nil
				default:
					n := random.IntN(1500)
					b.Grow(n)
					b.B = append(b.B, bytes.Repeat([]byte{owner}, n)...)
				}
			}
		})
	}
	owners.Wait()
}
