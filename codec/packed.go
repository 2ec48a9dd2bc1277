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
	begin, count := len(list), countVarints(packed)
	list = slices.Grow(list, count)[:begin+count]
	numbers := list[begin:] // those that are still to come
	for len(packed) >= 8 && len(numbers) >= 8 {
		// The lengths are tried in turn, because processors guess them, and go on with the next number meanwhile.
		word, length := binary.LittleEndian.Uint64(packed), 1
		switch {
		case word&highBits == 0:
			for k := range 8 {
				numbers[k] = T(byte(word >> (8 * k)))
			}
			numbers, packed = numbers[8:], packed[8:]
			continue
		case word&(1<<7) == 0:
			word &= 1<<7 - 1
		case word&(1<<15) == 0:
			word, length = word&(1<<15-1), 2
		case word&(1<<23) == 0:
			word, length = word&(1<<23-1), 3
		case word&(1<<31) == 0:
			word, length = word&(1<<31-1), 4
		case word&(1<<39) == 0:
			word, length = word&(1<<39-1), 5
		case word&(1<<47) == 0:
			word, length = word&(1<<47-1), 6
		case word&(1<<55) == 0:
			word, length = word&(1<<55-1), 7
		default:
			v, length := protowire.ConsumeVarint(packed)
			if length < 0 {
				return list[:begin], -1
			}
			numbers[0] = T(v)
			numbers, packed = numbers[1:], packed[length:]
			continue
		}
		numbers[0] = T(squeeze(word))
		numbers, packed = numbers[1:], packed[length:]
	}
	for len(packed) > 0 {
		v, length := protowire.ConsumeVarint(packed)
		if length < 0 {
			return list[:begin], -1
		}
		numbers[0] = T(v)
		numbers, packed = numbers[1:], packed[length:]
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
		if packed[0] < 0x80 {
			list = append(list, packed[0] != 0)
			packed = packed[1:]
			continue
		}
		v, length := protowire.ConsumeVarint(packed)
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

// PackedFixed32 appends n bytes of packed fixed32, sfixed32 or float to list.
func PackedFixed32[T fixed32](d *Decoder, list []T, i, end int, n uint64) ([]T, int) {
	if n > uint64(end-i) || n%4 != 0 {
		return list, -1
	}
	packed := d.data[i : i+int(n)]
	begin := len(list)
	list = slices.Grow(list, len(packed)/4)[:begin+len(packed)/4]
	for k := range list[begin:] {
		v := binary.LittleEndian.Uint32(packed)
		list[begin+k] = *(*T)(unsafe.Pointer(&v))
		packed = packed[4:]
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
		v := binary.LittleEndian.Uint64(packed)
		list[begin+k] = *(*T)(unsafe.Pointer(&v))
		packed = packed[8:]
	}
	return list, i + int(n)
}

// SizePackedVarint returns the length of the numbers of list, packed.
func SizePackedVarint[T integer](list []T) (n int) {
	for _, v := range list {
		n += SizeVarint(uint64(v))
	}
	return n
}

// SizePackedZigZag is SizePackedVarint for sint32 and sint64.
func SizePackedZigZag[T int32 | int64](list []T) (n int) {
	for _, v := range list {
		n += SizeVarint(ZigZag(int64(v)))
	}
	return n
}

// PutPackedVarint writes the numbers of list, packed, in front of i.
func PutPackedVarint[T integer](e *Encoder, i int, tag uint32, list []T) int {
	length := SizePackedVarint(list)
	i = e.packed(i, length)
	to := e.b[i:]
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
	return e.Varint(e.Varint(i, uint64(length)), uint64(tag))
}

// PutPackedZigZag is PutPackedVarint for sint32 and sint64.
func PutPackedZigZag[T int32 | int64](e *Encoder, i int, tag uint32, list []T) int {
	length := SizePackedZigZag(list)
	i = e.packed(i, length)
	to := e.b[i:]
	for _, v := range list {
		to = to[binary.PutUvarint(to, ZigZag(int64(v))):]
	}
	return e.Varint(e.Varint(i, uint64(length)), uint64(tag))
}

// PutPackedBool is PutPackedVarint for bool.
func PutPackedBool(e *Encoder, i int, tag uint32, list []bool) int {
	i = e.packed(i, len(list))
	for k, v := range list {
		e.b[i+k] = byte(Bool(v))
	}
	return e.Varint(e.Varint(i, uint64(len(list))), uint64(tag))
}

// PutPackedFixed32 writes the fixed32, sfixed32 or floats of list, packed, in front of i.
func PutPackedFixed32[T fixed32](e *Encoder, i int, tag uint32, list []T) int {
	i = e.packed(i, 4*len(list))
	to := e.b[i : i+4*len(list)]
	for k := range list {
		binary.LittleEndian.PutUint32(to[4*k:], *(*uint32)(unsafe.Pointer(&list[k])))
	}
	return e.Varint(e.Varint(i, uint64(4*len(list))), uint64(tag))
}

// PutPackedFixed64 writes the fixed64, sfixed64 or doubles of list, packed, in front of i.
func PutPackedFixed64[T fixed64](e *Encoder, i int, tag uint32, list []T) int {
	i = e.packed(i, 8*len(list))
	to := e.b[i : i+8*len(list)]
	for k := range list {
		binary.LittleEndian.PutUint64(to[8*k:], *(*uint64)(unsafe.Pointer(&list[k])))
	}
	return e.Varint(e.Varint(i, uint64(8*len(list))), uint64(tag))
}

// packed makes room for length bytes of numbers in front of i, and returns where they begin.
func (e *Encoder) packed(i, length int) int {
	if i < length+2*room {
		i = e.grow(i, length+2*room)
	}
	return i - length
}
