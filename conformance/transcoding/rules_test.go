// SPDX-License-Identifier: Apache-2.0

package transcoding_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A rule decides differences: those that applies to, for the reason that text gives. quote is the sentence of http.proto that the
// reason is; where it has none, HTTP itself decides, and text has the section of RFC 9110.
type rule struct {
	text, quote string
	applies     func(r request, own, other reading) bool
}

// The sentences of google/api/http.proto that decide, word by word: TestQuotes looks them up.
const (
	quoteSegment   = "The syntax `*` matches a single URL path segment."
	quoteSegments  = "The syntax `**` matches zero or more URL path segments, which must be the last part of the URL path except the `Verb`."
	quoteTemplate  = `Template = "/" Segments [ Verb ] ;`
	quoteSingle    = "when such a variable is expanded into a URL path on the client side, all characters except `[-_.~0-9a-zA-Z]` are percent-encoded. The server side does the reverse decoding."
	quoteSeveral   = `The server side does the reverse decoding, except "%2F" and "%2f" are left unchanged.`
	quoteNames     = "All other fields are passed via the URL query parameters, and the parameter name is the field path in the request message."
	quoteRepeated  = "A repeated field can be represented as multiple query parameters under the same name."
	quoteTypes     = "Note that fields which are mapped to URL query parameters must have a primitive type or a repeated primitive type or a non-repeated message type."
	quoteEachField = "In the case of a message type, each field of the message is mapped to a separate parameter, such as `...?foo.a=A&foo.b=B&foo.c=C`."
	quotePath      = "Fields referred by the path template. They are passed via the URL path."
	quoteWhole     = `is "*", there is no URL query parameter, all fields are passed via URL path and HTTP request body.`
	quoteBody      = "They are passed via the HTTP request body."
	quoteNoBody    = "is omitted, there is no HTTP request body, all fields are passed via URL path and URL query parameters."
	quoteJSON      = "the proto to JSON conversion must follow the [proto3 specification]"
	quoteBodyJSON  = "the representation of the JSON in the request body is determined by protos JSON encoding"
	quoteBodyValue = "The name of the request field whose value is mapped to the HTTP request body"
	quoteResponse  = "The name of the response field whose value is mapped to the HTTP response body."
)

// refused is a rule for what we refuse with 400, for a reason that matches, and grpc-gateway serves or cannot answer.
func refused(pattern, quote, text string) rule {
	reason := regexp.MustCompile(pattern)
	return rule{text, quote, func(_ request, own, other reading) bool {
		return own.status == 400 && (other.served() || other.status == 500) && reason.MatchString(own.text)
	}}
}

// served is a rule for what we serve, and grpc-gateway does not for a reason that matches.
func served(pattern, quote, text string) rule {
	reason := regexp.MustCompile(pattern)
	return rule{text, quote, func(_ request, own, other reading) bool {
		return own.served() && !other.served() && reason.MatchString(other.text)
	}}
}

