// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"slices"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// writeDecode writes the method that decodes into a message.
func (c *codecWriter) writeDecode(message *protogen.Message) {
	var fields []*codecField
	for _, field := range message.Fields {
		fields = append(fields, c.describe(message, field))
	}
	c.p()
	c.p("// Farcall_decode is for package codec.")
	c.p(receiver(message), "Farcall_decode(d *", c.codec("Decoder"), ", i, end int) int {")
	if hasRequired(message) {
		c.p("d.Required()")
	}
	if numbers, headers := optional(fields); numbers+headers > 0 {
		c.p("d.Optional(", numbers, ", ", headers, ")")
	}
	rest := "i = d.Unknown(&x.unknownFields, i, end)"
	if message.Desc.ExtensionRanges().Len() > 0 {
		rest = "i = d.Extension(x, i, end)"
	}
	c.decodeLoop(fields, c.decodeField, rest)
	c.p("return i")
	c.p("}")
	for _, field := range message.Fields {
		if field.Desc.IsMap() {
			c.writeDecodeEntry(message, field)
		}
	}
}

// decodeLoop writes the loop over a message's fields; rest is for those that it does not have.
func (c *codecWriter) decodeLoop(fields []*codecField, decode func(*codecField), rest string) {
	if len(fields) == 0 {
		c.p("for uint(i) < uint(end) {")
		c.p(rest)
		c.p("}")
		return
	}
	v := "_"
	if slices.ContainsFunc(fields, needsVarint) {
		v = "v"
	}
	next := "_"
	if slices.ContainsFunc(fields, func(f *codecField) bool { return !isRow(f) }) {
		next = "next"
	}
	c.p("b := d.Data(end)")
	c.p("for uint(i) < uint(len(b)) {")
	c.p("pair := ", c.codec("Pair"), "(b, i)")
	c.p("tag, ", v, ", ", next, " := pair&0xff, pair>>8, i+2")
	c.p("if pair&", c.codec("Long"), " != 0 {")
	c.p("tag, ", v, ", ", next, " = d.Head(i, end)")
	c.p("}")
	c.p("switch tag {")
	for _, f := range fields {
		decode(f)
	}
	c.p("default:")
	c.p(rest)
	c.p("}")
	c.p("}")
}

// optional counts the fields of optional presence that the struct has pointers for: numbers, and text.
func optional(fields []*codecField) (numbers, headers int) {
	for _, f := range fields {
		switch text := f.Desc.Kind() == protoreflect.StringKind; {
		case f.Desc.IsList() || f.Message != nil:
		case text && (f.storage == pointer || f.pointed):
			headers++
		case f.storage == pointer:
			numbers++
		}
	}
	return numbers, headers
}

// needsVarint reports whether the code for a field reads the varint behind its tag.
func needsVarint(f *codecField) bool {
	switch wireTypes[f.Desc.Kind()] {
	case protowire.VarintType, protowire.BytesType:
		return !isRow(f)
	}
	return isNumber(f.Field) && f.Desc.IsList() // it may be packed
}

// isRow reports whether a field is a list whose elements are counted: what counts them reads the first one's tag as well.
func isRow(f *codecField) bool {
	kind := f.Desc.Kind()
	return f.Desc.IsList() && (kind == protoreflect.StringKind || kind == protoreflect.MessageKind)
}

// isNumber reports whether the field's values may be packed.
func isNumber(field *protogen.Field) bool {
	switch wireTypes[field.Desc.Kind()] {
	case protowire.VarintType, protowire.Fixed32Type, protowire.Fixed64Type:
		return true
	}
	return false
}

// decodeField writes the cases for a field.
func (c *codecWriter) decodeField(f *codecField) {
	kind := f.Desc.Kind()
	switch {
	case f.Desc.IsMap():
		c.caseOf(f, protowire.BytesType)
		c.decodeMap(f)
	case f.Desc.IsList() && isNumber(f.Field): // packed or not, whatever the .proto file says
		c.caseOf(f, protowire.BytesType)
		c.p(f.value, ", i = ", c.codec("Packed"+packedName(kind)), "(d, ", f.value, ", next, end, v)")
		c.caseOf(f, wireTypes[kind])
		c.appendScalar(f)
	case f.Desc.IsList() && kind == protoreflect.StringKind:
		c.caseOf(f, protowire.BytesType)
		name := "LooseStrings"
		if f.textual {
			name = "Strings"
		}
		c.p(f.value, ", i = d.", name, "(", f.value, ", i, end)")
	case f.Desc.IsList() && kind == protoreflect.BytesKind:
		c.caseOf(f, protowire.BytesType)
		c.appendScalar(f)
	case f.Desc.IsList():
		c.caseOf(f, wireTypes[kind])
		c.decodeElement(f)
	case f.storage == member:
		c.caseOf(f, wireTypes[kind])
		c.decodeMember(f)
	case f.Message != nil:
		c.caseOf(f, wireTypes[kind])
		c.decodeMessage(f, func() {
			c.p("if ", f.value, " == nil {")
			c.p(f.value, " = ", c.codec("New"), "[", c.typeOf(f.Field), "](d)")
			c.p("}")
		}, f.value)
	default:
		c.caseOf(f, wireTypes[kind])
		c.decodeScalar(f)
	}
}

