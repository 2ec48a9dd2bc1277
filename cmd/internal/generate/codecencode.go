// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// codecRoom is the room that package codec keeps in front of i, and longestNumber what it takes to write any number.
const (
	codecRoom     = 128
	longestNumber = 10
)

// writeEncode writes the method that encodes a message. Protobuf's order is extensions, fields by their numbers, oneofs, and
// what is unknown; this goes through it from the end.
func (c *codecWriter) writeEncode(message *protogen.Message) {
	c.p()
	c.p("// Farcall_encode is for package codec.")
	c.p(receiver(message), "Farcall_encode(e *", c.codec("Encoder"), ", i int) int {")
	c.p("i = e.Room(i)")
	c.room = codecRoom
	if hasRequired(message) {
		c.p("e.Required()")
	}
	c.p("if x == nil {")
	c.p("return i")
	c.p("}")
	if message.Desc.ExtensionRanges().Len() > 0 {
		c.p("if len(x.extensionFields) > 0 {")
		c.p("return e.Protobuf(i, x)")
		c.p("}")
	}
	c.p("if v := x.unknownFields; len(v) > 0 {")
	c.p("i = e.Raw(i, v)")
	c.p("}")
	for _, oneof := range slices.Backward(message.Oneofs) {
		if !oneof.Desc.IsSynthetic() {
			c.encodeOneof(message, oneof)
		}
	}
	fields := slices.DeleteFunc(slices.Clone(message.Fields), inOneof)
	slices.SortFunc(fields, func(a, b *protogen.Field) int { return cmp.Compare(b.Desc.Number(), a.Desc.Number()) })
	for _, field := range fields {
		c.encodeField(c.describe(message, field))
	}
	c.returnRoom()
	c.p("}")
	for _, field := range message.Fields {
		if field.Desc.IsMap() {
			c.writeEncodeEntry(message, field)
		}
	}
}

// hasRequired reports whether a message has fields that must be set, or may have them in its extensions.
func hasRequired(message *protogen.Message) bool {
	return message.Desc.RequiredNumbers().Len() > 0 || message.Desc.ExtensionRanges().Len() > 0
}

// needRoom asks for room unless there are n bytes of it.
func (c *codecWriter) needRoom(n int) {
	if c.room < n {
		c.p("i = e.Room(i)")
		c.room = codecRoom
	}
}

// returnRoom returns b and i with the room that a caller expects.
func (c *codecWriter) returnRoom() {
	if c.room < codecRoom {
		c.p("return e.Room(i)")
	} else {
		c.p("return i")
	}
}

func (c *codecWriter) encodeField(f *codecField) {
	switch {
	case f.Desc.IsMap():
		c.encodeMap(f)
	case f.Desc.IsList() && f.Desc.IsPacked():
		c.p("if v := ", f.value, "; len(v) > 0 {", note(f.Field))
		c.p("i = ", c.codec("PutPacked"+packedName(f.Desc.Kind())), "(e, i, ", literal(tag(f.Field, protowire.BytesType)), ", v)")
		c.p("}")
		c.room = codecRoom
	case f.Desc.IsList():
		c.encodeList(f)
	default:
		c.encodeSingular(f)
	}
}

// packedName is how package codec calls packed numbers of the kind.
func packedName(kind protoreflect.Kind) string {
	switch wireTypes[kind] {
	case protowire.Fixed32Type:
		return "Fixed32"
	case protowire.Fixed64Type:
		return "Fixed64"
	}
	switch kind {
	case protoreflect.BoolKind:
		return "Bool"
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return "ZigZag"
	}
	return "Varint"
}

func (c *codecWriter) encodeList(f *codecField) {
	before, list, element := c.room, f.value, f.value+"[k]"
	if c.listPointer(f) {
		c.p("if v := ", f.value, "; v != nil {", note(f.Field))
		list, element = "*v", "(*v)[k]"
		defer c.p("}")
	}
	c.p("for k := len(", list, ") - 1; k >= 0; k-- {", note(f.Field))
	c.room = 0 // the iteration before may have used it
	if wireTypes[f.Desc.Kind()] == protowire.BytesType {
		c.room = codecRoom // what is called asks for itself
	}
	c.encodeValue(f, element)
	c.p("}")
	c.room = min(before, c.room)
}

// listPointer reports whether the struct has a pointer to the list: the opaque API does it with messages.
func (c *codecWriter) listPointer(f *codecField) bool {
	return f.Desc.IsList() && f.Message != nil && c.opaque(f.Parent)
}

