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

// A message begins in firstBuffer bytes. What grows to more than largeBuffer, or has a large part, is measured first.
const (
	firstBuffer = 2 << 10
	largeBuffer = 32 << 10
)

// Encoder is for generated code.
//
// It writes a message back to front, the last field first. So a length is known when its turn comes: a message
// that is not large needs no pass for sizes, and nothing is noted in messages, which any number of goroutines may encode at
// a time. Where the written part begins is an int that is handed from call to call; it goes to the end of b.
type Encoder struct {
	b             []byte
	message       generated
	buffer        *buffer.Buffer // owns b's memory, unless it is nil: then it is the caller's
	place         []byte         // the caller's memory, for a message that has just its length
	deterministic bool
	exact         bool // b is place
	failed        bool // the message cannot be encoded; protobuf says why
	required      bool // it has fields that must be set
}

// encodeGenerated returns the message behind front bytes, which are the caller's to fill, in a buffer that the caller
// frees. It is not ok if the message cannot be encoded; protobuf knows why.
func encodeGenerated(message generated, front int, deterministic bool) (encoded *buffer.Buffer, ok bool) {
	var e Encoder // on the stack
	e.message, e.deterministic = message, deterministic
	e.ownBuffer()
	i := message.Farcall_encode(unescaped(&e), len(e.b))
	e.buffer.B = e.b
	e.buffer.Cut(i - front)
	return e.buffer, !e.bad()
}

// appendGenerated appends the message to dst, unless it cannot be encoded. It uses dst's memory if there is enough of it.
func appendGenerated(dst []byte, message generated, deterministic bool) (encoded []byte, ok bool) {
	var e Encoder // on the stack
	e.message, e.place, e.deterministic = message, dst[len(dst):], deterministic
	e.b = e.place[:min(cap(e.place), firstBuffer)]
	if len(e.b) < 2*room {
		e.ownBuffer()
	}
	i := message.Farcall_encode(unescaped(&e), len(e.b))
	if e.exact || e.failed || e.required || e.buffer != nil {
		return e.finish(dst, i)
	}
	return append(dst, e.b[i:]...), true // it is there already, further back
}

// placeGenerated is encodeGenerated with a place for the message: owned is nil if it was large enough.
func placeGenerated(place []byte, message generated, front int, deterministic bool) (encoded []byte, owned *buffer.Buffer, ok bool) {
	var e Encoder // on the stack
	e.message, e.deterministic = message, deterministic
	e.b = place[:min(len(place), firstBuffer)]
	i := message.Farcall_encode(unescaped(&e), len(e.b))
	if e.buffer != nil {
		e.buffer.B = e.b
		e.buffer.Cut(i - front)
		return e.buffer.B, e.buffer, !e.bad()
	}
	n := copy(place[front:], e.b[i:])
	return place[:front+n], nil, !e.bad()
}

// ownBuffer takes a buffer of its own.
func (e *Encoder) ownBuffer() {
	e.buffer = buffer.Get(firstBuffer)
	e.b = e.buffer.B[:cap(e.buffer.B)]
}

// finish appends what was encoded to dst, unless it is not a message.
func (e *Encoder) finish(dst []byte, i int) (encoded []byte, ok bool) {
	ok = !e.bad()
	switch {
	case !e.exact:
		dst = append(dst, e.b[i:]...)
	case i == 0:
		dst = dst[:len(dst)+len(e.b)]
	default: // the message has become shorter while it was encoded
		ok = false
	}
	e.buffer.Free() // which may be nil
	return dst, ok
}

// bad reports whether what was encoded is not a message.
func (e *Encoder) bad() bool {
	return e.failed || e.required && proto.CheckInitialized(e.message) != nil
}

// unescaped returns p. The compiler believes that it is something else, so that what p points to may stay on the stack:
// generated code does not keep what it gets, but a call through an interface hides that.
//
// There must be no call between its two lines: the stack may move at a call, and address would stay. Checkptr, which the race
// detector switches on, would put one there.
//
//go:nocheckptr
func unescaped[T any](p *T) *T {
	address := uintptr(unsafe.Pointer(p))
	return *(**T)(unsafe.Pointer(&address))
}

// Len returns how much is written.
func (e *Encoder) Len(i int) int { return len(e.b) - i }

