// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/internal/buffer"
)

// room is how much is free in front of i whenever generated code gets b and i back: enough for a few tags and numbers, so
// that it need not ask for each.
const room = 128

// firstBuffer is where a message begins. What needs more grows, each time to more than the double.
const firstBuffer = 2048

// Encoder is for generated code.
//
// It writes a message back to front, the last field first. So a length is known when its turn comes: there is no pass
// for sizes, and nothing is noted in the message, which any number of goroutines may encode at a time. What is written
// begins at b[i] and goes to the end of b.
type Encoder struct {
	buffer        *buffer.Buffer // owns b's memory, unless it is nil: then it is somebody else's
	deterministic bool
	failed        bool // the message cannot be encoded; protobuf says why
	required      bool // it has fields that must be set
}

// encode writes message to the end of b. It is not ok if the message cannot be encoded; protobuf knows why.
func (e *Encoder) encode(b []byte, message generated) (encoded []byte, i int, ok bool) {
	b, i = message.Farcall_encode(unescaped(e), b, len(b))
	return b, i, !e.failed && (!e.required || proto.CheckInitialized(message) == nil)
}

// encodeGenerated returns the message behind front bytes, which are the caller's to fill, in a buffer that the caller
// frees. It is not ok if the message cannot be encoded.
func encodeGenerated(message generated, front int) (encoded *buffer.Buffer, ok bool) {
	e := Encoder{buffer: buffer.Get(firstBuffer)}
	b, i, ok := e.encode(e.buffer.B[:cap(e.buffer.B)], message)
	e.buffer.B = b
	e.buffer.Cut(i - front)
	return e.buffer, ok
}

// appendGenerated appends the message to dst, unless it cannot be encoded. It uses dst's memory if that may be enough.
func appendGenerated(dst []byte, message generated, deterministic bool) (encoded []byte, ok bool) {
	e := Encoder{deterministic: deterministic}
	free := dst[len(dst):min(cap(dst), len(dst)+firstBuffer)]
	if cap(free) < 2*room {
		e.buffer = buffer.Get(firstBuffer)
		free = e.buffer.B[:cap(e.buffer.B)]
	}
	b, i, ok := e.encode(free, message)
	if ok {
		dst = append(dst, b[i:]...) // which may be there already, further back
	}
	e.buffer.Free()
	return dst, ok
}

// unescaped returns p. The compiler believes that it is something else, so that what p points to may stay on the stack:
// generated code does not keep what it gets, but a call through an interface hides that.
func unescaped[T any](p *T) *T {
	address := uintptr(unsafe.Pointer(p))
	return *(**T)(unsafe.Pointer(&address))
}

// Room makes sure that there is room in front of i for generated code to write tags and numbers.
func (e *Encoder) Room(b []byte, i int) ([]byte, int) {
	if i < room {
		return e.grow(b, i, room)
	}
	return b, i
}

// grow moves what is written to the end of a buffer with n free bytes in front of it.
//
//go:noinline
func (e *Encoder) grow(b []byte, i, n int) ([]byte, int) {
	written := b[i:]
	larger := buffer.Get(2*len(b) + n)
	b = larger.B[:cap(larger.B)]
	i = len(b) - len(written)
	copy(b[i:], written)
	e.buffer.Free() // nil if b was not its own
	e.buffer = larger
	return b, i
}

// Tag writes a tag of one byte in front of b[i].
func Tag(b []byte, i int, tag byte) int {
	b[i-1] = tag
	return i - 1
}

// LongTag writes a tag in front of b[i].
func LongTag(b []byte, i int, tag uint32) int { return putVarint(b, i, uint64(tag)) }

// PutVarint writes v in front of b[i].
func PutVarint(b []byte, i int, v uint64) int {
	if v < 0x80 {
		b[i-1] = byte(v)
		return i - 1
	}
	return putVarint(b, i, v)
}

// highBits has the bit of each byte that says that a varint goes on, and that text is not ASCII.
const highBits = 0x8080808080808080

// putVarint writes up to eight bytes as one word. It needs ten bytes of room.
//
//go:noinline
func putVarint(b []byte, i int, v uint64) int {
	n := SizeVarint(v)
	if v >= 1<<56 {
		_ = binary.PutUvarint(b[i-n:i], v)
		return i - n
	}
	// Spread the 7-bit groups over the bytes of a word: by fours, then by twos, then each.
	v = v&0x000000000fffffff | v&0x00fffffff0000000<<4
	v = v&0x00003fff00003fff | v&0x0fffc0000fffc000<<2
	v = v&0x007f007f007f007f | v&0x3f803f803f803f80<<1
	v |= highBits & (1<<(8*uint(n-1)) - 1)
	// What the word has in front of the number is overwritten by what comes next.
	binary.LittleEndian.PutUint64(b[i-8:i], v<<(64-8*uint(n)))
	return i - n
}

