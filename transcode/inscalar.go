// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"encoding/base64"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The reader's scalars: numbers, enums, strings and bytes, each from its text to its bytes on the wire.

func is32(kind protoreflect.Kind) bool {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return true
	}
	return false
}

// bits writes a number in the field's wire type: signed ones extended, floats as they are.
func (r *reader) bits(f *field, value uint64) {
	switch f.kind {
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		value = protowire.EncodeZigZag(int64(value))
	}
	switch f.wire {
	case protowire.Fixed32Type:
		r.out = protowire.AppendFixed32(r.out, uint32(value))
	case protowire.Fixed64Type:
		r.out = protowire.AppendFixed64(r.out, value)
	default:
		r.out = protowire.AppendVarint(r.out, value)
	}
}

// scalar reads a scalar or enum, and writes it without a tag: nothing for an enum's name that is unknown and to be
// ignored. zero reports that it is the zero value.
func (r *reader) scalar(f *field) (zero, ok bool) {
	c := r.peek()
	start := r.i
	switch f.kind {
	case protoreflect.StringKind:
		if c == '"' {
			return r.text()
		}
	case protoreflect.BytesKind:
		if c == '"' {
			return r.base64()
		}
	case protoreflect.BoolKind:
		switch {
		case c == 't' && r.word("true"):
			r.out = append(r.out, 1)
			return false, true
		case c == 'f' && r.word("false"):
			r.out = append(r.out, 0)
			return true, true
		}
	case protoreflect.EnumKind:
		return r.enum(f, c)
	default:
		text, ok := r.numeral(f, c)
		if ok {
			if value, ok := numberOf(f.kind, text); ok {
				r.bits(f, value)
				return value == 0, true
			}
		} else if r.why != "" {
			return false, false
		}
	}
	return false, r.fail(start, textInvalid)
}

// numeral reads a number, or the text of a string that should be one. It fails without a reason if it is neither.
func (r *reader) numeral(f *field, c byte) (text []byte, ok bool) {
	if c != '"' {
		if c != '-' && (c < '0' || c > '9') {
			return nil, false
		}
		return r.number()
	}
	text, ok = r.string()
	if !ok {
		return nil, false
	}
	if f.kind == protoreflect.FloatKind || f.kind == protoreflect.DoubleKind {
		switch string(text) {
		case "NaN", "Infinity", "-Infinity":
			return text, true
		}
	}
	return text, numberEnd(text, 0) == len(text)
}

// numberOf returns the bits of a number's text, false if it is none of the kind's.
func numberOf(kind protoreflect.Kind, text []byte) (value uint64, ok bool) {
	switch kind {
	case protoreflect.FloatKind:
		number, ok := floatOf(text, 32)
		return uint64(math.Float32bits(float32(number))), ok
	case protoreflect.DoubleKind:
		number, ok := floatOf(text, 64)
		return math.Float64bits(number), ok
	}
	magnitude, negative, ok := integer(text)
	if !ok {
		return 0, false
	}
	switch kind {
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return magnitude, magnitude == 0 || !negative && magnitude <= math.MaxUint32
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return magnitude, magnitude == 0 || !negative
	}
	limit := uint64(math.MaxInt64)
	if kind == protoreflect.EnumKind || is32(kind) {
		limit = math.MaxInt32
	}
	if negative {
		return -magnitude, magnitude <= limit+1
	}
	return magnitude, magnitude <= limit
}

func floatOf(text []byte, size int) (float64, bool) {
	switch string(text) {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	number, err := strconv.ParseFloat(unsafeString(text), size)
	return number, err == nil
}

func (r *reader) enum(f *field, c byte) (zero, ok bool) {
	start := r.i
	switch {
	case c == '"':
		name, ok := r.string()
		if !ok {
			return false, false
		}
		if number, ok := f.enum.numbers[string(name)]; ok {
			r.out = protowire.AppendVarint(r.out, uint64(number))
			return number == 0, true
		}
		if r.options.DiscardUnknown {
			return true, true
		}
	case c == 'n' && f.enum.isNull && r.word("null"):
		r.out = append(r.out, 0)
		return true, true
	case c == '-' || '0' <= c && c <= '9':
		text, ok := r.number()
		if !ok {
			return false, false
		}
		if number, ok := numberOf(f.kind, text); ok {
			r.out = protowire.AppendVarint(r.out, number)
			return number == 0, true
		}
	}
	return false, r.fail(start, textInvalid)
}

// text reads a string and writes it behind its length.
func (r *reader) text() (empty, ok bool) {
	start := r.i + 1
	end := plainText(r.data, start)
	if end < len(r.data) && r.data[end] == '"' {
		r.i = end + 1
		r.out = append(protowire.AppendVarint(r.out, uint64(end-start)), r.data[start:end]...)
		return end == start, true
	}
	text, next := unescape(r.scratch[:0], r.data, start, end)
	r.scratch = text
	if next < 0 {
		return false, r.fail(r.i, textMalformed)
	}
	r.i = next
	r.out = append(protowire.AppendVarint(r.out, uint64(len(text))), text...)
	return len(text) == 0, true
}

// base64 reads bytes and writes them behind their length. Either alphabet will do, with or without padding.
func (r *reader) base64() (empty, ok bool) {
	start := r.i
	text, ok := r.string()
	if !ok {
		return false, false
	}
	encoding := base64.StdEncoding
	if bytes.IndexByte(text, '-') >= 0 || bytes.IndexByte(text, '_') >= 0 {
		encoding = base64.URLEncoding
	}
	if len(text)%4 != 0 {
		encoding = rawBase64(encoding)
	}
	// The length may turn out to be less than what is foreseen: only if there are line breaks, which are passed over.
	foreseen := encoding.DecodedLen(len(text))
	at := len(r.out)
	r.out = protowire.AppendVarint(r.out, uint64(foreseen))
	content := len(r.out)
	r.out = slices.Grow(r.out, foreseen)[:content+foreseen]
	n, err := encoding.Decode(r.out[content:], text)
	if err != nil {
		return false, r.fail(start, textInvalid)
	}
	if n != foreseen { // the padding, or line breaks
		size := protowire.SizeVarint(uint64(n))
		protowire.AppendVarint(r.out[:at], uint64(n))
		copy(r.out[at+size:], r.out[content:content+n])
		content = at + size
	}
	r.out = r.out[:content+n]
	return n == 0, true
}

func rawBase64(encoding *base64.Encoding) *base64.Encoding {
	if encoding == base64.URLEncoding {
		return base64.RawURLEncoding
	}
	return base64.RawStdEncoding
}
