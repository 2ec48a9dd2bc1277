// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"math"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/farcall/farcall/internal/schema"
)

// statusName is the component of errors.
const statusName = "google.rpc.Status"

func (d *document) addStatus() {
	d.message((&status.Status{}).ProtoReflect().Descriptor())
	set := func(name, text string) {
		if whole, ok := d.schemas.get(statusName).(*object); ok {
			if field, ok := whole.get("properties").(*object).get(name).(*object); ok && !field.has("description") {
				field.set("description", text)
			}
		}
	}
	set("code", "A google.rpc.Code.")
	set("message", "What went wrong, for developers.")
	set("details", "More about it, such as google.rpc.BadRequest with the fields that are wrong.")
}

func reference(name string) *object { return newObject("$ref", "#/components/schemas/"+name) }

// field returns the schema of a field's JSON.
func (d *document) field(field protoreflect.FieldDescriptor) *object {
	var form *object
	switch {
	case field.IsMap():
		form = newObject("type", "object", "additionalProperties", d.value(field.MapValue()))
	case field.IsList():
		form = newObject("type", "array", "items", d.value(field))
	default:
		form = d.value(field)
	}
	addRules(form, field)
	return form
}

// value returns the schema of what a field holds, or of an element of it.
func (d *document) value(field protoreflect.FieldDescriptor) *object {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return d.message(field.Message())
	case protoreflect.EnumKind:
		return d.enum(field.Enum())
	}
	return scalar(field.Kind())
}

// scalar is the JSON form of a scalar: 64-bit integers are strings, which JSON's readers would round as numbers.
func scalar(kind protoreflect.Kind) *object {
	switch kind {
	case protoreflect.BoolKind:
		return newObject("type", "boolean")
	case protoreflect.BytesKind:
		return newObject("type", "string", "contentEncoding", "base64")
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return newObject("type", "integer", "format", "int32")
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return newObject("type", "integer", "format", "int64", "minimum", 0, "maximum", int64(math.MaxUint32))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return newObject("type", "string", "format", "int64")
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return newObject("type", "string", "format", "uint64")
	case protoreflect.FloatKind:
		return newObject("type", "number", "format", "float")
	case protoreflect.DoubleKind:
		return newObject("type", "number", "format", "double")
	}
	return newObject("type", "string")
}

// enum returns a reference to an enum's component, which it makes if need be.
func (d *document) enum(enum protoreflect.EnumDescriptor) *object {
	if enum.FullName() == "google.protobuf.NullValue" {
		return newObject("type", "null")
	}
	name := string(enum.FullName())
	if !d.schemas.has(name) {
		var values []any
		var told []string
		for i := range enum.Values().Len() {
			value := enum.Values().Get(i)
			values = append(values, string(value.Name()))
			if comment := commentOf(value); comment != "" {
				told = append(told, "- "+string(value.Name())+": "+strings.Join(strings.Fields(comment), " "))
			}
		}
		form := newObject("type", "string", "enum", values)
		form.setText("description", strings.TrimSpace(commentOf(enum)+"\n\n"+strings.Join(told, "\n")))
		d.schemas.set(name, form)
	}
	return reference(name)
}

// message returns the schema of a message: of those with a JSON form of their own this, otherwise a reference to its component,
// which it makes if need be.
func (d *document) message(message protoreflect.MessageDescriptor) *object {
	if form := wellKnown(message); form != nil {
		return form
	}
	name := string(message.FullName())
	if !d.schemas.has(name) {
		form := newObject("type", "object")
		d.schemas.set(name, form) // before its fields, which may be of the same kind
		form.setText("description", commentOf(message))
		if options, _ := message.Options().(*descriptorpb.MessageOptions); options.GetDeprecated() {
			form.set("deprecated", true)
		}
		d.addProperties(form, message)
	}
	return reference(name)
}

// form returns the schema of a message that is sent as a form: its JSON's, but that files are not in base64.
func (d *document) form(message protoreflect.MessageDescriptor) *object {
	form := newObject("type", "object")
	d.addProperties(form, message)
	properties, _ := form.get("properties").(*object)
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if !isUpload(field) {
			continue
		}
		file := newObject("type", "string", "contentMediaType", "application/octet-stream")
		if field.IsList() {
			file = newObject("type", "array", "items", file)
		}
		if described, ok := properties.get(field.JSONName()).(*object); ok && described.has("description") {
			file.set("description", described.get("description"))
		}
		properties.set(field.JSONName(), file)
	}
	return form
}

