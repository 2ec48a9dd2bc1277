// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAFileNamesSeveralDirectories(t *testing.T) {
	files := map[string]string{
		"go.mod": "module example.com/m\n",
		"farcall.yaml": `generate:
  - directory: proto
    import-roots: [proto, third]
  - directory: other
    out: gen
`,
		"proto/a.proto":        protoFile("example.com/m/a", "import \"lib/c.proto\";\nmessage A {\n  lib.C c = 1;\n}\n"),
		"third/lib/c.proto":    "syntax = \"proto3\";\npackage lib;\noption go_package = \"example.com/lib\";\nmessage C {}\n",
		"other/sub/b.proto":    strings.Replace(protoFile("example.com/m/b", ping), "package p", "package b", 1),
		"elsewhere/keep.proto": "nonsense that nobody names",
	}
	lay(t, files)
	mustRun(t, "wrote a/a.pb.go\nwrote a/a.codec.farcall.go\nwrote gen/sub/b.pb.go\nwrote gen/sub/b.farcall.go\nwrote gen/sub/b.codec.farcall.go\n", "", "generate")
	mustRun(t, "nothing to write: the code of farcall.yaml is up to date\n", "", "generate")
	// From elsewhere the file's paths mean the same.
	t.Chdir("elsewhere")
	mustRun(t, "nothing to write: the code of ../farcall.yaml is up to date\n", "", "generate", "--config", "../farcall.yaml")
	t.Chdir("..")

	for arguments, want := range map[string]string{
		"generate --out gen":          "--import-root, --go-module, --go-package and --out go with a directory: farcall.yaml has keys for them",
		"generate --config none.yaml": "generate takes a directory of .proto files, or reads none.yaml, which is not here: farcall generate DIR",
	} {
		if _, _, err := run(t, strings.Fields(arguments)...); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", arguments, err, want)
		}
	}
	write(t, "farcall.yaml", "generate:\n  - directory: proto\n    roots: [third]\n")
	if _, _, err := run(t, "generate"); err == nil || !strings.HasPrefix(err.Error(), "farcall.yaml:3:5: unknown key \"roots\"") {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestDirectoriesInEachOthersWay(t *testing.T) {
	lay(t, map[string]string{
		"go.mod":            "module example.com/m\n",
		"farcall.yaml":      "generate:\n  - directory: proto\n  - directory: proto/sub\n    import-roots: [proto]\n",
		"proto/sub/a.proto": protoFile("example.com/m/a", ping),
	})
	mustRun(t, "wrote a/a.pb.go\nwrote a/a.farcall.go\nwrote a/a.codec.farcall.go\n", "", "generate") // one inside the other does no harm
	write(t, "second/sub/a.proto", protoFile("example.com/m/a", "message Other {}\n"))
	write(t, "farcall.yaml", "generate:\n  - directory: proto\n  - directory: second\n")
	want := "proto/sub/a.proto and second/sub/a.proto would both be written to a/a.pb.go: rename one, or give it another go_package"
	if _, _, err := run(t, "generate"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	// The mistakes of all directories are told at once, and nothing is written.
	write(t, "proto/sub/a.proto", "syntax = \"proto3\";\nmessage {}\n")
	write(t, "second/sub/a.proto", "syntax = \"proto3\";\nmessage {}\n")
	_, _, err := run(t, "generate")
	if err == nil || !strings.Contains(err.Error(), "proto/sub/a.proto:2:9") || !strings.Contains(err.Error(), "second/sub/a.proto:2:9") {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	lay(t, map[string]string{
		"go.mod":        "module example.com/m\n",
		"proto/a.proto": protoFile("example.com/m/pb", ping),
		"proto/b.proto": protoFile("example.com/m/pb", "message B {}\n"),
	})
	check := func(wantError, wantStdout string, arguments ...string) {
		t.Helper()
		before := goFiles(t)
		stdout, _, err := run(t, append([]string{"generate", "proto", "--check"}, arguments...)...)
		if got := ""; err != nil {
			if got = err.Error(); got != wantError {
				t.Errorf("failed with %q, want %q", got, wantError)
			}
			if exitCodeOf(err) != 1 {
				t.Errorf("exit code %d", exitCodeOf(err))
			}
		} else if wantError != "" {
			t.Errorf("did not fail, want %q", wantError)
		}
		if stdout != wantStdout {
			t.Errorf("printed\n%swant\n%s", stdout, wantStdout)
		}
		if !slices.Equal(goFiles(t), before) {
			t.Errorf("--check wrote or removed files: %v", goFiles(t))
		}
	}
	check("the generated code is not current: run farcall generate, and commit the 5 files",
		"pb/a.pb.go is missing: proto/a.proto makes it\npb/a.farcall.go is missing: proto/a.proto makes it\npb/a.codec.farcall.go is missing: proto/a.proto makes it\n"+
			"pb/b.pb.go is missing: proto/b.proto makes it\npb/b.codec.farcall.go is missing: proto/b.proto makes it\n")
	mustRun(t, "wrote pb/a.pb.go\nwrote pb/a.farcall.go\nwrote pb/a.codec.farcall.go\nwrote pb/b.pb.go\nwrote pb/b.codec.farcall.go\n", "", "generate", "proto")
	check("", "")
	write(t, "proto/b.proto", protoFile("example.com/m/pb", "message B {\n  string text = 1;\n}\n"))
	check("the generated code is not current: run farcall generate, and commit the 2 files",
		"pb/b.pb.go is stale: proto/b.proto makes something else now\npb/b.codec.farcall.go is stale: proto/b.proto makes something else now\n")
	mustRun(t, "wrote pb/b.pb.go\nwrote pb/b.codec.farcall.go\n", "", "generate", "proto")
	write(t, "proto/a.proto", protoFile("example.com/m/pb", "message Ping {}\n"))
	check("the generated code is not current: run farcall generate, and commit the 2 files",
		"pb/a.pb.go is stale: proto/a.proto makes something else now\npb/a.farcall.go should not be there: proto/a.proto makes it no more\n")
	write(t, "proto/a.proto", protoFile("example.com/m/pb", ping))
	if err := os.Rename("proto/a.proto", "proto/c.proto"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "wrote pb/c.pb.go\nwrote pb/c.farcall.go\nwrote pb/c.codec.farcall.go\n", "", "generate", "proto")
	check("", "") // what is left over is not looked for
	check("the generated code is not current: run farcall generate, and commit the 3 files",
		"pb/a.codec.farcall.go should not be there: there is no a.proto any more\npb/a.farcall.go should not be there: there is no a.proto any more\n"+
			"pb/a.pb.go should not be there: there is no a.proto any more\n", "--prune")
}

func TestPrune(t *testing.T) {
	begin := func(extra map[string]string) {
		t.Helper()
		files := map[string]string{
			"go.mod":               "module example.com/m\n",
			"proto/gone.proto":     protoFile("example.com/m/gonepb", ping),
			"proto/moved.proto":    strings.ReplaceAll(protoFile("example.com/m/pb", ping), "package p", "package moved"),
			"proto/kept.proto":     strings.ReplaceAll(protoFile("example.com/m/pb", ping), "package p", "package kept"),
			"apart/apart.proto":    strings.ReplaceAll(protoFile("example.com/m/apart", ping), "package p", "package apart"),
			"inner/go.mod":         "module example.com/inner\n",
			"inner/x.farcall.go":   "// Code generated by protoc-gen-farcall. DO NOT EDIT.\n// source: x.proto\n\npackage inner\n",
			"hand/hand.farcall.go": "package hand\n",
			"hand/theirs.pb.go":    "// Code generated by protoc-gen-go. DO NOT EDIT.\n// source: theirs.proto\n\npackage hand\n",
		}
		for name, text := range extra {
			files[name] = text
		}
		lay(t, files)
		for _, directory := range []string{"proto", "apart"} {
			if _, _, err := run(t, "generate", directory); err != nil {
				t.Fatal(err)
			}
		}
		// Alone, or made from another file, it is somebody else's, although its name does not look so.
		write(t, "pb/gone.pb.go", "// Code generated by protoc-gen-go. DO NOT EDIT.\n// source: gone.proto\n\npackage pb\n")
		write(t, "pb/moved.pb.go", strings.Replace(read(t, "pb/moved.pb.go"), "// source: moved.proto\n", "// source: other/moved.proto\n", 1))
		if err := os.Remove("proto/gone.proto"); err != nil {
			t.Fatal(err)
		}
		write(t, "proto/moved.proto", strings.ReplaceAll(protoFile("example.com/m/pb2", ping), "package p", "package moved"))
	}

	// One directory: what is gone where code still goes, and nothing of others.
	begin(nil)
	moved := "removed pb/moved.codec.farcall.go: moved.proto makes it no more\nremoved pb/moved.farcall.go: moved.proto makes it no more\n"
	wrote := "wrote pb2/moved.pb.go\nwrote pb2/moved.farcall.go\nwrote pb2/moved.codec.farcall.go\n"
	mustRun(t, wrote+moved, "", "generate", "proto", "--prune")
	left := []string{"apart/apart.codec.farcall.go", "apart/apart.farcall.go", "apart/apart.pb.go",
		"gonepb/gone.codec.farcall.go", "gonepb/gone.farcall.go", "gonepb/gone.pb.go", "hand/hand.farcall.go", "hand/theirs.pb.go", "inner/x.farcall.go", "pb/gone.pb.go", "pb/kept.codec.farcall.go", "pb/kept.farcall.go", "pb/kept.pb.go",
		"pb/moved.pb.go", "pb2/moved.codec.farcall.go", "pb2/moved.farcall.go", "pb2/moved.pb.go"}
	if got := goFiles(t); !slices.Equal(got, left) {
		t.Errorf("left %v, want %v", got, left)
	}

	// The file names all there is in the module: what is gone from directories that have no code any more, too.
	begin(map[string]string{"farcall.yaml": "generate:\n  - directory: proto\nprune: true\n"})
	mustRun(t, wrote+"removed gonepb/gone.codec.farcall.go: there is no gone.proto any more\nremoved gonepb/gone.farcall.go: there is no gone.proto any more\nremoved gonepb/gone.pb.go: there is no gone.proto any more\n"+moved,
		"", "generate")
	left = slices.DeleteFunc(left, func(name string) bool { return filepath.Dir(name) == "gonepb" })
	if got := goFiles(t); !slices.Equal(got, left) {
		t.Errorf("with a file: left %v, want %v", got, left)
	}

	// Below --out everything may be pruned.
	lay(t, map[string]string{"proto/v1/a.proto": protoFile("example.com/m/a", ping), "proto/v2/b.proto": strings.ReplaceAll(protoFile("example.com/m/b", ping), "package p", "package b")})
	if _, _, err := run(t, "generate", "proto", "-o", "gen"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll("proto/v2"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "removed gen/v2/b.codec.farcall.go: there is no v2/b.proto any more\nremoved gen/v2/b.farcall.go: there is no v2/b.proto any more\nremoved gen/v2/b.pb.go: there is no v2/b.proto any more\n", "",
		"generate", "proto", "-o", "gen", "--prune")
}

func TestImportsFromGoModules(t *testing.T) {
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off")
	const module = "module example.com/m\n\ngo 1.26.0\n\nrequire example.com/types v1.0.0\n\nrequire example.com/lost v1.2.3\n\nreplace example.com/types => ../types\n"
	lay(t, map[string]string{
		"types/go.mod":                 "module example.com/types\n",
		"types/proto/money/m.proto":    "syntax = \"proto3\";\npackage money;\noption go_package = \"example.com/types/moneypb\";\nmessage Money {}\n",
		"types/k8s/v1/generated.proto": "syntax = \"proto3\";\npackage k8s;\nmessage Pod {}\n",
		"m/go.mod":                     module,
		"m/proto/a.proto": protoFile("example.com/m/a", "import \"money/m.proto\";\nimport \"example.com/types/k8s/v1/generated.proto\";\n"+
			"message A {\n  money.Money money = 1;\n  k8s.Pod pod = 2;\n}\n"),
	})
	t.Chdir("m")
	mustRun(t, "wrote a/a.pb.go\nwrote a/a.codec.farcall.go\n", "", "generate", "proto", "--go-module", "example.com/types/proto")
	for _, imported := range []string{`moneypb "example.com/types/moneypb"`, `v1 "example.com/types/k8s/v1"`} {
		if code := read(t, "a/a.pb.go"); !strings.Contains(code, imported) {
			t.Errorf("the code does not import %s", imported)
		}
	}
	write(t, "proto/a.proto", protoFile("example.com/m/a", "import \"example.com/lost/x.proto\";\nimport \"money/m.proto\";\nimport \"example.com/types/none.proto\";\n"))
	want := "proto/a.proto:5:8: import \"example.com/lost/x.proto\": the Go module example.com/lost v1.2.3 is not downloaded: run go mod download example.com/lost in proto\n" +
		"proto/a.proto:6:8: import \"money/m.proto\" is neither built in nor below an import root (proto)\n" +
		"proto/a.proto:7:8: import \"example.com/types/none.proto\" is neither built in nor below an import root (proto)"
	if _, _, err := run(t, "generate", "proto"); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if _, _, err := run(t, "generate", "proto", "--go-module", "example.com/none"); err == nil || !strings.Contains(err.Error(), "go get example.com/none@latest") {
		t.Errorf("a module that is not required: %v", err)
	}
	if err := os.Remove("go.mod"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, "generate", "proto", "--go-module", "example.com/types"); err == nil || !strings.Contains(err.Error(), "proto is in no Go module") {
		t.Errorf("outside any module: %v", err)
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	if p := newProgress(writer); p.bar != nil {
		t.Error("a pipe is shown a progress bar")
	}
}
