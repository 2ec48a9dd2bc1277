// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// storage is how the Go struct holds a singular field, and tells whether it is set.
type storage int

const (
	plain   storage = iota // a value; it is set if it is not zero
	pointer                // a pointer; it is set if it is not nil
	slice                  // bytes that may be nil; set if they are not
	bitmap                 // a value and a bit of the opaque API
	member                 // in the wrapper of a oneof
)

// codecField is what the writers want to know of a field.
type codecField struct {
	*protogen.Field
	storage storage
	value   string // its place in the struct: x.Name
	index   int    // of its bit
	bits    int    // how many the message has
	textual bool   // text that must be UTF-8
	pointed bool   // a bitmap's value that is a pointer: the opaque API's strings
}

// describe finds out about a field of message; c says which API its struct has.
func (c *codecWriter) describe(message *protogen.Message, field *protogen.Field) *codecField {
	f := &codecField{Field: field, value: "x." + field.GoName, textual: isTextual(field)}
	opaque := c.opaque(message)
	if opaque {
		f.value = "x.xxx_hidden_" + field.GoName
	}
	kind := field.Desc.Kind()
	switch {
	case inOneof(field):
		f.storage, f.value = member, "o."+field.GoName
	case field.Message != nil:
		f.storage = pointer
	case !field.Desc.HasPresence():
		f.storage = plain
	case opaque:
		f.storage, f.pointed = bitmap, kind == protoreflect.StringKind
		f.index, f.bits = presenceBit(message, field)
	case kind == protoreflect.BytesKind:
		f.storage = slice
	default:
		f.storage = pointer
	}
	return f
}

// inOneof reports whether the field is in a oneof that the .proto file has, not one that stands for an optional field.
func inOneof(field *protogen.Field) bool {
	return field.Oneof != nil && !field.Oneof.Desc.IsSynthetic()
}

// isTextual reports whether the field is text that must be UTF-8: the syntax says so, or a feature of the edition.
func isTextual(field *protogen.Field) bool {
	if field.Desc.Kind() != protoreflect.StringKind {
		return false
	}
	if field.Desc.ParentFile().Syntax() == protoreflect.Editions {
		if feature, ok := field.Desc.(interface{ EnforceUTF8() bool }); ok {
			return feature.EnforceUTF8()
		}
	}
	return field.Desc.ParentFile().Syntax() == protoreflect.Proto3
}

// presenceBit returns the index of a field's bit in the opaque API, and how many bits there are: one for each field, and one
// for all fields of a oneof together.
func presenceBit(message *protogen.Message, wanted *protogen.Field) (index, bits int) {
	for _, field := range message.Fields {
		if field == wanted {
			index = bits
		}
		if field.Oneof == nil || field == field.Oneof.Fields[len(field.Oneof.Fields)-1] {
			bits++
		}
	}
	return index, bits
}

// oneofField returns the place of a oneof in the struct.
func (c *codecWriter) oneofField(message *protogen.Message, oneof *protogen.Oneof) string {
	if c.opaque(message) {
		return "x.xxx_hidden_" + oneof.GoName
	}
	return "x." + oneof.GoName
}

// wrapper returns the name of the struct that holds a oneof's field, as protoc-gen-go chooses it.
func (c *codecWriter) wrapper(message *protogen.Message, field *protogen.Field) string {
	name := message.GoIdent.GoName + "_" + field.GoName
	for taken := true; taken; {
		taken = false
		for _, nested := range message.Messages {
			taken = taken || nested.GoIdent.GoName == name
		}
		for _, nested := range message.Enums {
			taken = taken || nested.GoIdent.GoName == name
		}
		if taken {
			name += "_"
		}
	}
	if c.opaque(message) {
		first, size := utf8.DecodeRuneInString(name)
		name = string(unicode.ToLower(first)) + name[size:]
	}
	return name
}

// wireTypes are the wire types of the kinds.
var wireTypes = map[protoreflect.Kind]protowire.Type{
	protoreflect.BoolKind:     protowire.VarintType,
	protoreflect.EnumKind:     protowire.VarintType,
	protoreflect.Int32Kind:    protowire.VarintType,
	protoreflect.Sint32Kind:   protowire.VarintType,
	protoreflect.Uint32Kind:   protowire.VarintType,
	protoreflect.Int64Kind:    protowire.VarintType,
	protoreflect.Sint64Kind:   protowire.VarintType,
	protoreflect.Uint64Kind:   protowire.VarintType,
	protoreflect.Sfixed32Kind: protowire.Fixed32Type,
	protoreflect.Fixed32Kind:  protowire.Fixed32Type,
	protoreflect.FloatKind:    protowire.Fixed32Type,
	protoreflect.Sfixed64Kind: protowire.Fixed64Type,
	protoreflect.Fixed64Kind:  protowire.Fixed64Type,
	protoreflect.DoubleKind:   protowire.Fixed64Type,
	protoreflect.StringKind:   protowire.BytesType,
	protoreflect.BytesKind:    protowire.BytesType,
	protoreflect.MessageKind:  protowire.BytesType,
	protoreflect.GroupKind:    protowire.StartGroupType,
}

// tag is a field's tag as a number.
func tag(field *protogen.Field, wire protowire.Type) uint64 {
	return protowire.EncodeTag(field.Desc.Number(), wire)
}

// literal is a tag as generated code has it.
func literal(tag uint64) string { return fmt.Sprintf("%#02x", tag) }

// note is the comment that says which field it is.
func note(field *protogen.Field) string {
	return fmt.Sprintf(" // %s = %d", field.Desc.Name(), field.Desc.Number())
}

// longest is how many bytes a number of the kind can have on the wire.
func longest(kind protoreflect.Kind) int {
	switch wireTypes[kind] {
	case protowire.Fixed32Type:
		return 4
	case protowire.Fixed64Type:
		return 8
	}
	switch kind {
	case protoreflect.BoolKind:
		return 1
	case protoreflect.Uint32Kind, protoreflect.Sint32Kind:
		return 5
	}
	return 10
}
