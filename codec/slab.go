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

// The bounds of a slab. firstSlab is how many are made at once when many are known to come; after that a slab has at most
// twice the elements of the one before.
const (
	firstSlab    = 16
	smallSlab    = 8
	largestBytes = 16 << 10
)

// New returns a new T, a message or number that is referred to by a pointer. One in a message that stands in a row of like
// messages comes from a slab, sized by what follows in the row, so a row of orders with a price each costs a few
// allocations, not one for each. At most len(Decoder.slabs) types have slabs in a decoding, and for each of them at most
// firstSlab or twice as many as are used are made: that bounds what can be wasted.
func New[T any](d *Decoder) *T {
	kind := kindOf[T]()
	for k := range d.slabs {
		s := &d.slabs[k]
		if s.kind == nil {
			s.kind = kind
		} else if s.kind != kind {
			continue
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
	return new(T)
}

// newSlab returns the first element of a new slab.
func newSlab[T any](d *Decoder, s *slab) *T {
	n := 1
	switch {
	case d.near > 0:
		n = min(d.near+1, max(firstSlab, 2*s.size))
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

// Set makes what a field of optional presence points to v.
func Set[T any](d *Decoder, field **T, v T) {
	if *field == nil {
		*field = New[T](d)
	}
	**field = v
}

// Elements returns list with room for the messages that a repeated field has in a row from i on, where the first one's tag
// begins, and a slab for some of them, one at least. The slabs of a row are as many as the row is long: whatever is
// allocated before it is decoded, there are bytes for it.
func Elements[T any](d *Decoder, list []*T, i, end int) ([]*T, []T) {
	if len(list) == cap(list) {
		count := d.run(i, end)
		if list == nil {
			list = make([]*T, 0, count)
		} else {
			list = slices.Grow(list, count)
		}
	}
	return list, make([]T, min(cap(list)-len(list), atMost[T]()))
}

// Near says how many messages in a row are known to follow the one that is decoded next.
func (d *Decoder) Near(count int) { d.near = count }