// encodeSingular writes a field that is set.
func (c *codecWriter) encodeSingular(f *codecField) {
	before := c.room
	c.ifSet(f, func(value string) { c.encodeValue(f, value) })
	c.room = min(before, c.room)
}

// ifSet writes a condition around what then writes. It gets an expression for the value.
func (c *codecWriter) ifSet(f *codecField, then func(value string)) {
	value := "v"
	switch {
	case f.storage == bitmap:
		c.p("if ", protoimplPackage.Ident("X"), ".Present(&(x.XXX_presence[", f.index/32, "]), ", f.index, ") {", note(f.Field))
		value = f.value
		if f.pointed {
			value = "*" + value
		}
	case f.storage == pointer && f.Message == nil:
		c.p("if v := ", f.value, "; v != nil {", note(f.Field))
		value = "*v"
	case f.storage == pointer, f.storage == slice:
		c.p("if v := ", f.value, "; v != nil {", note(f.Field))
	default:
		c.p("if ", c.notZero(f), " {", note(f.Field))
		value = c.valueIfNotZero(f.Desc.Kind())
	}
	then(value)
	c.p("}")
}

// notZero is the condition for a field without presence. A negative zero is no zero.
func (c *codecWriter) notZero(f *codecField) string {
	switch f.Desc.Kind() {
	case protoreflect.BoolKind:
		return f.value
	case protoreflect.StringKind:
		return "v := " + f.value + `; v != ""`
	case protoreflect.BytesKind:
		return "v := " + f.value + "; len(v) > 0"
	case protoreflect.FloatKind:
		return "v := " + c.g.QualifiedGoIdent(mathPackage.Ident("Float32bits")) + "(" + f.value + "); v != 0"
	case protoreflect.DoubleKind:
		return "v := " + c.g.QualifiedGoIdent(mathPackage.Ident("Float64bits")) + "(" + f.value + "); v != 0"
	}
	return "v := " + f.value + "; v != 0"
}

// valueIfNotZero is what notZero's condition has bound.
func (c *codecWriter) valueIfNotZero(kind protoreflect.Kind) string {
	switch kind {
	case protoreflect.BoolKind:
		return "true"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "bits(v)"
	}
	return "v"
}

// encodeOneof writes the field of a oneof that is set.
func (c *codecWriter) encodeOneof(message *protogen.Message, oneof *protogen.Oneof) {
	c.p("switch o := ", c.oneofField(message, oneof), ".(type) {")
	before, least := c.room, c.room
	for _, field := range oneof.Fields {
		f := c.describe(message, field)
		c.p("case *", c.wrapper(message, field), ":", note(field))
		c.p("if o != nil {")
		c.room = before
		c.encodeValue(f, f.value)
		least = min(least, c.room)
		c.p("}")
	}
	c.p("}")
	c.room = least
}

// encodeValue writes one value of a field and its tag.
func (c *codecWriter) encodeValue(f *codecField, value string) {
	kind := f.Desc.Kind()
	wire := wireTypes[kind]
	number := tag(f.Field, wire)
	switch {
	case kind == protoreflect.MessageKind:
		c.p("n := e.Len(i)")
		c.encodeMessage(f, value)
		c.p("i = ", c.numbered(number, "uint64(e.Len(i)-n)"))
		c.room = codecRoom - longestNumber - protowire.SizeVarint(number)
	case kind == protoreflect.GroupKind:
		c.needRoom(longestNumber + 5)
		c.p("i = ", c.tagged(number+1, "i"))
		c.encodeMessage(f, value)
		c.p("i = ", c.tagged(number, "i"))
		c.room = codecRoom - protowire.SizeVarint(number)
	case wire == protowire.BytesType:
		name := "Bytes"
		if kind == protoreflect.StringKind {
			name = "LooseString"
			if f.textual {
				name = "String"
			}
		}
		c.p("i = e.", name, "(i, ", literal(number), ", ", value, ")")
		c.room = codecRoom
	default:
		c.needRoom(longestNumber + 2*protowire.SizeVarint(number) + longestNumber)
		if wire == protowire.VarintType {
			c.p("i = ", c.numbered(number, c.varint(kind, value)))
		} else {
			c.p("i = ", c.tagged(number, c.fixed(kind, value)))
		}
		c.room -= longest(kind) + protowire.SizeVarint(number)
	}
}

// encodeMessage writes the content of a message.
func (c *codecWriter) encodeMessage(f *codecField, value string) {
	if c.hasMethods(f.Message) {
		c.p("i = ", value, ".Farcall_encode(e, i)")
	} else {
		c.p("i = e.Message(i, ", value, ")")
	}
}

