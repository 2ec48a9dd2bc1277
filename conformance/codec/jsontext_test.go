// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// json returns text that is a message's JSON form, or nearly: members in any order and under both names, values in every
// spelling, some of them wrong, nulls, and now and then a member twice or one that does not exist.
func (r *random) json(message protoreflect.MessageDescriptor, depth int) string {
	if texts := knownTexts[message.FullName()]; texts != nil && !r.chance(20) {
		return r.known(message.FullName(), texts, depth)
	}
	var members []string
	fields := message.Fields()
	for range r.IntN(6) {
		if r.budget--; r.budget < 0 || fields.Len() == 0 {
			break
		}
		field := fields.Get(r.IntN(fields.Len()))
		name := field.JSONName()
		if r.chance(3) {
			name = field.TextName()
		}
		if message.ExtensionRanges().Len() > 0 && r.chance(3) {
			if extension := r.extension(message); extension != nil {
				field = extension.TypeDescriptor()
				name = "[" + string(field.FullName()) + "]"
			}
		}
		if !r.clean && r.chance(30) {
			name = []string{"unknown", "@type", "", "[x.y]", `\u0061`}[r.IntN(5)]
		}
		members = append(members, r.space()+`"`+name+`"`+r.space()+":"+r.space()+r.fieldText(field, depth)+r.space())
		if !r.clean && r.chance(30) {
			members = append(members, members[r.IntN(len(members))])
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (r *random) space() string {
	if r.chance(8) {
		return []string{" ", "\n", "\t\r", "  \n "}[r.IntN(4)]
	}
	return ""
}

func (r *random) fieldText(field protoreflect.FieldDescriptor, depth int) string {
	if r.chance(15) {
		return "null"
	}
	var values []string
	switch {
	case field.IsMap():
		for k := range r.IntN(4) {
			key := r.scalarText(field.MapKey())
			if field.MapKey().Kind() == protoreflect.StringKind {
				key = strconv.Quote(strconv.Itoa(k))
			}
			if !strings.HasPrefix(key, `"`) {
				key = `"` + key + `"`
			}
			values = append(values, key+":"+r.valueText(field.MapValue(), depth))
		}
		return "{" + strings.Join(values, ",") + "}"
	case field.IsList():
		for range r.IntN(4) {
			values = append(values, r.valueText(field, depth))
		}
		return "[" + strings.Join(values, ", ") + "]"
	}
	return r.valueText(field, depth)
}

func (r *random) valueText(field protoreflect.FieldDescriptor, depth int) string {
	switch {
	case !r.clean && r.chance(40):
		return []string{"null", "{}", "[]", `""`, "0", "true", `"x"`, "[[]]", "1e", "-"}[r.IntN(10)]
	case field.Message() == nil:
		return r.scalarText(field)
	case depth > 5:
		return "{}"
	}
	return r.json(field.Message(), depth+1)
}

var (
	integerTexts = []string{"0", "-0", "1", "-1", "127", "2147483647", "-2147483648", "4294967295", "9007199254740993", "1e3", "1.0", "-10e-1", "0.05e2",
		"1E+2", "0e99999999999", "100e-2", "9223372036854775807", "-9223372036854775808", "18446744073709551615"}
	wrongIntegers = []string{"2147483648", "4294967296", "18446744073709551616", "-9223372036854775809", "0.5", "1e30", "1e-1", "1e99999999999", "+1", "01", " 1", "1 ", "0x1", "",
		"0.00000000000000000000001e23", "1e0000000001", "1e+", "1e", "12345678901234567890123"}
	floatTexts  = []string{"0", "-0", "1.5", "-1e-7", "1e21", "3.4028235e38", "1e-50", "123456789", `"NaN"`, `"Infinity"`, `"-Infinity"`, `"1.5"`, "0.1"}
	wrongFloats = []string{"1e39", "1e999", `"inf"`, "NaN", "1.", ".5", `" 1"`, `"1e"`, "-", "1e5000"}
	stringTexts = []string{`""`, `"a"`, `"öäü 日本"`, `"\u00e9\ud83d\ude00"`, `"\"\\\/\b\f\n\r\t"`, `"a longer text of more than sixteen bytes"`, `"\u0000"`, "\"\u007f\u2028\ufffd\"", `"\uFFFD"`}
	wrongTexts  = []string{`"\ud800"`, `"\udc00\ud800"`, `"\x41"`, `"\u12"`, "\"\xff\"", "\"\n\"", `"`, `'a'`, "\"\xed\xa0\x80\"", `"\ud800\u0041"`}
	bytesTexts  = []string{`""`, `"AQID"`, `"_-8="`, `"+/8"`, `"AQ=="`, `"AQ"`, `"A\nQ=="`, `"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="`}
	wrongBytes  = []string{`"A"`, `"_/8="`, `"AQ="`, `"AQI==="`, `"!"`, `"A Q=="`}
)

// scalarText returns a value of a scalar or enum; strings are in quotes.
func (r *random) scalarText(field protoreflect.FieldDescriptor) string {
	choose := func(good, bad []string) string {
		if !r.clean && r.chance(30) {
			return bad[r.IntN(len(bad))]
		}
		return good[r.IntN(len(good))]
	}
	switch field.Kind() {
	case protoreflect.BoolKind:
		return choose([]string{"true", "false"}, []string{`"true"`, "True", "truex", "1"})
	case protoreflect.StringKind:
		return choose(stringTexts, wrongTexts)
	case protoreflect.BytesKind:
		return choose(bytesTexts, wrongBytes)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return choose(floatTexts, wrongFloats)
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		switch r.IntN(4) {
		case 0:
			return choose(integerTexts[:8], wrongIntegers)
		case 1:
			return choose([]string{`"` + string(values.Get(0).Name()) + `"`}, []string{`"NO_SUCH"`, `"0"`, `""`})
		}
		return `"` + string(values.Get(r.IntN(values.Len())).Name()) + `"`
	}
	good := integerTexts
	if r.clean {
		good = good[:5]
	}
	text := choose(good, wrongIntegers)
	if r.chance(2) {
		text = `"` + text + `"`
	}
	return text
}

// knownTexts are the JSON forms of the known types, right ones and wrong ones. Those with members are made.
var knownTexts = map[protoreflect.FullName][]string{
	"google.protobuf.Timestamp": {`"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05.123456789Z"`, `"2024-02-29T23:59:59.5+01:00"`, `"0001-01-01T00:00:00Z"`,
		`"9999-12-31T23:59:59.999999999Z"`, `"2000-12-31T00:00:00-23:59"`, `"1900-02-28T00:00:00.1Z"`, `"2023-02-29T00:00:00Z"`, `"2026-01-02"`, `"0000-12-31T00:00:00Z"`,
		`"2026-01-02t03:04:05z"`, `"2026-01-02T03:04:05.1234567891Z"`, `"2026-01-02T24:00:00Z"`, `"2026-01-02T3:04:05Z"`, `"2026-01-02T03:04:05,5Z"`, `"2026-13-02T03:04:05Z"`, "{}", "5",
		`"2026-01-02T03:04:60Z"`, `"2026-01-02T03:04:05.Z"`, `"10000-01-01T00:00:00Z"`, `"0001-01-01T00:00:00+01:00"`, `"1970-01-01T00:00:00Z"`},
	"google.protobuf.Duration": {`"0s"`, `"1s"`, `"-1.5s"`, `"1.000000001s"`, `"+1.s"`, `".5s"`, `".s"`, `"315576000000s"`, `"-315576000000.999999999s"`, `"315576000001s"`,
		`"1"`, `"s"`, `"-s"`, `"01s"`, `"1.0000000001s"`, `"1e3s"`, `"9999999999999999999s"`, `" 1s"`, "1", `"-0.5s"`, `"--1s"`},
	"google.protobuf.FieldMask": {`""`, `"a"`, `"aB,c.dE"`, `"a,a"`, `" a,b "`, `"a_b"`, `"a,,b"`, `","`, `"A"`, `"1"`, `"a.1"`, "[]", `"a b"`, `"é"`},
	"google.protobuf.Empty":     {"{}", "{ }", `{"a":1}`, "null", "[]"},
	"google.protobuf.Struct":    {"?"}, "google.protobuf.Value": {"?"}, "google.protobuf.ListValue": {"?"}, "google.protobuf.Any": {"?"},
}

func (r *random) known(name protoreflect.FullName, texts []string, depth int) string {
	switch name {
	case "google.protobuf.Any":
		return r.anyText(depth)
	case "google.protobuf.Struct":
		return r.structText(depth)
	case "google.protobuf.ListValue":
		return "[" + r.anything(depth) + "," + r.anything(depth) + "]"
	case "google.protobuf.Value":
		return r.anything(depth)
	}
	if r.clean {
		return texts[r.IntN(len(texts)/3)]
	}
	return texts[r.IntN(len(texts))]
}

func (r *random) structText(depth int) string {
	second := "b"
	if !r.clean && r.chance(10) {
		second = `\u0061`
	}
	return fmt.Sprintf(`{"a":%s,"%s":%s}`, r.anything(depth), second, r.anything(depth))
}

// anything returns a value.
func (r *random) anything(depth int) string {
	kinds := 7
	if depth > 6 {
		kinds = 5
	}
	switch r.IntN(kinds) {
	case 0:
		return "null"
	case 1:
		return floatTexts[r.IntN(8)]
	case 2:
		return stringTexts[r.IntN(len(stringTexts))]
	case 3:
		return "true"
	case 4:
		return []string{"[]", "{}", "false"}[r.IntN(3)]
	case 5:
		return r.structText(depth + 1)
	}
	return "[" + r.anything(depth+1) + "]"
}

// anyText returns an Any; its "@type" may be anywhere.
func (r *random) anyText(depth int) string {
	var members []string
	kind := types[r.IntN(len(types))].Descriptor()
	name := string(kind.FullName())
	if r.chance(3) {
		name = "google.protobuf." + []string{"Timestamp", "Duration", "Empty", "Struct", "Value", "Any", "Int64Value", "FieldMask"}[r.IntN(8)]
		members = []string{`"value":` + []string{`"2026-01-02T03:04:05Z"`, `"1s"`, "{}", `{"a":1}`, "null", "{}", "5", `"a,b"`}[r.IntN(8)]}
		if r.chance(8) {
			members = append(members, `"value":1`)
		}
	} else if inner := strings.TrimSpace(r.json(kind, depth+1)); len(inner) > 2 && inner[0] == '{' && depth < 4 {
		members = []string{inner[1 : len(inner)-1]}
	}
	typeMember := []string{`"@type":"type.googleapis.com/`, `"\u0040type":"x/`}[r.IntN(8)/7] + name + `"`
	switch r.IntN(10) {
	case 0:
		members = append(members, typeMember)
	case 1:
		members = append([]string{`"a":{"@type":"x"}`}, append(members, typeMember)...)
	case 2:
		if !r.clean {
			members = append(members, typeMember, []string{`"@type":""`, `"@type":5`, typeMember}[r.IntN(3)])
		}
	case 3:
		if !r.clean {
			break
		}
		fallthrough
	default:
		members = append([]string{typeMember}, members...)
	}
	return "{" + strings.Join(members, ",") + "}"
}
