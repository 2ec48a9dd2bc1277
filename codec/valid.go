// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"
)

// Text is nearly always ASCII. Whether it is shows in the high bits of its bytes, of which a word has eight: so words are
// looked at, and only what is not ASCII is left to unicode/utf8.

// word returns eight bytes of memory.
func word(p unsafe.Pointer, at int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, at))[:])
}

func putWord(p unsafe.Pointer, at int, v uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(p, at))[:], v)
}

// halfWord returns four bytes of memory.
func halfWord(p unsafe.Pointer, at int) uint32 {
	return binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(p, at))[:])
}

func putHalfWord(p unsafe.Pointer, at int, v uint32) {
	binary.LittleEndian.PutUint32((*[4]byte)(unsafe.Add(p, at))[:], v)
}

// copyWords copies n bytes, more than 16 of them, and returns a word that has some of highBits unless they are ASCII.
func copyWords(to, from unsafe.Pointer, n int) (seen uint64) {
	k := 0
	for ; k < n-32; k += 32 {
		v, w, x, y := word(from, k), word(from, k+8), word(from, k+16), word(from, k+24)
		putWord(to, k, v)
		putWord(to, k+8, w)
		putWord(to, k+16, x)
		putWord(to, k+24, y)
		seen |= v | w | x | y
	}
	if k < n-16 {
		v, w := word(from, k), word(from, k+8)
		putWord(to, k, v)
		putWord(to, k+8, w)
		seen |= v | w
	}
	v, w := word(from, n-16), word(from, n-8)
	putWord(to, n-16, v)
	putWord(to, n-8, w)
	return seen | v | w
}

// validText reports whether text is UTF-8.
func validText(text []byte) bool { return utf8.Valid(text[ascii(text):]) }

// ascii returns how much of text is ASCII for certain, from its beginning on.
func ascii(text []byte) int {
	p, n, k := unsafe.Pointer(unsafe.SliceData(text)), len(text), 0
	for ; k <= n-64; k += 64 {
		seen := word(p, k) | word(p, k+8) | word(p, k+16) | word(p, k+24)
		seen |= word(p, k+32) | word(p, k+40) | word(p, k+48) | word(p, k+56)
		if seen&highBits != 0 {
			return k
		}
	}
	if n < 16 {
		return 0
	}
	seen := word(p, n-16) | word(p, n-8)
	for at := k; at < n-16; at += 16 {
		seen |= word(p, at) | word(p, at+8)
	}
	if seen&highBits != 0 {
		return k
	}
	return n
}
