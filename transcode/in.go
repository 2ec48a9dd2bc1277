// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"slices"
	"strconv"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// reader makes an encoded message of JSON text, in one pass: fields are written in the order in which they come. The length
// in front of a message has one byte until the message is complete. Lengths that need more are noted, and put in
// once, at the end: to make room for each when it is known would move the innermost bytes once for every level.
type reader struct {
	options *Options
	data    []byte
	i       int
	out     []byte
	depth   int                // how many messages may still be opened
	grown   int                // by how many bytes the lengths have outgrown theirs so far
	lengths []length           // that have
	keys    []mapKey           // of the maps that are being read
	seen    []uint64           // marks of the fields and oneofs of the messages that are being read, if those are many
	numbers []protowire.Number // extensions that have been seen in them
	scratch []byte
	types   []typeMember // see inknown.go
	typesTo int
	noting  bool
	at      int    // where it has failed
	why     string // a word of protojson's for it
}

// length is one that takes more than a byte.
// Positions are of 32 bits, because there may be one for every few bytes.
type length struct{ at, value int32 }

// mapKey is a key of a map that is being read: as it is written, and where it stands in the text.
type mapKey struct{ start, end, at int32 }

// Why a text is refused. expected.reason makes sentences of some of them.
const (
	textMalformed  = "malformed"
	textUnexpected = "unexpected"
	textInvalid    = "invalid value"
	textUnknown    = "unknown field"
	textDuplicate  = "duplicate"
	textOneof      = "error parsing: the oneof is already set"
	textDeep       = "exceeded max recursion depth"
	textLarge      = "a message has at most 2 GiB"
	noPlace        = -1
)

var readers = sync.Pool{New: func() any { return new(reader) }}

func (r *reader) free() {
	*r = reader{lengths: kept(r.lengths), keys: kept(r.keys), seen: kept(r.seen), numbers: kept(r.numbers), scratch: kept(r.scratch), types: kept(r.types)}
	readers.Put(r)
}

// AppendMessage appends to dst the encoded message whose JSON form the text is. The fields have the order of the text. The
// error is an *Error, and dst comes back as it was. Required fields (proto2) may be missing.
func (c *Converter) AppendMessage(dst, text []byte) ([]byte, error) {
	if c.options.AllowDuplicateNames {
		text = withoutDuplicates(text, c.options.limit())
	}
	r := readers.Get().(*reader)
	defer r.free()
	r.options, r.data, r.out, r.depth = &c.options, text, dst, c.options.limit()
	if len(text) > maxData {
		return dst, &Error{Reason: textLarge}
	}
	var ok bool
	want := wantMessage(c.table.descriptor)
	if c.field != nil {
		want = wantField(c.field.descriptor)
		r.depth--
		ok = r.null(c.field) || r.field(c.field)
	} else {
		ok = r.message(c.table)
	}
	if ok {
		switch r.peek(); {
		case r.i < len(text):
			r.fail(r.i, textMalformed)
		case len(r.out)+r.grown > maxData:
			r.fail(noPlace, textLarge)
		default:
			return r.finish(), nil
		}
	}
	return dst, explain(text, r.at, want, r.why)
}

// fail notes what is wrong, and returns false.
func (r *reader) fail(at int, why string) bool {
	r.at, r.why = at, why
	return false
}

// finish puts the lengths in that take more than a byte, and returns the result.
func (r *reader) finish() []byte {
	if len(r.lengths) == 0 {
		return r.out
	}
	slices.SortFunc(r.lengths, func(a, b length) int { return int(a.at) - int(b.at) })
	end := len(r.out)
	r.out = slices.Grow(r.out, r.grown)[:end+r.grown]
	to := len(r.out)
	for k := len(r.lengths) - 1; k >= 0; k-- {
		l := r.lengths[k]
		at := int(l.at)
		to -= copy(r.out[to-(end-at-1):], r.out[at+1:end])
		size := protowire.SizeVarint(uint64(l.value))
		to -= size
		protowire.AppendVarint(r.out[:to], uint64(l.value))
		end = at
	}
	return r.out
}

// open begins what has a length in front, close ends it.
func (r *reader) open() (at, grown int) {
	r.out = append(r.out, 0)
	return len(r.out) - 1, r.grown
}

func (r *reader) close(at, grown int) {
	value := len(r.out) - at - 1 + r.grown - grown
	if value < 0x80 {
		r.out[at] = byte(value)
		return
	}
	if len(r.out) > maxData {
		return // AppendMessage finds that, too
	}
	r.lengths = append(r.lengths, length{int32(at), int32(value)})
	r.grown += protowire.SizeVarint(uint64(value)) - 1
}

// message reads a message's JSON form.
func (r *reader) message(t *table) bool {
	if r.depth--; r.depth < 0 {
		r.peek()
		return r.fail(r.i, textDeep)
	}
	ok := r.form(t)
	r.depth++
	return ok
}

