// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// known writes a message that has a form of its own, from the entries from base on.
func (w *writer) known(t *table, base int) bool {
	switch t.form {
	case timestampForm:
		return w.timestamp(w.integer(base, 0), w.integer(base, 1))
	case durationForm:
		return w.duration(w.integer(base, 0), w.integer(base, 1))
	case maskForm:
		return w.mask(base)
	case structForm:
		if base == len(w.entries) {
			w.out = append(w.out, "{}"...)
			return true
		}
		return w.occurrences(&t.fields[0], base, len(w.entries))
	case listForm:
		return w.list(&t.fields[0], base, len(w.entries))
	case valueForm:
		return w.anyValue(base)
	case wrapperForm:
		if base == len(w.entries) {
			w.out = append(w.out, w.zero(&t.fields[0])...)
			return true
		}
		return w.checkReplaced(&t.fields[0], base, len(w.entries)) && w.occurrences(&t.fields[0], base, len(w.entries))
	case anyForm:
		return w.any(base)
	}
	return w.fail(errNoMessageSet)
}

// last returns the last entry of a field, from base on.
func (w *writer) last(base int, rank int32) (span, bool) {
	for k := len(w.entries) - 1; k >= base; k-- {
		if w.entries[k].field.rank == rank {
			return w.entries[k].span, true
		}
	}
	return span{}, false
}

// integer returns the last value of a field, from base on.
func (w *writer) integer(base int, rank int32) int64 {
	value, ok := w.last(base, rank)
	if !ok {
		return 0
	}
	kind := protoreflect.Int64Kind
	if rank == 1 { // the nanoseconds
		kind = protoreflect.Int32Kind
	}
	bits, _ := readNumber(kind, protowire.VarintType, w.data, value.start(), value.end())
	return int64(bits)
}

const (
	maxNanos     = 999_999_999
	maxDuration  = 315_576_000_000 // seconds: 10,000 years
	minTimestamp = -62_135_596_800 // 0001-01-01T00:00:00Z
	maxTimestamp = 253_402_300_799 // 9999-12-31T23:59:59Z
	day          = 24 * 60 * 60
)

func (w *writer) timestamp(seconds, nanos int64) bool {
	switch {
	case seconds < minTimestamp || seconds > maxTimestamp:
		return w.fail(fmt.Errorf("google.protobuf.Timestamp: seconds out of range %d", seconds))
	case nanos < 0 || nanos > maxNanos:
		return w.fail(fmt.Errorf("google.protobuf.Timestamp: nanos out of range %d", nanos))
	}
	since := seconds - minTimestamp // of the year 1, so that nothing is negative
	year, month, dayOfMonth := date(since / day)
	since %= day
	w.out = append(w.out, '"')
	w.out = appendDigits(w.out, int64(year), 4)
	w.out = appendDigits(append(w.out, '-'), int64(month), 2)
	w.out = appendDigits(append(w.out, '-'), int64(dayOfMonth), 2)
	w.out = appendDigits(append(w.out, 'T'), since/3600, 2)
	w.out = appendDigits(append(w.out, ':'), since/60%60, 2)
	w.out = appendDigits(append(w.out, ':'), since%60, 2)
	w.out = append(appendFraction(w.out, nanos), `Z"`...)
	return true
}

// date returns the date of a day, counted from 0001-01-01 on. Years begin in March here, so that the leap day is their
// last.
func date(days int64) (year, month, dayOfMonth int) {
	days += 306 // from 0000-03-01 on
	era, inEra := days/146_097, days%146_097
	yearOfEra := (inEra - inEra/1460 + inEra/36_524 - inEra/146_096) / 365
	inYear := inEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	fromMarch := (5*inYear + 2) / 153
	dayOfMonth = int(inYear-(153*fromMarch+2)/5) + 1
	month = int(fromMarch) + 3
	year = int(yearOfEra + era*400)
	if month > 12 {
		month, year = month-12, year+1
	}
	return year, month, dayOfMonth
}

// appendDigits writes a number with zeros in front.
func appendDigits(dst []byte, value int64, digits int) []byte {
	var text [9]byte
	for k := digits - 1; k >= 0; k-- {
		text[k] = byte('0' + value%10)
		value /= 10
	}
	return append(dst, text[:digits]...)
}

// appendFraction writes nanoseconds with 0, 3, 6 or 9 digits.
func appendFraction(dst []byte, nanos int64) []byte {
	switch {
	case nanos == 0:
		return dst
	case nanos%1_000_000 == 0:
		return appendDigits(append(dst, '.'), nanos/1_000_000, 3)
	case nanos%1_000 == 0:
		return appendDigits(append(dst, '.'), nanos/1_000, 6)
	}
	return appendDigits(append(dst, '.'), nanos, 9)
}

