// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A message whose fields may come in any order, more than once, and itself in several pieces (which is how the binary form
// merges messages), is written from a list of what it holds. The rules are those of the binary form: the last of several
// scalars counts, messages are merged, lists are joined, and of a oneof the member that came last stays, without what it
// had before another came.

// entry is one occurrence of a field in a message.
type entry struct {
	field *field
	span  // of the value: what stands behind the tag and the length, and in a group; marked where the value is many
}

// packed reports whether the value is many.
func (e entry) packed() bool { return e.from&spanMark != 0 }

// pieces writes a message whose form is its own, or whose fields may come in any order.
func (w *writer) pieces(t *table, url string, piece span) bool {
	lo := len(w.spans)
	w.spans = append(w.spans, piece)
	ok := w.merged(t, url, lo, lo+1)
	w.spans = w.spans[:lo]
	return ok
}

// merged writes the message whose pieces are in w.spans, from lo to hi.
func (w *writer) merged(t *table, url string, lo, hi int) bool {
	if w.depth--; w.depth < 0 {
		return w.fail(errDeep)
	}
	base := len(w.entries)
	for piece := lo; piece < hi; piece++ {
		if w.collect(t, w.spans[piece]) < 0 {
			return false
		}
	}
	ok := w.settle(t, base)
	if ok {
		if t.form <= emptyForm {
			ok = w.sorted(t, url, base)
		} else {
			ok = w.known(t, base)
		}
	}
	w.entries = w.entries[:base]
	w.depth++
	return ok
}

// collect pushes what a piece of a message holds. It returns -1 if that is no message.
func (w *writer) collect(t *table, piece span) int {
	data, i, end := w.data, piece.start(), piece.end()
	if end-i > manyBytes && cap(w.entries)-len(w.entries) < (end-i)/2 {
		w.entries = slices.Grow(w.entries, w.fieldsIn(i, end))
	}
	for i < end {
		tag, next := varint(data, i, end)
		number, wire := protowire.Number(tag>>3), protowire.Type(tag&7)
		if next == 0 || tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
			return w.bad()
		}
		i = next
		f := t.byNumber(number)
		if f == nil && t.extensible {
			if found, err := w.options.resolver().FindExtensionByNumber(t.descriptor.FullName(), number); err == nil {
				f = t.extension(found.TypeDescriptor())
			}
		}
		start, stop := i, 0
		switch {
		case f == nil || wire != f.wire && (!f.list || wire != protowire.BytesType || f.wire == protowire.StartGroupType):
			if i = w.skip(number, wire, i, end); i < 0 {
				return -1
			}
			continue
		case wire == protowire.StartGroupType:
			if stop, i = w.groupEnd(number, i, end); i < 0 {
				return -1
			}
		case wire == protowire.BytesType:
			length, at := varint(data, i, end)
			if at == 0 || length > uint64(end-at) {
				return w.bad()
			}
			i = at + int(length)
			start, stop = at, i
		default:
			if _, i = readNumber(f.kind, f.wire, data, i, end); i == 0 {
				return w.bad()
			}
			stop = i
		}
		e := entry{f, spanOf(start, stop)}
		if f.list && f.wire != wire {
			e.from |= spanMark
		}
		w.entries = append(w.entries, e)
	}
	return i
}

// manyBytes is from how many bytes on it is worth while to count before a stack grows. Stacks that grow by themselves hold
// more than twice as much in the meantime.
const manyBytes = 1 << 14

// fieldsIn returns how many fields a message has, up to the first group: to pass over groups once more for each level that they
// are in would take too long.
func (w *writer) fieldsIn(i, end int) (count int) {
	for i < end {
		number, wire, n := protowire.ConsumeTag(w.data[i:end])
		if n < 0 || wire == protowire.StartGroupType {
			break
		}
		i += n
		if n = protowire.ConsumeFieldValue(number, wire, w.data[i:end]); n < 0 {
			break
		}
		i += n
		count++
	}
	return count
}

