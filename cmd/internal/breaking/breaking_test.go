// SPDX-License-Identifier: Apache-2.0

package breaking_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall/cmd/internal/breaking"
	"github.com/farcall/farcall/cmd/internal/compile"
)

// compiled compiles files, whose texts are complete or bodies of proto3.
func compiled(t *testing.T, files map[string]string) []protoreflect.FileDescriptor {
	t.Helper()
	directory := t.TempDir()
	for name, text := range files {
		if !strings.HasPrefix(text, "syntax") && !strings.HasPrefix(text, "edition") {
			text = "syntax = \"proto3\";\npackage p;\n" + text
		}
		file := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	result, err := compile.Directory(t.Context(), directory, compile.Options{AnyGoPackage: true})
	if err != nil {
		t.Fatal(err)
	}
	return result.Files
}

func compare(t *testing.T, before, after map[string]string) string {
	t.Helper()
	var lines []string
	for _, change := range breaking.Compare(compiled(t, before), compiled(t, after)) {
		gone := ""
		if change.Gone {
			gone = " (gone)"
		}
		lines = append(lines, fmt.Sprintf("%s:%d:%d%s: %s: %s", change.File, change.Line, change.Column, gone, change.Severity, change.Message))
	}
	return strings.Join(lines, "\n")
}

func TestChanges(t *testing.T) {
	const again = `: its number could be used again, unless there is "reserved `
	message := func(fields string) string { return "message M {\n" + fields + "\n}" }
	for name, test := range map[string]struct{ before, after, want string }{
		"nothing":              {message("string a = 1;"), message("// Now with a comment.\nstring a = 1;\nint32 b = 2;") + " message New {}", ""},
		"order":                {message("string a = 1; int32 b = 2;"), message("int32 b = 2; string a = 1;"), ""},
		"field gone":           {message("string a = 1; int32 b = 2;"), message("string a = 1;"), "3:1: source-breaking: the field b, with the number 2, is gone" + again + `2;"`},
		"field reserved":       {message("string a = 1; int32 b = 2;"), message("reserved 2; string a = 1;"), "3:1: source-breaking: the field b, with the number 2, is gone"},
		"number reused":        {message("string a = 1;"), message("int32 b = 1;"), "4:1: wire-breaking: the number 1 was that of string a, and is used for int32 b"},
		"field renamed":        {message("string a = 1;"), message("  string b = 1;"), "4:3: source-breaking: the field a, with the number 1, has the name b now, in Go and in JSON"},
		"field renumbered":     {message("string a = 1;"), message("string a = 3;"), "4:1: wire-breaking: the field a had the number 1 and has 3"},
		"JSON name":            {message("string a = 1;"), message("string a = 1 [json_name = \"A\"];"), "4:1: source-breaking: the field a had the name a in JSON and has A"},
		"type":                 {message("string a = 1;"), message("int32 a = 1;"), "4:1: wire-breaking: the field a was string and is int32"},
		"type of a width":      {message("int32 a = 1;"), message("uint64 a = 1;"), "4:1: source-breaking: the field a was int32 and is uint64: the same on the wire, where values fit"},
		"zigzag":               {message("int32 a = 1;"), message("sint32 a = 1;"), "4:1: wire-breaking: the field a was int32 and is sint32"},
		"fixed":                {message("fixed32 a = 1;"), message("float a = 1;"), "4:1: wire-breaking: the field a was fixed32 and is float"},
		"text and bytes":       {message("bytes a = 1;"), message("string a = 1;"), "4:1: source-breaking: the field a was bytes and is string: the same on the wire, where values fit"},
		"type of a message":    {message("M a = 1;") + " message N {}", message("N a = 1;") + " message N {}", "4:1: wire-breaking: the field a was p.M and is p.N"},
		"repeated":             {message("string a = 1;"), message("repeated string a = 1;"), "4:1: wire-breaking: the field a was string and is repeated string"},
		"map":                  {message("map<string, int32> a = 1;"), message("map<string, string> a = 1;"), "4:1: wire-breaking: the field a was map<string, int32> and is map<string, string>"},
		"map of messages":      {message("map<string, M> a = 1;"), message("map<string, M> a = 1;"), ""},
		"map to entries":       {message("map<string, int32> a = 1;"), message("repeated E a = 1;") + " message E { string key = 1; int32 value = 2; }", "4:1: source-breaking: the field a was map<string, int32> and is repeated p.E"},
		"map to other entries": {message("map<string, int32> a = 1;"), message("repeated E a = 1;") + " message E { string key = 1; string value = 2; }", "4:1: wire-breaking: the field a was map<string, int32> and is repeated p.E"},
		"map to a list":        {message("map<string, int32> a = 1;"), message("repeated int32 a = 1;"), "4:1: wire-breaking: the field a was map<string, int32> and is repeated int32"},
		"presence":             {message("string a = 1;"), message("optional string a = 1;"), "4:1: source-breaking: the field a had no presence (optional), and has it now"},
		"no presence":          {message("optional string a = 1;"), message("string a = 1;"), "4:1: source-breaking: the field a had presence (optional), and has it no more"},
		"into a new oneof":     {message("string a = 1;"), message("oneof o { string a = 1; string b = 2; }"), "4:11: source-breaking: the field a was in no oneof and is in o"},
		"two into one oneof": {message("string a = 1; string b = 2;"), message("oneof o { string a = 1; string b = 2; }"),
			"4:11: wire-breaking: the field a was in no oneof and is in o\np.proto:4:25: wire-breaking: the field b was in no oneof and is in o"},
		"out of a oneof": {message("oneof o { string a = 1; string b = 2; }"), message("string a = 1; oneof o { string b = 2; }"), "4:1: wire-breaking: the field a was in the oneof o and is in none"},
		"oneof renamed":  {message("oneof o { string a = 1; }"), message("oneof other { string a = 1; }"), "4:15: source-breaking: the field a was in the oneof o and is in other"},
		"oneof split": {message("oneof o { string a = 1; string b = 2; }"), message("oneof o { string a = 1; } oneof q { string b = 2; }"),
			"4:37: wire-breaking: the field b was in the oneof o and is in q"},
		"reserved number used": {message("reserved 5 to 7;"), message("string a = 6;"), "4:1: wire-breaking: the field a has the number 6, which was reserved"},
		"reserved name used":   {message(`reserved "a";`), message("string a = 6;"), "4:1: source-breaking: the field a has a name that was reserved"},
		"message gone":         {message("") + " message N { message Inner {} }", message(""), "2:1: source-breaking: the message p.N is gone, or has another name"},
		"nested message gone":  {message("message N {}"), message(""), "3:1: source-breaking: the message p.M.N is gone, or has another name"},

		"enum value gone": {"enum E { ZERO = 0; ONE = 1; }", "enum E { ZERO = 0; }", "3:1: source-breaking: the value ONE, with the number 1, is gone" + again + `1;"`},
		"enum value gone and reserved": {"enum E { ZERO = 0; ONE = 1; }", "enum E { reserved 1; ZERO = 0; }",
			"3:1: source-breaking: the value ONE, with the number 1, is gone"},
		"enum value renumbered": {"enum E { ZERO = 0; ONE = 1; }", "enum E { ZERO = 0; ONE = 2; }", "3:20: wire-breaking: the value ONE had the number 1 and has 2"},
		"enum value renamed":    {"enum E { ZERO = 0; ONE = 1; }", "enum E { ZERO = 0; UNO = 1; }", "3:20: source-breaking: the value ONE, with the number 1, has the name UNO now, in Go and in JSON"},
		"enum alias":            {"enum E { ZERO = 0; ONE = 1; }", "enum E { option allow_alias = true; ZERO = 0; UNO = 1; ONE = 1; }", ""},
		"enum number reserved": {"enum E { reserved 4; reserved \"F\"; ZERO = 0; }", "enum E { ZERO = 0; F = 4; }",
			"3:20: wire-breaking: the value F has the number 4, which was reserved\np.proto:3:20: source-breaking: the value F has a name that was reserved"},
		"enum gone": {"enum E { ZERO = 0; }", "", "2:1: source-breaking: the enum p.E is gone, or has another name"},
		"enum closed": {"syntax = \"proto2\";\npackage p;\nenum E { ONE = 1; TWO = 2; }", "edition = \"2023\";\npackage p;\noption features.enum_type = CLOSED;\nenum E { TWO = 2; }",
			"4:1: wire-breaking: the value ONE, with the number 1, is gone" + again + "1;\"\np.proto:4:10: wire-breaking: the enum E had the default ONE and has TWO"},
		"enum opened": {"syntax = \"proto2\";\npackage p;\nenum E { ZERO = 0; }", "enum E { ZERO = 0; }",
			"3:1: wire-breaking: the enum E was closed and is open: readers treat values that they do not know differently"},

		"required": {"syntax = \"proto2\";\npackage p;\nmessage M { optional string a = 1; required string b = 2; }", "syntax = \"proto2\";\npackage p;\nmessage M { required string a = 1; optional string b = 2; }",
			"3:13: wire-breaking: the field a was string and is required string\np.proto:3:36: wire-breaking: the field b was required string and is string"},
		"default": {"syntax = \"proto2\";\npackage p;\nmessage M { optional int32 a = 1 [default = 3]; }", "syntax = \"proto2\";\npackage p;\nmessage M { optional int32 a = 1; }",
			"3:13: wire-breaking: the field a had the default 3 and has 0"},
		"delimited": {"edition = \"2023\";\npackage p;\nmessage M { M a = 1; }", "edition = \"2023\";\npackage p;\nmessage M { M a = 1 [features.message_encoding = DELIMITED]; }",
			"3:13: wire-breaking: the field a was p.M and is delimited p.M"},
		"extensions": {"syntax = \"proto2\";\npackage p;\nmessage M { extensions 100 to 200; }\nextend M { optional int32 x = 100; optional int32 y = 101; optional int32 z = 102; }",
			"syntax = \"proto2\";\npackage p;\nmessage M { extensions 100 to 150; optional int32 w = 160; }\nextend M { optional string x = 100; optional int32 y = 103; }",
			"2:1: source-breaking: the extension p.z, with the number 102, is gone, or has another name\n" +
				"p.proto:3:1: wire-breaking: the extensions of M had the numbers 100 to 200, which are not all theirs any more\n" +
				"p.proto:3:36: wire-breaking: the field w has the number 160, which was one of the extensions'\n" +
				"p.proto:4:12: wire-breaking: the field x was int32 and is string\n" +
				"p.proto:4:37: wire-breaking: the extension y had the number 101 of p.M and has 103 of p.M"},
		"go_package": {"option go_package = \"example.com/a\";", "option go_package = \"example.com/b\";", "2:1: source-breaking: go_package was \"example.com/a\" and is \"example.com/b\""},
		"package": {"message M { M m = 1; }\nservice S { rpc Get(M) returns (M); }", "syntax = \"proto3\";\npackage q;\nmessage M { M m = 1; }\nservice S { rpc Get(M) returns (M); }",
			"2:1: wire-breaking: the package was \"p\" and is \"q\": methods have other paths, and messages in Any other names"},
	} {
		t.Run(name, func(t *testing.T) {
			want := test.want
			if want != "" {
				want = "p.proto:" + want
			}
			if got := compare(t, map[string]string{"p.proto": test.before}, map[string]string{"p.proto": test.after}); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestServices(t *testing.T) {
	const head = "import \"google/api/annotations.proto\";\nmessage M {}\nmessage N {}\n"
	before := head + `service S {
  rpc Same(M) returns (M);
  rpc Gone(M) returns (M);
  rpc Streams(M) returns (M);
  rpc Takes(M) returns (M);
  rpc Returns(M) returns (stream M);
  rpc Rest(M) returns (M) { option (google.api.http) = {get: "/v1/m" additional_bindings {post: "/v1/m" body: "*"}}; }
  rpc Body(M) returns (M) { option (google.api.http) = {post: "/v1/b" body: "*"}; }
}
service Lost {}
`
	after := head + `service S {
  rpc Same(M) returns (M);
  rpc Streams(stream M) returns (M);
  rpc Takes(N) returns (M);
  rpc Returns(M) returns (stream N);
  rpc Rest(M) returns (M) { option (google.api.http) = {get: "/v1/m" additional_bindings {put: "/v1/m" body: "*"}}; }
  rpc Body(M) returns (M) { option (google.api.http) = {post: "/v1/b" response_body: ""}; }
}
`
	want := `p.proto:2:1: wire-breaking: the service p.Lost is gone, or has another name
p.proto:6:1: wire-breaking: the method Gone is gone, or has another name
p.proto:8:3: wire-breaking: the method Streams was unary and is client streaming
p.proto:9:3: wire-breaking: the method Takes took p.M and takes p.N
p.proto:10:3: wire-breaking: the method Returns returned p.M and returns p.N
p.proto:11:3: wire-breaking: the method Rest is no more reached by REST at POST /v1/m
p.proto:12:3: wire-breaking: the method Body at POST /v1/b had the body "*" and the response body nothing and has the body nothing and the response body nothing`
	if got := compare(t, map[string]string{"p.proto": before}, map[string]string{"p.proto": after}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What moves from one file to another is where it was, to all but the file.
func TestFiles(t *testing.T) {
	before := map[string]string{"a.proto": "message A {}\nmessage B {}\n", "sub/b.proto": "message C {}\nmessage D { string d = 1; }\n"}
	after := map[string]string{"a.proto": "message A {}\nmessage D { string d = 1; }\n", "c.proto": "message B {}\n"}
	want := "sub/b.proto:3:1 (gone): source-breaking: the message p.C is gone, or has another name"
	if got := compare(t, before, after); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
