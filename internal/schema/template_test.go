// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseTemplate(t *testing.T) {
	lit := func(text string) Segment { return Segment{Literal, text} }
	one, rest := Segment{Kind: Single}, Segment{Kind: Multi}
	for _, tc := range []struct {
		text      string
		canonical string // "" for text
		segments  []Segment
		variables []Variable
		verb      string
	}{
		{text: "/"},
		{text: "/v1", segments: []Segment{lit("v1")}},
		{text: "/v1/orders", segments: []Segment{lit("v1"), lit("orders")}},
		{text: "/v1/*/x", segments: []Segment{lit("v1"), one, lit("x")}},
		{text: "/**", segments: []Segment{rest}},
		{text: "/v1/**:watch", segments: []Segment{lit("v1"), rest}, verb: "watch"},
		{text: "/v1:batch", segments: []Segment{lit("v1")}, verb: "batch"},
		{text: "/v1/{id}", segments: []Segment{lit("v1"), one}, variables: []Variable{{[]string{"id"}, 1, 2}}},
		{text: "/v1/{id=*}", canonical: "/v1/{id}", segments: []Segment{lit("v1"), one}, variables: []Variable{{[]string{"id"}, 1, 2}}},
		{text: "/{a.b_2.C=x/*}", segments: []Segment{lit("x"), one}, variables: []Variable{{[]string{"a", "b_2", "C"}, 0, 2}}},
		{text: "/{a}/{b=**}:do", segments: []Segment{one, rest}, variables: []Variable{{[]string{"a"}, 0, 1}, {[]string{"b"}, 1, 2}}, verb: "do"},
		{text: "/{kind=cats}/x", segments: []Segment{lit("cats"), lit("x")}, variables: []Variable{{[]string{"kind"}, 0, 1}}},
		{text: "/{n=shelves/*/books/**}", segments: []Segment{lit("shelves"), one, lit("books"), rest}, variables: []Variable{{[]string{"n"}, 0, 4}}},
		{text: "/a%2Fb/%C3%A9:v%3a", canonical: "/a%2Fb/é:v%3A", segments: []Segment{lit("a/b"), lit("é")}, verb: "v:"},
		{text: "/$metadata@(x),y;z=1&a'!+~-._", segments: []Segment{lit("$metadata@(x),y;z=1&a'!+~-._")}},
		{text: "/%22%5c", canonical: "/%22%5C", segments: []Segment{lit(`"\`)}},
		{text: "/100%25", segments: []Segment{lit("100%")}},
	} {
		got, err := ParseTemplate(tc.text)
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		if want := (&Template{tc.segments, tc.variables, tc.verb}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tc.text, got, want)
		}
		if tc.canonical == "" {
			tc.canonical = tc.text
		}
		if got.String() != tc.canonical {
			t.Errorf("%s: String() = %s, want %s", tc.text, got, tc.canonical)
		}
	}
}

func TestParseTemplateRefusals(t *testing.T) {
	for _, tc := range []struct {
		text      string
		character int
		reason    string
	}{
		{"", 1, `it is empty; it begins with "/"`},
		{"v1/x", 1, `it must begin with "/"`},
		{"/v1/\xff", 1, `it is not valid UTF-8`},
		{"//", 2, `an empty segment: "//"`},
		{"/v1//x", 5, `an empty segment: "//"`},
		{"/v1/", 5, `a segment is missing after the last "/"`},
		{"/:verb", 2, `a segment is missing before ':'`},
		{"/v1:", 4, `a verb is missing after ":"`},
		{"/v1:a/b", 4, `":" begins the verb, which ends the template; write %3A for a colon inside a segment`},
		{"/v1:a:b", 4, `":" begins the verb, which ends the template; write %3A for a colon inside a segment`},
		{"/v1:{x}", 4, `a verb is missing after ":"`},
		{"/v1:a{x}", 6, `a variable must be a whole segment: put "/" before "{"`},
		{"/v1/x{id}", 6, `a variable must be a whole segment: put "/" before "{"`},
		{"/{a}{b}", 5, `a variable must be a whole segment: put "/" before "{"`},
		{"/{a}b", 5, `'b' cannot follow a segment: it ends with "/", ":" or the template`},
		{"/é{a}", 3, `a variable must be a whole segment: put "/" before "{"`},
		{"/a*", 3, `"*" must be a whole segment`},
		{"/*a", 2, `"*" and "**" must be whole segments`},
		{"/***", 2, `"*" and "**" must be whole segments`},
		{"/**/a", 5, `"**" takes the rest of the path: only a verb may follow it`},
		{"/{a=**}/{b}", 9, `"**" takes the rest of the path: only a verb may follow it`},
		{"/{a=**/b}", 8, `"**" takes the rest of the path: only a verb may follow it`},
		{"/{a", 2, `this "{" has no "}"`},
		{"/v1/{a=x/*", 5, `this "{" has no "}"`},
		{"/{}", 3, `a field name is missing: letters, digits and underscores, not a digit first`},
		{"/{1a}", 3, `a field name is missing: letters, digits and underscores, not a digit first`},
		{"/{a.}", 5, `a field name is missing: letters, digits and underscores, not a digit first`},
		{"/{a..b}", 5, `a field name is missing: letters, digits and underscores, not a digit first`},
		{"/{a-b}", 4, `'-' cannot stand here: a variable is "{field.path}" or "{field.path=segments}"`},
		{"/{a=}", 5, `a segment is missing before '}'`},
		{"/{a=/x}", 5, `a variable never holds the "/" before it: begin its pattern with a segment`},
		{"/{a=x/}", 7, `a segment is missing before '}'`},
		{"/{a={b}}", 5, `a variable inside a variable`},
		{"/{a=x/{b}}", 7, `a variable inside a variable`},
		{"/{a=x:y}", 6, `a verb inside a variable: it belongs at the template's end, after the "}"`},
		{"/{a}/{b}/{a=*}", 10, `the variable "a" is there twice`},
		{"/a}", 3, `"}" without a "{" before it`},
		{"/a?b=c", 3, `'?' ends a path, so it cannot be part of one; query parameters need no mention in a template`},
		{"/a#b", 3, `'#' ends a path, so it cannot be part of one; query parameters need no mention in a template`},
		{"/a b", 3, `' ' cannot stand in a path as it is: write %20`},
		{"/\x00", 2, `'\x00' cannot stand in a path as it is: write %00`},
		{`/a"b`, 3, `'"' cannot stand in a path as it is: write %22`},
		{`/a:b\`, 5, `'\\' cannot stand in a path as it is: write %5C`},
		{"/a%2", 3, `"%" begins an escape and wants two hexadecimal digits; write %25 for the sign itself`},
		{"/a%zz", 3, `"%" begins an escape and wants two hexadecimal digits; write %25 for the sign itself`},
		{"/a%ff", 2, `the escapes are not valid UTF-8 when decoded`},
	} {
		_, err := ParseTemplate(tc.text)
		var fault *TemplateError
		if !errors.As(err, &fault) {
			t.Errorf("%q: %v, want a *TemplateError", tc.text, err)
			continue
		}
		if fault.Character != tc.character || fault.Reason != tc.reason {
			t.Errorf("%q:\n got %d %s\nwant %d %s", tc.text, fault.Character, fault.Reason, tc.character, tc.reason)
		}
	}
}

func TestMultiSegment(t *testing.T) {
	for text, want := range map[string]bool{
		"/{a}": false, "/{a=*}": false, "/{a=x}": false, "/{a=**}": true, "/{a=x/*}": true, "/x/{a=y/**}": true,
	} {
		template, err := ParseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := template.MultiSegment(template.Variables[0]); got != want {
			t.Errorf("%s: MultiSegment = %v, want %v", text, got, want)
		}
	}
}

// FuzzParseTemplate: any text is refused with a place inside it, or parsed into something sound that is written and
// parsed again as the same.
func FuzzParseTemplate(f *testing.F) {
	for _, seed := range []string{"/", "/v1/{a.b=x/*}/**:verb", "/{a=**}", "//", "/a%2F", "/{a={b}}", "/{", "/*", "/:", "/%ff", "/{a}b", "/é:v"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template, err := ParseTemplate(text)
		if err != nil {
			var fault *TemplateError
			if !errors.As(err, &fault) || fault.Character < 1 || fault.Character > utf8.RuneCountInString(text)+1 {
				t.Fatalf("%q: the error has no place in the text: %v", text, err)
			}
			return
		}
		end := 0
		for _, v := range template.Variables {
			if v.Start < end || v.End <= v.Start || v.End > len(template.Segments) || len(v.Path) == 0 {
				t.Fatalf("%q: variable %+v in %+v", text, v, template)
			}
			end = v.End
		}
		for i, s := range template.Segments {
			if (s.Kind == Literal) != (s.Text != "") || s.Kind == Multi && i != len(template.Segments)-1 {
				t.Fatalf("%q: segment %d in %+v", text, i, template)
			}
		}
		again, err := ParseTemplate(template.String())
		if err != nil || !reflect.DeepEqual(again, template) {
			t.Fatalf("%q was written as %q, which is %+v, %v; want %+v", text, template, again, err, template)
		}
		if strings.Count(template.String(), "{") != len(template.Variables) {
			t.Fatalf("%q: %q does not show its %d variables", text, template, len(template.Variables))
		}
	})
}
