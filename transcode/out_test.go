// SPDX-License-Identifier: Apache-2.0

package transcode_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall/transcode"
)

// encodedOrder is an order with a value of every form, encoded.
func encodedOrder(t testing.TB) []byte {
	t.Helper()
	order := newOrder()
	const text = `{"orderId":"a \"b\" é","items":[{"sku":"x"},{}],"status":"PAID","labels":{"b":"2","a":"1"},"total":"5","limit":7,
		"note":"","card":"c","nested":{"orderId":"y"},"freeValue":{"a":[1,null]},"created":"2026-01-02T03:04:05Z","codes":[1,2],
		"prices":{"10":1.5,"-3":0},"extra":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"},"mask":"a.bC",
		"history":["PAID",7],"unsigned":"8","signature":"AQI="}`
	if err := protojson.Unmarshal([]byte(text), order); err != nil {
		t.Fatal(err)
	}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func appendJSON(t testing.TB, encoded []byte, options transcode.Options) string {
	t.Helper()
	text, err := transcode.New(newOrder().Descriptor(), options).AppendJSON(nil, encoded)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOptionsOut(t *testing.T) {
	for name, tc := range map[string]struct {
		options transcode.Options
		want    []string // in the JSON
	}{
		"none":       {transcode.Options{}, []string{`"orderId":"a \"b\" é"`, `"total":"5"`, `"status":"PAID"`, `"prices":{"-3":0,"10":1.5}`, `"labels":{"a":"1","b":"2"}`}},
		"names":      {transcode.Options{UseProtoNames: true}, []string{`"order_id":"a`, `"free_value":{"a":[1,null]}`, `"mask":"a.bC"`}},
		"enums":      {transcode.Options{UseEnumNumbers: true}, []string{`"status":1`, `"history":[1,7]`}},
		"numbers":    {transcode.Options{UseInt64Numbers: true}, []string{`"total":5`, `"unsigned":8`}},
		"unset":      {transcode.Options{EmitUnpopulated: true}, []string{`"paid":false`, `"patience":null`, `"free":null`, `"ratio":0,`, `"nothing":null`, `{"sku":"","quantity":0}`}},
		"default":    {transcode.Options{EmitDefaultValues: true}, []string{`"weight":0,"paid":false,"signature":"AQI=","created"`, `{"sku":"","quantity":0}`}},
		"indent":     {transcode.Options{Indent: "  "}, []string{"{\n  \"orderId\": \"a", "\n  \"items\": [\n    {\n      \"sku\": \"x\"\n    },\n    {}\n  ],", "\n    \"@type\": \"type"}},
		"everything": {transcode.Options{Indent: "\t", UseInt64Numbers: true, EmitUnpopulated: true}, []string{"\n\t\"total\": 5,", "\n\t\"patience\": null,"}},
	} {
		text := appendJSON(t, encodedOrder(t), tc.options)
		for _, want := range tc.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %s in %s", name, want, text)
			}
		}
		order := newOrder()
		if err := protojson.Unmarshal([]byte(text), order); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := transcode.New(newOrder().Descriptor(), transcode.Options{Indent: "x"}).AppendJSON(nil, nil); err == nil {
		t.Error("an indent of letters was accepted")
	}
}

// The order of the fields, pieces of messages and what was replaced make no difference.
func TestAnyOrder(t *testing.T) {
	encoded := encodedOrder(t)
	want := appendJSON(t, encoded, transcode.Options{})
	var fields [][]byte
	for rest := encoded; len(rest) > 0; {
		_, _, n := protowire.ConsumeField(rest)
		fields = append(fields, rest[:n])
		rest = rest[n:]
	}
	first := orderField("order_id").Number()
	mixed := protowire.AppendString(protowire.AppendTag(nil, first, protowire.BytesType), "replaced")
	mixed = protowire.AppendBytes(protowire.AppendTag(mixed, orderField("created").Number(), protowire.BytesType), nil)
	mixed = protowire.AppendString(protowire.AppendTag(mixed, orderField("voucher").Number(), protowire.BytesType), "replaced by card")
	var lists []byte
	for _, field := range fields {
		number, _, _ := protowire.ConsumeTag(field)
		switch name := newOrder().Descriptor().Fields().ByNumber(number).Name(); name {
		case "items", "codes", "history": // their own order counts
			lists = append(lists, field...)
		default:
			mixed = append(bytes.Clone(field), mixed...)
		}
	}
	mixed = append(mixed, lists...)
	mixed = append(mixed, fields[0]...) // the order_id, again
	mixed = append(mixed, protowire.AppendString(protowire.AppendTag(nil, orderField("card").Number(), protowire.BytesType), "c")...)
	if got := appendJSON(t, mixed, transcode.Options{}); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestKnownTypesOut(t *testing.T) {
	var all []proto.Message
	for _, seconds := range []int64{0, 1, -1, 59, 951782400, 951868799, 951868800, 1767323045, -62135596800, 253402300799, 4107542399, 68169600, -2208988800, 253402300800, -62135596801} {
		for _, nanos := range []int32{0, 1, 999999999, 500000000, 120000, -1, 1000000000} {
			all = append(all, &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos})
		}
	}
	for day := int64(-62135596800); day < 253402300799; day += 86400 * 97 {
		all = append(all, &timestamppb.Timestamp{Seconds: day + day%86400})
	}
	for _, seconds := range []int64{0, 1, -1, 315576000000, -315576000000, 315576000001} {
		for _, nanos := range []int32{0, 1, -1, 500000000, -999999999, 1000000000, 120000} {
			all = append(all, &durationpb.Duration{Seconds: seconds, Nanos: nanos})
		}
	}
	for _, paths := range [][]string{nil, {"a"}, {"a_b", "c.d_e"}, {"aB"}, {"a__b"}, {"a_"}, {"_a"}, {"a_1"}, {""}, {"a."}, {"1"}, {"a,b"}, {"\xff"}} {
		all = append(all, &fieldmaskpb.FieldMask{Paths: paths})
	}
	all = append(all, wrapperspb.Bool(false), wrapperspb.Int64(-5), wrapperspb.Bytes([]byte{0xff}), wrapperspb.String("\u2028<"), wrapperspb.Float(1e-7),
		wrapperspb.Double(1e21), wrapperspb.UInt64(0), &structpb.Value{}, structpb.NewNumberValue(1e100), &structpb.Value{Kind: &structpb.Value_NumberValue{NumberValue: math.Inf(1)}},
		structpb.NewNullValue(), &structpb.ListValue{}, &structpb.Struct{}, &structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("x"), structpb.NewBoolValue(false)}},
		&anypb.Any{}, &anypb.Any{Value: []byte{1}}, &anypb.Any{TypeUrl: "x/google.protobuf.Empty"}, &anypb.Any{TypeUrl: "x/google.protobuf.Any"},
		&anypb.Any{TypeUrl: "x/google.protobuf.FileDescriptorProto", Value: []byte{10, 1, 'x'}}, &anypb.Any{TypeUrl: "x/google.protobuf.Duration", Value: []byte{8}})
	for _, message := range all {
		encoded, err := proto.Marshal(message)
		if err != nil {
			continue
		}
		want, wantErr := protojson.Marshal(message)
		got, err := transcode.New(message.ProtoReflect().Descriptor(), transcode.Options{}).AppendJSON(nil, encoded)
		if (err == nil) != (wantErr == nil) || err == nil && string(got) != strings.ReplaceAll(string(want), ", ", ",") {
			t.Errorf("%T %v: %s, %v, want %s, %v", message, message, got, err, want, wantErr)
		}
	}
}

