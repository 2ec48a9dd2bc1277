// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// known reads a message that has a JSON form of its own, and writes its fields.
func (r *reader) known(t *table) bool {
	c := r.peek()
	start := r.i
	switch t.form {
	case emptyForm:
		if c != '{' {
			return r.fail(start, textUnexpected)
		}
		return r.members(t, false)
	case structForm:
		return r.entries(&t.fields[0])
	case listForm:
		return r.list(&t.fields[0])
	case valueForm:
		return r.anyValue(t, c)
	case anyForm:
		return r.any()
	case wrapperForm:
		f := &t.fields[0]
		before := len(r.out)
		r.out = append(r.out, f.tag...)
		zero, ok := r.scalar(f)
		if zero {
			r.out = r.out[:before]
		}
		return ok
	case refusedForm:
		return r.fail(start, errNoMessageSet.Error())
	}
	if c != '"' {
		return r.fail(start, textUnexpected)
	}
	text, ok := r.string()
	if !ok {
		return false
	}
	var seconds, nanos int64
	switch t.form {
	case maskForm:
		if !r.mask(text) {
			return r.fail(start, textInvalid)
		}
		return true
	case timestampForm:
		seconds, nanos, ok = timestampOf(text)
	default:
		seconds, nanos, ok = durationOf(text)
	}
	if !ok {
		return r.fail(start, textInvalid)
	}
	if seconds != 0 {
		r.out = protowire.AppendVarint(append(r.out, t.fields[0].tag...), uint64(seconds))
	}
	if nanos != 0 {
		r.out = protowire.AppendVarint(append(r.out, t.fields[1].tag...), uint64(nanos))
	}
	return true
}

// anyValue reads a google.protobuf.Value, which may be anything.
func (r *reader) anyValue(t *table, c byte) bool {
	start := r.i
	begin := func(number int) { r.out = append(r.out, t.byNumber(protowire.Number(number)).tag...) }
	switch {
	case c == 'n' && r.word("null"):
		begin(1)
		r.out = append(r.out, 0)
		return true
	case c == '-' || '0' <= c && c <= '9':
		text, ok := r.number()
		if !ok {
			return false
		}
		number, ok := floatOf(text, 64)
		if !ok {
			return r.fail(start, "invalid google.protobuf.Value: "+string(text))
		}
		begin(2)
		r.out = protowire.AppendFixed64(r.out, math.Float64bits(number))
		return true
	case c == '"':
		begin(3)
		_, ok := r.text()
		return ok
	case c == 't' && r.word("true"), c == 'f' && r.word("false"):
		begin(4)
		r.out = protowire.AppendVarint(r.out, protowire.EncodeBool(c == 't'))
		return true
	case c == '{':
		begin(5)
		at, grown := r.open()
		if !r.entries(&t.byNumber(5).message.fields[0]) {
			return false
		}
		r.close(at, grown)
		return true
	case c == '[':
		begin(6)
		at, grown := r.open()
		if !r.list(&t.byNumber(6).message.fields[0]) {
			return false
		}
		r.close(at, grown)
		return true
	}
	return r.fail(start, textUnexpected)
}

// mask reads the paths of a field mask.
func (r *reader) mask(text []byte) bool {
	text = bytes.TrimSpace(text)
	for more := len(text) > 0; more; {
		var path []byte
		path, text, more = bytes.Cut(text, []byte{','})
		r.out = append(r.out, 1<<3|byte(protowire.BytesType))
		at, grown := r.open()
		for _, c := range path {
			switch {
			case c == '_':
				return false
			case 'A' <= c && c <= 'Z':
				r.out = append(r.out, '_', c-'A'+'a')
			default:
				r.out = append(r.out, c)
			}
		}
		if !protoreflect.FullName(unsafeString(r.out[at+1:])).IsValid() {
			return false
		}
		r.close(at, grown)
	}
	return true
}

// timestampOf reads RFC 3339.
func timestampOf(text []byte) (seconds, nanos int64, ok bool) {
	if seconds, nanos, ok = plainTimestamp(text); ok {
		return seconds, nanos, true
	}
	s := string(text)
	parsed, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || parsed.Unix() < minTimestamp || parsed.Unix() > maxTimestamp {
		return 0, 0, false
	}
	// More than nine digits of a second are refused, which time.Parse lets pass.
	point, zone := strings.LastIndexByte(s, '.'), strings.LastIndexAny(s, "Z-+")
	if point >= 0 && zone-point > len(".999999999") {
		return 0, 0, false
	}
	return parsed.Unix(), int64(parsed.Nanosecond()), true
}

// plainTimestamp reads what most timestamps are: 2006-01-02T15:04:05Z, or with up to nine digits more. Of the others
// some are right as well.
func plainTimestamp(text []byte) (seconds, nanos int64, ok bool) {
	const pattern = "0000-00-00T00:00:00"
	if len(text) <= len(pattern) || len(text) > len(pattern)+len(".999999999Z") || text[len(text)-1] != 'Z' {
		return 0, 0, false
	}
	for k := range pattern {
		if c := text[k]; pattern[k] == '0' && (c < '0' || c > '9') || pattern[k] != '0' && c != pattern[k] {
			return 0, 0, false
		}
	}
	number := func(from, to int) (n int64) {
		for _, c := range text[from:to] {
			n = n*10 + int64(c-'0')
		}
		return n
	}
	year, month, dayOfMonth := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	if year < 1 || month < 1 || month > 12 || dayOfMonth < 1 || dayOfMonth > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, 0, false
	}
	if fraction := text[len(pattern) : len(text)-1]; len(fraction) > 0 {
		if fraction[0] != '.' || len(fraction) == 1 {
			return 0, 0, false
		}
		scale := int64(1_000_000_000)
		for _, c := range fraction[1:] {
			if c < '0' || c > '9' {
				return 0, 0, false
			}
			scale /= 10
			nanos += int64(c-'0') * scale
		}
	}
	return minTimestamp + daysTo(year, month, dayOfMonth)*day + hour*3600 + minute*60 + second, nanos, true
}