func (c *codecWriter) caseOf(f *codecField, wire protowire.Type) {
	c.p("case ", literal(tag(f.Field, wire)), ":", note(f.Field))
}

// decodeScalar writes what sets a singular field that is no message.
func (c *codecWriter) decodeScalar(f *codecField) {
	switch {
	case (f.storage == pointer || f.pointed) && f.Desc.Kind() == protoreflect.StringKind:
		name := "SetLooseString"
		if f.textual {
			name = "SetString"
		}
		c.p("i = d.", name, "(&", f.value, ", next, end, v)")
	case f.storage == pointer:
		c.p(c.codec("Set"), "(d, &", f.value, ", ", c.scalar(f, "element", "var element "), ")")
	default:
		c.assign(f, f.value)
	}
	if f.storage == bitmap {
		c.p(protoimplPackage.Ident("X"), ".SetPresentNonAtomic(&(x.XXX_presence[", f.index/32, "]), ", f.index, ", ", f.bits, ")")
	}
}

// appendScalar writes what appends a number or bytes to a list. The first of a row makes room for all of it.
func (c *codecWriter) appendScalar(f *codecField) {
	c.p(f.value, " = ", c.codec("Grow"), "(d, ", f.value, ", i, end)")
	element := c.scalar(f, "element", "var element ")
	c.p(f.value, " = append(", f.value, ", ", element, ")")
}

// assign writes an assignment of a value to a place that has its type.
func (c *codecWriter) assign(f *codecField, place string) {
	value, call := c.read(f)
	if call {
		c.p(place, ", i = ", value)
	} else {
		c.p(place, ", i = ", value, ", next")
	}
}

// scalar returns an expression for a value, and writes what must precede it: the variable that holds it, unless it is in
// the tag's varint, and where it goes on.
func (c *codecWriter) scalar(f *codecField, name, declare string) string {
	value, call := c.read(f)
	if !call {
		c.p("i = next")
		return value
	}
	c.p(declare, c.typeOf(f.Field))
	c.p(name, ", i = ", value)
	return name
}

// read returns an expression for a value; if it is a call, it has the position behind the value as well.
func (c *codecWriter) read(f *codecField) (expression string, call bool) {
	switch kind := f.Desc.Kind(); kind {
	case protoreflect.BoolKind:
		return "v != 0", false
	case protoreflect.Uint64Kind:
		return "v", false
	case protoreflect.Sint32Kind:
		return "int32(" + string(c.codec("UnZigZag")) + "(uint64(uint32(v))))", false
	case protoreflect.Sint64Kind:
		return string(c.codec("UnZigZag")) + "(v)", false
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.EnumKind:
		return string(c.typeOf(f.Field)) + "(v)", false
	case protoreflect.StringKind:
		if f.textual {
			return "d.String(next, end, v)", true
		}
		return "d.LooseString(next, end, v)", true
	case protoreflect.BytesKind:
		if f.storage == plain && !f.Desc.IsList() && !f.Parent.Desc.IsMapEntry() {
			return "d.BytesOrNil(next, end, v)", true
		}
		return "d.Bytes(next, end, v)", true
	default:
		return "d." + fixedNames[kind] + "(next, end)", true
	}
}

// fixedNames are the methods of codec.Decoder for what has a fixed length.
var fixedNames = map[protoreflect.Kind]string{
	protoreflect.Fixed32Kind:  "Fixed32",
	protoreflect.Fixed64Kind:  "Fixed64",
	protoreflect.Sfixed32Kind: "Sfixed32",
	protoreflect.Sfixed64Kind: "Sfixed64",
	protoreflect.FloatKind:    "Float",
	protoreflect.DoubleKind:   "Double",
}

// decodeMessage writes what decodes into the message at place, after makePlace has made sure that there is one.
func (c *codecWriter) decodeMessage(f *codecField, makePlace func(), place string) {
	group := f.Desc.Kind() == protoreflect.GroupKind
	switch {
	case c.hasMethods(f.Message) && group:
		c.p("outer := d.EnterGroup(", int(f.Desc.Number()), ")")
		c.p("if outer < 0 {")
		c.p("return -1")
		c.p("}")
		makePlace()
		c.p("i = d.LeaveGroup(", place, ".Farcall_decode(d, next, end), outer)")
	case c.hasMethods(f.Message):
		c.p("to := d.Enter(next, end, v)")
		c.p("if to < 0 {")
		c.p("return -1")
		c.p("}")
		makePlace()
		c.p("i = d.Leave(", place, ".Farcall_decode(d, next, to), to)")
	case group:
		makePlace()
		c.p("i = d.Group(", place, ", next, end, ", int(f.Desc.Number()), ")")
	default:
		makePlace()
		c.p("i = d.Message(", place, ", next, end, v)")
	}
}

