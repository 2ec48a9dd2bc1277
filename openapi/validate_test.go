// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// everyKind is a message that has a field, a list and a packed list of each kind that a rule may have, and itself.
func everyKind(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	message := &descriptorpb.DescriptorProto{Name: new("Every")}
	add := func(kind descriptorpb.FieldDescriptorProto_Type, label descriptorpb.FieldDescriptorProto_Label, packed bool) {
		number := int32(len(message.Field) + 1)
		field := &descriptorpb.FieldDescriptorProto{
			Name: new(fmt.Sprintf("f%d", number)), Number: &number, Type: &kind, Label: &label,
		}
		if packed {
			field.Options = &descriptorpb.FieldOptions{Packed: &packed}
		}
		if kind == descriptorpb.FieldDescriptorProto_TYPE_MESSAGE {
			field.TypeName = new(".Every")
		}
		message.Field = append(message.Field, field)
	}
	for kind := range descriptorpb.FieldDescriptorProto_Type_name {
		switch kind := descriptorpb.FieldDescriptorProto_Type(kind); kind {
		case descriptorpb.FieldDescriptorProto_TYPE_GROUP, descriptorpb.FieldDescriptorProto_TYPE_ENUM:
		case descriptorpb.FieldDescriptorProto_TYPE_STRING, descriptorpb.FieldDescriptorProto_TYPE_BYTES, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE:
			add(kind, descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL, false)
			add(kind, descriptorpb.FieldDescriptorProto_LABEL_REPEATED, false)
		default:
			add(kind, descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL, false)
			add(kind, descriptorpb.FieldDescriptorProto_LABEL_REPEATED, false)
			add(kind, descriptorpb.FieldDescriptorProto_LABEL_REPEATED, true)
		}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("every.proto"), Syntax: new("proto2"), MessageType: []*descriptorpb.DescriptorProto{message},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().Get(0)
}

// samples are values of a kind, the outermost among them.
func samples(kind protoreflect.Kind) []any {
	switch kind {
	case protoreflect.BoolKind:
		return []any{true, false}
	case protoreflect.StringKind:
		return []any{"", "é"}
	case protoreflect.BytesKind:
		return []any{[]byte("\xff"), []byte{}}
	case protoreflect.FloatKind:
		return []any{float32(0), float32(-1.5), float32(math.Inf(1))}
	case protoreflect.DoubleKind:
		return []any{float64(0), -1.5, math.MaxFloat64}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return []any{int32(0), int32(-1), int32(math.MinInt32), int32(math.MaxInt32)}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return []any{uint32(0), uint32(math.MaxUint32)}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return []any{uint64(0), uint64(math.MaxUint64)}
	default:
		return []any{int64(0), int64(-1), int64(math.MinInt64), int64(math.MaxInt64)}
	}
}

// TestRulesAreReadAsByProtobuf reads values of every kind from their bytes and by dynamicpb.
func TestRulesAreReadAsByProtobuf(t *testing.T) {
	every := everyKind(t)
	for i := range every.Fields().Len() {
		field := every.Fields().Get(i)
		if field.Message() != nil {
			continue
		}
		if _, ok := (&rules{descriptor: every}).value(field); ok {
			t.Errorf("%s of nothing is set", field.Name())
		}
		var list []any
		for _, sample := range samples(field.Kind()) {
			message := dynamicpb.NewMessage(every)
			want := sample
			if field.IsList() {
				message.Mutable(field).List().Append(protoreflect.ValueOf(sample))
				list = append(list, sample)
				want = []any{sample}
			} else {
				message.Set(field, protoreflect.ValueOf(sample))
			}
			compareRule(t, message, field, want)
		}
		if message := dynamicpb.NewMessage(every); field.IsList() {
			for _, sample := range list {
				message.Mutable(field).List().Append(protoreflect.ValueOf(sample))
			}
			compareRule(t, message, field, list)
		}
	}
}

// compareRule also has the rule in a message whose two halves come one after the other.
func compareRule(t *testing.T, message *dynamicpb.Message, field protoreflect.FieldDescriptor, want any) {
	t.Helper()
	encoded, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	own := &rules{descriptor: message.Descriptor(), encoded: encoded}
	if got, ok := own.value(field); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%s %s: %v %T, want %v %T", field.Kind(), field.Cardinality(), got, got, want, want)
	}
	var within protoreflect.FieldDescriptor
	for i := range message.Descriptor().Fields().Len() {
		if at := message.Descriptor().Fields().Get(i); at.Message() != nil && !at.IsList() {
			within = at
		}
	}
	around := dynamicpb.NewMessage(message.Descriptor())
	around.Set(within, protoreflect.ValueOfMessage(message))
	whole, err := proto.Marshal(around)
	if err != nil {
		t.Fatal(err)
	}
	around.Set(within, protoreflect.ValueOfMessage(dynamicpb.NewMessage(message.Descriptor())))
	second, err := proto.Marshal(around)
	if err != nil {
		t.Fatal(err)
	}
	inside := (&rules{descriptor: message.Descriptor(), encoded: append(whole, second...)}).inside(within)
	if inside == nil {
		t.Fatal("the message is not there")
	}
	if got, ok := inside.value(field); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("inside, %s: %v, want %v", field.Kind(), got, want)
	}
	for cut := range encoded { // never more than a stop
		(&rules{descriptor: message.Descriptor(), encoded: encoded[:cut]}).value(field)
	}
}
