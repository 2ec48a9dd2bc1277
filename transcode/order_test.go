// SPDX-License-Identifier: Apache-2.0

package transcode_test

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

// orderFields is a message with a field of every kind, a line each: number, name, label, type.
const orderFields = `
1 order_id optional STRING
2 items repeated .shop.Item
3 status optional .shop.Status
4 labels map STRING
5 total optional INT64
6 weight optional FLOAT
7 paid optional BOOL
8 signature optional BYTES
9 created optional .google.protobuf.Timestamp
10 patience optional .google.protobuf.Duration
11 mask optional .google.protobuf.FieldMask
12 limit optional .google.protobuf.Int32Value
13 extra optional .google.protobuf.Any
14 free optional .google.protobuf.Struct
15 free_value optional .google.protobuf.Value
16 codes repeated UINT32
17 card oneof STRING
18 voucher oneof STRING
19 note presence STRING
20 nested optional .shop.Order
21 prices map32 DOUBLE
22 history repeated .shop.Status
23 nothing optional .google.protobuf.NullValue
24 ratio optional DOUBLE
25 unsigned optional UINT64
26 none optional .shop.Nothing
`

var orderFile = buildOrderFile()

func buildOrderFile() protoreflect.FileDescriptor {
	var fields, entries strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(orderFields), "\n") {
		var number, name, label, kind string
		if _, err := fmt.Sscan(line, &number, &name, &label, &kind); err != nil {
			panic(err)
		}
		more := ""
		entry := strings.ToUpper(name[:1]) + name[1:] + "Entry"
		typed := "type: TYPE_" + kind
		if strings.HasPrefix(kind, ".") {
			typed = fmt.Sprintf("type_name: %q type: TYPE_MESSAGE", kind)
			if kind == ".shop.Status" || kind == ".google.protobuf.NullValue" {
				typed = fmt.Sprintf("type_name: %q type: TYPE_ENUM", kind)
			}
		}
		switch label {
		case "map", "map32":
			key := map[string]string{"map": "STRING", "map32": "INT32"}[label]
			fmt.Fprintf(&entries, `nested_type { name: %q options { map_entry: true }
				field { name: "key" number: 1 type: TYPE_%s label: LABEL_OPTIONAL }
				field { name: "value" number: 2 %s label: LABEL_OPTIONAL } }`, entry, key, typed)
			label, typed = "repeated", fmt.Sprintf("type: TYPE_MESSAGE type_name: %q", ".shop.Order."+entry)
		case "oneof":
			label, more = "optional", "oneof_index: 0"
		case "presence":
			label, more = "optional", "oneof_index: 1 proto3_optional: true"
		}
		fmt.Fprintf(&fields, "field { name: %q number: %s label: LABEL_%s %s %s }\n", name, number, strings.ToUpper(label), typed, more)
	}
	text := `name: "shop_test.proto" package: "shop" syntax: "proto3"
		dependency: "google/protobuf/timestamp.proto" dependency: "google/protobuf/duration.proto"
		dependency: "google/protobuf/field_mask.proto" dependency: "google/protobuf/wrappers.proto"
		dependency: "google/protobuf/any.proto" dependency: "google/protobuf/struct.proto"
		enum_type { name: "Status" value { name: "STATUS_UNSPECIFIED" number: 0 } value { name: "PAID" number: 1 } }
		message_type { name: "Nothing" }
		message_type { name: "Item" field { name: "sku" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
			field { name: "quantity" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 } }
		message_type { name: "Order" oneof_decl { name: "payment" } oneof_decl { name: "_note" }
		` + fields.String() + entries.String() + `}`
	file := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(text), file); err != nil {
		panic(err)
	}
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	return built
}

func newOrder() *dynamicpb.Message {
	return dynamicpb.NewMessage(orderFile.Messages().ByName("Order"))
}

func orderField(name string) protoreflect.FieldDescriptor {
	return orderFile.Messages().ByName("Order").Fields().ByName(protoreflect.Name(name))
}
