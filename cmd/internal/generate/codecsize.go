// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"strconv"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// writeSize writes the method that returns how long a message will be.
func (c *codecWriter) writeSize(message *protogen.Message) {
	c.p()
	c.p("// Farcall_size is for package codec.")
	c.p(receiver(message), "Farcall_size() (n int) {")
	c.p("if x == nil {")
	c.p("return 0")
	c.p("}")
	if message.Desc.ExtensionRanges().Len() > 0 {
		c.p("if len(x.extensionFields) > 0 {")
		c.p("return ", c.codec("SizeProtobuf"), "(x)")
		c.p("}")
	}
	for _, field := range message.Fields {
		if !inOneof(field) {
			c.sizeField(c.describe(message, field))
		} else if field == field.Oneof.Fields[0] {
			c.sizeOneof(message, field.Oneof)
		}
	}
	c.p("return n + len(x.unknownFields)")
	c.p("}")
}

func (c *codecWriter) sizeField(f *codecField) {
	kind, length := f.Desc.Kind(), protowire.SizeTag(f.Desc.Number())
	switch {
	case f.Desc.IsMap():
		key, value := c.describeEntry(f.Message.Fields[0]), c.describeEntry(f.Message.Fields[1])
		names := c.ifUsed(key, "key") + ", " + c.ifUsed(value, "value") + " := "
		if names == "_, _ := " {
			names = ""
		}
		c.p("for ", names, "range ", f.value, " {", note(f.Field))
		c.p("n += ", length, " + ", c.codec("SizeBytes"), "(", c.sum(key, "key"), " + ", c.sum(value, "value"), ")")
		c.p("}")
	case f.Desc.IsList() && f.Desc.IsPacked():
		c.p("if v := ", f.value, "; len(v) > 0 {", note(f.Field))
		if size := fixedSize(kind); size > 0 {
			c.p("n += ", length, " + ", c.codec("SizeBytes"), "(", times(size, "len(v)"), ")")
		} else {
			c.p("n += ", length, " + ", c.codec("SizeBytes"), "(", c.codec("SizePacked"+packedName(kind)), "(v))")
		}
		c.p("}")
	case f.Desc.IsList() && fixedSize(kind) > 0:
		c.p("n += ", times(length+fixedSize(kind), "len("+f.value+")"), note(f.Field))
	case f.Desc.IsList():
		list := f.value
		if c.listPointer(f) {
			c.p("if v := ", f.value, "; v != nil {", note(f.Field))
			list = "*v"
			defer c.p("}")
		}
		c.p("for _, v := range ", list, " {", note(f.Field))
		c.p("n += ", c.sum(f, "v"))
		c.p("}")
	default:
		c.ifSet(f, func(value string) { c.p("n += ", c.sum(f, value)) })
	}
}

// ifUsed returns the name of a variable, or what stands for one that is not used because all values have one length.
func (c *codecWriter) ifUsed(f *codecField, name string) string {
	if fixedSize(f.Desc.Kind()) > 0 {
		return "_"
	}
	return name
}

// times is an expression for n times a length.
func times(n int, length string) string {
	if n == 1 {
		return length
	}
	return strconv.Itoa(n) + "*" + length
}

// fixedSize returns how many bytes a value of the kind has, 0 if they differ.
func fixedSize(kind protoreflect.Kind) int {
	switch wireTypes[kind] {
	case protowire.Fixed32Type:
		return 4
	case protowire.Fixed64Type:
		return 8
	}
	if kind == protoreflect.BoolKind {
		return 1
	}
	return 0
}

func (c *codecWriter) sizeOneof(message *protogen.Message, oneof *protogen.Oneof) {
	c.p("switch o := ", c.oneofField(message, oneof), ".(type) {")
	for _, field := range oneof.Fields {
		f := c.describe(message, field)
		c.p("case *", c.wrapper(message, field), ":", note(field))
		c.p("if o != nil {")
		c.p("n += ", c.sum(f, f.value))
		c.p("}")
	}
	c.p("}")
}

// sum is an expression for the length of a value and its tag.
func (c *codecWriter) sum(f *codecField, value string) string {
	kind, length := f.Desc.Kind(), protowire.SizeTag(f.Desc.Number())
	if size := fixedSize(kind); size > 0 {
		return strconv.Itoa(length + size)
	}
	switch kind {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return strconv.Itoa(length) + " + " + string(c.codec("SizeBytes")) + "(len(" + value + "))"
	case protoreflect.MessageKind:
		return strconv.Itoa(length) + " + " + string(c.codec("SizeBytes")) + "(" + c.sizeOfMessage(f, value) + ")"
	case protoreflect.GroupKind:
		return strconv.Itoa(2*length) + " + " + c.sizeOfMessage(f, value)
	}
	return strconv.Itoa(length) + " + " + string(c.codec("SizeVarint")) + "(" + c.varint(kind, value) + ")"
}

func (c *codecWriter) sizeOfMessage(f *codecField, value string) string {
	if c.hasMethods(f.Message) {
		return value + ".Farcall_size()"
	}
	return string(c.codec("SizeMessage")) + "(" + value + ")"
}