// rules are looked at in their order.
var rules = []rule{
	{"RFC 9110 section 9.3.2: HEAD is GET without the body, wherever there is GET", "", func(r request, _, other reading) bool {
		return r.method == "HEAD" && other.status/100 != 2
	}},
	{"what follows the last colon is the verb, whatever the HTTP method; grpc-gateway looks on for a variable", quoteTemplate, func(r request, own, other reading) bool {
		return strings.HasSuffix(path(r), ":check") && own.status == 405 && (other.served() || other.status == 500)
	}},
	{"RFC 9110 section 15.5.6: 405, with Allow, where the path has other methods, 404 where it has none; grpc-gateway says 501", "", func(_ request, own, other reading) bool {
		return (own.status == 405 || own.status == 404) && other.status == 501
	}},
	{"an empty segment is none, as in the grammar of templates", quoteSegment, func(r request, own, other reading) bool {
		return own.status == 404 && (other.served() || other.status == 400) && (strings.Contains(path(r), "//") || strings.HasSuffix(path(r), "/") || strings.HasSuffix(path(r), "/:check"))
	}},
	{"a variable of one segment is decoded whole, %2F as well; grpc-gateway decodes before it splits", quoteSingle, func(r request, own, other reading) bool {
		return own.served() && other.status == 404 && strings.Contains(strings.ToLower(path(r)), "%2f")
	}},
	{"%2F stays as it is in a variable of several segments", quoteSeveral, func(r request, own, other reading) bool {
		return own.served() && other.served() && strings.Contains(strings.ToLower(own.text), "%2f")
	}},
	{"response_body is the field's JSON, and that of an empty list is []", quoteResponse, func(r request, own, other reading) bool {
		return own.served() && own.text == "[]" && other.text == "null"
	}},
	refused(`^{"code":3,"message":"the query: a parameter without a name"`, quoteNames, "a parameter without a name has no field, and is refused, not dropped"),
	refused(`unknown field`, quoteNames, "a parameter that names no field is refused, not dropped"),
	refused(`takes it from the path`, quotePath, "a field of the path is not in the query; a second value is refused, not dropped"),
	refused(`none from the query`, quoteWhole, "with the body \"*\" nothing is in the query; what is there is refused, not dropped"),
	refused(`takes it from the body`, quoteBody, "a field of the body is not in the query; a second value is refused, not dropped"),
	refused(`takes no body`, quoteNoBody, "without body there is none; one is refused, not dropped"),
	refused(`it is given twice|is given twice`, quoteRepeated, "a field that is not repeated has one value; the second one is refused, not dropped"),
	refused(`true or false is wanted`, quoteJSON, "the texts of a path and a query are those of JSON: true and false alone"),
	refused(`whole number|a number \(|does not fit`, quoteJSON, "the texts of a path and a query are those of JSON: numbers without leading zeros, signs or underscores"),
	refused(`seconds with an s`, quoteJSON, "the texts of a path and a query are those of JSON: a Duration is seconds with an s"),
	refused(`field paths in lowerCamelCase`, quoteJSON, "the texts of a path and a query are those of JSON: a FieldMask is of field paths"),
	refused(`after the end of the value`, quoteBodyJSON, "JSON is one value: what follows it is refused, not dropped"),
	refused(`the text is not UTF-8`, quoteJSON, "strings are UTF-8; grpc-gateway finds that when it answers"),
	refused(`which text cannot give`, quoteEachField, "a message is given by its fields, unless its JSON is one text"),
	refused(`write labels\[key\]=value`, quoteTypes, "maps are not among these types: labels[key]=value is an entry by a rule of our own; grpc-gateway takes two equal names for a key and a value as well"),
	served(`semicolon`, quoteEachField, "parameters end at \"&\"; a semicolon is a character like any other, which net/url, with which grpc-gateway reads a query, refuses"),
	{"a mask that nobody has given is not there; grpc-gateway makes an empty one of an empty body", quoteNames, func(r request, own, other reading) bool {
		return own.served() && r.method == "PATCH" && strings.ReplaceAll(other.text, `"mask":"",`, "") == own.text
	}},
	{"without a body there is no value for the field", quoteBodyValue, func(r request, own, other reading) bool {
		return own.served() && other.served() && r.body == "" && r.method != "GET"
	}},
	{"what follows the last colon is a verb, also behind an empty segment of \"**\"", quoteSegments, func(r request, own, other reading) bool {
		return own.served() && other.served() && strings.HasSuffix(path(r), "/:stat")
	}},
	served(`strconv.Parse(Int|Uint): parsing \\?"(1.0|1e2)`, quoteJSON, "the texts of a path and a query are those of JSON: 1.0 and 1e2 are whole numbers"),
	served(`is not a valid value`, quoteJSON, "an enum may have numbers that the file does not know"),
	{"both refuse, one for what it is asked for, the other for the path: which of two mistakes is told first is nobody's rule", "", func(_ request, own, other reading) bool {
		return own.status/100 == 4 && other.status/100 == 4
	}},
}

// decide returns the rule that decides a difference, nil if none does.
func decide(r request, own, other reading) *rule {
	for i := range rules {
		if rules[i].applies(r, own, other) {
			return &rules[i]
		}
	}
	return nil
}

// TestUnlistedDifference: what no rule decides is decided by none, so the test above fails for it.
func TestUnlistedDifference(t *testing.T) {
	ok := func(text string) reading { return reading{200, text} }
	get := request{method: "GET", target: "/v1/simple/a"}
	for _, tc := range []struct {
		r          request
		own, other reading
	}{
		{get, ok(`{"id":"a"}`), ok(`{"id":"b"}`)},
		{get, ok(`{"id":"a"}`), reading{500, `{"code":13}`}},
		{get, reading{400, `{"code":3,"message":"something new"}`}, ok(`{"id":"a"}`)},
		{get, reading{404, `{"code":5}`}, ok(`{"id":"a"}`)},
		{get, reading{500, `{"code":13}`}, reading{400, `{"code":3}`}},
	} {
		if rule := decide(tc.r, tc.own, tc.other); rule != nil {
			t.Errorf("%s, ours %s, theirs %s: decided by %q", tc.r, tc.own, tc.other, rule.text)
		}
	}
}

// TestQuotes: what the rules say that http.proto says is there. The text is that of the comments in the Go code of the
// annotations, which protoc-gen-go has taken over.
func TestQuotes(t *testing.T) {
	said, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/genproto/googleapis/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(said)), "annotations", "http.pb.go"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for line := range strings.Lines(string(source)) {
		if comment, ok := strings.CutPrefix(strings.TrimSpace(line), "//"); ok {
			words = append(words, strings.Fields(comment)...)
		}
	}
	text := strings.Join(words, " ")
	for _, rule := range rules {
		byHTTP := strings.HasPrefix(rule.text, "RFC 9110 section ") || strings.HasPrefix(rule.text, "both refuse, ")
		if byHTTP != (rule.quote == "") || !strings.Contains(text, rule.quote) {
			t.Errorf("%s: http.proto does not say %q", rule.text, rule.quote)
		}
	}
}

func path(r request) string {
	path, _, _ := strings.Cut(r.target, "?")
	return path
}
