// SPDX-License-Identifier: Apache-2.0

package buffer

import (
	"strings"
	"unsafe"
)

// A goroutine cannot be stopped while it copies: the collector, which stops all of them, waits for the end of the copy, and
// meanwhile every other goroutine of the program waits as well, with a processor that looks again and again whether it is
// over. With 16 MiB in memory that the kernel has to provide first these are tens of milliseconds. So what is large is copied
// in pieces, between which a goroutine can be stopped.
const piece = 256 << 10

// Copy copies src to dst, which is as long at least.
func Copy(dst, src []byte) {
	for len(src) > piece {
		copyPiece(dst, src[:piece])
		dst, src = dst[piece:], src[piece:]
	}
	copy(dst, src)
}

// copyPiece is a function that is called, since it is at the beginning of one that a goroutine stops.
//
//go:noinline
func copyPiece(dst, src []byte) { copy(dst, src) }

// Clone returns a copy of src, in memory that nobody else has: nil of nothing.
func Clone(src []byte) []byte {
	if len(src) <= piece {
		return append([]byte(nil), src...)
	}
	// A Builder is the one way to memory that is not cleared first, and filled bit by bit. Nobody else ever sees its string.
	var b strings.Builder
	b.Grow(len(src))
	return unsafe.Slice(unsafe.StringData(fill(&b, src)), len(src))
}

// fill returns b, which has room for src, with src in it.
func fill(b *strings.Builder, src []byte) string {
	for len(src) > piece {
		appendPiece(b, src[:piece])
		src = src[piece:]
	}
	b.Write(src)
	return b.String()
}

//go:noinline
func appendPiece(b *strings.Builder, src []byte) { b.Write(src) }
