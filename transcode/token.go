// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// The tokens of JSON text (RFC 8259), as protojson reads them. A fault in the text itself is only found here: what it is,
// scan.go says.

// space passes over white space.
func (r *reader) space() {
	for r.i < len(r.data) {
		if c := r.data[r.i]; c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return
		}
		r.i++
	}
}

// peek passes over white space and returns the next byte, 0 at the end.
func (r *reader) peek() byte {
	if r.i < len(r.data) {
		if c := r.data[r.i]; c > ' ' {
			return c
		}
	}
	r.space()
	if r.i < len(r.data) {
		return r.data[r.i]
	}
	return 0
}

// word reads null, true or false. It reports whether the word is there.
func (r *reader) word(word string) bool {
	end := r.i + len(word)
	if end > len(r.data) || string(r.data[r.i:end]) != word || end < len(r.data) && wordByte(r.data[end]) {
		return false
	}
	r.i = end
	return true
}

// string reads a string, and returns what it means. Unless that is what is in the text, it is valid until the next one
// is read.
func (r *reader) string() (text []byte, ok bool) {
	start := r.i + 1
	end := plainText(r.data, start)
	if end < len(r.data) && r.data[end] == '"' {
		r.i = end + 1
		return r.data[start:end], true
	}
	text, next := unescape(r.scratch[:0], r.data, start, end)
	r.scratch = text
	if next < 0 {
		return nil, r.fail(r.i, textMalformed)
	}
	r.i = next
	return text, true
}

// unescape appends what the string means whose content begins at start, and of which nothing up to i needs care. It
// returns the place behind its closing quote, -1 if it is none.
func unescape(dst, data []byte, start, i int) (text []byte, next int) {
	for i < len(data) {
		switch c := data[i]; {
		case c == '"':
			return append(dst, data[start:i]...), i + 1
		case c == '\\':
			dst = append(dst, data[start:i]...)
			if dst, i = unescapeOne(dst, data, i); i < 0 {
				return dst, -1
			}
			start = i
			i = plainText(data, i)
		case c < ' ':
			return dst, -1
		default:
			for i < len(data) && data[i] >= utf8.RuneSelf {
				symbol, size := utf8.DecodeRune(data[i:])
				if symbol == utf8.RuneError && size == 1 {
					return dst, -1
				}
				i += size
			}
			i = plainText(data, i)
		}
	}
	return dst, -1
}

// unescapeOne appends what the escape at i means, and returns the place behind it, -1 if there is none.
func unescapeOne(dst, data []byte, i int) (text []byte, next int) {
	if i+1 >= len(data) {
		return dst, -1
	}
	switch c := data[i+1]; c {
	case '"', '\\', '/':
		return append(dst, c), i + 2
	case 'b':
		return append(dst, '\b'), i + 2
	case 'f':
		return append(dst, '\f'), i + 2
	case 'n':
		return append(dst, '\n'), i + 2
	case 'r':
		return append(dst, '\r'), i + 2
	case 't':
		return append(dst, '\t'), i + 2
	case 'u':
		unit, ok := codeUnit(data[i:])
		if !ok {
			return dst, -1
		}
		i += 6
		if utf16.IsSurrogate(unit) {
			low, ok := codeUnit(data[i:])
			if unit = utf16.DecodeRune(unit, low); !ok || unit == utf8.RuneError {
				return dst, -1
			}
			i += 6
		}
		return utf8.AppendRune(dst, unit), i
	}
	return dst, -1
}

// number reads a number, and returns its text.
func (r *reader) number() (text []byte, ok bool) {
	end := numberEnd(r.data, r.i)
	if end < 0 {
		return nil, r.fail(r.i, textMalformed)
	}
	text = r.data[r.i:end]
	r.i = end
	return text, true
}

// numberEnd returns the place behind a number that begins at i, -1 if there is none. As in protojson, an exponent may lack
// its digits.
func numberEnd(data []byte, i int) int {
	digit := func(k int) bool { return k < len(data) && '0' <= data[k] && data[k] <= '9' }
	if i < len(data) && data[i] == '-' {
		i++
	}
	switch {
	case !digit(i):
		return -1
	case data[i] == '0':
		i++
	default:
		for i++; digit(i); i++ {
		}
	}
	if i < len(data) && data[i] == '.' && digit(i+1) {
		for i++; digit(i); i++ {
		}
	}
	if i+1 < len(data) && data[i]|0x20 == 'e' {
		i++
		if data[i] == '+' || data[i] == '-' {
			if i++; i == len(data) {
				return -1
			}
		}
		for ; digit(i); i++ {
		}
	}
	if i < len(data) && wordByte(data[i]) {
		return -1
	}
	return i
}

