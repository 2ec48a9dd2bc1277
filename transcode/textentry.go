// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// SetEntry gives a map field of m one entry more, from the texts of its key and its value: those that SetText takes. The
// error is an *Error without a place.
func SetEntry(m protoreflect.Message, field protoreflect.FieldDescriptor, key, text string) error {
	if !utf8.ValidString(key) || !utf8.ValidString(text) {
		return &Error{Reason: "the text is not UTF-8 when decoded"}
	}
	given, ok := scalar(field.MapKey(), key)
	if !ok {
		return &Error{Reason: "the key: " + valueReason(field.MapKey(), `"`+key+`"`)}
	}
	entries := m.Mutable(field).Map()
	if entries.Has(given.MapKey()) {
		return &Error{Reason: fmt.Sprintf("the key %q is given twice", quoted(key))}
	}
	if field.MapValue().Message() == nil {
		value, ok := scalar(field.MapValue(), text)
		if !ok {
			return &Error{Reason: valueReason(field.MapValue(), `"`+text+`"`)}
		}
		entries.Set(given.MapKey(), value)
		return nil
	}
	value := entries.NewValue()
	if fault := messageText(value.Message(), text); fault != nil {
		return fault
	}
	entries.Set(given.MapKey(), value)
	return nil
}
