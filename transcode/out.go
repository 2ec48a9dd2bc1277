// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// writer makes JSON of one encoded message. The fields of a message whose table is ascending are written as they come,
// which is in order where an encoder has written them. As soon as one is not (it comes late, again, or has been replaced
// by another of its oneof), everything is done anew and each message is sorted first: see anyorder.go. So no input is
// converted more than twice, whatever it holds.
type writer struct {
	options *Options
	data    []byte
	out     []byte
	sorting bool // messages are sorted before they are written
	plain   bool // no options for names, indents and unpopulated fields
	level   int  // of indents
	depth   int  // how many messages may still be opened
	err     error
	entries []entry // see anyorder.go: stacks, used by the messages that are being written
	spans   []span
	items   []item
	marks   []*field
	groups  map[int]int
}

// span is a piece of the data. There may be one for every two bytes of them, so it is small, and has room for a mark.
type span struct{ from, to uint32 }

// spanMark is the mark: it is not part of the place, because encoded messages have at most 2 GiB.
const spanMark = 1 << 31

func spanOf(start, end int) span { return span{uint32(start), uint32(end)} }

func (s span) start() int { return int(s.from &^ spanMark) }
func (s span) end() int   { return int(s.to) }

// maxData is the size of the largest message that protobuf allows.
const maxData = math.MaxInt32

var writers = sync.Pool{New: func() any { return new(writer) }}

// maxKept bounds the stacks that a pooled writer or reader keeps.
const maxKept = 4096

func (w *writer) free() {
	w.options, w.data, w.out, w.sorting, w.level, w.err = nil, nil, nil, false, 0, nil
	if cap(w.entries)+cap(w.spans)+cap(w.items)+cap(w.marks)+len(w.groups) > 0 {
		*w = writer{entries: kept(w.entries), spans: kept(w.spans), items: kept(w.items), marks: kept(w.marks)}
	}
	writers.Put(w)
}

// kept returns a stack for the next user. What it refers to, tables at most, goes with the pool's next emptying.
func kept[T any](stack []T) []T {
	if cap(stack) > maxKept {
		return nil
	}
	return stack[:0]
}

// errBytes is what is wrong with most bytes that are no message.
var errBytes = errors.New("the bytes are not a message of this type")

// AppendJSON appends the JSON form of an encoded message to dst, without a space that is not needed, in the order of the
// fields in the .proto file and of the keys of maps. It fails on bytes that are not the message, and on a message that
// has no JSON form: invalid UTF-8 in a string, a Timestamp out of range, an Any of an unknown type. dst comes back as it
// was then.
func (c *Converter) AppendJSON(dst, encoded []byte) ([]byte, error) {
	w := writers.Get().(*writer)
	defer w.free()
	o := &c.options
	w.options, w.data, w.out = o, encoded, dst
	w.plain = o.Indent == "" && !o.UseProtoNames && !o.EmitUnpopulated && !o.EmitDefaultValues
	w.depth = o.limit()
	if !w.convert(c) { // also for an error: what is wrong in order may be right once it is merged with what comes later
		w.out, w.err, w.sorting, w.level, w.depth = dst, nil, true, 0, o.limit()
		w.entries, w.spans, w.items = w.entries[:0], w.spans[:0], w.items[:0]
		w.convert(c)
	}
	if w.err != nil {
		return dst, fmt.Errorf("%s cannot be written as JSON: %w", c.table.descriptor.FullName(), w.err)
	}
	return w.out, nil
}

func (w *writer) convert(c *Converter) bool {
	if len(w.data) > maxData {
		return w.fail(errors.New("it is larger than 2 GiB"))
	}
	for _, r := range w.options.Indent {
		if r != ' ' && r != '\t' {
			return w.fail(errors.New("an indent can only have spaces and tabs in it"))
		}
	}
	if c.field != nil {
		return w.alone(c.table, c.field)
	}
	return w.message(c.table, 0, len(w.data))
}

// fail notes the error and returns false. The first one counts.
func (w *writer) fail(err error) bool {
	if w.err == nil {
		w.err = err
	}
	return false
}

// unordered is what ordered returns where messages have to be sorted.
const unordered = -1

// bad notes that the bytes are no message. It returns -1.
func (w *writer) bad() int {
	w.fail(errBytes)
	return -1
}

// message writes the message that the data has from start to end.
func (w *writer) message(t *table, start, end int) bool {
	if t.form <= emptyForm && t.ascending && !w.sorting {
		return w.ordered(t, start, end, 0, "") >= 0
	}
	return w.pieces(t, "", spanOf(start, end))
}

