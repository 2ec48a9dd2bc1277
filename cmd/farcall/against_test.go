// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// commit makes the current directory a git repository and commits all that is in it.
func commit(t *testing.T) {
	t.Helper()
	for _, arguments := range []string{"init -q", "add -A", "-c user.name=a -c user.email=a@example.com commit -q -m before"} {
		command := exec.CommandContext(t.Context(), "git", strings.Fields(arguments)...)
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", arguments, err, output)
		}
	}
}

func TestAgainst(t *testing.T) {
	lay(t, map[string]string{
		"go.mod":            "module example.com/m\n",
		"farcall.yaml":      "generate:\n  - directory: api/proto\n    import-roots: [api, third]\n",
		"api/proto/a.proto": protoFile("example.com/m/pb", "import \"lib/c.proto\";\nmessage Ping {\n  string name = 1;\n  lib.C c = 2;\n}\nservice Pinger {\n  rpc Send(Ping) returns (Ping);\n}\n"),
		"api/proto/b.proto": protoFile("example.com/m/pb", "message B {}\n"),
		"third/lib/c.proto": "syntax = \"proto3\";\npackage lib;\noption go_package = \"example.com/lib\";\nmessage C {}\n",
	})
	commit(t)
	if _, _, err := run(t, "generate"); err != nil {
		t.Fatal(err)
	}
	const nothing = "nothing to write: the code of farcall.yaml is up to date\n"
	mustRun(t, nothing, "", "generate", "--against", "HEAD")

	// What is imported may have been otherwise, too.
	write(t, "third/lib/c.proto", "syntax = \"proto3\";\npackage library;\noption go_package = \"example.com/lib\";\nmessage C {}\n")
	write(t, "api/proto/a.proto", protoFile("example.com/m/pb", "import \"lib/c.proto\";\nmessage Ping {\n  int32 name = 1;\n  library.C c = 2;\n}\nservice Pinger {\n  rpc Send(Ping) returns (stream Ping);\n}\n"))
	if err := os.Remove("api/proto/b.proto"); err != nil {
		t.Fatal(err)
	}
	warnings := `api/proto/a.proto:7:3: wire-breaking: the field name was string and is int32
api/proto/a.proto:8:3: wire-breaking: the field c was lib.C and is library.C
api/proto/a.proto:11:3: wire-breaking: the method Send was unary and is server streaming
api/proto/b.proto:5:1: source-breaking: the message p.B is gone, or has another name
`
	// They are warnings, and the code is written.
	mustRun(t, "wrote pb/a.pb.go\nwrote pb/a.farcall.go\nwrote pb/a.codec.farcall.go\n", warnings, "generate", "--against", "HEAD")
	// With --check they fail the run, unless stale code does.
	stdout, stderr, err := run(t, "generate", "--check", "--against", "HEAD")
	if err == nil || err.Error() != "breaking changes since HEAD: 4" || exitCodeOf(err) != 3 || stdout != "" || stderr != warnings {
		t.Errorf("--check: %v, printed %q with standard error\n%s", err, stdout, stderr)
	}
	if err := os.Remove("pb/a.pb.go"); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := run(t, "generate", "--check", "--against", "HEAD"); err == nil || exitCodeOf(err) != 1 || stderr != warnings {
		t.Errorf("--check of stale code: %v with standard error\n%s", err, stderr)
	}

	// All of a directory that was not there is new.
	write(t, "fresh/d.proto", strings.Replace(protoFile("example.com/m/d", ping), "package p", "package d", 1))
	mustRun(t, "wrote d/d.pb.go\nwrote d/d.farcall.go\nwrote d/d.codec.farcall.go\n", "", "generate", "fresh", "--against", "HEAD")
}

func TestAgainstCannotTell(t *testing.T) {
	lay(t, map[string]string{"proto/a.proto": protoFile("example.com/m/pb", "message A {\n  Gone gone = 1;\n}\n")})
	if err := os.Mkdir("elsewhere", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	fixed := protoFile("example.com/m/pb", "message A {}\n")
	for _, step := range []struct {
		prepare        func()
		revision, want string
	}{
		{func() { write(t, "proto/a.proto", fixed) }, "HEAD", "--against HEAD: proto is in no git work tree"},
		{func() {
			write(t, "proto/a.proto", protoFile("example.com/m/pb", "message A {\n  Gone gone = 1;\n}\n"))
			commit(t)
			write(t, "proto/a.proto", fixed)
		}, "HEAD~3", "--against HEAD~3: git knows no such revision here; a shallow clone has few: git fetch brings more"},
		{func() {}, "--all", "--against --all: that is no revision"},
		{func() {}, "HEAD", "the .proto files of HEAD do not compile, so changes cannot be judged:\nproto/a.proto:6:3: field p.A.gone: unknown type Gone"},
	} {
		step.prepare()
		_, _, err := run(t, "generate", "proto", "--against="+step.revision)
		if err == nil || !strings.HasPrefix(err.Error(), step.want) {
			t.Errorf("%s: %v, want %s", step.revision, err, step.want)
		}
	}
	if _, err := os.Stat("proto/a.pb.go"); err == nil {
		t.Error("code was written although the changes could not be judged")
	}
}
