// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/farcall/farcall/cmd/internal/compile"
)

// lay writes files into a directory that becomes the current one.
func lay(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// head begins a file that is otherwise in order, in four lines.
const head = `syntax = "proto3";
package p;
option go_package = "example.com/p";

`

func TestMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		o     compile.Options
		want  []string
	}{
		"syntax": {
			files: map[string]string{"p/a.proto": head + "message M {\n  string name = ;\n}\n"},
			want:  []string{`p/a.proto:6:17: syntax error: unexpected ';', expecting int literal`},
		},
		"what cannot be read is said once": {
			files: map[string]string{"p/a.proto": head + "message M {\n  string name = 1x;\n}\n"},
			want:  []string{`p/a.proto:6:17: invalid syntax in integer value: 1x`},
		},
		"several mistakes in several files": {
			files: map[string]string{
				"p/b.proto":     head + "message B {\n  Missing a = 1;\n  Absent b = 2;\n}\nservice S {\n  rpc Get(B) returns (Nothing);\n}\n",
				"p/sub/a.proto": head + "message A {\n  string a = 1;\n  string b = 1;\n}\nenum E {\n  ONE = 1;\n}\n",
			},
			want: []string{
				"p/b.proto:6:3: field p.B.a: unknown type Missing",
				"p/b.proto:7:3: field p.B.b: unknown type Absent",
				"p/b.proto:10:23: method p.S.Get: unknown response type Nothing",
				"p/sub/a.proto:7:14: message p.A: fields a and b both have the same tag 1",
				"p/sub/a.proto:10:9: enum p.E: proto3 requires that first value of enum have numeric value zero",
			},
		},
		"a name that two files declare": {
			files: map[string]string{"p/a.proto": head + "message M {}\n", "p/b.proto": head + "message M {}\n"},
			want:  []string{`p/b.proto:5:9: symbol "p.M" already defined at p/a.proto:5:9`},
		},
		"unknown option": {
			files: map[string]string{"p/a.proto": head + "import \"google/api/annotations.proto\";\nmessage M {}\n" +
				"service S {\n  rpc Get(M) returns (M) {\n    option (google.api.http) = {gett: \"/x\"};\n  }\n}\n"},
			want: []string{`p/a.proto:9:33: method p.S.Get: option (google.api.http): field gett not found`},
		},
		"imports that are not there": {
			files: map[string]string{"p/v1/a.proto": head + `import "nowhere.proto";
import "p/v1/b.proto";
import "../v1/b.proto";
import "./b.proto";
import "v1\\b.proto";
import "google/type/money.proto";
`, "p/v1/b.proto": head},
			o: compile.Options{Roots: []string{"p/v1"}},
			want: []string{
				`p/v1/a.proto:5:8: import "nowhere.proto" is neither built in nor below an import root (p/v1)`,
				`p/v1/a.proto:6:8: import "p/v1/b.proto" is neither built in nor below an import root (p/v1): -I . would find it`,
				`p/v1/a.proto:7:8: import "../v1/b.proto": an import is a path below an import root: slashes, no "." and no ".."`,
				`p/v1/a.proto:8:8: import "./b.proto": an import is a path below an import root: slashes, no "." and no ".."`,
				`p/v1/a.proto:9:8: import "v1\\b.proto": an import is a path below an import root: slashes, no "." and no ".."`,
				`p/v1/a.proto:10:8: import "google/type/money.proto" is neither built in nor below an import root (p/v1): ` +
					`of google's, only protobuf, api and rpc are built in; the others are in github.com/googleapis/googleapis`,
			},
		},
		"a mistake in an imported file": {
			files: map[string]string{
				"p/v1/a.proto": head + "import \"common/c.proto\";\nmessage M {}\n",
				"lib/common/c.proto": "syntax = \"proto3\";\npackage c;\noption go_package = \"example.com/c\";\n" +
					"message C {\n  Lost l = 1;\n}\n",
			},
			o:    compile.Options{Roots: []string{"p/v1", "lib"}},
			want: []string{"lib/common/c.proto:5:3: field c.C.l: unknown type Lost"},
		},
		"import cycle": {
			files: map[string]string{"p/a.proto": head + "import \"b.proto\";\n", "p/b.proto": head + "import \"a.proto\";\n"},
			want:  []string{`p/b.proto:5:8: import cycle: a.proto imports b.proto imports a.proto`},
		},
		"a file that imports itself": {
			files: map[string]string{"p/a.proto": head + "import \"a.proto\";\n"},
			want:  []string{`p/a.proto:5:8: import cycle: a.proto imports a.proto`},
		},
		"a name of a built-in file": {
			files: map[string]string{"p/a.proto": "syntax = \"proto3\";\npackage google.protobuf;\noption go_package = \"example.com/p\";\n" +
				"import \"google/protobuf/any.proto\";\nmessage Any {}\n"},
			want: []string{`p/a.proto:5:9: symbol "google.protobuf.Any" already defined at google/protobuf/any.proto`},
		},
		"an edition to come": {
			files: map[string]string{"p/a.proto": "edition = \"2099\";\npackage p;\n"},
			want:  []string{`p/a.proto:1:11: edition value "2099" not recognized; should be one of ["2023"]`},
		},
		"an edition for protoc": {
			files: map[string]string{"p/a.proto": "edition = \"2024\";\npackage p;\n"},
			want:  []string{`p/a.proto:1:11: the compiler that is built in knows the editions up to 2023: for 2024 run protoc, with --go_out and --farcall_out, or buf with these two plug-ins`},
		},
		"no go_package": {
			files: map[string]string{"p/v1/a.proto": "syntax = \"proto3\";\n\npackage p;\n", "p/b.proto": "syntax = \"proto3\";\n",
				"go.mod": "module example.com/shop // the module\n"},
			want: []string{
				"p/b.proto:1:1: there is no go_package option, so the Go package is not known: add the line\n" +
					"\toption go_package = \"example.com/shop/p\";\nbelow the package statement, or pass --go-package",
				"p/v1/a.proto:3:1: there is no go_package option, so the Go package is not known: add the line\n" +
					"\toption go_package = \"example.com/shop/p/v1\";\nbelow the package statement, or pass --go-package",
			},
		},
		"no go_package and no module": {
			files: map[string]string{"p/a.proto": "syntax = \"proto3\";\npackage p;\n"},
			want: []string{"p/a.proto:2:1: there is no go_package option, so the Go package is not known: add the line\n" +
				"\toption go_package = \"example.com/project/p\";\nbelow the package statement, or pass --go-package"},
		},
		"go_packages that are none": {
			files: map[string]string{
				"p/a.proto": "package a;\noption go_package = \"paymentspb\";\n",
				"p/b.proto": "package b;\n\n  option go_package = \"example.com/a b\";\n",
				"p/c.proto": "package c;\noption go_package = \"example.com/p;else\";\n",
				"p/d.proto": "package d;\noption go_package = \"./d\";\n",
			},
			want: []string{
				`p/a.proto:2:1: go_package "paymentspb" is no import path, which has a slash or a dot: write it like "example.com/project/p"`,
				`p/b.proto:3:3: go_package "example.com/a b" is no import path: invalid char ' ': write it like "example.com/project/p"`,
				`p/c.proto:2:1: go_package "example.com/p;else" has a package name that Go does not allow: write it like "example.com/project/p"`,
				`p/d.proto:2:1: go_package "./d" is no import path: invalid path element ".": write it like "example.com/project/p"`,
			},
		},
		"an override does not cover what lies elsewhere": {
			files: map[string]string{
				"p/v1/a.proto":       "package p;\nimport \"common/c.proto\";\n",
				"lib/common/c.proto": "package c;\n",
			},
			o: compile.Options{Roots: []string{"p/v1", "lib"}, GoPackage: "example.com/mirror"},
			want: []string{"lib/common/c.proto:1:1: there is no go_package option, so the Go package is not known: add the line\n" +
				"\toption go_package = \"example.com/project/common\";\nbelow the package statement, or pass --go-package"},
		},
		"unfinished text": {
			files: map[string]string{"p/a.proto": head + "message M { string s = 1 [default = \"x;\n", "p/b.proto": head + "/* to be continued\n"},
			want: []string{
				"p/a.proto:5:37: encountered end-of-line before end of string literal",
				"p/b.proto:5:1: block comment never terminates, unexpected EOF",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			lay(t, test.files)
			directory := "p"
			if len(test.o.Roots) > 0 {
				directory = "p/v1"
			}
			_, err := compile.Directory(t.Context(), directory, test.o)
			var mistakes compile.Mistakes
			if !errors.As(err, &mistakes) {
				t.Fatalf("got %v, want mistakes", err)
			}
			if got, want := err.Error(), strings.Join(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	lay(t, map[string]string{
		"p/a.proto": head, "q/a.proto": head, "q/p/a.proto": head, "empty/readme.txt": "", "odd/a,b.proto": "package odd;",
		"copies/google/api/http.proto": "nonsense",
	})
	for name, test := range map[string]struct {
		directory string
		o         compile.Options
		want      string
	}{
		"no directory":      {"nowhere", compile.Options{}, "there is no directory nowhere"},
		"no root":           {"p", compile.Options{Roots: []string{"nowhere"}}, "there is no directory nowhere"},
		"a file":            {"p/a.proto", compile.Options{}, "p/a.proto is not a directory: name the one that holds the .proto files, such as p"},
		"nothing to do":     {"empty", compile.Options{}, "there is no .proto file to generate code for below empty"},
		"only built-in":     {"copies", compile.Options{}, "there is no .proto file to generate code for below copies"},
		"outside the roots": {"p", compile.Options{Roots: []string{"q", "empty"}}, "p is below none of the import roots (q, empty): add one that holds it, such as -I p"},
		"hidden by another": {"p", compile.Options{Roots: []string{"q", "."}}, "q/p/a.proto and p/a.proto would both be imported as \"p/a.proto\", and q/p/a.proto comes first: " +
			"change the order of the import roots, or move one of the files"},
		"override": {"p", compile.Options{GoPackage: "mirror"}, `--go-package "mirror" is no import path, which has a slash or a dot`},
		"comma": {"odd", compile.Options{GoPackage: "example.com/odd"},
			"odd/a,b.proto: a file whose name has a comma or an equals sign needs a go_package option of its own"},
	} {
		_, err := compile.Directory(t.Context(), test.directory, test.o)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestRequestIsWhatProtocWouldSend(t *testing.T) {
	lay(t, map[string]string{
		"root/shop/v1/b.proto": `syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
import "google/protobuf/descriptor.proto";
import "google/rpc/status.proto";
import "shop/v1/z.proto";
option go_package = "example.com/shop/v1";
extend google.protobuf.MethodOptions {
  string note = 50001 [retention = RETENTION_SOURCE];
}
// Shop sells.
service Shop {
  rpc Buy(Z) returns (google.rpc.Status) {
    option (note) = "for readers of the source";
    option (google.api.http) = {get: "/v1/{z}"};
  }
}
`,
		"root/shop/v1/z.proto":       "syntax = \"proto3\";\npackage shop.v1;\noption go_package = \"example.com/shop/v1\";\nmessage Z {\n  string z = 1;\n}\n",
		"root/google/api/http.proto": "a copy that is not looked at",
		"root/.hidden/x.proto":       "nonsense",
	})
	if err := os.Symlink("z.proto", "root/shop/v1/link.txt"); err != nil {
		t.Fatal(err)
	}
	compiled, err := compile.Directory(t.Context(), "root/shop", compile.Options{Roots: []string{"root"}})
	if err != nil {
		t.Fatal(err)
	}
	request := compiled.Request
	if want := []string{"shop/v1/b.proto", "shop/v1/z.proto"}; !slices.Equal(request.FileToGenerate, want) {
		t.Errorf("files to generate: %v", request.FileToGenerate)
	}
	seen := make(map[string]*descriptorpb.FileDescriptorProto)
	for _, file := range request.ProtoFile {
		for _, imported := range file.Dependency {
			if seen[imported] == nil {
				t.Errorf("%s comes before %s, which it imports", file.GetName(), imported)
			}
		}
		seen[file.GetName()] = file
	}
	want := []string{"google/api/annotations.proto", "google/api/http.proto", "google/protobuf/any.proto", "google/protobuf/descriptor.proto",
		"google/rpc/status.proto", "shop/v1/b.proto", "shop/v1/z.proto"}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("files: %v", got)
	}
	method := func(file *descriptorpb.FileDescriptorProto) string {
		return file.Service[0].Method[0].GetOptions().String()
	}
	if got := method(seen["shop/v1/b.proto"]); !strings.Contains(got, "/v1/{z}") || strings.Contains(got, "for readers") {
		t.Errorf("the file to generate has the options %s", got)
	}
	source := request.SourceFileDescriptors[slices.IndexFunc(request.SourceFileDescriptors, func(f *descriptorpb.FileDescriptorProto) bool {
		return f.GetName() == "shop/v1/b.proto"
	})]
	if got := method(source); !strings.Contains(got, "for readers") {
		t.Errorf("the source file has the options %s", got)
	}
	if got, want := compiled.OnDisk("shop/v1/z.proto"), filepath.Join("root", "shop", "v1", "z.proto"); got != want {
		t.Errorf("OnDisk returned %s", got)
	}
	if compiled.OnDisk("google/api/http.proto") != "" {
		t.Error("a built-in file is said to be on disk")
	}
}

func TestGoPackageOverride(t *testing.T) {
	lay(t, map[string]string{"p/a.proto": head, "p/v1/b.proto": "package b;"})
	compiled, err := compile.Directory(t.Context(), "p", compile.Options{GoPackage: "example.com/mirror;mirrorpb"})
	if err != nil {
		t.Fatal(err)
	}
	want := "paths=source_relative,Ma.proto=example.com/mirror;mirrorpb,Mv1/b.proto=example.com/mirror/v1"
	if got := compiled.Request.GetParameter(); got != want {
		t.Errorf("parameter %s, want %s", got, want)
	}
}

func TestWarnings(t *testing.T) {
	lay(t, map[string]string{
		"p/b.proto": "package p;\nimport \"google/protobuf/empty.proto\";\noption go_package = \"example.com/p\";\n",
		"p/a.proto": head,
	})
	compiled, err := compile.Directory(t.Context(), "p", compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "p/b.proto:1:1: no syntax specified; defaulting to proto2 syntax\n" +
		"p/b.proto:2:1: import \"google/protobuf/empty.proto\" not used"
	if got := compiled.Warnings.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestBuiltIn imports every file that is promised to be there.
func TestBuiltIn(t *testing.T) {
	names := []string{
		"google/api/annotations.proto", "google/api/client.proto", "google/api/field_behavior.proto", "google/api/field_info.proto",
		"google/api/http.proto", "google/api/httpbody.proto", "google/api/launch_stage.proto", "google/api/resource.proto",
		"google/api/routing.proto", "google/api/visibility.proto",
		"google/rpc/code.proto", "google/rpc/context/attribute_context.proto", "google/rpc/error_details.proto", "google/rpc/http.proto",
		"google/rpc/status.proto",
		"google/protobuf/any.proto", "google/protobuf/api.proto", "google/protobuf/compiler/plugin.proto", "google/protobuf/descriptor.proto",
		"google/protobuf/duration.proto", "google/protobuf/empty.proto", "google/protobuf/field_mask.proto",
		"google/protobuf/go_features.proto", "google/protobuf/source_context.proto", "google/protobuf/struct.proto",
		"google/protobuf/timestamp.proto", "google/protobuf/type.proto", "google/protobuf/wrappers.proto",
		"google/protobuf/cpp_features.proto", "google/protobuf/java_features.proto",
	}
	var text strings.Builder
	text.WriteString(head)
	for _, name := range names {
		text.WriteString("import \"" + name + "\";\n")
	}
	lay(t, map[string]string{"p/a.proto": text.String()})
	compiled, err := compile.Directory(t.Context(), "p", compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(compiled.Request.ProtoFile, func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == name }) {
			t.Errorf("%s is missing from the request", name)
		}
	}
}

func TestSameRequestEveryTime(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		files["p/"+name+".proto"] = head + "import \"google/protobuf/any.proto\";\nmessage " + strings.ToUpper(name) + " {\n  google.protobuf.Any any = 1;\n}\n"
	}
	lay(t, files)
	var first *pluginpb.CodeGeneratorRequest
	for range 5 {
		compiled, err := compile.Directory(t.Context(), "p", compile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = compiled.Request
		}
		if !proto.Equal(first, compiled.Request) {
			t.Fatal("the same files gave another request")
		}
	}
}