func (d *document) addProperties(form *object, message protoreflect.MessageDescriptor) {
	properties := newObject()
	var needed []any
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		property := d.field(field)
		comment := commentOf(field)
		if oneof := field.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
			var names []string
			for j := range oneof.Fields().Len() {
				names = append(names, oneof.Fields().Get(j).JSONName())
			}
			comment = strings.TrimSpace(comment + "\n\nAt most one of " + strings.Join(names, ", ") + " may be given.")
		}
		property.setText("description", comment)
		if isDeprecated(field) {
			property.set("deprecated", true)
		}
		for _, behaviour := range behaviours(field) {
			switch behaviour {
			case annotations.FieldBehavior_OUTPUT_ONLY:
				property.set("readOnly", true)
			case annotations.FieldBehavior_INPUT_ONLY:
				property.set("writeOnly", true)
			case annotations.FieldBehavior_IMMUTABLE:
				property.set("x-immutable", true)
			}
		}
		if required(field) {
			needed = append(needed, field.JSONName())
		}
		properties.set(field.JSONName(), property)
	}
	if len(properties.names) > 0 {
		form.set("properties", properties)
	}
	if len(needed) > 0 {
		form.set("required", needed)
	}
}

// freeForm reports whether a message is JSON of any form.
func freeForm(message protoreflect.MessageDescriptor) bool {
	return slices.Contains([]protoreflect.FullName{"google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value"}, message.FullName())
}

// wellKnown returns the schema of a message that has a JSON form of its own, nil for one that has none.
func wellKnown(message protoreflect.MessageDescriptor) *object {
	switch message.FullName() {
	case "google.protobuf.Timestamp":
		return newObject("type", "string", "format", "date-time")
	case "google.protobuf.Duration":
		return newObject("type", "string", "pattern", `^-?[0-9]+(\.[0-9]{1,9})?s$`, "examples", []any{"1.5s"})
	case "google.protobuf.FieldMask":
		return newObject("type", "string", "examples", []any{"name,address.zipCode"})
	case "google.protobuf.Struct":
		return newObject("type", "object", "additionalProperties", true)
	case "google.protobuf.ListValue":
		return newObject("type", "array", "items", newObject())
	case "google.protobuf.Value":
		return newObject()
	case "google.protobuf.Empty":
		return newObject("type", "object")
	case "google.protobuf.Any":
		return newObject("type", "object", "properties", newObject("@type", newObject("type", "string")), "required", []any{"@type"}, "additionalProperties", true)
	}
	if schema.Wrapper(message) {
		form := scalar(message.Fields().ByNumber(1).Kind())
		form.set("type", []any{form.get("type"), "null"})
		return form
	}
	return nil
}

// commentOf returns the comment at a descriptor, "" if the descriptor has no source.
func commentOf(descriptor protoreflect.Descriptor) string {
	if descriptor == nil || descriptor.ParentFile() == nil {
		return ""
	}
	location := descriptor.ParentFile().SourceLocations().ByDescriptor(descriptor)
	comment := location.LeadingComments
	if strings.TrimSpace(comment) == "" {
		comment = location.TrailingComments
	}
	lines := strings.Split(comment, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(strings.TrimPrefix(lines[i], " "), " \t")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func isDeprecated(field protoreflect.FieldDescriptor) bool {
	options, _ := field.Options().(*descriptorpb.FieldOptions)
	return options.GetDeprecated()
}

// behaviours returns the google.api.field_behavior of a field. The options are read anew, because descriptors that were made at
// run time may hold it as unknown bytes.
func behaviours(field protoreflect.FieldDescriptor) []annotations.FieldBehavior {
	encoded, err := proto.Marshal(field.Options())
	if err != nil || len(encoded) == 0 {
		return nil
	}
	options := &descriptorpb.FieldOptions{}
	if proto.Unmarshal(encoded, options) != nil {
		return nil
	}
	list, _ := proto.GetExtension(options, annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return list
}

// required reports whether a request must have the field.
func required(field protoreflect.FieldDescriptor) bool {
	return field.Cardinality() == protoreflect.Required || slices.Contains(behaviours(field), annotations.FieldBehavior_REQUIRED) || requiredByRule(field)
}

func outputOnly(field protoreflect.FieldDescriptor) bool {
	return slices.Contains(behaviours(field), annotations.FieldBehavior_OUTPUT_ONLY)
}
