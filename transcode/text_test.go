// SPDX-License-Identifier: Apache-2.0

package transcode_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall/transcode"
)

func TestSetText(t *testing.T) {
	for _, tc := range []struct{ field, text, want string }{
		{"order_id", "a/b é", `{"orderId":"a/b é"}`},
		{"order_id", "", `{}`},
		{"status", "PAID", `{"status":"PAID"}`},
		{"status", "1", `{"status":"PAID"}`},
		{"status", "77", `{"status":77}`},
		{"history", "PAID", `{"history":["STATUS_UNSPECIFIED","PAID"]}`},
		{"total", "-9223372036854775808", `{"total":"-9223372036854775808"}`},
		{"total", "1.5e3", `{"total":"1500"}`},
		{"unsigned", "18446744073709551615", `{"unsigned":"18446744073709551615"}`},
		{"unsigned", "1e3", `{"unsigned":"1000"}`},
		{"codes", "4294967295", `{"codes":[0,4294967295]}`},
		{"weight", "1.5", `{"weight":1.5}`},
		{"weight", "NaN", `{"weight":"NaN"}`},
		{"ratio", "-Infinity", `{"ratio":"-Infinity"}`},
		{"ratio", "Infinity", `{"ratio":"Infinity"}`},
		{"paid", "true", `{"paid":true}`},
		{"paid", "false", `{}`},
		{"signature", "-_8=", `{"signature":"+/8="}`},
		{"signature", "+/8", `{"signature":"+/8="}`},
		{"signature", "", `{}`},
		{"created", "2026-01-02T03:04:05+01:00", `{"created":"2026-01-02T02:04:05Z"}`},
		{"patience", "1.5s", `{"patience":"1.500s"}`},
		{"mask", "orderId,nested.orderId", `{"mask":"orderId,nested.orderId"}`},
		{"limit", "-7", `{"limit":-7}`},
		{"note", "", `{"note":""}`},
		{"nothing", "NULL_VALUE", `{}`},

		{"order_id", "\xff", `the text is not UTF-8 when decoded`},
		{"status", "payed", `"payed" is not a value of shop.Status, which has STATUS_UNSPECIFIED, PAID`},
		{"total", "9223372036854775808", `"9223372036854775808" does not fit int64 (-9223372036854775808 to 9223372036854775807)`},
		{"total", "1.5", `"1.5" is not a whole number`},
		{"total", "", `a whole number (int64) is wanted, not ""`},
		{"total", "007", `a whole number (int64) is wanted, not "007"`},
		{"total", " 1", `a whole number (int64) is wanted, not " 1"`},
		{"total", "1_000", `a whole number (int64) is wanted, not "1_000"`},
		{"unsigned", "-1", `"-1" does not fit uint64 (0 to 18446744073709551615)`},
		{"codes", "4294967296", `"4294967296" does not fit uint32 (0 to 4294967295)`},
		{"codes", "1e10", `"1e10" does not fit uint32 (0 to 4294967295)`},
		{"weight", "1e39", `"1e39" does not fit float`},
		{"weight", "inf", `a number (float) is wanted, not "inf"`},
		{"ratio", "0x1p-2", `a number (double) is wanted, not "0x1p-2"`},
		{"paid", "1", `true or false is wanted, not "1"`},
		{"signature", "a===", `a string in base64 is wanted, not "a==="`},
		{"created", "now", `a time in RFC 3339 of the years 1 to 9999, such as "2026-01-31T15:04:05Z" is wanted, not "now"`},
		{"patience", "5", `seconds with an s, such as "1.5s", of less than 10,000 years is wanted, not "5"`},
		{"limit", "x", `a whole number (int32) is wanted, not "x"`},
		{"labels", "x", `a map cannot be given as text`},
		{"items", "x", `it is a message (shop.Item), which text cannot give: name one of its fields`},
		{"nested", "x", `it is a message (shop.Order), which text cannot give: name one of its fields`},
		{"free", "x", `it is a message (google.protobuf.Struct), which text cannot give: name one of its fields`},
	} {
		order := newOrder()
		field := orderField(tc.field)
		if field.IsList() && field.Message() == nil { // an element that is there already stays
			order.Mutable(field).List().Append(order.NewField(field).List().NewElement())
		}
		got := ""
		if err := transcode.SetText(order, field, tc.text); err != nil {
			var refused *transcode.Error
			if !errors.As(err, &refused) || refused.Line != 0 {
				t.Errorf("%s from %q: %#v", tc.field, tc.text, err)
			}
			got = err.Error()
		} else if text, err := transcode.Append(nil, order); err == nil {
			got = string(text)
		}
		if got != tc.want {
			t.Errorf("%s from %q:\n got %s\nwant %s", tc.field, tc.text, got, tc.want)
		}
	}
}

// FuzzSetText: text sets a field exactly to what protojson reads from the text in quotes (bare for booleans and numbers of
// enums), but for numbers with a fraction or an exponent that a float64 does not hold, and line breaks in base64.
func FuzzSetText(f *testing.F) {
	for _, seed := range []string{"x", "1", "-1", "1e3", "1.5s", "2026-01-02T03:04:05Z", "PAID", "true", "a,b", "+/8=", "NaN", "99999999999999999999", "\xff"} {
		for number := range uint8(26) {
			f.Add(number, seed)
		}
	}
	f.Fuzz(func(t *testing.T, number uint8, text string) {
		fields := newOrder().Descriptor().Fields()
		field := fields.Get(int(number) % fields.Len())
		got, want := newOrder(), newOrder()
		err := transcode.SetText(got, field, text)
		if err != nil && len(err.Error()) > 1000 {
			t.Fatalf("%d bytes of error", len(err.Error()))
		}
		value, jsonErr := protojson.Marshal(wrapperspb.String(text))
		switch {
		case jsonErr != nil:
			if err == nil {
				t.Fatalf("%s from %q: accepted", field.Name(), text)
			}
			return
		case field.Kind() == protoreflect.BoolKind, field.Kind() == protoreflect.EnumKind && field.Enum().Values().ByName(protoreflect.Name(text)) == nil:
			value = []byte(text)
			if text == "" || strings.TrimSpace(text) != text || strings.ContainsAny(text, `"'{}[],n`) {
				return // not a bare value; null stands for an enum of one
			}
		case field.Message() != nil && (field.IsMap() || err != nil && strings.Contains(err.Error(), "which text cannot give")):
			return
		}
		if field.IsList() {
			value = append(append([]byte{'['}, value...), ']')
		}
		oracle := transcode.UnmarshalField(value, want, field)
		if err != nil {
			if oracle == nil && !strings.ContainsAny(text, ".eE\r\n") {
				t.Fatalf("%s from %q: %v, but JSON reads %v", field.Name(), text, err, want)
			}
			return
		}
		if oracle != nil || !proto.Equal(got, want) {
			t.Fatalf("%s from %q: %v, but JSON reads %v, %v", field.Name(), text, got, want, oracle)
		}
	})
}