// settle takes those out, of the entries from base on, which another of the same oneof has replaced.
func (w *writer) settle(t *table, base int) bool {
	if t.marks == len(t.fields) { // there is no oneof
		return true
	}
	mark := len(w.marks)
	w.marks = append(w.marks, make([]*field, t.marks-len(t.fields))...)
	ok, gone := true, false
	for k := len(w.entries) - 1; k >= base && ok; k-- {
		e := &w.entries[k]
		if e.field.oneof < 0 {
			continue
		}
		last := &w.marks[mark+int(e.field.oneof)-len(t.fields)]
		switch {
		case *last == nil:
			*last = e.field
		case *last != e.field:
			ok = w.check(*e)
			e.field, *last, gone = nil, replaced, true
		}
	}
	w.marks = w.marks[:mark]
	if gone {
		left := slices.DeleteFunc(w.entries[base:], func(e entry) bool { return e.field == nil })
		w.entries = w.entries[:base+len(left)]
	}
	return ok
}

// replaced marks a oneof whose earlier entries do not count, whichever they are.
var replaced = new(field)

// check reports whether what will not be written could be decoded. (It must not be left to protobuf: a dynamic message with a
// map can make its decoder panic.)
func (w *writer) check(e entry) bool {
	switch f := e.field; {
	case f.isMap:
		return w.checkMessage(f.entry, e.span)
	case f.message != nil:
		return w.checkMessage(f.message, e.span)
	case e.packed():
		for i := e.start(); i < e.end(); {
			if _, i = readNumber(f.kind, f.wire, w.data, i, e.end()); i == 0 {
				return w.fail(errBytes)
			}
		}
	case f.kind == protoreflect.StringKind && f.checked && !utf8.Valid(w.data[e.start():e.end()]):
		return w.fail(errBytes)
	}
	return true
}

func (w *writer) checkMessage(t *table, piece span) bool {
	if w.depth--; w.depth < 0 {
		return w.fail(errDeep)
	}
	base := len(w.entries)
	if w.collect(t, piece) < 0 {
		return false
	}
	for k := base; k < len(w.entries); k++ {
		if !w.check(w.entries[k]) {
			return false
		}
	}
	w.entries = w.entries[:base]
	w.depth++
	return true
}

// checkReplaced is check for the texts that the last of the entries replaces.
func (w *writer) checkReplaced(f *field, from, to int) bool {
	if f.kind == protoreflect.StringKind && !f.list {
		for k := from; k < to-1; k++ {
			if !w.check(w.entries[k]) {
				return false
			}
		}
	}
	return true
}

// compareEntries has the fields of the .proto file in their order, and extensions behind them by name.
func compareEntries(a, b entry) int {
	if a.field.extension && b.field.extension {
		return strings.Compare(string(a.field.descriptor.FullName()), string(b.field.descriptor.FullName()))
	}
	return cmp.Compare(a.field.rank, b.field.rank)
}

// sorted writes the members from the entries, from base on.
func (w *writer) sorted(t *table, url string, base int) bool {
	if !slices.IsSortedFunc(w.entries[base:], compareEntries) {
		slices.SortStableFunc(w.entries[base:], compareEntries)
	}
	w.out = append(w.out, '{')
	w.level++
	first, written := len(w.out), int32(0)
	w.typeMember(url)
	end := len(w.entries)
	for k := base; k < end; {
		f, from := w.entries[k].field, k
		for k++; k < end && w.entries[k].field == f; k++ {
		}
		if !w.checkReplaced(f, from, k) {
			return false
		}
		if !w.isPopulated(f, from, k) {
			continue
		}
		if f.extension {
			written = w.unpopulated(t, written, int32(len(t.fields)), first)
		} else {
			written = w.unpopulated(t, written, f.rank, first)
		}
		w.member(f, first)
		if !w.occurrences(f, from, k) {
			return false
		}
	}
	w.unpopulated(t, written, int32(len(t.fields)), first)
	w.close('}', first)
	return true
}

