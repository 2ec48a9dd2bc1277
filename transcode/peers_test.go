// SPDX-License-Identifier: Apache-2.0

package transcode_test

import (
	"testing"

	"github.com/farcall/farcall/transcode"
)

// TestTextsOfPeers reads the texts of paths and queries that the tests of grpc-gateway (runtime: query, convert) and of vanguard-go
// (parameters) read, into fields of the same kinds. Where they decide otherwise, why says what decides: http.proto wants "the proto to
// JSON conversion" to follow the JSON mapping, and a text is what would stand in JSON, in quotes or without.
func TestTextsOfPeers(t *testing.T) {
	const (
		twoForms = "JSON has true and false"
		noZeros  = "a number of JSON has no zeros in front"
		quotes   = "the quotes are JSON's, not the text's"
		noNull   = "null is no value of the enum"
		seconds  = "a Duration in JSON is seconds with an s"
		paths    = "a FieldMask in JSON has lowerCamelCase"
	)
	for _, tc := range []struct{ field, text, want, why string }{ // "": refused
		{"order_id", "str", `{"orderId":"str"}`, ""},
		{"order_id", "hello world", `{"orderId":"hello world"}`, ""},
		{"note", "optional-str", `{"note":"optional-str"}`, ""},
		{"card", "foobar", `{"card":"foobar"}`, ""},
		{"ratio", "2.5", `{"ratio":2.5}`, ""},
		{"ratio", "1.7976931348623157e308", `{"ratio":1.7976931348623157e+308}`, ""},
		{"ratio", "NaN", `{"ratio":"NaN"}`, ""},
		{"ratio", "Infinity", `{"ratio":"Infinity"}`, ""},
		{"ratio", "-Infinity", `{"ratio":"-Infinity"}`, ""},
		{"ratio", "-3.25", `{"ratio":-3.25}`, ""},
		{"ratio", "Inf", ``, ""},
		{"ratio", "0x1p4", ``, ""},
		{"ratio", "1_0.5", ``, ""},
		{"ratio", "notafloat", ``, ""},
		{"weight", "1.5", `{"weight":1.5}`, ""},
		{"weight", "340282346638528860000000000000000000000", `{"weight":3.4028235e+38}`, ""},
		{"weight", "1.7976931348623157e308", ``, ""},
		{"total", "-1", `{"total":"-1"}`, ""},
		{"total", "9223372036854775807", `{"total":"9223372036854775807"}`, ""},
		{"total", "0x10", ``, ""},
		{"total", "1_0", ``, ""},
		{"total", "notanint", ``, ""},
		{"total", "010", ``, noZeros}, // grpc-gateway: 10
		{"unsigned", "18446744073709551615", `{"unsigned":"18446744073709551615"}`, ""},
		{"unsigned", "-1", ``, ""},
		{"codes", "4294967295", `{"codes":[4294967295]}`, ""},
		{"codes", "4294967296", ``, ""},
		{"limit", "-2", `{"limit":-2}`, ""},
		{"limit", "2147483647", `{"limit":2147483647}`, ""},
		{"limit", "9223372036854775807", ``, ""},
		{"paid", "true", `{"paid":true}`, ""},
		{"paid", "false", `{}`, ""},
		{"paid", "notabool", ``, ""},
		{"paid", "1", ``, twoForms}, // grpc-gateway: true
		{"paid", "0", ``, twoForms}, // grpc-gateway: false
		{"signature", "YWJjMTIzIT8kKiYoKSctPUB+", `{"signature":"YWJjMTIzIT8kKiYoKSctPUB+"}`, ""},
		{"signature", "YWJjMTIzIT8kKiYoKSctPUB-", `{"signature":"YWJjMTIzIT8kKiYoKSctPUB+"}`, ""},
		{"signature", "YWJjMTIzIT8kKiYoKSctPUA", `{"signature":"YWJjMTIzIT8kKiYoKSctPUA="}`, ""},
		{"signature", "Ynl0ZXM=", `{"signature":"Ynl0ZXM="}`, ""},
		{"status", "1", `{"status":"PAID"}`, ""},
		{"status", "PAID", `{"status":"PAID"}`, ""},
		{"status", "unknown", ``, ""},
		{"status", "null", ``, noNull}, // vanguard-go: the zero value
		{"history", "1", `{"history":["PAID"]}`, ""},
		{"created", "2021-01-01T00:00:00Z", `{"created":"2021-01-01T00:00:00Z"}`, ""},
		{"created", "2016-12-15T12:23:32.000000049Z", `{"created":"2016-12-15T12:23:32.000000049Z"}`, ""},
		{"created", "05-10-2016T10:19:13.123Z", ``, ""},
		{"created", "123", ``, ""},
		{"created", "true", ``, ""},
		{"created", `"2016-05-10T10:19:13.123Z"`, ``, quotes}, // grpc-gateway's runtime.Timestamp takes them off
		{"patience", "1s", `{"patience":"1s"}`, ""},
		{"patience", "3.000000001s", `{"patience":"3.000000001s"}`, ""},
		{"patience", "123.456s", `{"patience":"123.456s"}`, ""},
		{"patience", "123years", ``, ""},
		{"patience", "123", ``, ""},
		{"patience", "true", ``, ""},
		{"patience", "13h0m0s", ``, seconds}, // grpc-gateway: Go's form in a query
		{"mask", "foo,bar.baz", `{"mask":"foo,bar.baz"}`, ""},
		{"mask", "float_value,double_value", ``, paths}, // grpc-gateway: as they are
		{"labels", "hello", ``, ""},
		{"nested", "hello", ``, ""},
	} {
		order, got := newOrder(), ""
		if err := transcode.SetText(order, orderField(tc.field), tc.text); err == nil {
			text, err := transcode.Append(nil, order)
			if err != nil {
				t.Fatal(err)
			}
			got = string(text)
		}
		if got != tc.want {
			t.Errorf("%s from %q: %s, want %s", tc.field, tc.text, got, tc.want)
		}
		if tc.why != "" && tc.want != "" {
			t.Errorf("%s from %q: what we take and they do not is not in the rows", tc.field, tc.text)
		}
	}
}