// form is message, on the level of the one around it.
func (r *reader) form(t *table) bool {
	if t.form != membersForm {
		return r.known(t)
	}
	if r.peek() != '{' {
		return r.fail(r.i, textUnexpected)
	}
	return r.members(t, false)
}

// members reads an object whose members are the message's fields, and "@type" in an Any.
func (r *reader) members(t *table, inAny bool) bool {
	var few uint64 // the marks, if they fit
	base, numbers := len(r.seen), len(r.numbers)
	if t.marks > 64 {
		r.seen = append(r.seen, make([]uint64, t.marks/64+1)...)
	}
	mark := func(bit int32) bool {
		if t.marks > 64 {
			return setBit(&r.seen[base+int(bit>>6)], bit)
		}
		return setBit(&few, bit)
	}
	types, next := 0, 0 // next is the field that is expected
	r.i++
	if r.peek() == '}' {
		r.i++
		return true
	}
	for {
		start := r.i
		f, ok := r.memberName(t, next, inAny)
		switch {
		case !ok:
			return false
		case f == typeName:
			if types++; types > 1 {
				return r.fail(start, `duplicate "@type" field`)
			}
			if !r.skip(0) {
				return false
			}
		case f == nil && !r.options.DiscardUnknown:
			return r.fail(start, textUnknown)
		case f == nil:
			if !r.skip(r.depth) {
				return false
			}
		case f.extension && slices.Contains(r.numbers[numbers:], f.descriptor.Number()), !f.extension && mark(f.rank):
			return r.fail(start, textDuplicate)
		default:
			if f.extension {
				r.numbers = append(r.numbers, f.descriptor.Number())
			} else {
				next = int(f.rank) + 1
			}
			if f.plain && r.plainValue(f) || r.null(f) {
				break
			}
			if f.oneof >= 0 && mark(f.oneof) {
				return r.fail(start, textOneof)
			}
			if !r.field(f) {
				return false
			}
		}
		switch r.peek() {
		case ',':
			if r.i++; r.peek() != '"' {
				return r.fail(r.i, textMalformed)
			}
		case '}':
			r.i++
			r.seen, r.numbers = r.seen[:base], r.numbers[:numbers]
			return true
		default:
			return r.fail(r.i, textMalformed)
		}
	}
}

// setBit sets a bit and reports whether it was set before.
func setBit(word *uint64, bit int32) (before bool) {
	before = *word&(1<<(bit&63)) != 0
	*word |= 1 << (bit & 63)
	return before
}

// typeName is what memberName returns for "@type" in an Any.
var typeName = new(field)

// memberName reads a member's name and the colon behind it. The field is nil if the message has none of that name.
func (r *reader) memberName(t *table, next int, inAny bool) (f *field, ok bool) {
	if next < len(t.fields) {
		f = &t.fields[next]
		if name := f.jsonName; len(r.data)-r.i > len(name) && string(r.data[r.i:r.i+len(name)]) == name && !inAny {
			r.i += len(name)
			if r.data[r.i] == ':' {
				r.i++
				r.peek()
				return f, true
			}
			return f, r.colon()
		}
	}
	start := r.i
	if r.peek() != '"' {
		return nil, r.fail(r.i, textMalformed)
	}
	name, ok := r.string()
	if !ok {
		return nil, false
	}
	switch {
	case inAny && string(name) == "@type":
		f = typeName
	case len(name) > 1 && name[0] == '[' && name[len(name)-1] == ']':
		found, err := r.options.resolver().FindExtensionByName(protoreflect.FullName(name[1 : len(name)-1]))
		if f = nil; err != nil && err != protoregistry.NotFound {
			return nil, r.fail(start, "unable to resolve the extension: "+reasonOf(err))
		} else if found != nil {
			d := found.TypeDescriptor()
			if !t.descriptor.ExtensionRanges().Has(d.Number()) || d.ContainingMessage().FullName() != t.descriptor.FullName() {
				return nil, r.fail(start, "message "+string(t.descriptor.FullName())+" cannot be extended by "+string(d.FullName()))
			}
			f = t.extension(d)
		}
	default:
		f = t.names[string(name)]
	}
	return f, r.colon()
}

func (r *reader) colon() bool {
	if r.peek() != ':' {
		return r.fail(r.i, textMalformed)
	}
	r.i++
	r.peek()
	return true
}

// null reads a null that leaves the field unset, if there is one.
func (r *reader) null(f *field) bool {
	return !f.nullable && r.peek() == 'n' && r.word("null")
}

// field reads a field's value.
func (r *reader) field(f *field) bool {
	switch {
	case f.isMap:
		return r.entries(f)
	case f.list:
		return r.list(f)
	}
	before := len(r.out)
	r.out = append(r.out, f.tag...)
	switch {
	case f.message == nil:
		empty, ok := r.scalar(f)
		if empty && !f.presence || ok && len(r.out) == before+len(f.tag) {
			r.out = r.out[:before]
		}
		return ok
	case f.endTag != "":
		if !r.message(f.message) {
			return false
		}
		r.out = append(r.out, f.endTag...)
		return true
	}
	at, grown := r.open()
	if !r.message(f.message) {
		return false
	}
	r.close(at, grown)
	return true
}

