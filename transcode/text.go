// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// SetText sets a field of m from the text of a path or a query parameter: what would stand in the quotes, or without
// quotes, in JSON. A repeated field gets one element more. Messages whose JSON form is a string or a scalar (Timestamp,
// Duration, FieldMask, wrappers) can be set; other messages and maps cannot. The error is an *Error without a place.
func SetText(m protoreflect.Message, field protoreflect.FieldDescriptor, text string) error {
	if field.IsMap() {
		return &Error{Reason: "a map cannot be given as text"}
	}
	value, fault := textValue(m, field, text)
	if fault != nil {
		return fault
	}
	if field.IsList() {
		m.Mutable(field).List().Append(value)
	} else {
		m.Set(field, value)
	}
	return nil
}

// textValue makes the value of a singular field, or of an element of a repeated one.
func textValue(m protoreflect.Message, field protoreflect.FieldDescriptor, text string) (protoreflect.Value, *Error) {
	if !utf8.ValidString(text) {
		return protoreflect.Value{}, &Error{Reason: "the text is not UTF-8 when decoded"}
	}
	if field.Message() == nil {
		value, ok := scalar(field, text)
		if !ok {
			return value, &Error{Reason: valueReason(field, `"`+text+`"`)}
		}
		return value, nil
	}
	var value protoreflect.Value
	if field.IsList() {
		value = m.NewField(field).List().NewElement()
	} else {
		value = m.NewField(field)
	}
	return value, messageText(value.Message(), text)
}

func messageText(m protoreflect.Message, text string) *Error {
	message := m.Descriptor()
	form := ownForm(message)
	switch message.Name() {
	case "Timestamp", "Duration", "FieldMask":
		if form == "" {
			break
		}
		json, _ := appendString(nil, []byte(text))
		if Unmarshal(json, m.Interface()) != nil {
			return &Error{Reason: fmt.Sprintf("%s is wanted, not %q", form, quoted(text))}
		}
		return nil
	case "Any", "Struct", "ListValue", "Value":
	default:
		inner := message.Fields().ByNumber(1) // of a wrapper
		if form == "" || inner == nil {
			break
		}
		value, ok := scalar(inner, text)
		if !ok {
			return &Error{Reason: valueReason(inner, `"`+text+`"`)}
		}
		m.Set(inner, value)
		return nil
	}
	return &Error{Reason: fmt.Sprintf("it is a message (%s), which text cannot give: name one of its fields", message.FullName())}
}

// scalar reads the text of a scalar or enum. False means that it is none, or out of range.
func scalar(field protoreflect.FieldDescriptor, text string) (value protoreflect.Value, ok bool) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), true
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(text == "true"), text == "true" || text == "false"
	case protoreflect.BytesKind:
		data, ok := base64Text(text)
		return protoreflect.ValueOfBytes(data), ok
	case protoreflect.EnumKind:
		if named := field.Enum().Values().ByName(protoreflect.Name(text)); named != nil {
			return protoreflect.ValueOfEnum(named.Number()), true
		}
		number, ok := signed(text, 32)
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(number)), ok
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		number, ok := signed(text, 32)
		return protoreflect.ValueOfInt32(int32(number)), ok
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		number, ok := signed(text, 64)
		return protoreflect.ValueOfInt64(number), ok
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		number, ok := unsigned(text, 32)
		return protoreflect.ValueOfUint32(uint32(number)), ok
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		number, ok := unsigned(text, 64)
		return protoreflect.ValueOfUint64(number), ok
	case protoreflect.FloatKind:
		number, ok := float(text, 32)
		return protoreflect.ValueOfFloat32(float32(number)), ok
	case protoreflect.DoubleKind:
		number, ok := float(text, 64)
		return protoreflect.ValueOfFloat64(number), ok
	}
	return protoreflect.Value{}, false
}

func signed(text string, bits int) (int64, bool) {
	number, err := strconv.ParseInt(text, 10, bits)
	if err == nil && isNumber(text) {
		return number, true
	}
	whole, ok := exactInteger(text)
	number = int64(whole)
	return number, ok && (bits == 64 || number == int64(int32(number)))
}

func unsigned(text string, bits int) (uint64, bool) {
	number, err := strconv.ParseUint(text, 10, bits)
	if err == nil && isNumber(text) {
		return number, true
	}
	whole, ok := exactInteger(text)
	number = uint64(max(whole, 0))
	return number, ok && whole >= 0 && (bits == 64 || number <= math.MaxUint32)
}

// exactInteger reads a whole number in any other spelling, such as "1e3" or "-0", where a float64 is sure to hold
// every digit of it.
func exactInteger(text string) (float64, bool) {
	if !isNumber(text) {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil && number == math.Trunc(number) && math.Abs(number) <= 1<<53
}

func float(text string, bits int) (float64, bool) {
	switch text {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if !isNumber(text) {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, bits)
	return number, err == nil
}

// base64Text reads base64 of either alphabet, with or without padding.
func base64Text(text string) ([]byte, bool) {
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	if strings.ContainsAny(text, "\r\n") { // which package base64 would skip
		return nil, false
	}
	if len(text)%4 == 0 { // only then may it be padded
		text = strings.TrimSuffix(strings.TrimSuffix(text, "="), "=")
	}
	data, err := encoding.DecodeString(text)
	return data, err == nil
}
