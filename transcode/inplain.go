// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Most values are strings without escapes and whole numbers of a few digits, of fields that are not set when they are empty or
// zero. They are read here, without the questions that others need; what is not sure to be right is left to those who ask them.

// plainValue reads the value of a field that is plain, and reports whether it has.
func (r *reader) plainValue(f *field) bool {
	if f.kind == protoreflect.StringKind {
		return r.plainString(f)
	}
	return r.plainInteger(f)
}

func (r *reader) plainString(f *field) bool {
	data, start := r.data, r.i+1
	if start >= len(data) || data[r.i] != '"' {
		return false
	}
	end := plainText(data, start)
	if end >= len(data) || data[end] != '"' {
		return false
	}
	r.i = end + 1
	if size := end - start; size > 0 && size < 0x80 {
		r.out = append(append(append(r.out, f.tag...), byte(size)), data[start:end]...)
	} else if size > 0 {
		r.out = append(protowire.AppendVarint(append(r.out, f.tag...), uint64(size)), data[start:end]...)
	}
	return true
}

// plainInteger reads up to nine digits, which fit every kind of integer.
func (r *reader) plainInteger(f *field) bool {
	data, i := r.data, r.i
	quoted := i < len(data) && data[i] == '"'
	if quoted {
		i++
	}
	first, value := i, uint64(0)
	for ; i < len(data) && i < first+9 && '0' <= data[i] && data[i] <= '9'; i++ {
		value = value*10 + uint64(data[i]-'0')
	}
	switch {
	case i == first || i == len(data) || data[first] == '0' && i > first+1:
		return false
	case !quoted && wordByte(data[i]), quoted && data[i] != '"': // there is more of it
		return false
	case quoted:
		i++
	}
	r.i = i
	if value != 0 {
		r.out = protowire.AppendVarint(append(r.out, f.tag...), value)
	}
	return true
}
