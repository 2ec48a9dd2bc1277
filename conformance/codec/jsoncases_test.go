// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"testing"

	"github.com/farcall/farcall/conformance/codec/testmessages/proto3pb"
	"github.com/farcall/farcall/transcode"
)

// TestJSONCases has what protobuf's conformance suite asks of JSON, in texts of our own: what must be accepted and what must not.
// protojson reads and writes each beside farcall.
func TestJSONCases(t *testing.T) {
	kind := (*proto3pb.TestAllTypesProto3)(nil).ProtoReflect().Type()
	for _, tc := range []struct {
		ok   bool
		text []string
	}{
		// Names.
		{true, []string{`{"fieldname1":1,"fieldName2":2,"FieldName3":3,"fieldName4":4}`, `{"field0name5":5,"field0Name6":6,"fieldName7":7,"FieldName8":8,"fieldName9":9,"FieldName10":10,"FIELDNAME11":11,"FIELDName12":12}`, `{"_field_name3":3,"__field_name13":13}`, `{"optionalInt32":1}`, `{"optional_int32":1}`,
			`{"optional\u0049nt32":1}`, `{"optionalNestedMessage":{"a":1}}`}},
		{false, []string{`{"field_name\n3":1}`, `{optionalInt32:1}`, `{'optionalInt32':1}`, `{"optionalInt32":1,"optionalInt32":2}`, `{"optionalInt32":1,"optional_int32":2}`, `{"OptionalInt32":1}`}},
		// Whole numbers.
		{true, []string{`{"optionalInt32":2147483647}`, `{"optionalInt32":-2147483648}`, `{"optionalUint32":4294967295}`, `{"optionalInt64":"9223372036854775807"}`, `{"optionalInt64":"-9223372036854775808"}`,
			`{"optionalUint64":"18446744073709551615"}`, `{"optionalInt64":1}`, `{"optionalInt32":"1"}`, `{"optionalInt32":1e5}`, `{"optionalInt32":"1e5"}`, `{"optionalInt32":1e05}`, `{"optionalInt32":100000.000}`, `{"optionalInt32":2.147483647e9}`,
			`{"optionalUint32":4.294967295e9}`, `{"optionalInt32":-0}`, `{"optionalInt32":"\u0031"}`}},
		{false, []string{`{"optionalInt32":0.5}`, `{"optionalInt32":"0.5"}`, `{"optionalInt32":2147483648}`, `{"optionalInt32":-2147483649}`, `{"optionalUint32":4294967296}`, `{"optionalUint32":-1}`,
			`{"optionalInt64":"9223372036854775808"}`, `{"optionalInt64":"-9223372036854775809"}`, `{"optionalUint64":"18446744073709551616"}`, `{"optionalInt32":01}`, `{"optionalInt32":-01}`, `{"optionalInt32":+1}`,
			`{"optionalInt32":" 1"}`, `{"optionalInt32":"1 "}`, `{"optionalInt32":0x10}`, `{"optionalInt32":""}`, `{"optionalInt32":"12abc"}`, `{"optionalInt32":"abc"}`, `{"optionalInt32":true}`, `{"optionalInt32":{}}`, `{"optionalInt32":[]}`}},
		// Numbers that may have a fraction.
		{true, []string{`{"optionalFloat":3.402823e+38}`, `{"optionalFloat":-3.402823e+38}`, `{"optionalFloat":1.175494e-38}`, `{"optionalFloat":"1"}`, `{"optionalFloat":"NaN"}`, `{"optionalFloat":"Infinity"}`, `{"optionalFloat":"-Infinity"}`,
			`{"optionalDouble":1.7976931348623157e+308}`, `{"optionalDouble":-1.7976931348623157e+308}`, `{"optionalDouble":2.22507e-308}`, `{"optionalDouble":"NaN"}`, `{"optionalDouble":"-Infinity"}`, `{"optionalDouble":-0.0}`}},
		{false, []string{`{"optionalFloat":NaN}`, `{"optionalFloat":Infinity}`, `{"optionalFloat":-Infinity}`, `{"optionalFloat":3.502823e+38}`, `{"optionalFloat":-3.502823e+38}`, `{"optionalDouble":1.89769e+308}`, `{"optionalDouble":-1.89769e+308}`,
			`{"optionalDouble":NaN}`, `{"optionalDouble":1.}`, `{"optionalDouble":.5}`, `{"optionalDouble":"nan"}`, `{"optionalDouble":""}`}},
		// Booleans, enums.
		{true, []string{`{"optionalBool":true}`, `{"optionalBool":false}`, `{"optionalNestedEnum":"FOO"}`, `{"optionalNestedEnum":1}`, `{"optionalNestedEnum":123}`, `{"optionalNestedEnum":-1}`, `{"optionalAliasedEnum":"ALIAS_BAZ"}`, `{"optionalAliasedEnum":"MOO"}`,
			`{"repeatedNestedEnum":["FOO",2,"NEG"]}`}},
		{false, []string{`{"optionalBool":0}`, `{"optionalBool":"true"}`, `{"optionalBool":True}`, `{"optionalNestedEnum":FOO}`, `{"optionalNestedEnum":true}`, `{"optionalNestedEnum":{}}`, `{"optionalNestedEnum":1.5}`}},
		// Texts and bytes.
		{true, []string{`{"optionalString":"Hello world!"}`, `{"optionalString":"\ud83d\ude01"}`, `{"optionalString":"\uD83D\uDE01"}`, `{"optionalString":"谷歌"}`, `{"optionalString":"\"\\\/\b\f\n\r\t"}`, `{"optionalString":"\u0000"}`, `{"optionalBytes":"AQI="}`,
			`{"optionalBytes":"-_"}`, `{"optionalBytes":"+/8="}`, `{"optionalBytes":"AQI"}`, `{"optionalBytes":""}`}},
		{false, []string{`{"optionalString":12345}`, `{"optionalString":"\ud83d"}`, `{"optionalString":"\ude01\ud83d"}`, `{"optionalString":"\ud83dx"}`, `{"optionalString":"\ude01"}`, `{"optionalString":"\u12"}`, `{"optionalString":"\U00e9"}`, `{"optionalString":'a'}`,
			"{\"optionalString\":\"\xff\"}", "{\"optionalString\":\"\n\"}", `{"optionalBytes":"!!!!"}`, `{"optionalBytes":1}`, `{"optionalString":true}`}},
		// Lists, maps, oneofs, null.
		{true, []string{`{"repeatedInt32":[1,"2",3e0]}`, `{"repeatedInt32":null}`, `{"repeatedNestedMessage":[{"a":1},{}]}`, `{"mapInt32Int32":{"1":2,"-3":4}}`, `{"mapBoolBool":{"true":true,"false":false}}`, `{"mapStringNestedMessage":{"hello":{"a":1}}}`,
			`{"mapStringString":{"\u0061":"b"}}`, `{"mapInt64Int64":{"9007199254740993":"9007199254740993"}}`, `{"oneofUint32":0}`, `{"oneofNullValue":null}`, `{"oneofString":""}`,
			`{"optionalInt32":null,"optionalString":null,"optionalNestedMessage":null,"mapInt32Int32":null,"optionalNestedEnum":null,"optionalBytes":null}`, `{"oneofUint32":null,"oneofString":"a"}`, `{"optionalNullValue":null}`, `{"optionalNullValue":"NULL_VALUE"}`, `{}`, " \t\r\n{ } "}},
		{false, []string{`{"repeatedInt32":[1,null]}`, `{"repeatedNestedMessage":[null]}`, `{"repeatedInt32":1}`, `{"repeatedInt32":{}}`, `{"repeatedInt32":[1,]}`, `{"repeatedInt32":[1 2]}`, `{"repeatedInt32":["a"]}`, `{"repeatedInt32":[1,true]}`,
			`{"mapInt32Int32":{"0x1":1}}`, `{"mapInt32Int32":{1:1}}`, `{"mapInt32Int32":{"1":null}}`, `{"mapBoolBool":{true:true}}`, `{"mapBoolBool":{"yes":true}}`, `{"mapInt32Int32":{"1":1,"1":2}}`, `{"mapInt32Int32":[]}`,
			`{"oneofUint32":1,"oneofString":"a"}`, `{"optionalNestedMessage":1}`, `{"optionalNestedMessage":[]}`, `{"unknown":1}`, `null`, `[]`, `1`, ``, `{} {}`, `{"optionalInt32":1,}`, `{"optionalInt32":1 // one` + "\n}", `{"optionalInt32":1`, `{"optionalInt32"}`}},
		// Types with a form of their own.
		{true, []string{`{"optionalTimestamp":"0001-01-01T00:00:00Z"}`, `{"optionalTimestamp":"9999-12-31T23:59:59.999999999Z"}`, `{"optionalTimestamp":"1970-01-01T08:00:01+08:00"}`, `{"optionalTimestamp":"1969-12-31T16:00:01-08:00"}`, `{"optionalTimestamp":"1970-01-01T00:00:00.010Z"}`,
			`{"optionalTimestamp":"1970-01-01T00:00:00.000000010Z"}`, `{"optionalDuration":"-315576000000.999999999s"}`, `{"optionalDuration":"315576000000.999999999s"}`, `{"optionalDuration":"-0.5s"}`, `{"optionalDuration":"1.000010s"}`, `{"optionalFieldMask":"foo,barBaz"}`, `{"optionalFieldMask":""}`,
			`{"optionalStruct":{"nullValue":null,"intValue":1234,"boolValue":true,"doubleValue":1234.5678,"stringValue":"Hello","listValue":[1,"a"],"objectValue":{"value":0}}}`, `{"optionalStruct":{"":[[[]]]}}`, `{"optionalValue":null}`, `{"optionalValue":1}`, `{"optionalValue":[0,"hello"]}`,
			`{"optionalValue":{"value":1}}`, `{"repeatedValue":[null,1]}`, `{"repeatedListValue":[["a"]]}`, `{"optionalBoolWrapper":false}`, `{"optionalInt32Wrapper":0}`, `{"optionalInt64Wrapper":"1"}`, `{"optionalStringWrapper":""}`, `{"optionalBytesWrapper":"AQI="}`, `{"optionalDoubleWrapper":"NaN"}`,
			`{"optionalUint64Wrapper":null}`, `{"repeatedBoolWrapper":[true,false]}`, `{"repeatedTimestamp":["0001-01-01T00:00:00Z"]}`}},
		{false, []string{`{"optionalTimestamp":"0000-01-01T00:00:00Z"}`, `{"optionalTimestamp":"10000-01-01T00:00:00Z"}`, `{"optionalTimestamp":"0001-01-01 00:00:00Z"}`, `{"optionalTimestamp":"0001-01-01T00:00:00"}`, `{"optionalTimestamp":"0001-01-01t00:00:00Z"}`, `{"optionalTimestamp":"0001-01-01T00:00:00z"}`,
			`{"optionalTimestamp":1}`, `{"optionalDuration":"1"}`, `{"optionalDuration":"-315576000001.000000000s"}`, `{"optionalDuration":"315576000001s"}`, `{"optionalDuration":"1.0000000001s"}`, `{"optionalDuration":"s"}`, `{"optionalDuration":1}`, `{"optionalFieldMask":"foo_bar"}`, `{"optionalFieldMask":"foo,,bar"}`,
			`{"optionalStruct":[]}`, `{"optionalStruct":1}`, `{"optionalStruct":{"a":1,"a":2}}`, `{"repeatedListValue":[1]}`, `{"optionalBoolWrapper":"false"}`, `{"optionalInt32Wrapper":2147483648}`, `{"repeatedBoolWrapper":[null]}`, `{"optionalValue":NaN}`}},
		// Any.
		{true, []string{`{"optionalAny":{"@type":"type.googleapis.com/protobuf_test_messages.proto3.TestAllTypesProto3","optionalInt32":12345}}`, `{"optionalAny":{"optionalInt32":12345,"@type":"type.googleapis.com/protobuf_test_messages.proto3.TestAllTypesProto3"}}`,
			`{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/google.protobuf.Int32Value","value":12345}}}`, `{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.5s"}}`,
			`{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Timestamp","value":"1970-01-01T00:00:00Z"}}`, `{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.FieldMask","value":"foo,barBaz"}}`, `{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"foo":1}}}`,
			`{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Value","value":{"foo":1}}}`, `{"optionalAny":{"value":1,"@type":"type.googleapis.com/google.protobuf.Value"}}`, `{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Empty","value":{}}}`, `{"optionalAny":{}}`, `{"optionalAny":null}`}},
		{false, []string{`{"optionalAny":{"@type":"type.googleapis.com/unknown.Type","a":1}}`, `{"optionalAny":{"@type":""}}`, `{"optionalAny":{"@type":1}}`, `{"optionalAny":{"a":1}}`, `{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Duration","value":1}}`,
			`{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s","x":1}}`, `{"optionalAny":1}`}},
	} {
		for _, text := range tc.text {
			if _, err := transcode.New(kind.Descriptor(), transcode.Options{}).AppendMessage(nil, []byte(text)); (err == nil) != tc.ok {
				t.Errorf("%s: %v", text, err)
				continue
			}
			compareReading(t, kind, []byte(text))
		}
	}
}
