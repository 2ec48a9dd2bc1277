// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// random makes messages and bytes that are the same for the same seed.
type random struct {
	*rand.Rand
	budget int  // how many values there may be yet
	clean  bool // all text is UTF-8, and what must be set is
}

func newRandom(seed uint64) *random {
	r := rand.New(rand.NewPCG(seed, 2026))
	return &random{Rand: r, budget: 5 + r.IntN(200), clean: r.IntN(3) > 0}
}

// chance is true once in n.
func (r *random) chance(n int) bool { return r.IntN(n) == 0 }

// number returns any number, those at the edges of every length more often.
func (r *random) number() uint64 {
	switch r.IntN(6) {
	case 0:
		return 0
	case 1:
		return r.Uint64N(300)
	case 2:
		return -r.Uint64N(300)
	case 3:
		return uint64(1)<<r.IntN(64) - r.Uint64N(2)
	case 4:
		return uint64(math.Float64bits([]float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), 1.5}[r.IntN(5)]))
	}
	return r.Uint64() >> r.IntN(64)
}

var texts = []string{
	"", "a", "EUR", "card", "öäü", "order", "日本語", "12345678", "123456789", "a text of sixteen", "€", "0123456789abcdef0123456789abcdef",
	"\x00", "\U0010ffff", "a text that is longer than most, and longer than thirty-two bytes",
}

func (r *random) text() string {
	switch {
	case !r.clean && r.chance(20):
		return texts[r.IntN(len(texts))] + []string{"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82"}[r.IntN(4)]
	case r.chance(100):
		return strings.Repeat(texts[r.IntN(len(texts))], 1+r.IntN(400))
	}
	return texts[r.IntN(len(texts))]
}

// message fills one with random values.
func (r *random) message(m protoreflect.Message, depth int) {
	descriptor := m.Descriptor()
	fields := descriptor.Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		must := r.clean && field.Cardinality() == protoreflect.Required
		if !must && (r.budget <= 0 || depth > 6 || !r.chance(1+min(fields.Len(), 12)/2)) {
			continue
		}
		r.budget--
		r.field(m, field, depth)
	}
	for range 3 {
		if depth <= 6 && descriptor.ExtensionRanges().Len() > 0 && r.chance(2) {
			if extension := r.extension(descriptor); extension != nil {
				r.field(m, extension.TypeDescriptor(), depth)
			}
		}
	}
	if r.chance(6) {
		m.SetUnknown(r.unknown(descriptor))
	}
}

func (r *random) field(m protoreflect.Message, field protoreflect.FieldDescriptor, depth int) {
	switch {
	case field.IsList():
		list := m.Mutable(field).List()
		for range r.length() {
			r.budget--
			list.Append(r.value(field, list.NewElement, depth))
		}
	case field.IsMap():
		entries := m.Mutable(field).Map()
		for range r.length() {
			r.budget--
			entries.Set(r.value(field.MapKey(), nil, depth).MapKey(), r.value(field.MapValue(), entries.NewValue, depth))
		}
	default:
		m.Set(field, r.value(field, func() protoreflect.Value { return m.NewField(field) }, depth))
	}
}

// length is that of a list or map.
func (r *random) length() int {
	if r.chance(30) {
		return r.IntN(300)
	}
	return r.IntN(4)
}

// value returns one of the field; empty makes a message.
func (r *random) value(field protoreflect.FieldDescriptor, empty func() protoreflect.Value, depth int) protoreflect.Value {
	n := r.number()
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n&1 != 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(n)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(math.Float64frombits(n)))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(math.Float64frombits(n))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(r.text())
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(r.text()))
	}
	message := empty()
	if depth < 6 && (depth < 2 || field.Message().RequiredNumbers().Len() <= 5) {
		r.message(message.Message(), depth+1)
	}
	return message
}

// extension returns one of the message's, nil if it has none.
func (r *random) extension(message protoreflect.MessageDescriptor) protoreflect.ExtensionType {
	var all []protoreflect.ExtensionType
	protoregistry.GlobalTypes.RangeExtensionsByMessage(message.FullName(), func(e protoreflect.ExtensionType) bool {
		all = append(all, e)
		return true
	})
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b protoreflect.ExtensionType) int { // the registry has them in no order
		return int(a.TypeDescriptor().Number() - b.TypeDescriptor().Number())
	})
	return all[r.IntN(len(all))]
}

// unknown returns fields that the message does not have.
func (r *random) unknown(message protoreflect.MessageDescriptor) (fields []byte) {
	for range 1 + r.IntN(3) {
		number := protowire.Number(200 + r.IntN(5000))
		if message.Fields().ByNumber(number) != nil {
			continue
		}
		fields = r.rawField(fields, number, 3)
	}
	return fields
}

// rawField appends a field of any type.
func (r *random) rawField(b []byte, number protowire.Number, depth int) []byte {
	switch kind := protowire.Type([]int{0, 1, 2, 3, 5}[r.IntN(5)]); kind {
	case protowire.VarintType:
		return protowire.AppendVarint(protowire.AppendTag(b, number, kind), r.number())
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(protowire.AppendTag(b, number, kind), r.number())
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(protowire.AppendTag(b, number, kind), uint32(r.number()))
	case protowire.StartGroupType:
		b = protowire.AppendTag(b, number, kind)
		for depth > 0 && r.chance(2) {
			b = r.rawField(b, protowire.Number(1+r.IntN(50)), depth-1)
		}
		return protowire.AppendTag(b, number, protowire.EndGroupType)
	default:
		return protowire.AppendString(protowire.AppendTag(b, number, kind), r.text())
	}
}