// numbered is an expression that writes a tag and a varint. Those that usually have a byte each need no call.
func (c *codecWriter) numbered(tag uint64, value string) string {
	if tag < 0x80 {
		return c.tagged(tag, "e.Varint(i, "+value+")")
	}
	return "e.Number(i, " + literal(tag) + ", " + value + ")"
}

// tagged is an expression that writes a tag in front of where put has written something.
func (c *codecWriter) tagged(tag uint64, put string) string {
	name := "LongTag"
	if tag < 0x80 {
		name = "Tag"
	}
	return "e." + name + "(" + put + ", " + literal(tag) + ")"
}

// fixed is an expression that writes a number of fixed length.
func (c *codecWriter) fixed(kind protoreflect.Kind, value string) string {
	put, bits := "Fixed64", value
	switch kind {
	case protoreflect.Fixed32Kind:
		put = "Fixed32"
	case protoreflect.Sfixed32Kind:
		put, bits = "Fixed32", "uint32("+value+")"
	case protoreflect.Sfixed64Kind:
		bits = "uint64(" + value + ")"
	case protoreflect.FloatKind:
		put, bits = "Fixed32", c.floatBits("Float32bits", value)
	case protoreflect.DoubleKind:
		bits = c.floatBits("Float64bits", value)
	}
	return "e." + put + "(i, " + bits + ")"
}

// varint is an expression for a number as it is on the wire.
func (c *codecWriter) varint(kind protoreflect.Kind, value string) string {
	switch kind {
	case protoreflect.BoolKind:
		if value == "true" {
			return "1"
		}
		return string(c.codec("Bool")) + "(" + value + ")"
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return string(c.codec("ZigZag")) + "(int64(" + value + "))"
	case protoreflect.Uint64Kind:
		return value
	}
	return "uint64(" + value + ")"
}

// floatBits is the expression for the bits of a float that has a value, or of bits that are there already.
func (c *codecWriter) floatBits(function, value string) string {
	if bits, ok := strings.CutPrefix(value, "bits("); ok {
		return strings.TrimSuffix(bits, ")")
	}
	return c.g.QualifiedGoIdent(mathPackage.Ident(function)) + "(" + value + ")"
}

// encodeMap writes the entries of a map, by way of a method that writes one.
func (c *codecWriter) encodeMap(f *codecField) {
	keys := "Keys"
	if f.Message.Fields[0].Desc.Kind() == protoreflect.BoolKind {
		keys = "BoolKeys"
	}
	method := "x." + entryMethod("encode", f.Field) + "(e, i, key, "
	c.p("if v := ", f.value, "; len(v) > 0 && e.Deterministic() {", note(f.Field))
	c.p("for _, key := range ", c.codec(keys), "(v) {")
	c.p("i = ", method, "v[key])")
	c.p("}")
	c.p("} else {")
	c.p("for key, value := range v {")
	c.p("i = ", method, "value)")
	c.p("}")
	c.p("}")
	c.room = min(c.room, codecRoom)
}

// entryMethod is the name of the method that encodes or decodes one entry of a map. No field can be called so.
func entryMethod(verb string, field *protogen.Field) string {
	return "farcall_" + verb + "_" + strconv.Itoa(int(field.Desc.Number()))
}

func (c *codecWriter) writeEncodeEntry(message *protogen.Message, field *protogen.Field) {
	key, value := field.Message.Fields[0], field.Message.Fields[1]
	star := ""
	if value.Message != nil {
		star = "*"
	}
	c.p()
	c.p("// ", entryMethod("encode", field), " writes an entry of ", field.Desc.Name(), ".")
	c.p(receiver(message), entryMethod("encode", field), "(e *", c.codec("Encoder"), ", i int, key ", c.typeOf(key),
		", value ", star, c.typeOf(value), ") int {")
	c.p("i = e.Room(i)")
	c.p("entry := e.Len(i)")
	c.room = codecRoom
	c.encodeValue(c.describeEntry(value), "value")
	c.encodeValue(c.describeEntry(key), "key")
	number := tag(field, protowire.BytesType)
	c.needRoom(2*longestNumber + protowire.SizeVarint(number))
	c.p("i = ", c.numbered(number, "uint64(e.Len(i)-entry)"))
	c.p("return e.Room(i)")
	c.p("}")
}

func (c *codecWriter) describeEntry(field *protogen.Field) *codecField {
	return &codecField{Field: field, textual: isTextual(field)}
}