func daysIn(year, month int64) int64 {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4, month == 6, month == 9, month == 11:
		return 30
	}
	return 31
}

// daysTo is the inverse of date.
func daysTo(year, month, dayOfMonth int64) int64 {
	if month < 3 {
		month, year = month+12, year-1
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + dayOfMonth - 1 - 306
}

// durationOf reads seconds with an s: a sign, then digits, a point and up to nine digits, of which either may be missing.
func durationOf(text []byte) (seconds, nanos int64, ok bool) {
	text, found := bytes.CutSuffix(text, []byte{'s'})
	sign := int64(1)
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			sign = -1
		}
		text = text[1:]
	}
	if !found || len(text) == 0 {
		return 0, 0, false
	}
	whole, fraction, _ := bytes.Cut(text, []byte{'.'})
	if len(whole) > 1 && whole[0] == '0' || len(whole) > len("315576000000") || len(fraction) > 9 {
		return 0, 0, false
	}
	for _, c := range whole {
		if c < '0' || c > '9' {
			return 0, 0, false
		}
		seconds = seconds*10 + int64(c-'0')
	}
	scale := int64(1_000_000_000)
	for _, c := range fraction {
		if c < '0' || c > '9' {
			return 0, 0, false
		}
		scale /= 10
		nanos += int64(c-'0') * scale
	}
	return sign * seconds, sign * nanos, seconds <= maxDuration
}

// typeMember notes where in the text an object has its "@type": value is 0 if none has been found.
type typeMember struct{ object, value int }

// any reads a google.protobuf.Any. Its "@type" says what the other members are, so the object is read again from its
// beginning once that is known.
func (r *reader) any() bool {
	start := r.i
	if r.peek() != '{' {
		return r.fail(r.i, textUnexpected)
	}
	r.i++
	if r.peek() == '}' { // an Any of nothing
		r.i++
		return true
	}
	value, ok := r.typeValue(start)
	if !ok {
		return false
	}
	if value == 0 {
		if r.options.DiscardUnknown {
			r.i = start
			return r.skip(r.depth)
		}
		return r.fail(start, `missing "@type" field`)
	}
	if r.i = value; r.peek() != '"' {
		return r.fail(value, "@type field value is not a string")
	}
	text, ok := r.string()
	if !ok {
		return false
	}
	if len(text) == 0 {
		return r.fail(value, "@type field contains empty value")
	}
	url := string(text)
	found, err := r.options.resolver().FindMessageByURL(url)
	if err != nil {
		return r.fail(value, fmt.Sprintf("unable to resolve %s: %q", r.data[value:r.i], reasonOf(err)))
	}
	r.out = protowire.AppendString(append(r.out, 1<<3|byte(protowire.BytesType)), url)
	before := len(r.out)
	r.out = append(r.out, 2<<3|byte(protowire.BytesType))
	at, grown := r.open()
	r.i = start
	if t := tableOf(found.Descriptor()); t.form == membersForm {
		if r.depth--; r.depth < 0 {
			return r.fail(start, textDeep)
		}
		ok = r.members(t, true)
		r.depth++
	} else {
		ok = r.valueMember(t)
	}
	r.close(at, grown)
	if len(r.out) == at+1 {
		r.out = r.out[:before]
	}
	return ok
}

// typeValue returns where the value of the "@type" begins of the object that begins at start, 0 if it has none. Where it is
// not the first member, the text is read up to the object's end, and what is found out of objects inside is noted: a deep
// pile of them must not be read once for each level.
func (r *reader) typeValue(start int) (value int, ok bool) {
	const name = `"@type"`
	if bytes.HasPrefix(r.data[r.i:], []byte(name)) {
		if r.i += len(name); !r.colon() {
			return 0, false
		}
		return r.i, true
	}
	r.i = start
	if start >= r.typesTo {
		r.types, r.noting = r.types[:0], true
		ok = r.skip(r.depth + 1)
		if r.noting, r.typesTo = false, r.i; !ok {
			return 0, false
		}
	}
	k, ok := slices.BinarySearchFunc(r.types, start, func(m typeMember, start int) int { return m.object - start })
	if !ok {
		return 0, true
	}
	return r.types[k].value, true
}

// valueMember reads an Any of a message that has a JSON form of its own, which is its member "value".
func (r *reader) valueMember(t *table) bool {
	values, types := 0, 0
	for r.i++; ; r.i++ {
		if r.peek() != '"' {
			return r.fail(r.i, textMalformed)
		}
		start := r.i
		name, ok := r.string()
		if !ok {
			return false
		}
		isType, isValue := string(name) == "@type", string(name) == "value"
		if !r.colon() {
			return false
		}
		switch {
		case isType:
			if types++; types > 1 {
				return r.fail(start, `duplicate "@type" field`)
			}
			ok = r.skip(0)
		case isValue:
			if values++; values > 1 {
				return r.fail(start, `duplicate "value" field`)
			}
			ok = r.form(t)
		case r.options.DiscardUnknown:
			ok = r.skip(r.depth)
		default:
			return r.fail(start, textUnknown+" "+quoted(string(r.data[start:r.i])))
		}
		if !ok {
			return false
		}
		switch r.peek() {
		case ',':
		case '}':
			if values == 0 && t.form != emptyForm {
				return r.fail(r.i, `missing "value" field`)
			}
			r.i++
			return true
		default:
			return r.fail(r.i, textMalformed)
		}
	}
}
