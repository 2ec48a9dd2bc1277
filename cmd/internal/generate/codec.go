// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"regexp"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/gofeaturespb"
)

const (
	codecPackage     = protogen.GoImportPath("github.com/farcall/farcall/codec")
	mathPackage      = protogen.GoImportPath("math")
	protoimplPackage = protogen.GoImportPath("google.golang.org/protobuf/runtime/protoimpl")
)

// codecWriter writes the fast path of a file's messages: for each a method that tells its
// length, one that encodes and one that decodes. Package codec
// says what they are to do.
type codecWriter struct {
	g       *protogen.GeneratedFile
	plugin  *protogen.Plugin
	file    *protogen.File
	variant bool // a hybrid file's messages, as they are with the build tag protoopaque

	renamed *regexp.Regexp // the names of parameters and variables that packages have, nil if there are none
	room    int            // how many bytes are known to be free in front of i
}

// generateCodec writes the fast path of the file's messages, if it has any. It must run before protoc-gen-go's own
// generator, which makes the messages of hybrid files opaque ones.
func generateCodec(plugin *protogen.Plugin, file *protogen.File) {
	c := &codecWriter{plugin: plugin, file: file}
	c.write(CodecSuffix)
	if file.APILevel == gofeaturespb.GoFeatures_API_HYBRID {
		c.variant = true
		c.write(OpaqueCodecSuffix)
	}
}

func (c *codecWriter) write(suffix string) {
	messages := c.messages(nil, c.file.Messages)
	if len(messages) == 0 {
		return
	}
	c.g = c.plugin.NewGeneratedFile(c.file.GeneratedFilenamePrefix+suffix, c.file.GoImportPath)
	c.g.P(Marker)
	c.g.P("// source: ", c.file.Desc.Path())
	c.g.P()
	if c.file.APILevel == gofeaturespb.GoFeatures_API_HYBRID {
		not := "!"
		if c.variant {
			not = ""
		}
		c.g.P("//go:build ", not, "protoopaque")
		c.g.P()
	}
	c.g.P("package ", c.file.GoPackageName)
	c.g.P()
	c.g.P("// How package codec of farcall encodes and decodes the messages of this file. Encoding goes back to front.")
	c.g.P("const _ = ", codecPackage.Ident("GeneratedVersion1"))
	c.findNames(messages)
	for _, message := range messages {
		c.writeSize(message)
		c.writeEncode(message)
		c.writeDecode(message)
	}
}

// messages appends those that get a fast path, nested ones behind the one that they are in.
func (c *codecWriter) messages(found, messages []*protogen.Message) []*protogen.Message {
	for _, message := range messages {
		if hasFastPath(message) && !message.Desc.IsMapEntry() {
			found = append(found, message)
		}
		found = c.messages(found, message.Messages)
	}
	return found
}

// hasFastPath reports whether a message is one that this generator can write a fast path for: fields that are decoded when
// they are asked for, and the message sets of old, are left to protobuf.
func hasFastPath(message *protogen.Message) bool {
	if set, ok := message.Desc.(interface{ IsMessageSet() bool }); ok && set.IsMessageSet() {
		return false
	}
	if message.APILevel == gofeaturespb.GoFeatures_API_OPEN {
		return true
	}
	for _, field := range message.Fields {
		if lazy, ok := field.Desc.(interface{ IsLazy() bool }); ok && lazy.IsLazy() {
			return false
		}
	}
	return true
}

// hasMethods reports whether code in this file may call the methods of message: it is of the same package, and they are
// generated now. Package codec finds out about others.
func (c *codecWriter) hasMethods(message *protogen.Message) bool {
	file := c.plugin.FilesByPath[message.Desc.ParentFile().Path()]
	return message.GoIdent.GoImportPath == c.file.GoImportPath && file != nil && file.Generate && hasFastPath(message)
}

