// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// readNumber reads a number of the binary form, as 64 bits: signed ones extended, floats as they are. The next place is
// 0 if there is none.
func readNumber(kind protoreflect.Kind, wire protowire.Type, data []byte, i, end int) (value uint64, next int) {
	switch wire {
	case protowire.VarintType:
		if value, next = varint(data, i, end); kind == protoreflect.Int64Kind || kind == protoreflect.Uint64Kind {
			return value, next
		}
	case protowire.Fixed32Type:
		if end-i < 4 {
			return 0, 0
		}
		value = uint64(binary.LittleEndian.Uint32(data[i:]))
		if kind == protoreflect.Sfixed32Kind {
			value = uint64(int32(value))
		}
		return value, i + 4
	case protowire.Fixed64Type:
		if end-i < 8 {
			return 0, 0
		}
		return binary.LittleEndian.Uint64(data[i:]), i + 8
	}
	switch kind {
	case protoreflect.Int32Kind, protoreflect.EnumKind:
		value = uint64(int32(value))
	case protoreflect.Uint32Kind:
		value = uint64(uint32(value))
	case protoreflect.Sint32Kind:
		value = uint64(int32(protowire.DecodeZigZag(value & math.MaxUint32)))
	case protoreflect.Sint64Kind:
		value = uint64(protowire.DecodeZigZag(value))
	case protoreflect.BoolKind:
		if value != 0 {
			value = 1
		}
	}
	return value, next
}

// number writes what readNumber has read.
func (w *writer) number(f *field, value uint64) {
	switch f.kind {
	case protoreflect.BoolKind:
		w.out = strconv.AppendBool(w.out, value != 0)
	case protoreflect.EnumKind:
		switch name := f.enum.name(int32(value)); {
		case f.enum.isNull:
			w.out = append(w.out, "null"...)
		case name == "" || w.options.UseEnumNumbers:
			w.out = strconv.AppendInt(w.out, int64(value), 10)
		default:
			w.out = append(w.out, name...)
		}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		w.out = strconv.AppendInt(w.out, int64(value), 10)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		w.out = strconv.AppendUint(w.out, value, 10)
	case protoreflect.FloatKind:
		w.out = appendFloat(w.out, float64(math.Float32frombits(uint32(value))), 32)
	case protoreflect.DoubleKind:
		w.out = appendFloat(w.out, math.Float64frombits(value), 64)
	default:
		if !w.options.UseInt64Numbers {
			w.out = append(w.out, '"')
		}
		if f.kind == protoreflect.Uint64Kind || f.kind == protoreflect.Fixed64Kind {
			w.out = strconv.AppendUint(w.out, value, 10)
		} else {
			w.out = strconv.AppendInt(w.out, int64(value), 10)
		}
		if !w.options.UseInt64Numbers {
			w.out = append(w.out, '"')
		}
	}
}

// text writes a string, or bytes in base64.
func (w *writer) text(f *field, value []byte) bool {
	if f.kind == protoreflect.BytesKind {
		w.out = append(w.out, '"')
		w.out = base64.StdEncoding.AppendEncode(w.out, value)
		w.out = append(w.out, '"')
		return true
	}
	var ok bool
	if w.out, ok = appendString(w.out, value); !ok {
		return w.fail(fmt.Errorf("field %s contains invalid UTF-8", f.descriptor.FullName()))
	}
	return true
}

// appendFloat writes a float as encoding/json does, and what is none in JSON as a string.
func appendFloat(dst []byte, value float64, size int) []byte {
	switch {
	case value != value:
		return append(dst, `"NaN"`...)
	case value > math.MaxFloat64:
		return append(dst, `"Infinity"`...)
	case value < -math.MaxFloat64:
		return append(dst, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(value); abs != 0 && (size == 64 && (abs < 1e-6 || abs >= 1e21) ||
		size == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21)) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, value, format, -1, size)
	if n := len(dst); format == 'e' && n >= 4 && string(dst[n-4:n-1]) == "e-0" { // 1e-09 is 1e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
)

// special returns a word whose lowest bit that is set belongs to the first byte of x that does not stand for itself, 0 if all
// do: quotes, backslashes, what is below a space, and what is not ASCII.
func special(x uint64) uint64 {
	quote, slash := x^('"'*everyByte), x^('\\'*everyByte)
	return ((quote-everyByte)&^quote | (slash-everyByte)&^slash | (x-' '*everyByte)&^x | x) & highBits
}

// plainText returns how many bytes of text, from i on, are ASCII that stands for itself in a JSON string: the place of
// the first byte that does not.
func plainText(text []byte, i int) int {
	for ; i+16 <= len(text); i += 16 {
		if special(binary.LittleEndian.Uint64(text[i:]))|special(binary.LittleEndian.Uint64(text[i+8:])) != 0 {
			break
		}
	}
	for ; i+8 <= len(text); i += 8 {
		if found := special(binary.LittleEndian.Uint64(text[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c == '"' || c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// appendString writes a JSON string. False means that the text is not UTF-8.
func appendString(dst, text []byte) ([]byte, bool) {
	dst = append(dst, '"')
	i := plainText(text, 0)
	if i == len(text) {
		return append(append(dst, text...), '"'), true
	}
	if !utf8.Valid(text[i:]) {
		return dst, false
	}
	from := 0
	for i < len(text) {
		c := text[i]
		if c >= utf8.RuneSelf {
			for i++; i < len(text) && text[i] >= utf8.RuneSelf; i++ {
			}
			i = plainText(text, i)
			continue
		}
		dst = append(dst, text[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		from = i + 1
		i = plainText(text, from)
	}
	return append(append(dst, text[from:]...), '"'), true
}
