// SPDX-License-Identifier: Apache-2.0

// Package transcode converts JSON text to protobuf bytes and back, straight from descriptors.
//
// The mapping is proto3's JSON mapping as google.golang.org/protobuf/encoding/protojson has it: the same texts are accepted,
// with the same meaning, and the same text is written, but for the spaces that protojson puts in at random. A [Converter]
// compiles a descriptor to tables once, and then works on text and bytes alone, with no message in between.
//
// Two things differ that the binary form leaves open: fields are encoded in the order of the text, also those in an Any;
// and Anys count when it comes to how many messages may stand in each other, also on the way out.
//
// Every error that a text causes is an [*Error], which names the line, the column and, where the text allows it, the
// field.
package transcode

import (
	"errors"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Unmarshal resets m and fills it from data, which is one JSON value. The error is an *Error; m's content is then of no
// use. Required fields (proto2) may be missing: see [proto.CheckInitialized].
func Unmarshal(data []byte, m proto.Message) error {
	return unmarshal(data, m, New(m.ProtoReflect().Descriptor(), Options{}))
}

// UnmarshalField resets m and fills one field of it from data, which is one JSON value of the field's own form: an array
// for a repeated field. A null leaves the field unset.
func UnmarshalField(data []byte, m proto.Message, field protoreflect.FieldDescriptor) error {
	return unmarshal(data, m, New(m.ProtoReflect().Descriptor(), Options{}).Field(field))
}

// unmarshal fills m by way of its bytes.
func unmarshal(text []byte, m proto.Message, c *Converter) error {
	encoded := encodings.Get().(*[]byte)
	defer encodings.Put(encoded)
	data, err := c.AppendMessage((*encoded)[:0], text)
	if err != nil {
		return err
	}
	if cap(data) <= maxEncoding {
		*encoded = data
	}
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(data, m); err != nil {
		return &Error{Reason: quoted(reasonOf(err))}
	}
	return nil
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
		if field := notText(m.ProtoReflect()); field != nil {
			err = fmt.Errorf("field %s contains invalid UTF-8", field.FullName())
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