// list reads an array.
func (r *reader) list(f *field) bool {
	if r.peek() != '[' {
		return r.fail(r.i, textUnexpected)
	}
	r.i++
	if r.peek() == ']' {
		r.i++
		return true
	}
	before, at, grown := len(r.out), 0, 0
	if f.packed {
		r.out = append(r.out, f.tag...)
		at, grown = r.open()
	}
	for {
		switch {
		case f.message != nil:
			r.out = append(r.out, f.tag...)
			if f.endTag != "" {
				if !r.message(f.message) {
					return false
				}
				r.out = append(r.out, f.endTag...)
				break
			}
			at, grown := r.open()
			if !r.message(f.message) {
				return false
			}
			r.close(at, grown)
		case f.packed:
			if _, ok := r.scalar(f); !ok {
				return false
			}
		default:
			tag := len(r.out)
			r.out = append(r.out, f.tag...)
			if _, ok := r.scalar(f); !ok {
				return false
			}
			if len(r.out) == tag+len(f.tag) { // there is no value
				r.out = r.out[:tag]
			}
		}
		switch r.peek() {
		case ',':
			r.i++
			if r.peek() == ']' {
				return r.fail(r.i, textMalformed)
			}
		case ']':
			r.i++
			if f.packed && len(r.out) == at+1 {
				r.out = r.out[:before]
			} else if f.packed {
				r.close(at, grown)
			}
			return true
		default:
			return r.fail(r.i, textMalformed)
		}
	}
}

// entries reads the object that is a map.
func (r *reader) entries(f *field) bool {
	if r.peek() != '{' {
		return r.fail(r.i, textUnexpected)
	}
	r.i++
	if r.peek() == '}' {
		r.i++
		return true
	}
	base := len(r.keys)
	for {
		before := len(r.out)
		r.out = append(r.out, f.tag...)
		at, grown := r.open()
		if r.peek() != '"' {
			return r.fail(r.i, textMalformed)
		}
		key := mapKey{at: int32(r.i), start: int32(len(r.out))}
		name, ok := r.string()
		if !ok {
			return false
		}
		if !r.key(f.key, name) {
			return r.fail(int(key.at), textInvalid)
		}
		if len(r.out) > maxData {
			return r.fail(noPlace, textLarge)
		}
		key.end = int32(len(r.out))
		if !r.colon() {
			return false
		}
		r.out = append(r.out, f.value.tag...)
		value := len(r.out)
		if f.value.message != nil {
			at, grown := r.open()
			if !r.message(f.value.message) {
				return false
			}
			r.close(at, grown)
		} else if _, ok := r.scalar(f.value); !ok {
			return false
		}
		if len(r.out) == value { // there is no value
			r.out = r.out[:before]
		} else {
			r.close(at, grown)
			r.keys = append(r.keys, key)
		}
		switch r.peek() {
		case ',':
			r.i++
		case '}':
			r.i++
			return r.distinct(base)
		default:
			return r.fail(r.i, textMalformed)
		}
	}
}

// distinct checks that no key is there twice, of those from base on, and pops them.
func (r *reader) distinct(base int) bool {
	keys := r.keys[base:]
	compare := func(a, b mapKey) int {
		if by := bytes.Compare(r.out[a.start:a.end], r.out[b.start:b.end]); by != 0 {
			return by
		}
		return int(a.at) - int(b.at)
	}
	slices.SortFunc(keys, compare)
	for k := 1; k < len(keys); k++ {
		if bytes.Equal(r.out[keys[k-1].start:keys[k-1].end], r.out[keys[k].start:keys[k].end]) {
			return r.fail(int(keys[k].at), textDuplicate)
		}
	}
	r.keys = r.keys[:base]
	return true
}

// key writes a map's key. False means that the text is none.
func (r *reader) key(f *field, text []byte) bool {
	r.out = append(r.out, f.tag...)
	switch f.kind {
	case protoreflect.StringKind:
		r.out = append(protowire.AppendVarint(r.out, uint64(len(text))), text...)
		return true
	case protoreflect.BoolKind:
		r.out = append(r.out, 0)
		if string(text) == "true" {
			r.out[len(r.out)-1] = 1
		}
		return string(text) == "true" || string(text) == "false"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		value, err := strconv.ParseUint(unsafeString(text), 10, 32)
		r.bits(f, value)
		return err == nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		value, err := strconv.ParseUint(unsafeString(text), 10, 64)
		r.bits(f, value)
		return err == nil
	}
	size := 64
	if is32(f.kind) {
		size = 32
	}
	value, err := strconv.ParseInt(unsafeString(text), 10, size)
	r.bits(f, uint64(value))
	return err == nil
}
