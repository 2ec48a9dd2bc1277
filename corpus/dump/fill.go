// SPDX-License-Identifier: Apache-2.0

package main

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// filler fills messages at random, and for one name always in the same way.
type filler struct {
	random *rand.Rand
	chance float64 // that a field is set
}

func newFiller(name string, chance float64) *filler {
	sum := fnv.New64a()
	sum.Write([]byte(name))
	return &filler{rand.New(rand.NewPCG(sum.Sum64(), uint64(chance*100))), chance}
}

// fill sets fields of message, and of the messages in it as deep as depth says. Required fields are always set.
func (f *filler) fill(message protoreflect.Message, depth int) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		required := field.Cardinality() == protoreflect.Required
		if !required && f.random.Float64() > f.chance || field.Message() != nil && depth == 0 && !required {
			continue
		}
		switch {
		case field.IsMap():
			for range 2 {
				f.entry(message.Mutable(field).Map(), field, depth)
			}
		case field.IsList():
			list := message.Mutable(field).List()
			for range 1 + f.random.IntN(3) {
				if field.Message() != nil {
					f.fill(list.AppendMutable().Message(), depth-1)
				} else {
					list.Append(f.scalar(field))
				}
			}
		case field.Message() != nil:
			f.fill(message.Mutable(field).Message(), max(depth-1, 0))
		default:
			message.Set(field, f.scalar(field))
		}
	}
}

func (f *filler) entry(entries protoreflect.Map, field protoreflect.FieldDescriptor, depth int) {
	key := f.scalar(field.MapKey()).MapKey()
	if field.MapValue().Message() == nil {
		entries.Set(key, f.scalar(field.MapValue()))
		return
	}
	value := entries.NewValue()
	f.fill(value.Message(), depth-1)
	entries.Set(key, value)
}

// scalar returns a value of the field's type: often one that is short on the wire, at times one at an end of the range.
func (f *filler) scalar(field protoreflect.FieldDescriptor) protoreflect.Value {
	small := int64(f.random.IntN(300)) - 20
	if f.random.IntN(4) == 0 {
		small = int64(f.random.Uint64())
	}
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(small%2 == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.enum(field.Enum()))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(small))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(small))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(small)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(small))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(f.float()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(f.float())
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(f.text()))
	}
	return protoreflect.ValueOfString(f.text())
}

func (f *filler) enum(enum protoreflect.EnumDescriptor) protoreflect.EnumNumber {
	if !enum.IsClosed() && f.random.IntN(5) == 0 {
		return protoreflect.EnumNumber(f.random.Int32()) // one that a newer program may know
	}
	return enum.Values().Get(f.random.IntN(enum.Values().Len())).Number()
}

func (f *filler) float() float64 {
	return []float64{0, math.Copysign(0, -1), 1.5, -1e30, math.Inf(1), f.random.NormFloat64()}[f.random.IntN(6)]
}

func (f *filler) text() string {
	return strings.Repeat([]string{"", "a", "é", "word ", "🙂"}[f.random.IntN(5)], f.random.IntN(40))
}
