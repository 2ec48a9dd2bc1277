// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// field is one field of an encoded message, or, for a message inside, its tag and length, followed by its own fields.
type field struct {
	depth  int    // 0 for the message itself, 1 for a message inside, and so on
	bytes  []byte // the encoded bytes; all fields' bytes in order are the message
	number protowire.Number
	name   string // as in the .proto file, "?" for a field that it does not have
	wire   string // the wire type in words
	value  string
}

// deepest is how deep messages may lie inside each other, so that nobody's bytes can exhaust the stack.
const deepest = 100

// splitFields reads an encoded message field by field, with the descriptor's names.
func splitFields(data []byte, message protoreflect.MessageDescriptor) ([]field, error) {
	return appendFields(nil, data, message, 0)
}

func appendFields(to []field, data []byte, message protoreflect.MessageDescriptor, depth int) ([]field, error) {
	if depth > deepest {
		return nil, fmt.Errorf("messages lie more than %d deep", deepest)
	}
	for len(data) > 0 {
		number, wireType, tagBytes := protowire.ConsumeTag(data)
		if tagBytes < 0 {
			return nil, fmt.Errorf("a field's tag: %w", protowire.ParseError(tagBytes))
		}
		valueBytes := protowire.ConsumeFieldValue(number, wireType, data[tagBytes:])
		if valueBytes < 0 {
			return nil, fmt.Errorf("field %d: %w", number, protowire.ParseError(valueBytes))
		}
		whole, value := data[:tagBytes+valueBytes], data[tagBytes:tagBytes+valueBytes]
		data = data[tagBytes+valueBytes:]
		descriptor := message.Fields().ByNumber(number)
		next := field{depth: depth, bytes: whole, number: number, name: "?", wire: wireName(wireType, value)}
		if descriptor != nil {
			next.name = string(descriptor.Name())
		}
		if inside, ok := messageInside(descriptor, wireType, value); ok {
			next.bytes = whole[:len(whole)-len(inside)]
			next.value = string(descriptor.Message().Name())
			var err error
			to, err = appendFields(append(to, next), inside, descriptor.Message(), depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", descriptor.Name(), err)
			}
			continue
		}
		next.value = valueText(descriptor, wireType, value)
		to = append(to, next)
	}
	return to, nil
}

// messageInside returns the bytes of a field that is a message, without their length.
func messageInside(descriptor protoreflect.FieldDescriptor, wireType protowire.Type, value []byte) ([]byte, bool) {
	if descriptor == nil || descriptor.Kind() != protoreflect.MessageKind || wireType != protowire.BytesType {
		return nil, false
	}
	inside, _ := protowire.ConsumeBytes(value)
	return inside, true
}

func wireName(wireType protowire.Type, value []byte) string {
	switch wireType {
	case protowire.VarintType:
		return "varint"
	case protowire.Fixed32Type:
		return "4 bytes"
	case protowire.Fixed64Type:
		return "8 bytes"
	case protowire.BytesType:
		content, _ := protowire.ConsumeBytes(value)
		return fmt.Sprintf("length %d", len(content))
	}
	return "group"
}

// valueText says what a field's bytes mean. Where the descriptor does not fit the wire type it shows the plain bytes.
func valueText(descriptor protoreflect.FieldDescriptor, wireType protowire.Type, value []byte) string {
	switch wireType {
	case protowire.VarintType:
		number, _ := protowire.ConsumeVarint(value)
		return varintText(descriptor, number)
	case protowire.Fixed32Type:
		if descriptor != nil && descriptor.Kind() == protoreflect.FloatKind {
			return strconv.FormatFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(value))), 'g', -1, 32)
		}
		return strconv.FormatUint(uint64(binary.LittleEndian.Uint32(value)), 10)
	case protowire.Fixed64Type:
		if descriptor != nil && descriptor.Kind() == protoreflect.DoubleKind {
			return strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(value)), 'g', -1, 64)
		}
		return strconv.FormatUint(binary.LittleEndian.Uint64(value), 10)
	case protowire.BytesType:
		content, _ := protowire.ConsumeBytes(value)
		if descriptor != nil && descriptor.Kind() == protoreflect.StringKind {
			return strconv.Quote(string(content))
		}
		return fmt.Sprintf("% x", content)
	}
	return fmt.Sprintf("% x", value)
}

func varintText(descriptor protoreflect.FieldDescriptor, number uint64) string {
	if descriptor == nil {
		return strconv.FormatUint(number, 10)
	}
	switch descriptor.Kind() {
	case protoreflect.BoolKind:
		return strconv.FormatBool(number != 0)
	case protoreflect.EnumKind:
		value := protoreflect.EnumNumber(number)
		if known := descriptor.Enum().Values().ByNumber(value); known != nil {
			return fmt.Sprintf("%d, that is %s", value, known.Name())
		}
		return strconv.Itoa(int(value))
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return strconv.FormatInt(protowire.DecodeZigZag(number), 10)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return strconv.FormatUint(number, 10)
	}
	return strconv.FormatInt(int64(number), 10)
}