// ordered writes the members of a message whose fields come in their order. group is the number of the group whose end
// ends it, 0 if it ends at end; url is what its "@type" is, "" outside of an Any. It returns the place behind the
// message, and -1 if that cannot be.
func (w *writer) ordered(t *table, i, end int, group protowire.Number, url string) int {
	if w.depth--; w.depth < 0 {
		w.fail(errDeep)
		return -1
	}
	data := w.data
	w.out = append(w.out, '{')
	w.level++
	first := len(w.out)
	if url != "" {
		w.typeMember(url)
	}
	var oneofs uint64
	rank, written := int32(-1), int32(0)
	for i < end {
		begin := i
		tag, next := uint64(data[i]), i+1
		if tag >= 0x80 {
			tag, next = varint(data, i, end)
		}
		number := protowire.Number(tag >> 3)
		if next == 0 || tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
			return w.bad()
		}
		i = next
		f := t.byNumber(number)
		wire := protowire.Type(tag & 7)
		if f == nil || wire != f.wire && !(f.list && wire == protowire.BytesType && f.wire != protowire.StartGroupType) {
			if wire == protowire.EndGroupType {
				if number != group {
					return w.bad()
				}
				group = 0
				break
			}
			if f == nil && t.extensible && w.isExtension(t, number) {
				return unordered
			}
			if i = w.skip(number, wire, i, end); i < 0 {
				return -1
			}
			continue
		}
		if f.rank <= rank {
			return unordered
		}
		rank = f.rank
		if f.oneof >= 0 {
			bit := f.oneof - int32(len(t.fields))
			if bit >= 64 || oneofs&(1<<bit) != 0 {
				return unordered
			}
			oneofs |= 1 << bit
		}
		if i, written = w.orderedField(t, f, begin, i, end, written, first); i < 0 {
			return -1
		}
	}
	if group != 0 {
		return w.bad()
	}
	if !w.plain {
		w.unpopulated(t, written, int32(len(t.fields)), first)
	}
	w.close('}', first)
	w.depth++
	return i
}

// orderedField writes a field: begin is the place of its tag, and i of what follows. written is the rank up to which the fields
// that are not set have been written. It returns the place behind the field, and that rank.
func (w *writer) orderedField(t *table, f *field, begin, i, end int, written int32, first int) (next int, nowWritten int32) {
	data := w.data
	switch {
	case f.list:
		return w.listRun(t, f, data[begin:i], i, end, written, first)
	case f.isMap:
		written = w.unpopulated(t, written, f.rank, first)
		w.member(f, first)
		return w.mapRun(f, begin, i, end), written
	case f.message != nil:
		written = w.unpopulated(t, written, f.rank, first)
		w.member(f, first)
		return w.submessage(f, i, end), written
	case f.wire == protowire.BytesType:
		length, at := varint(data, i, end)
		if at == 0 || length > uint64(end-at) {
			return w.bad(), written
		}
		i = at + int(length)
		if length > 0 || f.presence {
			if w.plain && f.kind == protoreflect.StringKind && plainText(data[at:i], 0) == int(length) {
				name := f.quotedName
				if len(w.out) == first {
					name = name[1:]
				}
				w.out = append(append(append(w.out, name...), data[at:i]...), '"')
				return i, written
			}
			if !w.plain {
				written = w.unpopulated(t, written, f.rank, first)
			}
			w.member(f, first)
			if !w.text(f, data[at:i]) {
				return -1, written
			}
		}
		return i, written
	}
	var bits uint64
	if bits, i = readNumber(f.kind, f.wire, data, i, end); i == 0 {
		return w.bad(), written
	}
	if bits != 0 || f.presence {
		if !w.plain {
			written = w.unpopulated(t, written, f.rank, first)
		}
		w.member(f, first)
		w.number(f, bits)
	}
	return i, written
}

var errDeep = errors.New("the messages are nested too deeply")

// submessage writes the message that is the value of a field, at i behind the tag.
func (w *writer) submessage(f *field, i, end int) int {
	if f.wire == protowire.StartGroupType {
		if f.message.form <= emptyForm && f.message.ascending && !w.sorting {
			return w.ordered(f.message, i, end, f.descriptor.Number(), "")
		}
		stop, next := w.groupEnd(f.descriptor.Number(), i, end)
		if next < 0 || !w.message(f.message, i, stop) {
			return -1
		}
		return next
	}
	length, at := varint(w.data, i, end)
	if at == 0 || length > uint64(end-at) {
		return w.bad()
	}
	i = at + int(length)
	if !w.message(f.message, at, i) {
		return -1
	}
	return i
}

