// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Options say how messages are written as JSON, and what of JSON is accepted. Those that protojson has as well have its
// names, and do what they do there. The zero value is what protojson does by itself, but for required fields (proto2):
// nobody checks here that they are set.
type Options struct {
	// Indent puts every member and element on a line of its own, behind Indent for each level: spaces and tabs only.
	Indent string

	// UseProtoNames writes fields under the names that they have in the .proto file, not in lowerCamelCase. Both are
	// always accepted.
	UseProtoNames bool

	// UseEnumNumbers writes enums as numbers. Names and numbers are always accepted.
	UseEnumNumbers bool

	// UseInt64Numbers writes 64-bit integers as numbers and not as strings. JavaScript's numbers are exact up to 2^53
	// only. Both are always accepted.
	UseInt64Numbers bool

	// EmitUnpopulated writes fields that are not set, too: false, 0, "", [] or {}, and null for messages and for fields
	// of proto2. Members of a oneof and optional fields of proto3 stay away.
	EmitUnpopulated bool

	// EmitDefaultValues is EmitUnpopulated without those that would be null.
	EmitDefaultValues bool

	// DiscardUnknown ignores members that the message does not have, and names that an enum does not have.
	DiscardUnknown bool

	// AllowDuplicateNames lets the last of several members of the same name in an object count. Otherwise they are refused,
	// as a field always is that is there under both of its names.
	AllowDuplicateNames bool

	// Resolver finds the types of Anys and of extensions; nil for protoregistry.GlobalTypes.
	Resolver Resolver

	// RecursionLimit is how many messages may stand in each other; 0 for 10,000.
	RecursionLimit int
}

// Resolver finds types by their names and numbers.
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// defaultLimit is the depth to which protobuf's own library goes.
const defaultLimit = 10_000

func (o *Options) limit() int {
	if o.RecursionLimit > 0 {
		return o.RecursionLimit
	}
	return defaultLimit
}

func (o *Options) resolver() Resolver {
	if o.Resolver != nil {
		return o.Resolver
	}
	return protoregistry.GlobalTypes
}

// Converter converts messages of one type. It is safe for concurrent use.
type Converter struct {
	options Options
	table   *table
	field   *field // what is converted is this field's value alone; nil for the message
}

// New returns a Converter of a type of messages.
func New(message protoreflect.MessageDescriptor, options Options) *Converter {
	return &Converter{options: options, table: tableOf(message)}
}

// Field returns a Converter that takes the JSON of one field of the message for that of the message: an array for a
// repeated field. The bytes are those of the message.
func (c *Converter) Field(descriptor protoreflect.FieldDescriptor) *Converter {
	alone := *c
	alone.field = c.table.byNumber(descriptor.Number())
	if alone.field == nil {
		alone.field = c.table.extension(descriptor)
	}
	return &alone
}

// Descriptor returns that of the messages.
func (c *Converter) Descriptor() protoreflect.MessageDescriptor { return c.table.descriptor }
