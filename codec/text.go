// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxTextDepth bounds the search for the field that is not UTF-8: below that many messages it is not named.
const maxTextDepth = 100

// notUTF8 reports whether err is the protobuf library's for text that is not UTF-8; it does not say which field.
func notUTF8(err error) bool {
	var text interface{ InvalidUTF8() bool }
	return errors.As(err, &text) && text.InvalidUTF8()
}

// textOfMessage returns the path of a string field in message that is not UTF-8, such as "items[2].name".
func textOfMessage(message protoreflect.Message, depth int) (path string, found bool) {
	if depth > maxTextDepth {
		return "", false
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		path = ""
		switch {
		case field.IsMap():
			path, found = textOfMap(field, value.Map(), depth)
		case field.IsList():
			list := value.List()
			for i := 0; i < list.Len() && !found; i++ {
				if path, found = textOfValue(field, list.Get(i), depth); found {
					path = "[" + strconv.Itoa(i) + "]" + path
				}
			}
		default:
			path, found = textOfValue(field, value, depth)
		}
		path = string(field.Name()) + path
		return !found
	})
	return path, found
}

// textOfMap returns what follows the name of a map field in the path.
func textOfMap(field protoreflect.FieldDescriptor, entries protoreflect.Map, depth int) (path string, found bool) {
	entries.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		path = ""
		if _, found = textOfValue(field.MapKey(), key.Value(), depth); !found {
			path, found = textOfValue(field.MapValue(), value, depth)
		}
		path = "[" + strconv.Quote(key.String()) + "]" + path
		return !found
	})
	return path, found
}

// textOfValue returns what follows the name of a field in the path: nothing for text itself.
func textOfValue(field protoreflect.FieldDescriptor, value protoreflect.Value, depth int) (path string, found bool) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return "", !utf8.ValidString(value.String())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		path, found = textOfMessage(value.Message(), depth+1)
		return "." + path, found
	}
	return "", false
}

// textOfData is textOfMessage for data that could not be decoded; it does not number what is repeated.
func textOfData(message protoreflect.MessageDescriptor, data []byte, depth int) (path string, found bool) {
	for len(data) > 0 && depth <= maxTextDepth {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return "", false
		}
		data = data[n:]
		n = protowire.ConsumeFieldValue(number, kind, data)
		if n < 0 {
			return "", false
		}
		value := data[:n]
		data = data[n:]
		field := message.Fields().ByNumber(number)
		if field == nil || kind != protowire.BytesType {
			continue
		}
		content, _ := protowire.ConsumeBytes(value)
		switch field.Kind() {
		case protoreflect.StringKind:
			if !utf8.Valid(content) {
				return string(field.Name()), true
			}
		case protoreflect.MessageKind:
			if below, found := textOfData(field.Message(), content, depth+1); found {
				return string(field.Name()) + "." + below, true
			}
		}
	}
	return "", false
}
