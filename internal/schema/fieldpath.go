// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// FieldPath leads from a message to a field, inside the messages of the fields before it: "a.b.c". All but the last are
// singular messages.
type FieldPath []protoreflect.FieldDescriptor

// Leaf returns the field that the path leads to.
func (p FieldPath) Leaf() protoreflect.FieldDescriptor { return p[len(p)-1] }

// String returns the names joined by dots, as the .proto file has them.
func (p FieldPath) String() string {
	if len(p) == 1 {
		return string(p[0].Name())
	}
	var b strings.Builder
	for i, field := range p {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(string(field.Name()))
	}
	return b.String()
}

// HasPrefix reports whether p is prefix or lies in the message that prefix leads to.
func (p FieldPath) HasPrefix(prefix FieldPath) bool {
	if len(prefix) > len(p) {
		return false
	}
	for i := range prefix {
		if p[i].Number() != prefix[i].Number() {
			return false
		}
	}
	return true
}

// PathError says why names do not lead to a field.
type PathError struct {
	Message protoreflect.MessageDescriptor // the one that the search stopped in
	Name    string                         // the name that failed
	Unknown bool                           // Message has no field Name; otherwise the field is no singular message
	reason  string
}

// Error names the field and the message.
func (e *PathError) Error() string { return e.reason }

// ResolvePath follows names from message on. Names are those of the .proto file; with json set, the fields' JSON names
// are taken as well. The error is a *PathError.
func ResolvePath(message protoreflect.MessageDescriptor, names []string, json bool) (FieldPath, error) {
	path := make(FieldPath, 0, len(names))
	for i, name := range names {
		field := FieldByName(message, name, json)
		if field == nil {
			return nil, &PathError{message, name, true, noField(message, name)}
		}
		path = append(path, field)
		if i == len(names)-1 {
			break
		}
		switch {
		case field.IsMap():
			return nil, &PathError{message, name, false, fmt.Sprintf("%s.%s is a map: a field path cannot lead into it", message.FullName(), name)}
		case field.IsList():
			return nil, &PathError{message, name, false, fmt.Sprintf("%s.%s is repeated: a field path cannot lead into it", message.FullName(), name)}
		case field.Message() == nil:
			return nil, &PathError{message, name, false,
				fmt.Sprintf("%s.%s is no message but %s: it has no field %q", message.FullName(), name, field.Kind(), names[i+1])}
		}
		message = field.Message()
	}
	return path, nil
}

// FieldByName finds a field by its name in the .proto file or, with json set, by its JSON name, which comes first as in
// protobuf's own JSON. It returns nil if there is none.
func FieldByName(message protoreflect.MessageDescriptor, name string, json bool) protoreflect.FieldDescriptor {
	if json {
		if field := message.Fields().ByJSONName(name); field != nil {
			return field
		}
	}
	return message.Fields().ByTextName(name)
}

// noField says that a message lacks a field, and guesses at the usual mistake.
func noField(message protoreflect.MessageDescriptor, name string) string {
	if field := message.Fields().ByJSONName(name); field != nil {
		return fmt.Sprintf("%s has no field %q; %q is the JSON name of %s", message.FullName(), name, name, field.Name())
	}
	const enough = 12
	fields := message.Fields()
	names := make([]string, 0, enough)
	for i := range min(fields.Len(), enough) {
		names = append(names, string(fields.Get(i).Name()))
	}
	list := strings.Join(names, ", ")
	switch {
	case fields.Len() == 0:
		return fmt.Sprintf("%s has no field %q; it has no fields at all", message.FullName(), name)
	case fields.Len() > enough:
		list += ", …"
	}
	return fmt.Sprintf("%s has no field %q; its fields are %s", message.FullName(), name, list)
}
