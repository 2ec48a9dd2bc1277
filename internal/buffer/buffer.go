// SPDX-License-Identifier: Apache-2.0

// Package buffer holds pooled byte buffers with one owner.
package buffer

import (
	"math/bits"
	"sync"
)

// The pools hold buffers of 2^9 (512 B) to 2^25 (32 MiB) bytes: to allocate a large buffer anew, and have the kernel clear
// it, costs more than to fill it. The garbage collector takes those that are not used again within two of its cycles, and
// what is larger at once, so that one huge message does not stay in memory.
//
// From 4 KiB on, classes have some room above the power of two, since a message of 16 KiB or 1 MiB is one of that, a few
// bytes of framing and what an encoder keeps free in front: it would take twice the memory.
const (
	smallestClass = 9
	roomyClass    = 12 // and above
	largestClass  = 25
	leastRoom     = 512
)

// sizeOf returns the size of a class's buffers.
func sizeOf(class int) int {
	size := 1 << class
	if class >= roomyClass {
		size += max(size>>6, leastRoom)
	}
	return size
}

var (
	pools  [largeClass - smallestClass]sync.Pool
	stacks [largestClass - largeClass + 1]stack
)

// Buffer is a byte buffer with one owner, who appends to B and in the end calls Free.
type Buffer struct {
	B []byte

	// pooled holds B's memory while the buffer is in a pool. B itself is nil then, so that a former owner who goes on
	// appending gets memory of its own instead of the next owner's.
	pooled []byte

	// whole is B's memory from the beginning, if Cut has taken some of it from B.
	whole []byte
}

// Get returns a Buffer with an empty B that has room for at least capacity bytes.
func Get(capacity int) *Buffer {
	class := classOf(capacity)
	if class > largestClass {
		return &Buffer{B: make([]byte, 0, capacity)}
	}
	var b *Buffer
	if class < largeClass {
		b, _ = pools[class-smallestClass].Get().(*Buffer)
	} else {
		b = stacks[class-largeClass].get()
	}
	if b == nil {
		return &Buffer{B: make([]byte, 0, sizeOf(class))}
	}
	b.B, b.pooled = b.pooled, nil
	return b
}

// classOf returns the smallest class that holds capacity bytes.
func classOf(capacity int) int {
	if capacity <= 1<<smallestClass {
		return smallestClass
	}
	class := bits.Len(uint(capacity - 1))
	if class > roomyClass && capacity <= sizeOf(class-1) {
		return class - 1
	}
	return class
}

// Grow makes room for n more bytes, by way of a larger pooled buffer if need be.
func (b *Buffer) Grow(n int) {
	if cap(b.B)-len(b.B) >= n {
		return
	}
	larger := Get(max(len(b.B)+n, 2*cap(b.B)))
	larger.B = larger.B[:len(b.B)]
	Copy(larger.B, b.B)
	b.B, larger.B = larger.B, b.B[:0]
	b.whole, larger.whole = nil, b.whole
	larger.Free()
}

// Cut takes the first n bytes from B. Free gives their memory back with the rest.
func (b *Buffer) Cut(n int) {
	if b.whole == nil {
		b.whole = b.B[:0]
	}
	b.B = b.B[n:]
}

// Free gives the buffer back. The owner must not touch it, or anything that points into it, again. A nil Buffer may be
// freed. Free panics if the buffer has been freed already: it would get two owners, and one's bytes would reach the
// other's peer.
func (b *Buffer) Free() {
	if b == nil {
		return
	}
	if b.pooled != nil {
		panic("farcall: a buffer was freed twice: its Release or Free was called again")
	}
	if b.whole != nil {
		b.B, b.whole = b.whole, nil
	}
	size := cap(b.B)
	if size < sizeOf(smallestClass) || size > sizeOf(largestClass) {
		b.B = nil
		return
	}
	class := bits.Len(uint(size)) - 1 // the largest class that it can serve
	if size < sizeOf(class) {
		class--
	}
	b.B, b.pooled = nil, b.B[:0]
	if class < largeClass {
		pools[class-smallestClass].Put(b)
	} else {
		stacks[class-largeClass].put(b)
	}
}
