// SPDX-License-Identifier: Apache-2.0

// Package transcode converts JSON text to messages and back.
//
// The mapping is proto3's JSON mapping, as google.golang.org/protobuf/encoding/protojson has it, whose output this is,
// but for the spaces that protojson puts in at random. A [Converter] makes JSON of a message's bytes, without the message
// in between. JSON is still read by way of the typed message. Unknown fields are errors. Output has no spaces and, with
// map entries ordered by key, is the same every time for the same message.
//
// Every error that a text causes is an [*Error], which names the line, the column and, where the text allows it, the
// field.
package transcode

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// options: required fields of proto2 may come from elsewhere, such as a path, so the caller checks for them.
var options = protojson.UnmarshalOptions{AllowPartial: true}

// Unmarshal resets m and fills it from data, which is one JSON value. The error is an *Error; m's content is then of no
// use. Required fields (proto2) may be missing: see [proto.CheckInitialized].
func Unmarshal(data []byte, m proto.Message) error {
	err := options.Unmarshal(data, m)
	if err == nil {
		return nil
	}
	return explain(data, 0, wantMessage(m.ProtoReflect().Descriptor()), err)
}

// UnmarshalField resets m and fills one field of it from data, which is one JSON value of the field's own form: an array
// for a repeated field. A null leaves the field unset.
func UnmarshalField(data []byte, m proto.Message, field protoreflect.FieldDescriptor) error {
	if _, fault := scan(data, -1); fault != nil { // or the data could close the object below and open members of its own
		return fault
	}
	wrapped := make([]byte, 0, len(data)+len(field.TextName())+8)
	wrapped = append(wrapped, '{')
	wrapped = strconv.AppendQuote(wrapped, field.TextName())
	wrapped = append(wrapped, ':')
	before := len(wrapped)
	wrapped = append(append(wrapped, data...), '}')
	err := options.Unmarshal(wrapped, m)
	if err == nil {
		return nil
	}
	return explain(data, before, wantField(field), err)
}

// Append appends the JSON form of m to dst. It fails on a message that has none: invalid UTF-8 in a string, a Timestamp
// out of range, an Any of an unknown type. dst comes back as it was then.
func Append(dst []byte, m proto.Message) ([]byte, error) {
	if m == nil {
		return dst, errors.New("a nil message has no JSON form")
	}
	return appendMessage(dst, m, New(m.ProtoReflect().Descriptor(), Options{}))
}

// AppendField appends the JSON form of one field of m: an array for a repeated field, null for a field with presence
// that is not set and whose emptiness has no form of its own.
func AppendField(dst []byte, m proto.Message, field protoreflect.FieldDescriptor) ([]byte, error) {
	return appendMessage(dst, m, New(m.ProtoReflect().Descriptor(), Options{}).Field(field))
}

// appendMessage appends the JSON form of m by way of its bytes.
func appendMessage(dst []byte, m proto.Message, c *Converter) ([]byte, error) {
	encoded := encodings.Get().(*[]byte)
	defer encodings.Put(encoded)
	data, err := proto.MarshalOptions{AllowPartial: true}.MarshalAppend((*encoded)[:0], m)
	if err != nil {
		if _, told := protojson.Marshal(m); told != nil { // it names the field that is not UTF-8
			err = told
		}
		return dst, fmt.Errorf("%s cannot be written as JSON: %s", c.table.descriptor.FullName(), reasonOf(err))
	}
	if cap(data) <= maxEncoding {
		*encoded = data
	}
	return c.AppendJSON(dst, data)
}

// encodings has room for encoded messages.
var encodings = sync.Pool{New: func() any { return new([]byte) }}

// maxEncoding bounds what is kept of them.
const maxEncoding = 1 << 16
