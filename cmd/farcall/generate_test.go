// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the command, where a process of its own matters.
func TestMain(m *testing.M) {
	if os.Getenv("BE_FARCALL") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// lay writes files into a directory that becomes the current one.
func lay(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		write(t, name, text)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func run(t *testing.T, arguments ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errors bytes.Buffer
	command := newCommand()
	command.SetArgs(arguments)
	command.SetOut(&out)
	command.SetErr(&errors)
	err = command.ExecuteContext(t.Context())
	return out.String(), errors.String(), err
}

// mustRun runs the command and compares what it prints.
func mustRun(t *testing.T, wantStdout, wantStderr string, arguments ...string) {
	t.Helper()
	stdout, stderr, err := run(t, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	if stdout != wantStdout || stderr != wantStderr {
		t.Fatalf("farcall %s printed\n%swith standard error\n%swant\n%swith standard error\n%s",
			strings.Join(arguments, " "), stdout, stderr, wantStdout, wantStderr)
	}
}

// goFiles returns the Go files below the current directory.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && (filepath.Ext(path) == ".go" || strings.HasPrefix(entry.Name(), ".farcall")) {
			files = append(files, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func protoFile(goPackage, body string) string {
	return "syntax = \"proto3\";\npackage p;\noption go_package = \"" + goPackage + "\";\n\n" + body
}

const ping = "message Ping {}\nservice Pinger {\n  rpc Send(Ping) returns (Ping);\n}\n"

func TestWhereFilesGo(t *testing.T) {
	three := []string{"p.codec.farcall.go", "p.farcall.go", "p.pb.go"}
	in := func(directory string) []string {
		return []string{directory + "/" + three[0], directory + "/" + three[1], directory + "/" + three[2]}
	}
	for name, test := range map[string]struct {
		module    string
		proto     string
		goPackage string
		arguments []string
		want      []string
		warning   string
	}{
		"the package in the module":   {"example.com/shop", "proto/p.proto", "example.com/shop/internal/shoppb", nil, in("internal/shoppb"), ""},
		"the module's own package":    {"example.com/shop", "proto/p.proto", "example.com/shop;shop", nil, three, ""},
		"the .proto's own directory":  {"example.com/shop", "proto/p.proto", "example.com/shop/proto", nil, in("proto"), ""},
		"no module":                   {"", "proto/p.proto", "example.com/shop/shoppb", nil, in("proto"), ""},
		"below --out":                 {"example.com/shop", "proto/v1/p.proto", "example.com/shop/shoppb", []string{"--out", "gen"}, in("gen/v1"), ""},
		"an override in the module":   {"example.com/shop", "proto/v1/p.proto", "", []string{"--go-package", "example.com/shop/mirror"}, in("mirror/v1"), ""},
		"an override below --out":     {"example.com/shop", "proto/p.proto", "example.com/q", []string{"--go-package", "example.com/x", "-o", "gen"}, in("gen"), ""},
		"a root above the directory":  {"example.com/shop", "proto/v1/p.proto", "example.com/shop/shoppb", []string{"-I", "."}, in("shoppb"), ""},
		"a root above, below --out":   {"example.com/shop", "proto/v1/p.proto", "example.com/shop/shoppb", []string{"-I", ".", "-o", "gen"}, in("gen/v1"), ""},
		"outside the module":          {"example.com/shop", "proto/p.proto", "example.com/shopping/pb", nil, in("proto"), "proto/p.proto: warning: the Go package example.com/shopping/pb is not in the module example.com/shop, so its code is written beside the .proto file; --out says otherwise\n"},
		"a module without a name":     {"//", "proto/p.proto", "example.com/shop/pb", nil, in("proto"), ""},
		"a package with another name": {"example.com/shop", "proto/p.proto", "example.com/shop/v1;shopv1", nil, in("v1"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{test.proto: protoFile(test.goPackage, ping)}
			if test.module != "" {
				files["go.mod"] = "module " + test.module + "\n"
			}
			lay(t, files)
			_, stderr, err := run(t, append([]string{"generate", "proto"}, test.arguments...)...)
			if err != nil {
				t.Fatal(err)
			}
			if got := goFiles(t); !slices.Equal(got, test.want) {
				t.Errorf("wrote %v, want %v", got, test.want)
			}
			if stderr != test.warning {
				t.Errorf("warned %q, want %q", stderr, test.warning)
			}
		})
	}
}

func TestWritesOnlyWhatChanges(t *testing.T) {
	lay(t, map[string]string{
		"go.mod":        "module example.com/m\n",
		"proto/a.proto": protoFile("example.com/m/pb", ping),
		"proto/b.proto": protoFile("example.com/m/pb", "message Other {}\n"),
	})
	mustRun(t, "wrote pb/a.pb.go\nwrote pb/a.farcall.go\nwrote pb/a.codec.farcall.go\nwrote pb/b.pb.go\nwrote pb/b.codec.farcall.go\n", "", "generate", "proto")

	long := time.Now().Add(-time.Hour)
	for _, file := range goFiles(t) {
		if err := os.Chtimes(file, long, long); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, "nothing to write: the code of proto is up to date\n", "", "generate", "proto")
	write(t, "proto/b.proto", protoFile("example.com/m/pb", "// With a comment.\nmessage Other {}\n"))
	mustRun(t, "wrote pb/b.pb.go\n", "", "generate", "proto")
	for _, file := range goFiles(t) {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if touched, want := info.ModTime().After(long.Add(time.Minute)), file == "pb/b.pb.go"; touched != want {
			t.Errorf("%s touched: %v, want %v", file, touched, want)
		}
		if info.Mode().Perm() != 0o644 {
			t.Errorf("%s has mode %v", file, info.Mode())
		}
	}

	// The last service goes, and its code with it; the neighbours stay, and what is not ours.
	write(t, "pb/b.farcall.go", "package pb\n")
	write(t, "proto/a.proto", protoFile("example.com/m/pb", "message Ping {}\n"))
	mustRun(t, "wrote pb/a.pb.go\nremoved pb/a.farcall.go: proto/a.proto makes it no more\n", "", "generate", "proto")
	if got, want := goFiles(t), []string{"pb/a.codec.farcall.go", "pb/a.pb.go", "pb/b.codec.farcall.go", "pb/b.farcall.go", "pb/b.pb.go"}; !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
}

func TestNothingIsWrittenOnAMistake(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"compiler": {
			map[string]string{"proto/good.proto": protoFile("example.com/m/pb", ping), "proto/wrong.proto": "syntax = \"proto3\";\nmessage {}\n"},
			`proto/wrong.proto:2:9: syntax error: unexpected '{'`,
		},
		"two packages in one directory": {
			map[string]string{"proto/a.proto": protoFile("example.com/a", ping), "proto/b.proto": "syntax = \"proto3\";\noption go_package = \"example.com/b\";\n"},
			"the Go packages \"example.com/a\" (of proto/a.proto) and \"example.com/b\" (of proto/b.proto) would both be written to the directory proto, " +
				"which can hold only one: give the files one go_package, or directories of their own",
		},
		"two files of one name": {
			map[string]string{
				"go.mod":           "module example.com/m",
				"proto/v1/a.proto": protoFile("example.com/m/pb", ping),
				"proto/v2/a.proto": "syntax = \"proto3\";\noption go_package = \"example.com/m/pb\";\n",
			},
			"proto/v1/a.proto and proto/v2/a.proto would both be written to pb/a.pb.go: rename one, or give it another go_package",
		},
		"a file of the user's in the way": {
			map[string]string{
				"proto/a.proto":      protoFile("example.com/m/pb", "message First {}\n"),
				"proto/b.proto":      protoFile("example.com/m/pb", ping),
				"proto/b.farcall.go": "package pb\n",
			},
			"proto/b.farcall.go is not generated code, and would be overwritten by that of proto/b.proto: rename one of them",
		},
		"two names for one package": {
			map[string]string{"proto/a.proto": protoFile("example.com/m;one", ping), "proto/b.proto": "syntax = \"proto3\";\noption go_package = \"example.com/m;two\";\n"},
			`Go package "example.com/m" has inconsistent names`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			lay(t, test.files)
			before := goFiles(t)
			stdout, _, err := run(t, "generate", "proto")
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got error\n%v\nwant\n%s", err, test.want)
			}
			if stdout != "" || !slices.Equal(goFiles(t), before) {
				t.Errorf("printed %q and left %v", stdout, goFiles(t))
			}
		})
	}
}

func TestHybridAPI(t *testing.T) {
	lay(t, map[string]string{"proto/a.proto": `edition = "2023";
package p;
import "google/protobuf/go_features.proto";
option go_package = "example.com/m/pb";
option features.(pb.go).api_level = API_HYBRID;
` + ping})
	mustRun(t, "wrote proto/a.pb.go\nwrote proto/a_protoopaque.pb.go\nwrote proto/a.farcall.go\nwrote proto/a.codec.farcall.go\n"+
		"wrote proto/a_protoopaque.codec.farcall.go\n", "", "generate", "proto")
}

func TestWarnings(t *testing.T) {
	lay(t, map[string]string{"proto/a.proto": protoFile("example.com/m/pb", "import \"google/protobuf/empty.proto\";\n"+ping)})
	mustRun(t, "wrote proto/a.pb.go\nwrote proto/a.farcall.go\nwrote proto/a.codec.farcall.go\n",
		"proto/a.proto:5:1: warning: import \"google/protobuf/empty.proto\" not used\n", "generate", "proto")
}

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"generate"}, "generate takes a directory of .proto files, or reads farcall.yaml, which is not here: farcall generate DIR"},
		{[]string{"generate", "a", "b"}, "generate takes one directory, and got 2 arguments: farcall.yaml can name several"},
		{[]string{"generate", "nowhere"}, "there is no directory nowhere"},
		{[]string{"generate", "--colour", "."}, "unknown flag: --colour"},
		{[]string{"generat"}, "unknown command \"generat\" for \"farcall\"\n\nDid you mean this?\n\tgenerate\n"},
	} {
		if _, _, err := run(t, test.arguments...); err == nil || err.Error() != test.want {
			t.Errorf("%v: got %v, want %s", test.arguments, err, test.want)
		}
	}
	if stdout, _, err := run(t, "version"); err != nil || !strings.HasPrefix(stdout, "farcall ") || !strings.Contains(stdout, "\nprotoc-gen-go v1.") {
		t.Errorf("version printed %q, %v", stdout, err)
	}
}