func (c *codecWriter) opaque(message *protogen.Message) bool {
	return c.variant || message.APILevel == gofeaturespb.GoFeatures_API_OPAQUE
}

// localNames are the parameters and variables of generated methods.
var localNames = []string{
	"b", "d", "e", "element", "end", "entry", "i", "k", "key", "more", "n", "next", "o", "ok", "outer", "pair", "slab", "tag", "to", "v",
	"value", "x",
}

// findNames finds out which local names would hide the packages of the messages' fields.
func (c *codecWriter) findNames(messages []*protogen.Message) {
	packages := map[string]bool{}
	add := func(ident protogen.GoIdent) {
		if name, _, ok := strings.Cut(c.g.QualifiedGoIdent(ident), "."); ok {
			packages[name] = true
		}
	}
	for _, message := range messages {
		for _, field := range message.Fields {
			for _, field := range append(entryFields(field), field) {
				switch {
				case field.Enum != nil:
					add(field.Enum.GoIdent)
				case field.Message != nil:
					add(field.Message.GoIdent)
				}
			}
		}
	}
	var clashes []string
	for _, name := range localNames {
		if packages[name] {
			clashes = append(clashes, name)
		}
	}
	c.renamed = nil
	if clashes != nil {
		c.renamed = regexp.MustCompile(`(^|[^\w.])(` + strings.Join(clashes, "|") + `)\b`)
	}
}

// entryFields returns key and value of a map field, nothing for others.
func entryFields(field *protogen.Field) []*protogen.Field {
	if field.Desc.IsMap() {
		return field.Message.Fields[:2:2]
	}
	return nil
}

// goType is the name of a type in the file, with its package if that is another one.
type goType string

// p prints a line. Text that is not a goType may hold the names of parameters and variables, which get an underscore where a
// package has the name.
func (c *codecWriter) p(parts ...any) {
	for k, part := range parts {
		switch part := part.(type) {
		case string:
			if c.renamed != nil {
				// Twice, because two names with one character between them share it.
				part = c.renamed.ReplaceAllString(part, "${1}${2}_")
				part = c.renamed.ReplaceAllString(part, "${1}${2}_")
			}
			parts[k] = part
		case goType:
			parts[k] = string(part)
		}
	}
	c.g.P(parts...)
}

// codec returns the qualified name of what package codec has for generated code.
func (c *codecWriter) codec(name string) goType {
	return goType(c.g.QualifiedGoIdent(codecPackage.Ident(name)))
}

// scalarTypes are the Go types of the kinds that have one of Go's own.
var scalarTypes = map[protoreflect.Kind]goType{
	protoreflect.BoolKind:     "bool",
	protoreflect.Int32Kind:    "int32",
	protoreflect.Sint32Kind:   "int32",
	protoreflect.Sfixed32Kind: "int32",
	protoreflect.Uint32Kind:   "uint32",
	protoreflect.Fixed32Kind:  "uint32",
	protoreflect.Int64Kind:    "int64",
	protoreflect.Sint64Kind:   "int64",
	protoreflect.Sfixed64Kind: "int64",
	protoreflect.Uint64Kind:   "uint64",
	protoreflect.Fixed64Kind:  "uint64",
	protoreflect.FloatKind:    "float32",
	protoreflect.DoubleKind:   "float64",
	protoreflect.StringKind:   "string",
	protoreflect.BytesKind:    "[]byte",
}

// typeOf returns the Go type of one value of the field; for messages, what a pointer points to.
func (c *codecWriter) typeOf(field *protogen.Field) goType {
	switch {
	case field.Enum != nil:
		return goType(c.g.QualifiedGoIdent(field.Enum.GoIdent))
	case field.Message != nil:
		return goType(c.g.QualifiedGoIdent(field.Message.GoIdent))
	}
	return scalarTypes[field.Desc.Kind()]
}

// receiver begins a method of message.
func receiver(message *protogen.Message) string { return "func (x *" + message.GoIdent.GoName + ") " }