// isPopulated reports whether a field with these entries is set.
func (w *writer) isPopulated(f *field, from, to int) bool {
	last := w.entries[to-1]
	switch {
	case f.isMap, f.message != nil && !f.list, f.presence:
		return true
	case f.list:
		return slices.ContainsFunc(w.entries[from:to], func(e entry) bool { return !e.packed() || e.start() < e.end() })
	case f.wire == protowire.BytesType:
		return last.start() < last.end()
	}
	bits, _ := readNumber(f.kind, f.wire, w.data, last.start(), last.end())
	return bits != 0
}

// occurrences writes the value of a field that has the entries from one to another.
func (w *writer) occurrences(f *field, from, to int) bool {
	switch {
	case f.isMap:
		base := len(w.items)
		w.items = slices.Grow(w.items, to-from)
		for k := from; k < to; k++ {
			if !w.mapItem(f, w.entries[k].span) {
				return false
			}
		}
		return w.mapItems(f, base)
	case f.list:
		return w.list(f, from, to)
	case f.message != nil:
		return w.submerged(f, from, to)
	}
	return w.one(f, w.entries[to-1].span)
}

// submerged writes a message whose pieces are entries.
func (w *writer) submerged(f *field, from, to int) bool {
	lo := len(w.spans)
	w.spans = slices.Grow(w.spans, to-from)
	for k := from; k < to; k++ {
		w.spans = append(w.spans, w.entries[k].span)
	}
	ok := w.merged(f.message, "", lo, len(w.spans))
	w.spans = w.spans[:lo]
	return ok
}

// one writes a value: a span as in an entry.
func (w *writer) one(f *field, value span) bool {
	switch {
	case f.message != nil:
		return w.message(f.message, value.start(), value.end())
	case f.wire == protowire.BytesType:
		return w.text(f, w.data[value.start():value.end()])
	}
	bits, next := readNumber(f.kind, f.wire, w.data, value.start(), value.end())
	if next == 0 {
		return w.fail(errBytes)
	}
	w.number(f, bits)
	return true
}

func (w *writer) list(f *field, from, to int) bool {
	w.out = append(w.out, '[')
	w.level++
	first := len(w.out)
	for k := from; k < to; k++ {
		e := w.entries[k]
		if !e.packed() {
			w.element(first)
			if !w.one(f, e.span) {
				return false
			}
			continue
		}
		for i := e.start(); i < e.end(); {
			w.element(first)
			if i = w.value(f, i, e.end()); i < 0 {
				return false
			}
		}
	}
	w.close(']', first)
	return true
}

// groupEnd returns where the end tag of a group begins and ends whose content begins at i. What it finds out of groups
// inside is noted: they will be asked for in turn, and a deep pile of groups must not be read once for each level.
func (w *writer) groupEnd(number protowire.Number, i, end int) (stop, next int) {
	if stop, ok := w.groups[i]; ok {
		_, next = varint(w.data, stop, end)
		return stop, next
	}
	return w.findGroupEnd(number, i, end, w.depth)
}

func (w *writer) findGroupEnd(number protowire.Number, i, end, depth int) (stop, next int) {
	if depth <= 0 {
		w.fail(errDeep)
		return -1, -1
	}
	for i < end {
		begin := i
		tag, at := varint(w.data, i, end)
		inner, wire := protowire.Number(tag>>3), protowire.Type(tag&7)
		if at == 0 || tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
			return w.bad(), -1
		}
		switch wire {
		case protowire.EndGroupType:
			if inner != number {
				return w.bad(), -1
			}
			return begin, at
		case protowire.StartGroupType:
			var stop int
			if stop, i = w.findGroupEnd(inner, at, end, depth-1); i < 0 {
				return -1, -1
			}
			if w.groups == nil {
				w.groups = make(map[int]int)
			}
			w.groups[at] = stop
		default:
			if i = w.skip(inner, wire, at, end); i < 0 {
				return -1, -1
			}
		}
	}
	return w.bad(), -1
}

var errNoMessageSet = errors.New("a message set has no JSON form")