// listRun writes a list: the value at i, and those that follow with the same tag.
func (w *writer) listRun(t *table, f *field, tag []byte, i, end int, written int32, first int) (next int, nowWritten int32) {
	data := w.data
	packed := protowire.Type(tag[len(tag)-1]&7) != f.wire
	if len(tag) > 1 {
		value, _ := varint(tag, 0, len(tag))
		packed = protowire.Type(value&7) != f.wire
	}
	opened := 0
	for {
		var stop int
		if packed {
			length, at := varint(data, i, end)
			if at == 0 || length > uint64(end-at) {
				return w.bad(), 0
			}
			i, stop = at, at+int(length)
		}
		for !packed || i < stop {
			if opened == 0 {
				written = w.unpopulated(t, written, f.rank, first)
				w.member(f, first)
				w.out = append(w.out, '[')
				w.level++
				opened = len(w.out)
			}
			w.element(opened)
			if packed {
				i = w.value(f, i, stop)
			} else {
				i = w.value(f, i, end)
			}
			if i < 0 {
				return -1, 0
			}
			if !packed {
				break
			}
		}
		if end-i < len(tag) || string(data[i:i+len(tag)]) != string(tag) {
			break
		}
		i += len(tag)
	}
	if opened > 0 {
		w.close(']', opened)
	}
	return i, written
}

// value writes one value of a field, at i behind the tag.
func (w *writer) value(f *field, i, end int) int {
	switch {
	case f.message != nil:
		return w.submessage(f, i, end)
	case f.wire == protowire.BytesType:
		length, at := varint(w.data, i, end)
		if at == 0 || length > uint64(end-at) {
			return w.bad()
		}
		if !w.text(f, w.data[at:at+int(length)]) {
			return -1
		}
		return at + int(length)
	}
	bits, next := readNumber(f.kind, f.wire, w.data, i, end)
	if next == 0 {
		return w.bad()
	}
	w.number(f, bits)
	return next
}

// member writes the name of a field; first is where the first member begins.
func (w *writer) member(f *field, first int) {
	name := f.name
	if !w.plain && w.options.UseProtoNames {
		name = f.protoName
	}
	if !w.plain && w.options.Indent != "" {
		w.element(first)
		w.out = append(append(w.out, name[1:]...), ' ')
		return
	}
	if len(w.out) == first {
		name = name[1:]
	}
	w.out = append(w.out, name...)
}

// element writes what separates values; first is where the first one begins.
func (w *writer) element(first int) {
	if len(w.out) != first {
		w.out = append(w.out, ',')
	}
	if !w.plain && w.options.Indent != "" {
		w.line()
	}
}

// line begins one.
func (w *writer) line() {
	w.out = append(w.out, '\n')
	for range w.level {
		w.out = append(w.out, w.options.Indent...)
	}
}

// close ends an object or array whose content began at first.
func (w *writer) close(bracket byte, first int) {
	w.level--
	if !w.plain && w.options.Indent != "" && len(w.out) != first {
		w.line()
	}
	w.out = append(w.out, bracket)
}

// unpopulated writes the fields from one rank to another, which are not set, if they are wanted. It returns the rank
// behind the second.
func (w *writer) unpopulated(t *table, from, to int32, first int) int32 {
	if w.plain || !w.options.EmitUnpopulated && !w.options.EmitDefaultValues {
		return to + 1
	}
	for ; from < to; from++ {
		f := &t.fields[from]
		if f.oneof >= 0 || f.presence && !w.options.EmitUnpopulated {
			continue
		}
		w.member(f, first)
		w.out = append(w.out, w.unset(f)...)
	}
	return to + 1
}

// unset is the JSON of a field that is not set.
func (w *writer) unset(f *field) string {
	switch {
	case f.isMap:
		return "{}"
	case f.list:
		return "[]"
	case f.presence:
		return "null"
	}
	return w.zero(f)
}

// zero is the JSON of a scalar that is zero.
func (w *writer) zero(f *field) string {
	switch f.kind {
	case protoreflect.BoolKind:
		return "false"
	case protoreflect.StringKind, protoreflect.BytesKind:
		return `""`
	case protoreflect.EnumKind:
		if f.enum.isNull {
			return "null"
		}
		if name := f.enum.name(0); name != "" && !w.options.UseEnumNumbers {
			return name
		}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		if !w.options.UseInt64Numbers {
			return `"0"`
		}
	}
	return "0"
}

// typeMember writes the "@type" of an Any.
func (w *writer) typeMember(url string) {
	if url == "" {
		return
	}
	w.element(len(w.out))
	w.out = append(w.out, `"@type":`...)
	if !w.plain && w.options.Indent != "" {
		w.out = append(w.out, ' ')
	}
	var ok bool
	if w.out, ok = appendString(w.out, []byte(url)); !ok {
		w.fail(errors.New("field google.protobuf.Any.type_url contains invalid UTF-8"))
	}
}

// skip returns the place behind a field that is not known, -1 if there is none.
func (w *writer) skip(number protowire.Number, wire protowire.Type, i, end int) int {
	n := protowire.ConsumeFieldValue(number, wire, w.data[i:end])
	if n < 0 {
		return w.bad()
	}
	return i + n
}

func (w *writer) isExtension(t *table, number protowire.Number) bool {
	_, err := w.options.resolver().FindExtensionByNumber(t.descriptor.FullName(), number)
	return err == nil
}
