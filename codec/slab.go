// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"slices"
	"unsafe"
)

// slab is memory for messages of one type that will probably come. It belongs to the message that is decoded: what is
// not used of it lives as long as a message beside it does.
type slab struct {
	kind unsafe.Pointer // the type
	free unsafe.Pointer // to the next one, nil if there is none
	left int
	size int // how many there were
}

const (
	smallSlab    = 8        // the most for messages that stand in no row
	largestBytes = 16 << 10 // the most memory of a slab
)

// New returns a new T, a message or the wrapper of a oneof. One in a message that stands in a row of like messages comes from
// a slab: it has room for as many as there are if all that follows in the row is like this message. So a row of orders with
// a price each costs a few allocations, not one for each; and if only the first of them has a price, there is no more room
// than for the prices of a row of that length. Elsewhere a slab has room for at most twice as many as have been used.
func New[T any](d *Decoder) *T {
	kind := kindOf[T]()
	s := &d.slabs[0]
	if s.kind != kind {
		if s = d.slabOf(kind); s == nil {
			return new(T)
		}
	}
	if s.left == 0 {
		return newSlab[T](d, s)
	}
	element := (*T)(s.free)
	if s.left--; s.left > 0 {
		s.free = unsafe.Add(s.free, unsafe.Sizeof(*element))
	} else {
		s.free = nil
	}
	return element
}

// slabOf returns the slab of a type, nil if there are too many types.
func (d *Decoder) slabOf(kind unsafe.Pointer) *slab {
	for k := range d.slabs {
		switch d.slabs[k].kind {
		case nil:
			d.slabs[k].kind = kind
			return &d.slabs[k]
		case kind:
			return &d.slabs[k]
		}
	}
	return nil
}

// newSlab returns the first element of a new slab.
func newSlab[T any](d *Decoder, s *slab) *T {
	n := 1
	switch {
	case d.near > 0:
		n = min(d.near, d.row/int(d.length+2)) + 1
	case s.size > 0:
		n = min(2*s.size, smallSlab)
	}
	elements := make([]T, min(n, atMost[T]()))
	s.size, s.left, s.free = len(elements), len(elements)-1, nil
	if s.left > 0 {
		s.free = unsafe.Pointer(&elements[1])
	}
	return &elements[0]
}

// atMost returns how many elements a slab has at most.
func atMost[T any]() int {
	var element T
	return max(1, largestBytes/max(1, int(unsafe.Sizeof(element))))
}

// kindOf returns the address of the type's description, which is one for each type.
func kindOf[T any]() unsafe.Pointer {
	var typed any = (*T)(nil)
	return (*[2]unsafe.Pointer)(unsafe.Pointer(&typed))[0]
}

// scalar is what a field of optional presence may point to, if it is not text.
type scalar interface {
	~int32 | ~int64 | ~uint32 | ~uint64 | ~float32 | ~float64 | ~bool
}

// Set makes what a field of optional presence points to v. Numbers of all types come from the same memory.
func Set[T scalar](d *Decoder, field **T, v T) {
	if *field == nil {
		*field = (*T)(d.number())
	}
	**field = v
}

// SetString is Set for text.
func SetString(d *Decoder, field **string, v string) {
	if *field == nil {
		*field = d.header()
	}
	**field = v
}

// The first slab has firstScalars of them, each more twice as many as the one before, up to mostScalars.
const (
	firstScalars = 4
	mostScalars  = 128
)

// number returns memory for a number.
func (d *Decoder) number() unsafe.Pointer {
	if len(d.numbers) == 0 {
		d.manyNumbers = min(max(firstScalars, 2*d.manyNumbers), mostScalars)
		d.numbers = make([]uint64, d.manyNumbers)
	}
	number := &d.numbers[0]
	d.numbers = d.numbers[1:]
	return unsafe.Pointer(number)
}

// header returns memory for a string.
func (d *Decoder) header() *string {
	if len(d.headers) == 0 {
		d.manyHeaders = min(max(firstScalars, 2*d.manyHeaders), mostScalars)
		d.headers = make([]string, d.manyHeaders)
	}
	header := &d.headers[0]
	d.headers = d.headers[1:]
	return header
}

// Elements returns list with room for the messages that a repeated field has in a row from i on, where the first one's tag
// begins, and a slab for some of them, one at least. The slabs of a row are as many as the row is long: whatever is
// allocated before it is decoded, there are bytes for it.
func Elements[T any](d *Decoder, list []*T, i, end int) ([]*T, []T) {
	if len(list) == cap(list) {
		count, to := d.run(i, end)
		d.row = to - i
		if list == nil {
			list = make([]*T, 0, count)
		} else {
			list = slices.Grow(list, count)
		}
	}
	return list, make([]T, min(cap(list)-len(list), atMost[T]()))
}

// Near says that the message that is decoded next, of length bytes, stands in a row, and how many of it follow.
func (d *Decoder) Near(count int, length uint64) { d.near, d.length = count, length }
