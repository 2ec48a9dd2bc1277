// SPDX-License-Identifier: Apache-2.0

// Package transcode converts JSON text to messages and back.
//
// The mapping is proto3's JSON mapping, as google.golang.org/protobuf/encoding/protojson has it, which does the work for
// now: JSON is converted by way of the typed message. What is accepted and what is written stays the same when the
// conversion comes to work on encoded bytes alone. Unknown fields are errors. Output has no spaces and, with map
// entries ordered by key, is the same every time for the same message.
//
// Every error that a text causes is an [*Error], which names the line, the column and, where the text allows it, the
// field.
package transcode

import (
	"errors"
	"fmt"
	"strconv"

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
	return appendJSON(dst, m, protojson.MarshalOptions{AllowPartial: true})
}

func appendJSON(dst []byte, m proto.Message, options protojson.MarshalOptions) ([]byte, error) {
	if m == nil {
		return dst, errors.New("a nil message has no JSON form")
	}
	out, err := options.MarshalAppend(dst, m)
	if err != nil {
		return dst, fmt.Errorf("%s cannot be written as JSON: %s", m.ProtoReflect().Descriptor().FullName(), reasonOf(err))
	}
	return out[:len(dst)+compact(out[len(dst):])], nil
}

// AppendField appends the JSON form of one field of m: an array for a repeated field, null for a field with presence
// that is not set and whose emptiness has no form of its own.
func AppendField(dst []byte, m proto.Message, field protoreflect.FieldDescriptor) ([]byte, error) {
	own := m.ProtoReflect()
	if !own.Has(field) {
		return append(dst, unsetForm(field)...), nil
	}
	if field.Message() != nil && !field.IsMap() && !field.IsList() {
		return Append(dst, own.Get(field).Message().Interface())
	}
	alone := own.New()
	alone.Set(field, own.Get(field))
	out, err := appendJSON(dst, alone.Interface(), protojson.MarshalOptions{AllowPartial: true, UseProtoNames: true})
	if err != nil {
		return dst, err
	}
	value := len(dst) + len(`{"":`) + len(field.TextName())
	return out[:len(dst)+copy(out[len(dst):], out[value:len(out)-1])], nil
}

// unsetForm is the JSON form of a field that is not set.
func unsetForm(field protoreflect.FieldDescriptor) string {
	switch {
	case field.IsMap():
		return "{}"
	case field.IsList():
		return "[]"
	case field.Message() != nil && ownForm(field.Message()) == "":
		return "{}"
	case field.HasPresence():
		return "null"
	}
	switch field.Kind() {
	case protoreflect.BoolKind:
		return "false"
	case protoreflect.StringKind, protoreflect.BytesKind:
		return `""`
	case protoreflect.EnumKind:
		if field.Enum().FullName() == "google.protobuf.NullValue" {
			return "null"
		}
		if zero := field.Enum().Values().ByNumber(0); zero != nil {
			return strconv.Quote(string(zero.Name()))
		}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return `"0"`
	}
	return "0"
}

// compact removes the spaces between tokens, which protojson puts there at random, and returns the new length.
func compact(data []byte) int {
	n, inString := 0, false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case c == '"':
			inString = !inString
		case c == '\\' && inString: // an escaped byte is kept whatever it is
			data[n] = c
			n, i = n+1, i+1
			c = data[i]
		case c == ' ' && !inString:
			continue
		}
		data[n] = c
		n++
	}
	return n
}