// decodeElement writes what appends messages to a list: all of a row at once, because they have been counted.
func (c *codecWriter) decodeElement(f *codecField) {
	list := "&" + f.value
	if c.listPointer(f) {
		c.p("if ", f.value, " == nil {")
		c.p(f.value, " = new([]*", c.typeOf(f.Field), ")")
		c.p("}")
		list = f.value
	}
	if f.Desc.Kind() == protoreflect.GroupKind {
		c.decodeMessage(f, func() { c.p("element := ", c.codec("GroupElement"), "[", c.typeOf(f.Field), "](d, ", list, ")") }, "element")
		return
	}
	c.p("more := ", c.codec("Row"), "[", c.typeOf(f.Field), "](d, ", list, ", i, end)")
	c.p("if more < 0 {")
	c.p("return -1")
	c.p("}")
	down := c.hasMethods(f.Message)
	if down {
		c.p("d.Down()")
	}
	c.p("for more > 0 {")
	c.p("slab := ", c.codec("Elements"), "(", list, ", more)")
	c.p("for k := range slab {")
	c.p("more--")
	c.p("next, to := d.Element(i, more)")
	if down {
		c.p("if slab[k].Farcall_decode(d, next, to) != to {")
	} else {
		c.p("if d.Message(&slab[k], next, to, uint64(to-next)) != to {")
	}
	c.p("return -1")
	c.p("}")
	c.p("i = to")
	c.p("}")
	c.p("}")
	if down {
		c.p("d.Up()")
	}
}

// decodeMember writes what sets a field of a oneof. A message is merged with the one that is there, if it is of the same
// field.
func (c *codecWriter) decodeMember(f *codecField) {
	wrapper, oneof := c.wrapper(f.Parent, f.Field), c.oneofField(f.Parent, f.Oneof)
	makeWrapper := func() {
		c.p("o, ok := ", oneof, ".(*", wrapper, ")")
		c.p("if !ok || o == nil {")
		c.p("o = ", c.codec("New"), "[", wrapper, "](d)")
		c.p(oneof, " = o")
		c.p("}")
	}
	if f.Message == nil {
		makeWrapper()
		c.assign(f, f.value)
		return
	}
	c.decodeMessage(f, func() {
		makeWrapper()
		c.p("if ", f.value, " == nil {")
		c.p(f.value, " = ", c.codec("New"), "[", c.typeOf(f.Field), "](d)")
		c.p("}")
	}, f.value)
}

// decodeMap writes what adds an entry to a map, by way of a method that decodes it.
func (c *codecWriter) decodeMap(f *codecField) {
	key, value := f.Message.Fields[0], f.Message.Fields[1]
	star := ""
	if value.Message != nil {
		star = "*"
	}
	c.p("to := d.Enter(next, end, v)")
	c.p("if to < 0 {")
	c.p("return -1")
	c.p("}")
	c.p("if ", f.value, " == nil {")
	c.p(f.value, " = make(map[", c.typeOf(key), "]", star, c.typeOf(value), ", d.Entries(i, end))")
	c.p("}")
	c.p("i = d.Leave(x.", entryMethod("decode", f.Field), "(d, next, to), to)")
}

func (c *codecWriter) writeDecodeEntry(message *protogen.Message, field *protogen.Field) {
	key, value := c.describeEntry(field.Message.Fields[0]), c.describeEntry(field.Message.Fields[1])
	c.p()
	c.p("// ", entryMethod("decode", field), " decodes an entry of ", field.Desc.Name(), ".")
	c.p(receiver(message), entryMethod("decode", field), "(d *", c.codec("Decoder"), ", i, end int) int {")
	c.p("var key ", c.typeOf(key.Field))
	if value.Message != nil {
		c.p("value := ", c.codec("New"), "[", c.typeOf(value.Field), "](d)")
		if hasRequired(value.Message) { // there may be no value to decode
			c.p("d.Required()")
		}
	} else {
		c.p("var value ", c.typeOf(value.Field)) // enums begin with 0 in maps
	}
	c.decodeLoop([]*codecField{key, value}, func(f *codecField) {
		c.caseOf(f, wireTypes[f.Desc.Kind()])
		switch {
		case f == key:
			c.assign(f, "key")
		case f.Message == nil:
			c.assign(f, "value")
		default:
			c.decodeMessage(f, func() {}, "value")
		}
	}, "i = d.Skip(i, end)")
	c.p("if i >= 0 {")
	c.p(c.describe(message, field).value, "[key] = value")
	c.p("}")
	c.p("return i")
	c.p("}")
}