func (w *writer) duration(seconds, nanos int64) bool {
	switch {
	case seconds < -maxDuration || seconds > maxDuration:
		return w.fail(fmt.Errorf("google.protobuf.Duration: seconds out of range %d", seconds))
	case nanos < -maxNanos || nanos > maxNanos:
		return w.fail(fmt.Errorf("google.protobuf.Duration: nanos out of range %d", nanos))
	case seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0:
		return w.fail(errors.New("google.protobuf.Duration: signs of seconds and nanos do not match"))
	}
	w.out = append(w.out, '"')
	if seconds < 0 || nanos < 0 {
		w.out = append(w.out, '-')
		seconds, nanos = -seconds, -nanos
	}
	w.out = strconv.AppendInt(w.out, seconds, 10)
	w.out = append(appendFraction(w.out, nanos), `s"`...)
	return true
}

// mask writes the paths of a field mask in lowerCamelCase. Those that would not come back as they are have no form.
func (w *writer) mask(base int) bool {
	w.out = append(w.out, '"')
	for k := base; k < len(w.entries); k++ {
		path := w.data[w.entries[k].start():w.entries[k].end()]
		if !protoreflect.FullName(path).IsValid() {
			return w.fail(fmt.Errorf("google.protobuf.FieldMask.paths contains invalid path: %q", quoted(string(path))))
		}
		if k > base {
			w.out = append(w.out, ',')
		}
		for i := 0; i < len(path); i++ {
			c := path[i]
			if c == '_' && i+1 < len(path) && 'a' <= path[i+1] && path[i+1] <= 'z' {
				i++
				c = path[i] - 'a' + 'A'
			} else if c == '_' || 'A' <= c && c <= 'Z' {
				return w.fail(fmt.Errorf("google.protobuf.FieldMask.paths contains irreversible value %q", quoted(string(path))))
			}
			w.out = append(w.out, c)
		}
	}
	w.out = append(w.out, '"')
	return true
}

// anyValue writes a google.protobuf.Value.
func (w *writer) anyValue(base int) bool {
	to := len(w.entries)
	if base == to {
		return w.fail(errors.New("google.protobuf.Value: none of the oneof fields is set"))
	}
	f := w.entries[base].field
	if f.kind == protoreflect.DoubleKind {
		bits, _ := readNumber(f.kind, f.wire, w.data, w.entries[to-1].start(), w.entries[to-1].end())
		if number := math.Float64frombits(bits); math.IsNaN(number) || math.IsInf(number, 0) {
			return w.fail(fmt.Errorf("google.protobuf.Value.number_value: invalid %v value", number))
		}
	}
	return w.checkReplaced(f, base, to) && w.occurrences(f, base, to)
}

// any writes a google.protobuf.Any: the members of what is in it, or its own form as "value", and "@type" in front.
func (w *writer) any(base int) bool {
	typeURL, _ := w.last(base, 0)
	value, _ := w.last(base, 1)
	for k := base; k < len(w.entries); k++ {
		if e := w.entries[k]; e.field.rank == 0 && e.span != typeURL && !w.check(e) {
			return false
		}
	}
	if typeURL.start() == typeURL.end() {
		if value.start() < value.end() {
			return w.fail(errors.New("google.protobuf.Any: type_url is not set"))
		}
		w.out = append(w.out, "{}"...)
		return true
	}
	url := string(w.data[typeURL.start():typeURL.end()])
	found, err := w.options.resolver().FindMessageByURL(url)
	if err != nil {
		return w.fail(fmt.Errorf("google.protobuf.Any: unable to resolve %q: %s", quoted(url), reasonOf(err)))
	}
	t := tableOf(found.Descriptor())
	if t.form <= emptyForm {
		if t.ascending && !w.sorting {
			return w.ordered(t, value.start(), value.end(), 0, url) >= 0
		}
		return w.pieces(t, url, value)
	}
	w.out = append(w.out, '{')
	w.level++
	first := len(w.out)
	w.typeMember(url)
	w.element(first)
	w.out = append(w.out, `"value":`...)
	if !w.plain && w.options.Indent != "" {
		w.out = append(w.out, ' ')
	}
	if !w.message(t, value.start(), value.end()) {
		return false
	}
	w.close('}', first)
	return true
}

// alone writes the value of one field of the message: an array for a repeated field, null for a field with presence that
// is not set and whose emptiness has no form of its own.
func (w *writer) alone(t *table, f *field) bool {
	if w.collect(t, spanOf(0, len(w.data))) < 0 || !w.settle(t, 0) {
		return false
	}
	n := 0
	for _, e := range w.entries {
		if e.field.descriptor.Number() == f.descriptor.Number() {
			w.entries[n] = e
			n++
		}
	}
	w.entries = w.entries[:n]
	if n > 0 && w.isPopulated(f, 0, n) {
		w.depth--
		return w.occurrences(f, 0, n)
	}
	if f.message != nil && !f.list && f.message.form <= emptyForm {
		w.out = append(w.out, "{}"...)
	} else {
		w.out = append(w.out, w.unset(f)...)
	}
	return true
}
