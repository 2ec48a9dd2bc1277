// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

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

// reasonOf returns protojson's words without its prefix.
func reasonOf(err error) string {
	text := err.Error()
	if match := refusal.FindStringIndex(text); match != nil {
		return text[match[1]:]
	}
	return text
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