// Room makes sure that there is room in front of i for generated code to write tags and numbers.
func (e *Encoder) Room(i int) int {
	if i < room {
		return e.grow(i, room)
	}
	return i
}

// grow moves what is written to a larger place, with room for n bytes in front of it: four times as large a buffer at first,
// and then one for the whole message, whose length is found out.
//
//go:noinline
func (e *Encoder) grow(i, n int) int {
	written := e.b[i:]
	if e.exact && n <= i+2*room {
		return i // there is just as much as the message needs
	}
	size := 4 * len(e.b)
	if len(e.b) >= largeBuffer || size < len(written)+n {
		size = max(e.message.Farcall_size(), len(written)+n-2*room) // which is more if the message has changed
		if !e.exact && size <= cap(e.place) {
			e.exact = true
			e.b = e.place[:size]
			copy(e.b[size-len(written):], written)
			return size - len(written)
		}
		size += 2 * room
	}
	larger := buffer.Get(size)
	e.b = larger.B[:cap(larger.B)]
	i = len(e.b) - len(written)
	copy(e.b[i:], written)
	e.buffer.Free() // nil if it was not its own
	e.buffer, e.exact = larger, false
	return i
}

// Tag writes a tag of one byte in front of i.
func (e *Encoder) Tag(i int, tag byte) int {
	e.b[i-1] = tag
	return i - 1
}

// LongTag writes a tag in front of i.
func (e *Encoder) LongTag(i int, tag uint32) int { return e.putVarint(i, uint64(tag)) }

// Varint writes v in front of i.
func (e *Encoder) Varint(i int, v uint64) int {
	if v < 0x80 {
		e.b[i-1] = byte(v)
		return i - 1
	}
	return e.putVarint(i, v)
}

// Number writes a tag and v, as a varint, in front of i: up to eight bytes as one word.
//
//go:noinline
func (e *Encoder) Number(i int, tag uint32, v uint64) int {
	if v >= 1<<42 || tag >= 1<<14 || i < 8 {
		return e.Varint(e.Varint(i, v), uint64(tag))
	}
	n := SizeVarint(v)
	word := groups(v, n)
	if tag < 0x80 {
		word, n = word<<8|uint64(tag), n+1
	} else {
		word, n = word<<16|uint64(tag)>>7<<8|uint64(tag)&0x7f|0x80, n+2
	}
	// What the word has in front of the number is overwritten by what comes next.
	binary.LittleEndian.PutUint64(e.b[i-8:i], word<<(64-8*uint(n)))
	return i - n
}

// groups returns the n bytes of a varint of less than 1<<56 as a word.
func groups(v uint64, n int) uint64 {
	// Spread the 7-bit groups over the bytes: by fours, then by twos, then each.
	v = v&0x000000000fffffff | v&0x00fffffff0000000<<4
	v = v&0x00003fff00003fff | v&0x0fffc0000fffc000<<2
	v = v&0x007f007f007f007f | v&0x3f803f803f803f80<<1
	return v | highBits&(1<<(8*uint(n-1))-1)
}

// highBits has the bit of each byte that says that a varint goes on, and that text is not ASCII.
const highBits = 0x8080808080808080

// putVarint writes up to eight bytes as one word.
//
//go:noinline
func (e *Encoder) putVarint(i int, v uint64) int {
	n := SizeVarint(v)
	if v >= 1<<56 || i < 8 {
		binary.PutUvarint(e.b[i-n:i], v)
		return i - n
	}
	binary.LittleEndian.PutUint64(e.b[i-8:i], groups(v, n)<<(64-8*uint(n)))
	return i - n
}

// SizeVarint returns the length of v as a varint.
func SizeVarint(v uint64) int {
	return (9*bits.Len64(v|1) + 64) / 64
}

// SizeBytes returns the length of n bytes and their length.
func SizeBytes(n int) int { return SizeVarint(uint64(n)) + n }

// SizeMessage returns the length of a message that is generated elsewhere, and may have no fast path.
func SizeMessage(message proto.Message) int {
	if message, ok := message.(generated); ok {
		return message.Farcall_size()
	}
	if n, ok := sizeWellKnown(message); ok {
		return n
	}
	return proto.Size(message)
}

// SizeProtobuf returns the length of a message by way of google.golang.org/protobuf.
func SizeProtobuf(message proto.Message) int { return proto.Size(message) }

