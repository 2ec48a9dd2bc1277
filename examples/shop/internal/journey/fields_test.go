// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

func TestFieldsAreNamed(t *testing.T) {
	message := &descriptorpb.FieldDescriptorProto{
		Name:           proto.String("price"),
		Number:         proto.Int32(300),
		Type:           descriptorpb.FieldDescriptorProto_TYPE_INT64.Enum(),
		Options:        &descriptorpb.FieldOptions{Deprecated: proto.Bool(true)},
		Proto3Optional: proto.Bool(false),
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := splitFields(data, message.ProtoReflect().Descriptor())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range fields {
		lines = append(lines, fmt.Sprintf("%d|% x|%d|%s|%s|%s", f.depth, f.bytes, f.number, f.name, f.wire, f.value))
	}
	const want = `0|0a 05 70 72 69 63 65|1|name|length 5|"price"
0|18 ac 02|3|number|varint|300
0|28 03|5|type|varint|3, that is TYPE_INT64
0|42 02|8|options|length 2|FieldOptions
1|18 01|3|deprecated|varint|true
0|88 01 00|17|proto3_optional|varint|false`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("the fields are\n%s\nwant\n%s", got, want)
	}
}

func TestFieldsOfBrokenBytes(t *testing.T) {
	descriptor := (&errdetails.BadRequest{}).ProtoReflect().Descriptor()
	for name, data := range map[string][]byte{
		"cut tag":     {0x80},
		"cut length":  {0x0a, 0x05, 0x01},
		"field zero":  {0x00, 0x00},
		"cut inside":  {0x0a, 0x02, 0x0a, 0x05},
		"open group":  {0x0b},
		"wire type 7": {0x0f, 0x01},
	} {
		if fields, err := splitFields(data, descriptor); err == nil {
			t.Errorf("%s: no error, but %v", name, fields)
		}
	}
}

// nested returns a DescriptorProto in a DescriptorProto in … so many levels deep.
func nested(levels int) []byte {
	message := &descriptorpb.DescriptorProto{Name: proto.String("x")}
	for range levels {
		message = &descriptorpb.DescriptorProto{NestedType: []*descriptorpb.DescriptorProto{message}}
	}
	data, _ := proto.Marshal(message)
	return data
}

func TestFieldsHaveADeepestLevel(t *testing.T) {
	descriptor := (&descriptorpb.DescriptorProto{}).ProtoReflect().Descriptor()
	if _, err := splitFields(nested(deepest), descriptor); err != nil {
		t.Errorf("%d levels: %v", deepest, err)
	}
	if _, err := splitFields(nested(deepest+1), descriptor); err == nil {
		t.Errorf("%d levels are read, though %d are the limit", deepest+1, deepest)
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte{0x0a, 0x05, 'p', 'r', 'i', 'c', 'e', 0x18, 0xac, 0x02})
	f.Add(nested(3))
	f.Add([]byte{0x0b, 0x0c})
	descriptor := (&descriptorpb.DescriptorProto{}).ProtoReflect().Descriptor()
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, err := splitFields(data, descriptor)
		if err != nil {
			return
		}
		var joined []byte
		for _, f := range fields {
			joined = append(joined, f.bytes...)
		}
		if !bytes.Equal(joined, data) {
			t.Errorf("the fields' bytes are %x, the message's %x", joined, data)
		}
	})
}
