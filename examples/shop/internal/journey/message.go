// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// messageText shows a typed message as it stands in the program: one line for each of its fields that is set, in the
// order of their numbers. (prototext varies its spaces on purpose, and this is to be the same every time.)
func messageText(message proto.Message) string {
	var text strings.Builder
	reflected := message.ProtoReflect()
	fmt.Fprintf(&text, "%s{\n", reflected.Descriptor().Name())
	for _, line := range fieldTexts(reflected) {
		fmt.Fprintf(&text, "  %s\n", line)
	}
	text.WriteByte('}')
	return text.String()
}

func fieldTexts(message protoreflect.Message) []string {
	var set []protoreflect.FieldDescriptor
	for descriptor := range message.Range {
		set = append(set, descriptor)
	}
	slices.SortFunc(set, func(a, b protoreflect.FieldDescriptor) int { return int(a.Number() - b.Number()) })
	var texts []string
	for _, descriptor := range set {
		value := message.Get(descriptor)
		switch {
		case descriptor.IsMap():
			texts = append(texts, fmt.Sprintf("%s: a map of %d", descriptor.Name(), value.Map().Len()))
		case descriptor.IsList():
			for i := range value.List().Len() {
				texts = append(texts, fmt.Sprintf("%s: %s", descriptor.Name(), oneLine(descriptor, value.List().Get(i))))
			}
		default:
			texts = append(texts, fmt.Sprintf("%s: %s", descriptor.Name(), oneLine(descriptor, value)))
		}
	}
	return texts
}

func oneLine(descriptor protoreflect.FieldDescriptor, value protoreflect.Value) string {
	switch descriptor.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return "{" + strings.Join(fieldTexts(value.Message()), ", ") + "}"
	case protoreflect.StringKind:
		return strconv.Quote(value.String())
	case protoreflect.BytesKind:
		return fmt.Sprintf("% x", value.Bytes())
	case protoreflect.EnumKind:
		if known := descriptor.Enum().Values().ByNumber(value.Enum()); known != nil {
			return string(known.Name())
		}
	}
	return fmt.Sprint(value.Interface())
}
