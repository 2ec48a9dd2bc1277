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

// validText reports whether text is UTF-8.
func validText(text []byte) bool { return len(text) >= 16 && ascii(text) || utf8.Valid(text) }

// ascii reports whether text, of 16 bytes at least, is ASCII.
func ascii(text []byte) bool {
	p, n, k := unsafe.Pointer(unsafe.SliceData(text)), len(text), 0
	for ; k <= n-64; k += 64 {
		seen := word(p, k) | word(p, k+8) | word(p, k+16) | word(p, k+24)
		seen |= word(p, k+32) | word(p, k+40) | word(p, k+48) | word(p, k+56)
		if seen&highBits != 0 {
			return false
		}
	}
	seen := word(p, n-16) | word(p, n-8)
	for ; k < n-16; k += 16 {
		seen |= word(p, k) | word(p, k+8)
	}
	return seen&highBits == 0
}
