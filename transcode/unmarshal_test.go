// SPDX-License-Identifier: Apache-2.0

package transcode_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/transcode"
)

func TestUnmarshalRefusals(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		// Not JSON.
		{``, `line 1, column 1: malformed JSON: the text ends where a value should be`},
		{"  \n ", `line 2, column 2: malformed JSON: the text ends where a value should be`},
		{`{`, `line 1, column 2: malformed JSON: the text ends inside an object`},
		{"{\n  \"orderId\": \"x\",\n}", `line 3, column 1: malformed JSON: '}' after a comma: the last member has none behind it`},
		{`{"codes":[1,]}`, `line 1, column 13: malformed JSON: ']' after a comma: the last element has none behind it`},
		{`{"codes":[1`, `line 1, column 12: malformed JSON: the text ends where "," or "]" should be`},
		{`{"codes":[`, `line 1, column 11: malformed JSON: the text ends inside an array`},
		{`{"codes":[1 2]}`, `line 1, column 13: malformed JSON: "2" where "," or "]" should be`},
		{`{"orderId" "x"}`, `line 1, column 12: malformed JSON: '"' where the ":" after a member's name should be`},
		{`{"orderId":"x" "total":1}`, `line 1, column 16: malformed JSON: '"' where "," or "}" should be`},
		{`{'orderId':"x"}`, `line 1, column 2: malformed JSON: a single quote (strings take double quotes) where a member's name in double quotes should be`},
		{`{orderId:"x"}`, `line 1, column 2: malformed JSON: "orderId" where a member's name in double quotes should be`},
		{`{"orderId":}`, `line 1, column 12: malformed JSON: '}' where a value should be`},
		{`{"orderId":hello}`, `line 1, column 12: malformed JSON: the word "hello" is not a value: strings take double quotes, and only true, false and null go without`},
		{`{"paid":True}`, `line 1, column 9: malformed JSON: the word "True" is not a value: strings take double quotes, and only true, false and null go without`},
		{`{"ratio":NaN}`, `line 1, column 10: malformed JSON: NaN is written as a string: "NaN", "Infinity" or "-Infinity"`},
		{`{"total":007}`, `line 1, column 10: malformed JSON: the number 007 begins with 0`},
		{`{"total":1.}`, `line 1, column 10: malformed JSON: 1. is not a number`},
		{`{"total":+1}`, `line 1, column 10: malformed JSON: "+1" where a value should be`},
		{`{"total":0x10}`, `line 1, column 10: malformed JSON: 0x10 is not a number`},
		{`{"total":1} // done`, `line 1, column 13: malformed JSON: a comment, which JSON does not have, after the end of the value`},
		{`{"total":1}}`, `line 1, column 12: malformed JSON: '}' after the end of the value`},
		{`{"orderId":"é"`, `line 1, column 15: malformed JSON: the text ends where "," or "}" should be`},
		{`{"orderId":"x}`, `line 1, column 12: malformed JSON: this string has no closing quote`},
		{"{\"orderId\":\"a\nb\"}", `line 1, column 14: malformed JSON: the line ends inside a string: its closing quote is missing, or a line break is not written \n`},
		{"{\"orderId\":\"a\tb\"}", `line 1, column 14: malformed JSON: a control character inside a string: write \u0009`},
		{`{"orderId":"\x41"}`, `line 1, column 13: malformed JSON: this escape does not exist: JSON has \" \\ \/ \b \f \n \r \t and \uXXXX`},
		{`{"orderId":"\u12G4"}`, `line 1, column 13: malformed JSON: \u takes four hexadecimal digits`},
		{`{"orderId":"\ud800x"}`, `line 1, column 13: malformed JSON: \ud800 is half of a surrogate pair, and the other half is missing`},
		{"{\"orderId\":\"\xff\"}", `line 1, column 13: malformed JSON: a byte that is not UTF-8 inside a string`},
		{"\xef\xbb\xbf{}", `line 1, column 1: malformed JSON: the text begins with a byte order mark: send UTF-8 without it`},
		{"\xff", `line 1, column 1: malformed JSON: an invalid byte where a value should be`},

		// JSON, but not of this message.
		{`[]`, `line 1, column 1: an object is wanted (shop.Order), not an array`},
		{`null`, `line 1, column 1: an object is wanted (shop.Order), not null`},
		{`"x"`, `line 1, column 1: an object is wanted (shop.Order), not "x"`},
		{`{"ordrId":"x"}`, `line 1, column 2: ordrId: unknown field: shop.Order has no "ordrId"; did you mean "orderId"?`},
		{"{\"items\":[\n{\"sku\":\"a\"},\n{\"sku\":\"b\",\"quantty\":1}]}", `line 3, column 12: items[1].quantty: unknown field: shop.Item has no "quantty"; did you mean "quantity"?`},
		{`{"items":[{"color":"red"}]}`, `line 1, column 12: items[0].color: unknown field: shop.Item has no "color"; it has sku, quantity`},
		{`{"none":{"x":1}}`, `line 1, column 10: none.x: unknown field: shop.Nothing has no "x"; it has no fields at all`},
		{`{"nested":{"nested":{"x y":1}}}`, `line 1, column 22: nested.nested["x y"]: unknown field: shop.Order has no "x y"; it has orderId, items, status, labels, total, weight, paid, signature, created, patience, …`},
		{`{"orderId":"x","order_id":"y"}`, `line 1, column 16: order_id: it is there twice`},
		{`{"card":"x","voucher":"y"}`, `line 1, column 13: voucher: only one may be there of card, voucher`},
		{`{"orderId":5}`, `line 1, column 12: orderId: a string is wanted, not 5`},
		{`{"orderId":{}}`, `line 1, column 12: orderId: a string is wanted, not an object`},
		{`{"items":{}}`, `line 1, column 10: items: an array is wanted, not an object`},
		{`{"items":[null]}`, `line 1, column 11: items[0]: an object is wanted (shop.Item), not null`},
		{`{"items":[{"quantity":99999999999}]}`, `line 1, column 23: items[0].quantity: 99999999999 does not fit int32 (-2147483648 to 2147483647)`},
		{`{"items":[{"quantity":"-2147483649"}]}`, `line 1, column 23: items[0].quantity: "-2147483649" does not fit int32 (-2147483648 to 2147483647)`},
		{`{"items":[{"quantity":1.5}]}`, `line 1, column 23: items[0].quantity: 1.5 is not a whole number`},
		{`{"items":[{"quantity":1e99}]}`, `line 1, column 23: items[0].quantity: 1e99 does not fit int32 (-2147483648 to 2147483647)`},
		{`{"items":[{"quantity":1e999999999}]}`, `line 1, column 23: items[0].quantity: 1e999999999 does not fit int32 (-2147483648 to 2147483647)`},
		{`{"items":[{"quantity":"two"}]}`, `line 1, column 23: items[0].quantity: a whole number (int32) is wanted, not "two"`},
		{`{"items":[{"quantity":true}]}`, `line 1, column 23: items[0].quantity: a whole number (int32) is wanted, not true`},
		{`{"total":9223372036854775808}`, `line 1, column 10: total: 9223372036854775808 does not fit int64 (-9223372036854775808 to 9223372036854775807)`},
		{`{"unsigned":-1}`, `line 1, column 13: unsigned: -1 does not fit uint64 (0 to 18446744073709551615)`},
		{`{"codes":[1,-1]}`, `line 1, column 13: codes[1]: -1 does not fit uint32 (0 to 4294967295)`},
		{`{"codes":7}`, `line 1, column 10: codes: an array is wanted, not 7`},
		{`{"weight":1e39}`, `line 1, column 11: weight: 1e39 does not fit float`},
		{`{"weight":"heavy"}`, `line 1, column 11: weight: a number (float) is wanted, not "heavy"`},
		{`{"paid":"true"}`, `line 1, column 9: paid: true or false is wanted, not "true"`},
		{`{"signature":"!"}`, `line 1, column 14: signature: a string in base64 is wanted, not "!"`},
		{`{"status":"payed"}`, `line 1, column 11: status: "payed" is not a value of shop.Status, which has STATUS_UNSPECIFIED, PAID`},
		{`{"status":true}`, `line 1, column 11: status: a name or number of shop.Status is wanted, not true`},
		{`{"history":["PAID","x"]}`, `line 1, column 20: history[1]: "x" is not a value of shop.Status, which has STATUS_UNSPECIFIED, PAID`},
		{`{"labels":{"a":"b","c d":1}}`, `line 1, column 26: labels["c d"]: a string is wanted, not 1`},
		{`{"labels":{"a":"b","a":"c"}}`, `line 1, column 20: labels.a: it is there twice`},
		{`{"labels":[]}`, `line 1, column 11: labels: an object is wanted, not an array`},
		{`{"prices":{"x":1}}`, `line 1, column 12: prices.x: a whole number (int32) is wanted as the key, not "x"`},
		{`{"created":"yesterday"}`, `line 1, column 12: created: a time in RFC 3339 of the years 1 to 9999, such as "2026-01-31T15:04:05Z" is wanted, not "yesterday"`},
		{`{"created":{"seconds":1}}`, `line 1, column 12: created: a time in RFC 3339 of the years 1 to 9999, such as "2026-01-31T15:04:05Z" is wanted, not an object`},
		{`{"patience":"5"}`, `line 1, column 13: patience: seconds with an s, such as "1.5s", of less than 10,000 years is wanted, not "5"`},
		{`{"mask":"a_b"}`, `line 1, column 9: mask: field paths in lowerCamelCase, such as "name,address.zipCode" is wanted, not "a_b"`},
		{`{"limit":"many"}`, `line 1, column 10: limit: a whole number (int32) is wanted, not "many"`},
		{`{"limit":4294967296}`, `line 1, column 10: limit: 4294967296 does not fit int32 (-2147483648 to 2147483647)`},
		{`{"extra":{"@type":"no/such.Type"}}`, `line 1, column 19: extra.@type: unable to resolve "no/such.Type": "not found"`},
		{`{"extra":{"x":1}}`, `line 1, column 10: extra: missing "@type" field`},
		{`{"free":[]}`, `line 1, column 9: free: an object is wanted, not an array`},
	} {
		err := transcode.Unmarshal([]byte(tc.text), newOrder())
		var refused *transcode.Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v, want an *Error", tc.text, err)
			continue
		}
		if err.Error() != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.text, err, tc.want)
		}
		if wellFormed := json.Valid([]byte(tc.text)); refused.Malformed == wellFormed && !strings.Contains(tc.text, "\xff") && !strings.Contains(tc.text, `\ud800`) {
			t.Errorf("%s: Malformed = %v, but encoding/json says valid = %v", tc.text, refused.Malformed, wellFormed)
		}
	}
}

