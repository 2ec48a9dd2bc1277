// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// shape is the form that a JSON value should have.
type shape uint8

const (
	anything   shape = iota // not known: inside an Any or a Struct
	oneMessage              // the JSON form of message
	oneValue                // a scalar or enum of field
	elements                // an array of field
	entries                 // an object of field
)

// expected is what the descriptors want in a place of a text.
type expected struct {
	shape   shape
	field   protoreflect.FieldDescriptor
	message protoreflect.MessageDescriptor
	isName  bool // the place is a member's name inside what is described
}

func wantMessage(message protoreflect.MessageDescriptor) expected {
	return expected{shape: oneMessage, message: message}
}

func wantField(field protoreflect.FieldDescriptor) expected {
	switch {
	case field.IsMap():
		return expected{shape: entries, field: field}
	case field.IsList():
		return expected{shape: elements, field: field}
	}
	return wantOne(field)
}

// wantOne is wantField for an element of a list or a value of a map.
func wantOne(field protoreflect.FieldDescriptor) expected {
	if field.Message() != nil {
		return wantMessage(field.Message())
	}
	return expected{shape: oneValue, field: field}
}

// follow returns what is expected at the place.
func (e expected) follow(data []byte, to place) expected {
	steps := to.steps
	if to.isName {
		steps = steps[:len(steps)-1]
	}
	for i := range steps {
		switch {
		case e.shape == elements && steps[i].end == 0:
			e = wantOne(e.field)
		case e.shape == entries && steps[i].end > 0:
			e = wantOne(e.field.MapValue())
		case e.shape == oneMessage && steps[i].end > 0 && ownForm(e.message) == "":
			field := member(e.message, steps[i].name(data))
			if field == nil {
				return expected{}
			}
			e = wantField(field)
		default:
			return expected{}
		}
	}
	e.isName = to.isName
	return e
}

// member finds a field as protojson does.
func member(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByTextName(name)
}

// ownForm says the JSON form of a message that has one of its own, "" for a message whose members are its fields.
func ownForm(message protoreflect.MessageDescriptor) string {
	if message.ParentFile().Package() != "google.protobuf" {
		return ""
	}
	switch message.Name() {
	case "Timestamp":
		return `a time in RFC 3339 of the years 1 to 9999, such as "2026-01-31T15:04:05Z"`
	case "Duration":
		return `seconds with an s, such as "1.5s", of less than 10,000 years`
	case "FieldMask":
		return `field paths in lowerCamelCase, such as "name,address.zipCode"`
	case "Any":
		return `an object with "@type"`
	case "Struct":
		return "an object"
	case "ListValue":
		return "an array"
	case "Value":
		return "a value"
	case "BoolValue", "BytesValue", "StringValue", "DoubleValue", "FloatValue", "Int32Value", "Int64Value",
		"UInt32Value", "UInt64Value":
		return kindForm(message.Fields().ByNumber(1))
	}
	return ""
}

// reason says why the token does not fit. text is protojson's own reason, used where the descriptors tell nothing.
func (e expected) reason(token, text string) string {
	if text == textDeep { // whatever stands there
		return text
	}
	if e.isName {
		return e.nameReason(token, text)
	}
	switch e.shape {
	case oneMessage:
		form := ownForm(e.message)
		switch wrapped := e.message.Fields().ByNumber(1); {
		case form == "" && token != "{" && token != "}":
			return fmt.Sprintf("an object is wanted (%s), not %s", e.message.FullName(), shown(token))
		case form == "" || e.message.Name() == "Any":
		case strings.HasSuffix(string(e.message.Name()), "Value") && wrapped != nil && wrapped.Name() == "value" && e.message.Fields().Len() == 1:
			return valueReason(wrapped, token)
		default:
			return fmt.Sprintf("%s is wanted, not %s", form, shown(token))
		}
	case oneValue:
		return valueReason(e.field, token)
	case elements:
		return fmt.Sprintf("an array is wanted, not %s", shown(token))
	case entries:
		return fmt.Sprintf("an object is wanted, not %s", shown(token))
	}
	return quoted(text)
}