// SizeVarint returns the length of v as a varint.
func SizeVarint(v uint64) int {
	return (9*bits.Len64(v|1) + 64) / 64
}

// PutFixed32 writes v in front of b[i].
func PutFixed32(b []byte, i int, v uint32) int {
	binary.LittleEndian.PutUint32(b[i-4:i], v)
	return i - 4
}

// PutFixed64 writes v in front of b[i].
func PutFixed64(b []byte, i int, v uint64) int {
	binary.LittleEndian.PutUint64(b[i-8:i], v)
	return i - 8
}

// ZigZag returns v as sint32 and sint64 have it on the wire.
func ZigZag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

// Bool returns v as it is on the wire.
func Bool(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// String writes a field of text, which must be UTF-8, in front of b[i].
func (e *Encoder) String(b []byte, i int, tag uint32, s string) ([]byte, int) {
	if i < len(s)+2*room {
		b, i = e.grow(b, i, len(s)+2*room)
	}
	end := i
	i -= len(s)
	from := unsafe.Slice(unsafe.StringData(s), len(s))
	var seen uint64 // a bit of highBits if it is not ASCII
	switch n := len(s); {
	case n > 32:
		copy(b[i:end], s)
		if !ascii(b[i:end]) {
			seen = highBits
		}
	case n >= 8:
		to := b[i:end]
		for k := 0; k+8 < n; k += 8 {
			word := binary.LittleEndian.Uint64(from[k:])
			seen |= word
			binary.LittleEndian.PutUint64(to[k:], word)
		}
		word := binary.LittleEndian.Uint64(from[n-8:])
		seen |= word
		binary.LittleEndian.PutUint64(to[n-8:], word)
	case n >= 4:
		first, last := binary.LittleEndian.Uint32(from), binary.LittleEndian.Uint32(from[n-4:])
		seen = uint64(first | last)
		binary.LittleEndian.PutUint32(b[i:], first)
		binary.LittleEndian.PutUint32(b[end-4:end], last)
	default:
		for k := range n {
			seen |= uint64(from[k])
			b[i+k] = from[k]
		}
	}
	if seen&highBits != 0 && !utf8.ValidString(s) {
		e.failed = true
	}
	return b, PutVarint(b, PutVarint(b, i, uint64(len(s))), uint64(tag))
}

// Bytes writes a field of bytes in front of b[i].
func (e *Encoder) Bytes(b []byte, i int, tag uint32, v []byte) ([]byte, int) {
	b, i = e.Raw(b, i, v)
	return b, PutVarint(b, PutVarint(b, i, uint64(len(v))), uint64(tag))
}

// LooseString writes a field of text, whatever bytes it is made of, in front of b[i].
func (e *Encoder) LooseString(b []byte, i int, tag uint32, s string) ([]byte, int) {
	return e.Bytes(b, i, tag, unsafe.Slice(unsafe.StringData(s), len(s)))
}

// Raw writes what is encoded already in front of b[i].
func (e *Encoder) Raw(b []byte, i int, encoded []byte) ([]byte, int) {
	if i < len(encoded)+2*room {
		b, i = e.grow(b, i, len(encoded)+2*room)
	}
	i -= len(encoded)
	copy(b[i:], encoded)
	return b, i
}

// Deterministic reports whether maps must be written in the order of their keys.
func (e *Encoder) Deterministic() bool { return e.deterministic }

// Required says that the message has fields that must be set, or may have them in extensions.
func (e *Encoder) Required() { e.required = true }

// Message writes a message that is generated elsewhere, and may have no fast path, in front of b[i].
func (e *Encoder) Message(b []byte, i int, message proto.Message) ([]byte, int) {
	if message, ok := message.(generated); ok {
		return message.Farcall_encode(e, b, i)
	}
	return e.Protobuf(b, i, message)
}

// Protobuf writes a message in front of b[i] by way of google.golang.org/protobuf.
func (e *Encoder) Protobuf(b []byte, i int, message proto.Message) ([]byte, int) {
	options := proto.MarshalOptions{AllowPartial: true, Deterministic: e.deterministic}
	size := options.Size(message)
	if i < size+2*room {
		b, i = e.grow(b, i, size+2*room)
	}
	options.UseCachedSize = true
	encoded, err := options.MarshalAppend(b[i-size:i-size:i], message)
	if err != nil || len(encoded) != size {
		e.failed = true
		return b, i
	}
	if proto.CheckInitialized(message) != nil {
		e.required = true
	}
	return b, i - size
}
