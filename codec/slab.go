// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"slices"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// slab is memory for messages of one type that will probably come. It belongs to the message that is decoded: what is
// not used of it lives as long as a message beside it does.
type slab struct {
	kind       unsafe.Pointer // the type
	elements   unsafe.Pointer
	used, size uintptr // in bytes
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
	if s := &d.slabs[0]; s.kind == kind && s.used < s.size {
		element := unsafe.Add(s.elements, s.used)
		s.used += unsafe.Sizeof(*(*T)(nil))
		return (*T)(element)
	}
	return newLater[T](d, kind)
}

// newLater is New for a type that is not the first, or whose slab is used up.
func newLater[T any](d *Decoder, kind unsafe.Pointer) *T {
	s := d.slabOf(kind)
	switch {
	case s == nil:
		return new(T)
	case s.used < s.size:
		element := unsafe.Add(s.elements, s.used)
		s.used += unsafe.Sizeof(*(*T)(nil))
		return (*T)(element)
	}
	return newSlab[T](d, s)
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
	n, size := 1, unsafe.Sizeof(*(*T)(nil))
	switch {
	case d.near > 0:
		n = min(d.near, d.row/(d.length+2)) + 1
	case s.size > 0:
		n = min(2*int(s.size/size), smallSlab)
	}
	elements := make([]T, min(n, atMost[T]()))
	s.elements, s.used, s.size = unsafe.Pointer(unsafe.SliceData(elements)), size, size*uintptr(len(elements))
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

// scalars is memory for numbers that fields point to, or for strings, without their text.
type scalars struct {
	slab   unsafe.Pointer
	used   int
	size   int
	wanted int // how many the message that is decoded could have
}

// A slab of them has as many as the message could have; more for more messages, up to mostScalars.
const (
	fewScalars  = 16
	mostScalars = 128
)

// Optional says how many fields of optional presence, numbers and text, the message has that is decoded. It makes one
// allocation of each, if all of them are there; a few of them take a few words more than they need.
func (d *Decoder) Optional(numbers, headers int) {
	d.numbers.wanted, d.headers.wanted = numbers, headers
}

// Set makes what a field of optional presence points to v. Numbers of all types come from the same memory.
func Set[T scalar](d *Decoder, field **T, v T) {
	if *field == nil {
		*field = (*T)(d.number())
	}
	**field = v
}

// SetString reads n bytes of text, which must be UTF-8, for a field of optional presence.
func (d *Decoder) SetString(field **string, i, end int, n uint64) int {
	v, i := d.String(i, end, n)
	d.setHeader(field, v)
	return i
}

// SetLooseString is SetString for text that is whatever it is.
func (d *Decoder) SetLooseString(field **string, i, end int, n uint64) int {
	v, i := d.LooseString(i, end, n)
	d.setHeader(field, v)
	return i
}

func (d *Decoder) setHeader(field **string, v string) {
	if *field == nil {
		if d.headers.used == d.headers.size {
			d.headers.slab = unsafe.Pointer(unsafe.SliceData(make([]string, d.headers.grow())))
		}
		*field = (*string)(unsafe.Add(d.headers.slab, uintptr(d.headers.used)*unsafe.Sizeof(v)))
		d.headers.used++
	}
	**field = v
}

// number returns memory for a number.
func (d *Decoder) number() unsafe.Pointer {
	if d.numbers.used == d.numbers.size {
		d.numbers.slab = unsafe.Pointer(unsafe.SliceData(make([]uint64, d.numbers.grow())))
	}
	number := unsafe.Add(d.numbers.slab, 8*d.numbers.used)
	d.numbers.used++
	return number
}

// grow returns how many a new slab has.
func (s *scalars) grow() int {
	s.used, s.size = 0, min(max(1, min(s.wanted, fewScalars), 2*s.size), mostScalars)
	return s.size
}

// Row counts the messages that a repeated field has in a row from i on, where the first one's tag begins, and makes room
// for them in list. It returns less than 0 if the data is not a message.
func Row[T any](d *Decoder, list *[]*T, i, end int) int {
	count, to := d.run(i, end)
	if count == 0 || d.depth == 0 {
		return -1
	}
	d.row = to - i
	*list = slices.Grow(*list, count)
	return count
}

// Elements returns a slab of messages, to which the end of list refers now: the next in the row are decoded into them. More
// is how many the row has still, one at least. They have been counted: whatever is allocated before it is decoded, there are
// bytes for it.
func Elements[T any](list *[]*T, more int) []T {
	slab := make([]T, min(more, atMost[T]()))
	begin := len(*list)
	*list = (*list)[:begin+len(slab)]
	for k, pointers := 0, (*list)[begin:]; k < len(pointers); k++ {
		pointers[k] = &slab[k]
	}
	return slab
}

// Element finds what Row has counted, a field whose tag begins at i; more are how many follow it.
func (d *Decoder) Element(i, more int) (begin, end int) {
	d.near = more
	if pair := uint64(d.data[i]) | uint64(d.data[i+1])<<8; pair&0x8080 == 0 {
		begin, end = i+2, i+2+int(pair>>8)
	} else {
		begin, end = d.longElement(i)
	}
	d.length = end - begin
	return begin, end
}

//go:noinline
func (d *Decoder) longElement(i int) (begin, end int) {
	_, v, begin := d.Head(i, len(d.data))
	return begin, begin + int(v)
}

// Grow makes room in list for the numbers or bytes that a repeated field has in a row from i on, where the first one's tag
// begins, if there is none.
func Grow[T any](d *Decoder, list []T, i, end int) []T {
	if len(list) < cap(list) {
		return list
	}
	if d.data[i]&7 == byte(protowire.BytesType) {
		count, _ := d.run(i, end)
		return slices.Grow(list, count)
	}
	return slices.Grow(list, d.numbersInRow(i, end))
}

// numbersInRow returns how many numbers there are in a row from i on with the same tag.
func (d *Decoder) numbersInRow(i, end int) (count int) {
	_, begin := d.varint(i, end)
	for tag := d.data[i:max(i, begin)]; begin >= 0; count++ {
		switch protowire.Type(tag[0] & 7) {
		case protowire.Fixed32Type:
			begin += 4
		case protowire.Fixed64Type:
			begin += 8
		default:
			_, begin = d.varint(begin, end)
		}
		if next := begin + len(tag); begin < 0 || next > end || string(d.data[begin:next]) != string(tag) {
			return count + 1
		}
		begin += len(tag)
	}
	return count
}

// GroupElement appends a message to list, for a repeated group: nobody knows how long a group is, and how many there are.
func GroupElement[T any](d *Decoder, list *[]*T) *T {
	d.near = 0
	element := New[T](d)
	*list = append(*list, element)
	return element
}

// Down and Up go into messages of a row, and out of them again. Elements has made sure that it is not too deep.
func (d *Decoder) Down() { d.depth-- }

// Up is the opposite of Down.
func (d *Decoder) Up() { d.depth++ }