func TestUnmarshal(t *testing.T) {
	const text = `{"orderId":"o\u00e91","items":[{"sku":"a","quantity":"2"},{"quantity":3}],"status":1,"labels":{"a":"b"},
		"total":"9007199254740993","weight":"NaN","paid":true,"signature":"_-8","created":"2026-01-02T03:04:05.5Z",
		"patience":"1.5s","mask":"orderId,nested.orderId","limit":7,"codes":[1e3,2],"card":"tok","note":"","ratio":"-Infinity"}`
	got, want := newOrder(), newOrder()
	if err := transcode.Unmarshal([]byte(text), got); err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal([]byte(text), want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := transcode.Unmarshal([]byte(`{}`), got); err != nil || proto.Size(got) != 0 {
		t.Errorf("the message is not reset: %v, %v", got, err)
	}
}

func TestUnmarshalField(t *testing.T) {
	for _, tc := range []struct{ field, text, want string }{
		{"order_id", ` "x" `, `{"orderId":"x"}`},
		{"items", `[{"sku":"a"},{"quantity":2}]`, `{"items":[{"sku":"a"},{"quantity":2}]}`},
		{"labels", `{"a":"b"}`, `{"labels":{"a":"b"}}`},
		{"created", `"2026-01-02T03:04:05Z"`, `{"created":"2026-01-02T03:04:05Z"}`},
		{"nested", `{"orderId":"x"}`, `{"nested":{"orderId":"x"}}`},
		{"nested", `null`, `{}`},
		{"free_value", `null`, `{"freeValue":null}`},
		{"status", `"PAID"`, `{"status":"PAID"}`},

		{"order_id", ``, `line 1, column 1: malformed JSON: the text ends where a value should be`},
		{"order_id", `"x","total":5`, `line 1, column 4: malformed JSON: ',' after the end of the value`},
		{"order_id", `"x"},{"a":"b"`, `line 1, column 4: malformed JSON: '}' after the end of the value`},
		{"order_id", `5`, `line 1, column 1: a string is wanted, not 5`},
		{"items", `{}`, `line 1, column 1: an array is wanted, not an object`},
		{"items", "[\n {\"quantity\":1e10}]", `line 2, column 14: [0].quantity: 1e10 does not fit int32 (-2147483648 to 2147483647)`},
		{"items", `[{"quantity":1e10}]`, `line 1, column 14: [0].quantity: 1e10 does not fit int32 (-2147483648 to 2147483647)`},
		{"nested", `{"items":[{"x":1}]}`, `line 1, column 12: items[0].x: unknown field: shop.Item has no "x"; it has sku, quantity`},
		{"nested", `[]`, `line 1, column 1: an object is wanted (shop.Order), not an array`},
		{"created", `5`, `line 1, column 1: a time in RFC 3339 of the years 1 to 9999, such as "2026-01-31T15:04:05Z" is wanted, not 5`},
	} {
		message := newOrder()
		message.Set(orderField("total"), message.NewField(orderField("total")))
		err := transcode.UnmarshalField([]byte(tc.text), message, orderField(tc.field))
		got := ""
		if err != nil {
			got = err.Error()
		} else if text, err := transcode.Append(nil, message); err == nil {
			got = string(text)
		}
		if got != tc.want {
			t.Errorf("%s from %s:\n got %s\nwant %s", tc.field, tc.text, got, tc.want)
		}
	}
}

// TestDepth: texts nested as deeply as one can send are refused, without the stack of the process.
func TestDepth(t *testing.T) {
	for _, text := range []string{
		strings.Repeat(`{"nested":`, 100_000),
		strings.Repeat(`[`, 400_000),
		`{"freeValue":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `}`,
		`{"unknown":` + strings.Repeat(`{"a":[`, 100_000),
		strings.Repeat(`{"nested":`, 10_001) + `{}` + strings.Repeat(`}`, 10_001),
	} {
		if err := transcode.Unmarshal([]byte(text), newOrder()); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.40s…: %.1000v", text, err)
		}
		if err := transcode.UnmarshalField([]byte(text), newOrder(), orderField("nested")); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.40s… as a field: %.1000v", text, err)
		}
	}
}

// TestLongTexts: an error never repeats more than a little of what was sent.
func TestLongTexts(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	for _, text := range []string{
		`{"` + long + `":1}`, `{"total":"` + long + `"}`, `{"labels":{"` + long + `":1}}`, `{"status":"` + long + `"}`,
		`{"total":` + strings.Repeat("9", 100_000) + `}`, strings.Repeat("x", 100_000), `{"extra":{"@type":"` + long + `"}}`,
		strings.Repeat(`{"nested":`, 500) + `{"` + long + `":1`,
	} {
		if err := transcode.Unmarshal([]byte(text), newOrder()); err == nil || len(err.Error()) > 1500 {
			t.Errorf("%.40s…: %d bytes of error: %.400v", text, len(err.Error()), err)
		}
	}
}

// TestPlainValues: the short way that most values take accepts what protojson does, in any surroundings, and nothing else.
func TestPlainValues(t *testing.T) {
	values := []string{
		"0", "-0", "00", "01", "1", "-1", "1.0", "1.5", "1e2", "1e", "1e+", "123456789", "1234567890", "999999999", "2147483647", "2147483648", "4294967295",
		"4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1x", "1_0", "+1", " 1", "1 ", "\t1\n", ".1", "1.", "1-", "",
		`"0"`, `"00"`, `"01"`, `"1"`, `"-1"`, `"1.0"`, `"1e2"`, `"123456789"`, `"1234567890"`, `" 1"`, `"1 "`, `"1`, `1"`, `"1""`, `""`, `"`, `"1x"`, `"\u0031"`, `"a"`, `"é"`, `"\n"`,
		"\"\n\"", "\"\xff\"", `"` + strings.Repeat("a", 127) + `"`, `"` + strings.Repeat("a", 128) + `"`, "null", "nul", "true", "[]", "{}", "[1]",
	}
	for _, name := range []string{"orderId", "total", "unsigned", "note", "card", "limit", "codes"} {
		for _, value := range values {
			for _, around := range [][2]string{{`{"` + name + `":`, `}`}, {`{"` + name + `" : `, ` ,"paid":true}`}, {`{"nested":{"` + name + `":`, `},"paid":true}`}, {`{"` + name + `":`, ``}} {
				text := around[0] + value + around[1]
				got, want := newOrder(), newOrder()
				err, oracle := transcode.Unmarshal([]byte(text), got), protojson.Unmarshal([]byte(text), want)
				if (err == nil) != (oracle == nil) || err == nil && !proto.Equal(got, want) {
					t.Errorf("%q: %v, %v; protojson %v, %v", text, got, err, want, oracle)
				}
			}
		}
	}
}

// What is wrong with a number is only asked once a text is refused, and then the numbers before the fault are looked at too.
func TestNumbersOfRefusedTexts(t *testing.T) {
	for _, number := range []string{
		"0", "-0", "00", "01", "-01", "1", "10", "1.", "1.5", "1.50", ".5", "-.5", "1e", "1e+", "1e-", "1e5", "1E-5", "1e+05", "1.e5", "1.5e5",
		"-", "--1", "-1", "+1", "1.5.5", "1x", "1e5.5", "0x1", "1_000", "0.0", "0e0", "1e5e5", "1-1",
	} {
		err := transcode.Unmarshal([]byte(`{"freeValue":`+number+`,"total":"x"}`), newOrder())
		var refused *transcode.Error
		if !errors.As(err, &refused) || refused.Malformed == json.Valid([]byte(number)) {
			t.Errorf("%s: %v", number, err)
		}
	}
}
