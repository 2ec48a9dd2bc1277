// SPDX-License-Identifier: Apache-2.0

package transcode_test

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall/transcode"
)

func TestAppend(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{"orderId":"a \"b\" \\","items":[{"sku":"x, y","quantity":2},{}],"status":"PAID","labels":{"a":" ","b":"{ }"}}`,
		`{"total":"9007199254740993","weight":"NaN","signature":"/+8=","ratio":1.5}`,
		`{"created":"2026-01-02T03:04:05.500Z","patience":"1.500s","mask":"orderId,nested.orderId","limit":0}`,
		`{"freeValue":[1,"a b",null,{"x":[]}],"note":""}`,
	} {
		message := newOrder()
		if err := transcode.Unmarshal([]byte(text), message); err != nil {
			t.Fatal(err)
		}
		got, err := transcode.Append([]byte("before"), message)
		if err != nil || string(got) != "before"+text {
			t.Errorf("%v\n got %s\nwant %s", err, got, text)
		}
	}
}

func TestAppendRefusals(t *testing.T) {
	invalid := newOrder()
	invalid.Set(orderField("order_id"), protoreflect.ValueOfString("\xff"))
	inItem, inKey, inValue := newOrder(), newOrder(), newOrder()
	items := inItem.Mutable(orderField("items")).List()
	items.AppendMutable()
	items.AppendMutable().Message().Set(orderField("items").Message().Fields().ByName("sku"), protoreflect.ValueOfString("\xff"))
	inKey.Mutable(orderField("labels")).Map().Set(protoreflect.ValueOfString("\xff").MapKey(), protoreflect.ValueOfString("a"))
	inValue.Mutable(orderField("labels")).Map().Set(protoreflect.ValueOfString("a").MapKey(), protoreflect.ValueOfString("\xff"))
	for _, tc := range []struct {
		message proto.Message
		want    string
	}{
		{inItem, "shop.Order cannot be written as JSON: field shop.Item.sku contains invalid UTF-8"},
		{inKey, "shop.Order cannot be written as JSON: field shop.Order.labels contains invalid UTF-8"},
		{inValue, "shop.Order cannot be written as JSON: field shop.Order.LabelsEntry.value contains invalid UTF-8"},
		{nil, "a nil message has no JSON form"},
		{&anypb.Any{TypeUrl: "no/such.Type"}, `google.protobuf.Any cannot be written as JSON: google.protobuf.Any: unable to resolve "no/such.Type": not found`},
		{invalid, "shop.Order cannot be written as JSON: field shop.Order.order_id contains invalid UTF-8"},
	} {
		got, err := transcode.Append([]byte("before"), tc.message)
		if err == nil || strings.ReplaceAll(err.Error(), "\u00a0", " ") != tc.want || string(got) != "before" {
			t.Errorf("got %q, %v\nwant %s", got, err, tc.want)
		}
	}
}

func TestAppendField(t *testing.T) {
	full := newOrder()
	const text = `{"orderId":"a b","items":[{"sku":"x"}],"status":"PAID","labels":{"a":"b"},"total":"5","limit":7,"note":"n","card":"c",
		"nested":{"orderId":"y"},"freeValue":{"a":1},"created":"2026-01-02T03:04:05Z","codes":[1,2]}`
	if err := transcode.Unmarshal([]byte(text), full); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ field, set, unset string }{
		{"order_id", `"a b"`, `""`},
		{"items", `[{"sku":"x"}]`, `[]`},
		{"status", `"PAID"`, `"STATUS_UNSPECIFIED"`},
		{"labels", `{"a":"b"}`, `{}`},
		{"total", `"5"`, `"0"`},
		{"limit", `7`, `null`},
		{"note", `"n"`, `null`},
		{"card", `"c"`, `null`},
		{"nested", `{"orderId":"y"}`, `{}`},
		{"free_value", `{"a":1}`, `null`},
		{"created", `"2026-01-02T03:04:05Z"`, `null`},
		{"codes", `[1,2]`, `[]`},
		{"paid", `false`, `false`},
		{"weight", `0`, `0`},
		{"signature", `""`, `""`},
		{"nothing", `null`, `null`},
	} {
		for message, want := range map[*proto.Message]string{ptr(full): tc.set, ptr(newOrder()): tc.unset} {
			got, err := transcode.AppendField([]byte("before"), *message, orderField(tc.field))
			if err != nil || string(got) != "before"+want {
				t.Errorf("%s: %s, %v; want %s", tc.field, got, err, want)
			}
			if value := strings.TrimPrefix(string(got), "before"); !json.Valid([]byte(value)) {
				t.Errorf("%s: %s is not JSON", tc.field, value)
			}
		}
	}
	invalid := newOrder()
	invalid.Set(orderField("order_id"), protoreflect.ValueOfString("\xff"))
	if got, err := transcode.AppendField([]byte("before"), invalid, orderField("order_id")); err == nil || string(got) != "before" {
		t.Errorf("invalid UTF-8: %q, %v", got, err)
	}
}

func ptr(m proto.Message) *proto.Message { return &m }

func TestWrapperAsJSON(t *testing.T) {
	got, err := transcode.Append(nil, wrapperspb.String("a\n\x01<é>"))
	if err != nil || string(got) != `"a\n\u0001<é>"` {
		t.Errorf("%s, %v", got, err)
	}
}
