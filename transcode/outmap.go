// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// item is an entry of a map.
type item struct {
	key    uint64 // the number, or of a string the place
	lo, hi uint32 // in w.spans: the pieces of the value, or the values of which the last counts; none for its default
}

// text is the place of a key that is a string.
func (it item) text() span { return span{uint32(it.key >> 32), uint32(it.key)} }

// values returns the pieces of an item's value.
func (w *writer) values(it item) []span { return w.spans[it.lo:it.hi] }

// mapRun writes a map from the entries that follow each other: the first is at i, its tag at begin.
func (w *writer) mapRun(f *field, begin, i, end int) int {
	data, tag := w.data, w.data[begin:i]
	base := len(w.items)
	if end-i > manyBytes && cap(w.items)-len(w.items) < (end-i)/2 {
		w.items = slices.Grow(w.items, w.fieldsIn(begin, end))
	}
	for {
		length, at := varint(data, i, end)
		if at == 0 || length > uint64(end-at) {
			return w.bad()
		}
		i = at + int(length)
		if !w.mapItem(f, spanOf(at, i)) {
			return -1
		}
		if end-i < len(tag) || string(data[i:i+len(tag)]) != string(tag) {
			break
		}
		i += len(tag)
	}
	if !w.mapItems(f, base) {
		return -1
	}
	return i
}

// mapItem pushes an item.
func (w *writer) mapItem(f *field, from span) bool {
	if w.depth <= 0 {
		return w.fail(errDeep)
	}
	data, i, end := w.data, from.start(), from.end()
	it := item{lo: uint32(len(w.spans))}
	for i < end {
		tag, next := varint(data, i, end)
		number, wire := protowire.Number(tag>>3), protowire.Type(tag&7)
		if next == 0 || tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
			return w.fail(errBytes)
		}
		i = next
		part := f.key
		if number == 2 {
			part = f.value
		}
		if number > 2 || wire != part.wire {
			if i = w.skip(number, wire, i, end); i < 0 {
				return false
			}
			continue
		}
		start := i
		var bits uint64
		if part.wire == protowire.BytesType {
			length, at := varint(data, i, end)
			if at == 0 || length > uint64(end-at) {
				return w.fail(errBytes)
			}
			start, i = at, at+int(length)
		} else if bits, i = readNumber(part.kind, part.wire, data, i, end); i == 0 {
			return w.fail(errBytes)
		}
		value := spanOf(start, i)
		switch {
		case part == f.value:
			w.spans = append(w.spans, value)
		case part.kind == protoreflect.StringKind:
			if it.text().end() > 0 && !w.check(entry{field: part, span: it.text()}) {
				return false
			}
			it.key = uint64(value.from)<<32 | uint64(value.to)
		default:
			it.key = bits
		}
	}
	it.hi = uint32(len(w.spans))
	w.items = append(w.items, it)
	return true
}

// mapItems writes the items from base on, and pops them. Of several with the same key the last counts.
func (w *writer) mapItems(f *field, base int) bool {
	compare := func(a, b item) int {
		switch f.key.kind {
		case protoreflect.StringKind:
			return bytes.Compare(w.data[a.text().start():a.text().end()], w.data[b.text().start():b.text().end()])
		case protoreflect.BoolKind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
			return cmp.Compare(a.key, b.key)
		}
		return cmp.Compare(int64(a.key), int64(b.key))
	}
	items := w.items[base:]
	if len(items) == 0 {
		return true
	}
	spans := items[0].lo
	if !slices.IsSortedFunc(items, compare) {
		slices.SortFunc(items, func(a, b item) int { return cmp.Or(compare(a, b), cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi)) })
	}
	w.out = append(w.out, '{')
	w.level++
	first := len(w.out)
	w.depth--
	for k := range items {
		it := w.items[base+k]
		if base+k+1 < len(w.items) && compare(it, w.items[base+k+1]) == 0 {
			for _, value := range w.values(it) {
				if !w.check(entry{field: f.value, span: value}) {
					return false
				}
			}
			if f.key.kind == protoreflect.StringKind && !w.check(entry{field: f.key, span: it.text()}) {
				return false
			}
			continue
		}
		w.element(first)
		if !w.mapKey(f, it) || !w.mapValue(f.value, it) {
			return false
		}
	}
	w.depth++
	w.items, w.spans = w.items[:base], w.spans[:spans]
	w.close('}', first)
	return true
}

func (w *writer) mapKey(f *field, it item) bool {
	switch f.key.kind {
	case protoreflect.StringKind:
		if !w.text(f.key, w.data[it.text().start():it.text().end()]) {
			return false
		}
		w.out = append(w.out, ':')
	case protoreflect.BoolKind:
		w.out = append(strconv.AppendBool(append(w.out, '"'), it.key != 0), `":`...)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		w.out = append(strconv.AppendUint(append(w.out, '"'), it.key, 10), `":`...)
	default:
		w.out = append(strconv.AppendInt(append(w.out, '"'), int64(it.key), 10), `":`...)
	}
	if !w.plain && w.options.Indent != "" {
		w.out = append(w.out, ' ')
	}
	return true
}

func (w *writer) mapValue(f *field, it item) bool {
	switch {
	case f.message != nil && it.hi == it.lo:
		return w.message(f.message, 0, 0)
	case f.message != nil && it.hi == it.lo+1:
		return w.message(f.message, w.spans[it.lo].start(), w.spans[it.lo].end())
	case f.message != nil:
		return w.merged(f.message, "", int(it.lo), int(it.hi))
	case it.hi > it.lo:
		for _, value := range w.spans[it.lo : it.hi-1] {
			if !w.check(entry{field: f, span: value}) {
				return false
			}
		}
		return w.one(f, w.spans[it.hi-1])
	case f.enum != nil:
		w.number(f, uint64(f.descriptor.Default().Enum()))
	default:
		w.out = append(w.out, w.zero(f)...)
	}
	return true
}
