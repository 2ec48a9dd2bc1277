// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"iter"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The rules of protovalidate are options of fields. They are read by the descriptors of buf/validate/validate.proto that the
// .proto file imports and from their bytes, so that nothing of it need be linked, nor dynamicpb; a rule that JSON Schema has no
// word for is left out.
const (
	validateFile = "buf/validate/validate.proto"
	validateRule = "buf.validate.field"
)

// rules are a message of rules as its bytes.
type rules struct {
	descriptor protoreflect.MessageDescriptor
	encoded    []byte
}

// fieldRules returns the buf.validate.FieldRules of a field, nil if it has none.
func fieldRules(field protoreflect.FieldDescriptor) *rules {
	if field.ParentFile() == nil {
		return nil
	}
	imports := field.ParentFile().Imports()
	for i := range imports.Len() {
		if imports.Get(i).Path() != validateFile {
			continue
		}
		extension := imports.Get(i).FileDescriptor.Extensions().ByName(protoreflect.FullName(validateRule).Name())
		if extension == nil || extension.Message() == nil {
			return nil
		}
		encoded, err := proto.Marshal(field.Options())
		if err != nil {
			return nil
		}
		return (&rules{encoded: encoded}).inside(extension)
	}
	return nil
}

// inside returns the rules that a field holds, nil if it is not set.
func (r *rules) inside(field protoreflect.FieldDescriptor) *rules {
	var found *rules
	for part := range r.values(field) {
		if found == nil {
			found = &rules{descriptor: field.Message()}
		}
		if part, ok := part.([]byte); ok {
			found.encoded = append(found.encoded, part...) // which merges them
		}
	}
	return found
}

// values yields what the encoded message has for a field: once for each value of a list, and bytes for a message. What
// cannot be read ends it.
func (r *rules) values(field protoreflect.FieldDescriptor) iter.Seq[any] {
	return func(yield func(any) bool) {
		for rest := r.encoded; len(rest) > 0; {
			number, wire, n := protowire.ConsumeTag(rest)
			if n < 0 {
				return
			}
			rest = rest[n:]
			if n = protowire.ConsumeFieldValue(number, wire, rest); n < 0 {
				return
			}
			data := rest[:n]
			rest = rest[n:]
			if number != field.Number() {
				continue
			}
			if wire == protowire.BytesType {
				data, _ = protowire.ConsumeBytes(data)
				if plain, ok := plainBytes(field.Kind(), data); ok {
					if !yield(plain) {
						return
					}
					continue
				}
			}
			for len(data) > 0 { // one number, or packed ones
				value, n := plainNumber(field.Kind(), data)
				if n < 0 || !yield(value) {
					return
				}
				data = data[n:]
			}
		}
	}
}

func plainBytes(kind protoreflect.Kind, data []byte) (any, bool) {
	switch kind {
	case protoreflect.StringKind:
		return string(data), true
	case protoreflect.BytesKind, protoreflect.MessageKind:
		return data, true
	}
	return nil, false
}

// plainNumber reads the number at the beginning of data, and returns its length, negative if there is none.
func plainNumber(kind protoreflect.Kind, data []byte) (value any, n int) {
	switch kind {
	case protoreflect.FloatKind:
		bits, n := protowire.ConsumeFixed32(data)
		return math.Float32frombits(bits), n
	case protoreflect.DoubleKind:
		bits, n := protowire.ConsumeFixed64(data)
		return math.Float64frombits(bits), n
	case protoreflect.Fixed32Kind:
		return consumed(protowire.ConsumeFixed32(data))
	case protoreflect.Sfixed32Kind:
		bits, n := protowire.ConsumeFixed32(data)
		return int32(bits), n
	case protoreflect.Fixed64Kind:
		return consumed(protowire.ConsumeFixed64(data))
	case protoreflect.Sfixed64Kind:
		bits, n := protowire.ConsumeFixed64(data)
		return int64(bits), n
	}
	bits, n := protowire.ConsumeVarint(data)
	switch kind {
	case protoreflect.BoolKind:
		return bits != 0, n
	case protoreflect.Int32Kind, protoreflect.EnumKind:
		return int32(bits), n
	case protoreflect.Sint32Kind:
		return int32(protowire.DecodeZigZag(bits & math.MaxUint32)), n
	case protoreflect.Uint32Kind:
		return uint32(bits), n
	case protoreflect.Int64Kind:
		return int64(bits), n
	case protoreflect.Sint64Kind:
		return protowire.DecodeZigZag(bits), n
	case protoreflect.Uint64Kind:
		return bits, n
	}
	return nil, -1
}

func consumed[T any](value T, n int) (any, int) { return value, n }

// value returns the value of a rule as JSON has it, false if it is not set or not known.
func (r *rules) value(field protoreflect.FieldDescriptor) (value any, ok bool) {
	var list []any
	for value = range r.values(field) {
		list = append(list, value)
	}
	if field.IsList() {
		return list, len(list) > 0
	}
	return value, len(list) > 0
}

func requiredByRule(field protoreflect.FieldDescriptor) bool {
	of := fieldRules(field)
	if of == nil {
		return false
	}
	rule := of.descriptor.Fields().ByName("required")
	if rule == nil {
		return false
	}
	needed, _ := of.value(rule)
	return needed == true
}

// keywords are the rules that JSON Schema has a word for, by the field of FieldRules that holds them.
var keywords = map[protoreflect.Name]map[protoreflect.Name]string{
	"string":   {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern", "const": "const", "in": "enum"},
	"repeated": {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"},
	"map":      {"min_pairs": "minProperties", "max_pairs": "maxProperties"},
}

var numeric = map[protoreflect.Name]string{"const": "const", "lt": "exclusiveMaximum", "lte": "maximum", "gt": "exclusiveMinimum", "gte": "minimum", "in": "enum"}

// formats are the rules of strings that JSON Schema has a format for.
var formats = map[protoreflect.Name]string{"email": "email", "hostname": "hostname", "ipv4": "ipv4", "ipv6": "ipv6", "uri": "uri", "uri_ref": "uri-reference", "uuid": "uuid"}

func init() {
	for _, kind := range []protoreflect.Name{"float", "double", "int32", "uint32", "sint32", "fixed32", "sfixed32"} { // 64-bit integers are strings
		keywords[kind] = numeric
	}
}

// addRules adds what a field's rules say to its schema.
func addRules(form *object, field protoreflect.FieldDescriptor) {
	of := fieldRules(field)
	if of == nil {
		return
	}
	for kind, words := range keywords {
		holder := of.descriptor.Fields().ByName(kind)
		if holder == nil || holder.Message() == nil {
			continue
		}
		own := of.inside(holder)
		if own == nil {
			continue
		}
		for i := range own.descriptor.Fields().Len() {
			rule := own.descriptor.Fields().Get(i)
			word, format := words[rule.Name()], ""
			if kind == "string" {
				format = formats[rule.Name()]
			}
			if word == "" && format == "" {
				continue
			}
			value, ok := own.value(rule)
			if word != "" && ok {
				form.set(word, value)
			}
			if format != "" && value == true {
				form.set("format", format)
			}
		}
	}
}