// nameReason says what is wrong with the name of a member.
func (e expected) nameReason(token, text string) string {
	switch {
	case strings.HasPrefix(text, "duplicate"):
		return "it is there twice"
	case e.shape == entries:
		return fmt.Sprintf("%s is wanted as the key, not %s", kindForm(e.field.MapKey()), shown(token))
	case e.shape != oneMessage:
		return quoted(text)
	}
	name, err := strconv.Unquote(token)
	if err != nil {
		name = strings.Trim(token, `"`)
	}
	field := member(e.message, name)
	switch {
	case field == nil && strings.HasPrefix(text, "unknown field"):
		return NoField(e.message, name)
	case field != nil && field.ContainingOneof() != nil && strings.HasPrefix(text, "error parsing"):
		return "only one may be there of " + oneofNames(field.ContainingOneof())
	}
	return quoted(text)
}

func oneofNames(oneof protoreflect.OneofDescriptor) string {
	var names []string
	for i := range oneof.Fields().Len() {
		names = append(names, oneof.Fields().Get(i).JSONName())
	}
	return strings.Join(names, ", ")
}

// shown is a token in a message: brackets and braces as what they begin.
func shown(token string) string {
	switch token {
	case "{":
		return "an object"
	case "[":
		return "an array"
	case "null":
		return "null"
	}
	return quoted(token)
}

// valueReason says why a token is no value of a scalar or enum field.
func valueReason(field protoreflect.FieldDescriptor, token string) string {
	isString := strings.HasPrefix(token, `"`)
	inner := strings.Trim(token, `"`)
	isNumber := isNumber(inner)
	switch field.Kind() {
	case protoreflect.EnumKind:
		if isString || isNumber {
			return fmt.Sprintf("%s is not a value of %s, which has %s", shown(token), field.Enum().FullName(), enumNames(field.Enum()))
		}
	case protoreflect.StringKind, protoreflect.BoolKind, protoreflect.BytesKind:
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if isNumber {
			return fmt.Sprintf("%s does not fit %s", shown(token), field.Kind())
		}
	default:
		if !isNumber {
			break
		}
		if number, err := strconv.ParseFloat(inner, 64); err == nil && number != math.Trunc(number) {
			return fmt.Sprintf("%s is not a whole number", shown(token))
		}
		return fmt.Sprintf("%s does not fit %s (%s)", shown(token), field.Kind(), integerRange(field.Kind()))
	}
	return fmt.Sprintf("%s is wanted, not %s", kindForm(field), shown(token))
}

// isNumber reports whether text is a JSON number.
func isNumber(text string) bool {
	s := scanner{data: []byte(text), target: -1}
	return text != "" && (text[0] == '-' || '0' <= text[0] && text[0] <= '9') && s.number() && s.at == len(text)
}

// kindForm says the JSON form of a scalar or enum field.
func kindForm(field protoreflect.FieldDescriptor) string {
	if field == nil {
		return "a value"
	}
	switch kind := field.Kind(); kind {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.StringKind:
		return "a string"
	case protoreflect.BytesKind:
		return "a string in base64"
	case protoreflect.EnumKind:
		return fmt.Sprintf("a name or number of %s", field.Enum().FullName())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return fmt.Sprintf("a number (%s)", kind)
	default:
		return fmt.Sprintf("a whole number (%s)", kind)
	}
}

func integerRange(kind protoreflect.Kind) string {
	switch kind {
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "0 to 4294967295"
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "0 to 18446744073709551615"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return "-9223372036854775808 to 9223372036854775807"
	default:
		return "-2147483648 to 2147483647"
	}
}

// enumNames lists the first values of an enum.
func enumNames(enum protoreflect.EnumDescriptor) string {
	const enough = 10
	values := enum.Values()
	var names []string
	for i := range min(values.Len(), enough) {
		names = append(names, string(values.Get(i).Name()))
	}
	if values.Len() > enough {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}