func TestExitCode(t *testing.T) {
	lay(t, map[string]string{"proto/a.proto": "syntax = \"proto3\";\nmessage M {\n  Gone g = 1;\n  Lost l = 2;\n}\n"})
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), executable, "generate", "proto")
	command.Env = append(os.Environ(), "BE_FARCALL=1")
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err == nil || command.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v, want exit code 1", err)
	}
	want := "proto/a.proto:3:3: field M.g: unknown type Gone\nproto/a.proto:4:3: field M.l: unknown type Lost\n"
	if stdout.Len() > 0 || stderr.String() != want {
		t.Errorf("printed %q with standard error\n%s", stdout.String(), stderr.String())
	}
}

// TestShopIsUpToDate keeps the committed code of the examples what the generator makes of them.
func TestShopIsUpToDate(t *testing.T) {
	root, err := filepath.Abs("../../examples/shop")
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if _, _, err := run(t, "generate", filepath.Join(root, "proto"), "--out", out); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != 6 {
		t.Fatalf("%d files, want 6 (%v)", len(entries), err)
	}
	for _, entry := range entries {
		if read(t, filepath.Join(out, entry.Name())) != read(t, filepath.Join(root, "shoppb", entry.Name())) {
			t.Errorf("shoppb/%s is stale: go generate ./examples/shop/shoppb", entry.Name())
		}
	}
}