// integer returns the value of a number's text, as its magnitude and whether it is below zero. It is false for one that is
// not whole, and for one of more than 64 bits.
func integer(text []byte) (magnitude uint64, negative, ok bool) {
	if len(text) > 0 && text[0] == '-' {
		negative, text = true, text[1:]
	}
	if 0 < len(text) && len(text) <= 19 { // nearly always: some digits
		k := 0
		for k < len(text) && '0' <= text[k] && text[k] <= '9' {
			magnitude = magnitude*10 + uint64(text[k]-'0')
			k++
		}
		if k == len(text) {
			return magnitude, negative, true
		}
	}
	whole, fraction, exponent, ok := parts(text)
	if !ok {
		return 0, false, false
	}
	fraction = bytes.TrimRight(fraction, "0")
	whole = bytes.TrimLeft(whole, "0") // which can only be one
	if len(whole) == 0 && len(fraction) == 0 {
		return 0, false, true
	}
	const maxDigits = 20 // of 64 bits
	zeros := 0
	switch {
	case exponent >= 0 && (len(fraction) > exponent || len(whole)+exponent > maxDigits):
		return 0, false, false
	case exponent >= 0:
		zeros = exponent - len(fraction)
	case len(fraction) > 0 || len(whole)+exponent < 0 || len(bytes.TrimRight(whole[len(whole)+exponent:], "0")) > 0:
		return 0, false, false
	default:
		whole = whole[:len(whole)+exponent]
	}
	magnitude = 0
	for _, digits := range [][]byte{whole, fraction, []byte("00000000000000000000")[:zeros]} {
		for _, c := range digits {
			high, low := bits.Mul64(magnitude, 10)
			sum, carry := bits.Add64(low, uint64(c-'0'), 0)
			if high+carry != 0 {
				return 0, false, false
			}
			magnitude = sum
		}
	}
	return magnitude, negative, true
}

// parts takes a number apart. It has no sign any more.
func parts(text []byte) (whole, fraction []byte, exponent int, ok bool) {
	whole = text
	if at := bytes.IndexAny(text, "eE"); at >= 0 {
		whole = text[:at]
		if digits := text[at+1:]; len(digits) > 0 {
			value, err := strconv.ParseInt(unsafeString(digits), 10, 32)
			if err != nil {
				// Zero is zero whatever its exponent, if that is one at all.
				if len(bytes.Trim(digits, "+-")) == 0 || len(bytes.Trim(whole, "0.")) > 0 {
					return nil, nil, 0, false
				}
			}
			exponent = int(value)
		}
	}
	if at := bytes.IndexByte(whole, '.'); at >= 0 {
		whole, fraction = whole[:at], whole[at+1:]
	}
	return whole, fraction, exponent, true
}

// unsafeString is text as a string, for calls that do not keep it.
func unsafeString(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

// skip reads a value of any kind, with at most depth objects and arrays in each other. Members called "@type" are noted
// where that is asked for.
func (r *reader) skip(depth int) bool {
	c := r.peek()
	start := r.i
	switch {
	case c == '"':
		_, ok := r.string()
		return ok
	case c == '-' || '0' <= c && c <= '9':
		_, ok := r.number()
		return ok
	case c == 'n' && r.word("null"), c == 't' && r.word("true"), c == 'f' && r.word("false"):
		return true
	case c != '{' && c != '[':
		return r.fail(start, textMalformed)
	case depth <= 0:
		return r.fail(start, textDeep)
	}
	r.i++
	own := len(r.types)
	if c == '{' && r.noting {
		r.types = append(r.types, typeMember{object: start})
	}
	closing := c + 2
	if r.peek() == closing {
		r.i++
		r.types = r.types[:own]
		return true
	}
	for {
		if c == '{' {
			if r.peek() != '"' {
				return r.fail(r.i, textMalformed)
			}
			name, ok := r.string()
			if !ok {
				return false
			}
			isType := r.noting && string(name) == "@type"
			if r.peek() != ':' {
				return r.fail(r.i, textMalformed)
			}
			r.i++
			if r.peek(); isType && r.types[own].value == 0 {
				r.types[own].value = r.i
			}
		}
		if !r.skip(depth - 1) {
			return false
		}
		switch r.peek() {
		case closing:
			r.i++
			if c == '{' && own == len(r.types)-1 && r.types[own].value == 0 { // nobody will ask for it
				r.types = r.types[:own]
			}
			return true
		case ',':
			r.i++
		default:
			return r.fail(r.i, textMalformed)
		}
	}
}
