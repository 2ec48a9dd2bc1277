// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

type (
	// integer is what is a varint on the wire; enums are int32.
	integer interface {
		~int32 | ~int64 | ~uint32 | ~uint64
	}
	fixed32 interface{ int32 | uint32 | float32 }
	fixed64 interface{ int64 | uint64 | float64 }
)

// PackedVarint appends n bytes of packed numbers to list. They are counted before there is memory for them.
func PackedVarint[T integer](d *Decoder, list []T, i, end int, n uint64) ([]T, int) {
	if n > uint64(end-i) {
		return list, -1
	}
	packed := d.data[i : i+int(n)]
	list = slices.Grow(list, countVarints(packed))
	for len(packed) > 0 {
		if packed[0] < 0x80 {
			list = append(list, T(packed[0]))
			packed = packed[1:]
			continue
		}
		v, length := longVarint(packed)
		if length < 0 {
			return list, -1
		}
		list = append(list, T(v))
		packed = packed[length:]
	}
	return list, i + int(n)
}

// PackedZigZag is PackedVarint for sint32 and sint64.
func PackedZigZag[T int32 | int64](d *Decoder, list []T, i, end int, n uint64) ([]T, int) {
	begin := len(list)
	list, i = PackedVarint(d, list, i, end, n)
	for k, v := range list[begin:] {
		var zigZag uint64
		if unsafe.Sizeof(v) == 4 {
			zigZag = uint64(uint32(v))
		} else {
			zigZag = uint64(v)
		}
		list[begin+k] = T(UnZigZag(zigZag))
	}
	return list, i
}

// PackedBool is PackedVarint for bool.
func PackedBool(d *Decoder, list []bool, i, end int, n uint64) ([]bool, int) {
	if n > uint64(end-i) {
		return list, -1
	}
	packed := d.data[i : i+int(n)]
	list = slices.Grow(list, countVarints(packed))
	for len(packed) > 0 {
		v, length := longVarint(packed)
		if length < 0 {
			return list, -1
		}
		list = append(list, v != 0)
		packed = packed[length:]
	}
	return list, i + int(n)
}

// countVarints counts the bytes that end a number.
func countVarints(packed []byte) int {
	count := 0
	for ; len(packed) >= 8; packed = packed[8:] {
		count += bits.OnesCount64(^binary.LittleEndian.Uint64(packed) & highBits)
	}
	for _, c := range packed {
		count += int(^c >> 7)
	}
	return count
}

// longVarint reads the number that packed begins with.
func longVarint(packed []byte) (v uint64, length int) {
	if len(packed) >= 8 {
		word := binary.LittleEndian.Uint64(packed)
		if ends := ^word & highBits; ends != 0 {
			return squeeze(word & (ends ^ (ends - 1))), bits.TrailingZeros64(ends)/8 + 1
		}
	}
	return protowire.ConsumeVarint(packed)
}

// PackedFixed32 appends n bytes of packed fixed32, sfixed32 or float to list.
func PackedFixed32[T fixed32](d *Decoder, list []T, i, end int, n uint64) ([]T, int) {
	if n > uint64(end-i) || n%4 != 0 {
		return list, -1
	}
	packed := d.data[i : i+int(n)]
	begin := len(list)
	list = slices.Grow(list, len(packed)/4)[:begin+len(packed)/4]
	for k := range list[begin:] {
		v := binary.LittleEndian.Uint32(packed[4*k:])
		list[begin+k] = *(*T)(unsafe.Pointer(&v))
	}
	return list, i + int(n)
}

// PackedFixed64 appends n bytes of packed fixed64, sfixed64 or double to list.
func PackedFixed64[T fixed64](d *Decoder, list []T, i, end int, n uint64) ([]T, int) {
	if n > uint64(end-i) || n%8 != 0 {
		return list, -1
	}
	packed := d.data[i : i+int(n)]
	begin := len(list)
	list = slices.Grow(list, len(packed)/8)[:begin+len(packed)/8]
	for k := range list[begin:] {
		v := binary.LittleEndian.Uint64(packed[8*k:])
		list[begin+k] = *(*T)(unsafe.Pointer(&v))
	}
	return list, i + int(n)
}

// PutPackedVarint writes the numbers of list, packed, in front of b[i].
func PutPackedVarint[T integer](e *Encoder, b []byte, i int, tag uint32, list []T) ([]byte, int) {
	length := 0
	for _, v := range list {
		length += SizeVarint(uint64(v))
	}
	b, i = e.packed(b, i, length)
	to := b[i:]
	for _, v := range list {
		n := 0
		for u := uint64(v); ; u >>= 7 {
			if u < 0x80 {
				to[n] = byte(u)
				break
			}
			to[n] = byte(u) | 0x80
			n++
		}
		to = to[n+1:]
	}
	return b, PutVarint(b, PutVarint(b, i, uint64(length)), uint64(tag))
}

// PutPackedZigZag is PutPackedVarint for sint32 and sint64.
func PutPackedZigZag[T int32 | int64](e *Encoder, b []byte, i int, tag uint32, list []T) ([]byte, int) {
	length := 0
	for _, v := range list {
		length += SizeVarint(ZigZag(int64(v)))
	}
	b, i = e.packed(b, i, length)
	to := b[i:]
	for _, v := range list {
		to = to[binary.PutUvarint(to, ZigZag(int64(v))):]
	}
	return b, PutVarint(b, PutVarint(b, i, uint64(length)), uint64(tag))
}

// PutPackedBool is PutPackedVarint for bool.
func PutPackedBool(e *Encoder, b []byte, i int, tag uint32, list []bool) ([]byte, int) {
	b, i = e.packed(b, i, len(list))
	for k, v := range list {
		b[i+k] = byte(Bool(v))
	}
	return b, PutVarint(b, PutVarint(b, i, uint64(len(list))), uint64(tag))
}

// PutPackedFixed32 writes the fixed32, sfixed32 or floats of list, packed, in front of b[i].
func PutPackedFixed32[T fixed32](e *Encoder, b []byte, i int, tag uint32, list []T) ([]byte, int) {
	b, i = e.packed(b, i, 4*len(list))
	to := b[i : i+4*len(list)]
	for k := range list {
		binary.LittleEndian.PutUint32(to[4*k:], *(*uint32)(unsafe.Pointer(&list[k])))
	}
	return b, PutVarint(b, PutVarint(b, i, uint64(4*len(list))), uint64(tag))
}

// PutPackedFixed64 writes the fixed64, sfixed64 or doubles of list, packed, in front of b[i].
func PutPackedFixed64[T fixed64](e *Encoder, b []byte, i int, tag uint32, list []T) ([]byte, int) {
	b, i = e.packed(b, i, 8*len(list))
	to := b[i : i+8*len(list)]
	for k := range list {
		binary.LittleEndian.PutUint64(to[8*k:], *(*uint64)(unsafe.Pointer(&list[k])))
	}
	return b, PutVarint(b, PutVarint(b, i, uint64(8*len(list))), uint64(tag))
}

// packed makes room for length bytes of numbers in front of b[i], and returns where they begin.
func (e *Encoder) packed(b []byte, i, length int) ([]byte, int) {
	if i < length+2*room {
		b, i = e.grow(b, i, length+2*room)
	}
	return b, i - length
}