// Neither deep piles of messages whose fields come late nor those of groups are read more often the deeper they are.
func TestDeepOut(t *testing.T) {
	nested := orderField("nested")
	var deep []byte
	for range 3000 { // each level has a field behind its inner message, whose place is in front of it
		content := protowire.AppendBytes(protowire.AppendTag(nil, nested.Number(), protowire.BytesType), deep)
		content = protowire.AppendBytes(protowire.AppendTag(content, nested.Number(), protowire.BytesType), nil)
		deep = protowire.AppendString(protowire.AppendTag(content, orderField("order_id").Number(), protowire.BytesType), "x")
	}
	if text := appendJSON(t, deep, transcode.Options{}); strings.Count(text, `"orderId":"x"`) != 3000 {
		t.Error("levels are missing")
	}
	for range 10_000 {
		deep = protowire.AppendBytes(protowire.AppendTag(nil, nested.Number(), protowire.BytesType), deep)
	}
	if _, err := transcode.New(newOrder().Descriptor(), transcode.Options{}).AppendJSON(nil, deep); err == nil || !strings.Contains(err.Error(), "nested too deeply") {
		t.Errorf("%v", err)
	}
}

func withoutAny(t testing.TB) []byte {
	order := newOrder()
	if err := proto.Unmarshal(encodedOrder(t), order); err != nil {
		t.Fatal(err)
	}
	order.Clear(orderField("extra"))
	return marshal(t, order)
}

func marshal(t testing.TB, message proto.Message) []byte {
	t.Helper()
	encoded, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}
