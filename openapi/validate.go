// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The rules of protovalidate are options of fields. They are read by the descriptors of buf/validate/validate.proto that the
// .proto file imports, so that nothing of it need be linked; a rule that JSON Schema has no word for is left out.
const (
	validateFile = "buf/validate/validate.proto"
	validateRule = "buf.validate.field"
)

// fieldRules returns the buf.validate.FieldRules of a field, nil if it has none.
func fieldRules(field protoreflect.FieldDescriptor) protoreflect.Message {
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
		kind := dynamicpb.NewExtensionType(extension)
		types := &protoregistry.Types{}
		if types.RegisterExtension(kind) != nil {
			return nil
		}
		encoded, err := proto.Marshal(field.Options())
		if err != nil {
			return nil
		}
		options := &descriptorpb.FieldOptions{}
		if (proto.UnmarshalOptions{Resolver: types}).Unmarshal(encoded, options) != nil || !proto.HasExtension(options, kind) {
			return nil
		}
		if rules, ok := proto.GetExtension(options, kind).(proto.Message); ok {
			return rules.ProtoReflect()
		}
	}
	return nil
}

// ruleOf returns the value of a rule, false if it is not set or not known.
func ruleOf(rules protoreflect.Message, name protoreflect.Name) (protoreflect.Value, bool) {
	if rules == nil {
		return protoreflect.Value{}, false
	}
	field := rules.Descriptor().Fields().ByName(name)
	if field == nil || !rules.Has(field) {
		return protoreflect.Value{}, false
	}
	return rules.Get(field), true
}

func requiredByRule(field protoreflect.FieldDescriptor) bool {
	needed, ok := ruleOf(fieldRules(field), "required")
	return ok && needed.Bool()
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
	rules := fieldRules(field)
	if rules == nil {
		return
	}
	for kind, words := range keywords {
		of, ok := ruleOf(rules, kind)
		if !ok {
			continue
		}
		own := of.Message()
		for i := range own.Descriptor().Fields().Len() {
			rule := own.Descriptor().Fields().Get(i)
			if word := words[rule.Name()]; word != "" && own.Has(rule) {
				form.set(word, plainValue(rule, own.Get(rule)))
			}
			if format := formats[rule.Name()]; kind == "string" && format != "" && own.Has(rule) && own.Get(rule).Bool() {
				form.set("format", format)
			}
		}
	}
}

// plainValue is a rule's value as JSON has it.
func plainValue(rule protoreflect.FieldDescriptor, value protoreflect.Value) any {
	if !rule.IsList() {
		return value.Interface()
	}
	var list []any
	for i := range value.List().Len() {
		list = append(list, value.List().Get(i).Interface())
	}
	return list
}
