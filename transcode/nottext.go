// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// notText returns the first field of m, or of a message in it, that holds a string that is not UTF-8; nil if there is none.
func notText(m protoreflect.Message) (found protoreflect.FieldDescriptor) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); m.Has(field) {
			if found = notTextIn(field, m.Get(field)); found != nil {
				return found
			}
		}
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.IsExtension() {
			found = notTextIn(field, value)
		}
		return found == nil
	})
	return found
}

func notTextIn(field protoreflect.FieldDescriptor, value protoreflect.Value) (found protoreflect.FieldDescriptor) {
	switch {
	case field.IsMap():
		value.Map().Range(func(key protoreflect.MapKey, item protoreflect.Value) bool {
			if found = notTextIn(field.MapKey(), key.Value()); found != nil {
				found = field // a key has no name of its own
			} else {
				found = notTextIn(field.MapValue(), item)
			}
			return found == nil
		})
	case field.IsList():
		for i := range value.List().Len() {
			if found = notTextOne(field, value.List().Get(i)); found != nil {
				break
			}
		}
	default:
		found = notTextOne(field, value)
	}
	return found
}

func notTextOne(field protoreflect.FieldDescriptor, value protoreflect.Value) protoreflect.FieldDescriptor {
	switch {
	case field.Message() != nil:
		return notText(value.Message())
	case field.Kind() == protoreflect.StringKind && !utf8.ValidString(value.String()):
		return field
	}
	return nil
}
