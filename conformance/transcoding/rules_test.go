// SPDX-License-Identifier: Apache-2.0

package transcoding_test

import (
	"regexp"
	"strings"
)

// A rule decides differences: what applies says, for the reason that text gives.
type rule struct {
	text    string
	applies func(r request, own, other reading) bool
}

// refused is a rule for what we refuse with 400, for a reason that matches, and grpc-gateway serves or cannot answer.
func refused(pattern, text string) rule {
	reason := regexp.MustCompile(pattern)
	return rule{text, func(_ request, own, other reading) bool {
		return own.status == 400 && (other.served() || other.status == 500) && reason.MatchString(own.text)
	}}
}

// served is a rule for what we serve, and grpc-gateway does not for a reason that matches.
func served(pattern, text string) rule {
	reason := regexp.MustCompile(pattern)
	return rule{text, func(_ request, own, other reading) bool {
		return own.served() && !other.served() && reason.MatchString(other.text)
	}}
}

// rules are looked at in their order.
var rules = []rule{
	{"RFC 9110 section 9.3.2: HEAD is GET without the body, wherever there is GET", func(r request, _, other reading) bool {
		return r.method == "HEAD" && other.status/100 != 2
	}},
	{"http.proto leaves open what a path is that ends like a verb: it is the verb, whatever the HTTP method, as in Envoy's transcoder; grpc-gateway looks on for a variable", func(r request, own, other reading) bool {
		return strings.HasSuffix(path(r), ":check") && own.status == 405 && (other.served() || other.status == 500)
	}},
	{"RFC 9110 section 15.5.6: 405, with Allow, where the path has other methods, 404 where it has none; grpc-gateway says 501", func(_ request, own, other reading) bool {
		return (own.status == 405 || own.status == 404) && other.status == 501
	}},
	{"http.proto: \"*\" matches a single segment, and an empty one is none, as in the grammar of templates", func(r request, own, other reading) bool {
		return own.status == 404 && (other.served() || other.status == 400) && (strings.Contains(path(r), "//") || strings.HasSuffix(path(r), "/") || strings.HasSuffix(path(r), "/:check"))
	}},
	{"http.proto: a variable of one segment is decoded whole, %2F as well; grpc-gateway decodes before it splits", func(r request, own, other reading) bool {
		return own.served() && other.status == 404 && strings.Contains(strings.ToLower(path(r)), "%2f")
	}},
	{"http.proto: %2F stays as it is in a variable of several segments, or it could not be told from the others", func(r request, own, other reading) bool {
		return own.served() && other.served() && strings.Contains(strings.ToLower(own.text), "%2f")
	}},
	{"http.proto: response_body is the field's JSON, and that of an empty list is []", func(r request, own, other reading) bool {
		return own.served() && own.text == "[]" && other.text == "null"
	}},
	refused(`^{"code":3,"message":"the query: a parameter without a name"`, "what has no place in the message is refused, not dropped: a parameter without a name"),
	refused(`unknown field`, "what has no place in the message is refused, not dropped: a parameter that names no field"),
	refused(`takes it from the path`, "http.proto: the query has the fields that the path does not have; a second value is refused"),
	refused(`takes it from the body|none from the query`, "http.proto: the query has the fields that the body does not have; a second value is refused"),
	refused(`takes no body`, "http.proto: without body, the rule has none; RFC 9110 section 9.3.1 gives a body of GET no meaning"),
	refused(`it is given twice|is given twice`, "what has no place in the message is refused, not dropped: the second value of a field that holds one"),
	refused(`true or false is wanted`, "the texts of a path and a query are those of JSON: true and false alone"),
	refused(`whole number|a number \(|does not fit`, "the texts of a path and a query are those of JSON: numbers as JSON has them, without leading zeros, signs or underscores"),
	refused(`seconds with an s`, "the texts of a path and a query are those of JSON: a Duration is seconds with an s"),
	refused(`field paths in lowerCamelCase`, "the texts of a path and a query are those of JSON: a FieldMask is of field paths"),
	refused(`after the end of the value`, "JSON is one value: what follows it is refused, not dropped"),
	refused(`the text is not UTF-8`, "the JSON mapping: strings are UTF-8; grpc-gateway finds that when it answers"),
	refused(`which text cannot give`, "http.proto: the query has no messages but those that are one text"),
	refused(`write labels\[key\]=value`, "a map's entry is labels[key]=value; grpc-gateway takes two equal names for a key and a value as well"),
	served(`semicolon`, "a semicolon is a character like any other; net/url, which grpc-gateway reads a query with, refuses it"),
	{"a PATCH of nothing has no mask, which is not the empty mask", func(r request, own, other reading) bool {
		return own.served() && r.method == "PATCH" && strings.ReplaceAll(other.text, `"mask":"",`, "") == own.text
	}},
	{"an empty body sets nothing", func(r request, own, other reading) bool {
		return own.served() && other.served() && r.body == "" && r.method != "GET"
	}},
	{"http.proto: what follows the last colon is a verb, also behind an empty segment of \"**\"", func(r request, own, other reading) bool {
		return own.served() && other.served() && strings.HasSuffix(path(r), "/:stat")
	}},
	served(`strconv.Parse(Int|Uint): parsing \\?"(1.0|1e2)`, "the texts of a path and a query are those of JSON: 1.0 and 1e2 are whole numbers"),
	served(`is not a valid value`, "the JSON mapping: an enum may have numbers that the file does not know"),
}

// decide returns the rule that decides a difference, "" if none does.
func decide(r request, own, other reading) string {
	for _, rule := range rules {
		if rule.applies(r, own, other) {
			return rule.text
		}
	}
	return ""
}

func path(r request) string {
	path, _, _ := strings.Cut(r.target, "?")
	return path
}
