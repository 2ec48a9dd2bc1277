// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/compiler/protogen"
)

func TestComment(t *testing.T) {
	for _, test := range []struct {
		leading, trailing, fallback, note string
		deprecated                        bool
		want                              string
	}{
		{" One.\n", "", "No.", "", false, "// One.\n"},
		{"One.\nTwo.\n\n  code\n\ttab\n", "", "", "", false, "// One.\n// Two.\n//\n//  code\n//\ttab\n"},
		{"", " Behind.\n", "No.", "", false, "// Behind.\n"},
		{"\n \n", "", "No words.", "", false, "// No words.\n"},
		{"", "", "", "", false, ""},
		{"go:build ignore\n", "", "", "", false, "// go:build ignore\n"},
		{" Windows.\r\n Lines.\r\n", "", "", "", false, "// Windows.\n// Lines.\n"},
		{" One.\n", "", "", "// Note.\n", false, "// One.\n//\n// Note.\n"},
		{"", "", "", "// Note.\n", true, "// Note.\n//\n// Deprecated: the .proto file says so.\n"},
		{" Old.\n", "", "", "", true, "// Old.\n//\n// Deprecated: the .proto file says so.\n"},
		{" Deprecated: use New.\n", "", "", "", true, "// Deprecated: use New.\n"},
		{"", "", "", "", true, "// Deprecated: the .proto file says so.\n"},
	} {
		comments := protogen.CommentSet{Leading: protogen.Comments(test.leading), Trailing: protogen.Comments(test.trailing)}
		if got := comment(comments, test.fallback, test.note, test.deprecated); got != test.want {
			t.Errorf("comment of %q, %q is %q, want %q", test.leading, test.trailing, got, test.want)
		}
	}
}

// FuzzComment looks for a comment that becomes code.
func FuzzComment(f *testing.F) {
	f.Add(" One.\n Two.\n")
	f.Add("\r*/ func init() {}\r\n\u2028x\u0085y\v\f")
	f.Add("line /x.go:1\nexport f\n")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\ufeff") {
			t.Skip("never in a .proto file that compiles, or in Go")
		}
		code := "package p\n\n" + comment(protogen.CommentSet{Leading: protogen.Comments(text)}, "", "", false) + "type T int\n"
		file, err := parser.ParseFile(token.NewFileSet(), "", code, parser.ParseComments)
		if err != nil {
			t.Fatalf("%v:\n%s", err, code)
		}
		if len(file.Decls) != 1 {
			t.Fatalf("%d declarations:\n%s", len(file.Decls), code)
		}
		for _, group := range file.Comments {
			for _, line := range group.List {
				if strings.HasPrefix(line.Text, "//go:") || strings.HasPrefix(line.Text, "//line ") || strings.HasPrefix(line.Text, "//export ") {
					t.Errorf("%q is an order to a tool", line.Text)
				}
			}
		}
	})
}
