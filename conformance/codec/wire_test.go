// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// wire returns bytes that are a message of the kind, or nearly: fields in any order and more than once, with other wire
// types than theirs, numbers that are longer than they need be, lists packed and not packed in turn.
func (r *random) wire(message protoreflect.MessageDescriptor, depth int) (b []byte) {
	fields := message.Fields()
	if r.clean {
		for i := range fields.Len() {
			if field := fields.Get(i); field.Cardinality() == protoreflect.Required {
				b = r.wireField(b, field, depth)
			}
		}
	}
	for r.budget > 0 && !r.chance(12) {
		r.budget--
		switch extended := message.ExtensionRanges().Len() > 0; {
		case fields.Len() == 0 || r.chance(12):
			b = r.rawField(b, protowire.Number(1+r.IntN(300)), 3)
		case extended && r.chance(2):
			if extension := r.extension(message); extension != nil {
				b = r.wireField(b, extension.TypeDescriptor(), depth)
			}
		default:
			field := fields.Get(r.IntN(fields.Len()))
			for range r.length() {
				b = r.wireField(b, field, depth)
			}
		}
	}
	return b
}

// varint appends a number, with more bytes than it needs now and then.
func (r *random) varint(b []byte, v uint64) []byte {
	b = protowire.AppendVarint(b, v)
	for !r.clean && r.chance(20) && v < 1<<49 {
		b[len(b)-1] |= 0x80
		b = append(b, 0)
	}
	return b
}

func (r *random) wireTag(b []byte, number protowire.Number, kind protowire.Type) []byte {
	return r.varint(b, protowire.EncodeTag(number, kind))
}

func (r *random) wireField(b []byte, field protoreflect.FieldDescriptor, depth int) []byte {
	number := field.Number()
	if !r.clean && r.chance(40) {
		return r.rawField(b, number, 3)
	}
	r.budget--
	if field.IsMap() {
		var entry []byte
		for range 3 {
			if r.chance(4) {
				continue
			}
			half := field.MapKey()
			if r.chance(2) {
				half = field.MapValue()
			}
			entry = r.wireField(entry, half, depth+1)
			if r.chance(20) {
				entry = r.rawField(entry, protowire.Number(1+r.IntN(4)), 2)
			}
		}
		return r.bytes(r.wireTag(b, number, protowire.BytesType), entry)
	}
	switch kind := field.Kind(); kind {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return r.bytes(r.wireTag(b, number, protowire.BytesType), []byte(r.text()))
	case protoreflect.MessageKind:
		return r.bytes(r.wireTag(b, number, protowire.BytesType), r.content(field.Message(), depth))
	case protoreflect.GroupKind:
		b = append(r.wireTag(b, number, protowire.StartGroupType), r.content(field.Message(), depth)...)
		return r.wireTag(b, number, protowire.EndGroupType)
	default:
		if field.IsList() && r.chance(2) {
			var packed []byte
			for range r.length() {
				packed = r.scalar(packed, kind)
			}
			return r.bytes(r.wireTag(b, number, protowire.BytesType), packed)
		}
		return r.scalar(r.wireTag(b, number, wireTypes[kind]), kind)
	}
}

// content returns what is in a message, nothing if it is deep.
func (r *random) content(message protoreflect.MessageDescriptor, depth int) []byte {
	if required := message.RequiredNumbers().Len(); depth > 10 || depth > 8 && required == 0 || depth > 2 && required > 5 {
		return nil
	}
	return r.wire(message, depth+1)
}

// bytes appends a length and content.
func (r *random) bytes(b, content []byte) []byte {
	return append(r.varint(b, uint64(len(content))), content...)
}

// wireTypes are those of the kinds that may be packed, but for varints, whose is 0.
var wireTypes = map[protoreflect.Kind]protowire.Type{
	protoreflect.Fixed32Kind: protowire.Fixed32Type, protoreflect.Sfixed32Kind: protowire.Fixed32Type, protoreflect.FloatKind: protowire.Fixed32Type,
	protoreflect.Fixed64Kind: protowire.Fixed64Type, protoreflect.Sfixed64Kind: protowire.Fixed64Type, protoreflect.DoubleKind: protowire.Fixed64Type,
}

func (r *random) scalar(b []byte, kind protoreflect.Kind) []byte {
	switch wireTypes[kind] {
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(b, uint32(r.number()))
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(b, r.number())
	}
	return r.varint(b, r.number())
}

// mutate changes data a little, so that most of it is still what it was.
func (r *random) mutate(data []byte) []byte {
	data = bytes.Clone(data)
	for range 1 + r.IntN(3) {
		if len(data) == 0 {
			return append(data, byte(r.Uint32()))
		}
		i := r.IntN(len(data))
		j := i + r.IntN(min(len(data)-i, 20)+1)
		switch r.IntN(8) {
		case 0:
			data[i] ^= 1 << r.IntN(8)
		case 1:
			data[i] = byte(r.number())
		case 2:
			data = slices.Insert(data, i, byte(r.number()))
		case 3:
			data = slices.Delete(data, i, j)
		case 4:
			data = data[:i]
		case 5:
			data = slices.Insert(data, i, data[i:j]...)
		case 6:
			data = append(data, data[i:]...)
		case 7:
			data[i], data[len(data)-1-i] = data[len(data)-1-i], data[i]
		}
	}
	return data
}