// Fixed32 writes v in front of i.
func (e *Encoder) Fixed32(i int, v uint32) int {
	binary.LittleEndian.PutUint32(e.b[i-4:i], v)
	return i - 4
}

// Fixed64 writes v in front of i.
func (e *Encoder) Fixed64(i int, v uint64) int {
	binary.LittleEndian.PutUint64(e.b[i-8:i], v)
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

// String writes a field of text, which must be UTF-8, in front of i.
func (e *Encoder) String(i int, tag uint32, s string) int {
	n := len(s)
	if i < n+2*room {
		i = e.grow(i, n+2*room)
	}
	i -= n
	b := e.b
	from, seen := unsafe.Pointer(unsafe.StringData(s)), uint64(0) // seen is a word of highBits if there are any
	switch to := unsafe.Pointer(unsafe.SliceData(b[i : i+n])); {
	case n > 256:
		buffer.Copy(b[i:], unsafe.Slice(unsafe.StringData(s), n))
		if !validText(b[i : i+n]) {
			e.failed = true
		}
	case n > 32:
		seen = copyWords(to, from, n)
	case n > 16:
		v, w := word(from, 0), word(from, 8)
		putWord(to, 0, v)
		putWord(to, 8, w)
		seen = v | w
		v, w = word(from, n-16), word(from, n-8)
		putWord(to, n-16, v)
		putWord(to, n-8, w)
		seen |= v | w
	case n >= 8:
		v, w := word(from, 0), word(from, n-8)
		putWord(to, 0, v)
		putWord(to, n-8, w)
		seen = v | w
	case n >= 4:
		v, w := halfWord(from, 0), halfWord(from, n-4)
		putHalfWord(to, 0, v)
		putHalfWord(to, n-4, w)
		seen = uint64(v | w)
	case n > 0:
		first, middle, last := s[0], s[n/2], s[n-1]
		b[i], b[i+n/2], b[i+n-1] = first, middle, last
		seen = uint64(first | middle | last)
	}
	if seen&highBits != 0 && !utf8.Valid(b[i:i+n]) {
		e.failed = true
	}
	if n|int(tag) < 0x80 {
		binary.LittleEndian.PutUint16(b[i-2:i], uint16(tag)|uint16(n)<<8)
		return i - 2
	}
	return e.Number(i, tag, uint64(n))
}

// Bytes writes a field of bytes in front of i.
func (e *Encoder) Bytes(i int, tag uint32, v []byte) int {
	return e.Number(e.Raw(i, v), tag, uint64(len(v)))
}

// LooseString writes a field of text, whatever bytes it is made of, in front of i.
func (e *Encoder) LooseString(i int, tag uint32, s string) int {
	return e.Bytes(i, tag, unsafe.Slice(unsafe.StringData(s), len(s)))
}

// Raw writes what is encoded already in front of i.
func (e *Encoder) Raw(i int, encoded []byte) int {
	if i < len(encoded)+2*room {
		i = e.grow(i, len(encoded)+2*room)
	}
	i -= len(encoded)
	buffer.Copy(e.b[i:], encoded)
	return i
}

// Deterministic reports whether maps must be written in the order of their keys.
func (e *Encoder) Deterministic() bool { return e.deterministic }

// Required says that the message has fields that must be set, or may have them in extensions.
func (e *Encoder) Required() { e.required = true }

// Message writes a message that is generated elsewhere, and may have no fast path, in front of i.
func (e *Encoder) Message(i int, message proto.Message) int {
	if message, ok := message.(generated); ok {
		return message.Farcall_encode(e, i)
	}
	if begin, ok := e.encodeWellKnown(i, message); ok {
		return begin
	}
	return e.Protobuf(i, message)
}

// Protobuf writes a message in front of b[i] by way of google.golang.org/protobuf.
func (e *Encoder) Protobuf(i int, message proto.Message) int {
	options := proto.MarshalOptions{AllowPartial: true, Deterministic: e.deterministic}
	size := options.Size(message)
	if i < size+2*room {
		i = e.grow(i, size+2*room)
	}
	options.UseCachedSize = true
	encoded, err := options.MarshalAppend(e.b[i-size:i-size:i], message)
	if err != nil || len(encoded) != size {
		e.failed = true
		return i
	}
	if proto.CheckInitialized(message) != nil {
		e.required = true
	}
	return i - size
}
