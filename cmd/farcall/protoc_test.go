// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/farcall/farcall/cmd/internal/compile"
)

// The two programs that most others use must make the same code of the same files.

// golden are the .proto files to try.
const golden = "../internal/generate/testdata/golden"

// tool returns a program that is on the PATH, or among the built tools.
func tool(t *testing.T, name, from string) string {
	t.Helper()
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	built, err := filepath.Abs(filepath.Join("../../.bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(built); err == nil {
		return built
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("there is no %s: %s installs it", name, from)
	}
	t.Skipf("there is no %s: %s installs it", name, from)
	return ""
}

// plugins builds the two plug-ins and returns their directory.
func plugins(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	command(t, "", "go", "build", "-o", directory, "../protoc-gen-farcall", "google.golang.org/protobuf/cmd/protoc-gen-go")
	return directory
}

func command(t *testing.T, directory string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), arguments[0], arguments[1:]...)
	command.Dir = directory
	command.Env = append(os.Environ(), "GOWORK=off", "HOME="+t.TempDir(), "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"))
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(value))
}

// generated copies the .proto files that keep takes below directory/proto, generates their code below directory/ours, and
// returns the files' names.
func generated(t *testing.T, directory string, keep func(name, text string) bool) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(golden, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".proto" {
			return err
		}
		below, err := filepath.Rel(golden, name)
		if text := read(t, name); err == nil && keep(filepath.ToSlash(below), text) {
			names = append(names, filepath.ToSlash(below))
			write(t, filepath.Join(directory, "proto", below), text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, "generate", filepath.Join(directory, "proto"), "--out", filepath.Join(directory, "ours")); err != nil {
		t.Fatal(err)
	}
	return names
}

// compilerLine is where protoc-gen-go notes which compiler it was called by.
var compilerLine = regexp.MustCompile(`(?m)^// \tprotoc +.*$`)

// same compares the trees of generated code.
func same(t *testing.T, ours, theirs string, least int) {
	t.Helper()
	files := func(root string) (names []string) {
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				name, err = filepath.Rel(root, name)
				names = append(names, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	names := files(ours)
	if others := files(theirs); !slices.Equal(names, others) || len(names) < least {
		t.Fatalf("farcall generate made %d files:\n%v\nthe other:\n%v", len(names), names, others)
	}
	for _, name := range names {
		here, there := []byte(read(t, filepath.Join(ours, name))), []byte(read(t, filepath.Join(theirs, name)))
		if strings.HasSuffix(name, ".pb.go") {
			here, there = compilerLine.ReplaceAll(here, nil), compilerLine.ReplaceAll(there, nil)
		}
		if !bytes.Equal(here, there) {
			t.Errorf("%s is not the same", name)
		}
	}
}

// builtInSet returns the descriptors of the files that farcall generate has built in.
func builtInSet(t *testing.T, names []string) []byte {
	t.Helper()
	// What the compiled files import is there once they are compiled.
	set, seen := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		if strings.HasPrefix(file.Path(), "google/") {
			set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
		}
	}
	compiled, err := compile.Directory(t.Context(), golden, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range compiled.Request.ProtoFile {
		if strings.HasPrefix(file.GetName(), "google/") {
			if known, err := protoregistry.GlobalFiles.FindFileByPath(file.GetName()); err == nil {
				add(known)
			}
		}
	}
	encoded, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestProtocMakesTheSame(t *testing.T) {
	protoc, plugins, directory := tool(t, "protoc", "make install"), plugins(t), t.TempDir()
	// Debian's protoc is of a time before editions.
	names := generated(t, directory, func(name, text string) bool { return !strings.Contains(text, "\nedition = ") })
	theirs, set := filepath.Join(directory, "theirs"), filepath.Join(directory, "builtin.binpb")
	if err := os.Mkdir(theirs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(set, builtInSet(t, names), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, filepath.Join(directory, "proto"), append([]string{protoc,
		"--plugin=" + filepath.Join(plugins, "protoc-gen-go"), "--plugin=" + filepath.Join(plugins, "protoc-gen-farcall"),
		"--descriptor_set_in=" + set, "--proto_path=.",
		"--go_out=" + theirs, "--go_opt=paths=source_relative", "--farcall_out=" + theirs, "--farcall_opt=paths=source_relative"}, names...)...)
	same(t, filepath.Join(directory, "ours"), theirs, 15)
}

func TestBufMakesTheSame(t *testing.T) {
	buf, plugins, directory := tool(t, "buf", "make tools"), plugins(t), t.TempDir()
	// buf has google/protobuf built in, and would download google/api.
	generated(t, directory, func(_, text string) bool {
		return !strings.Contains(text, "\"google/api/") && !strings.Contains(text, "\"google/rpc/")
	})
	runBuf(t, buf, plugins, directory)
	same(t, filepath.Join(directory, "ours"), filepath.Join(directory, "theirs"), 15)
}

// runBuf makes the code of the files below directory/proto, below directory/theirs.
func runBuf(t *testing.T, buf, plugins, directory string) {
	t.Helper()
	write(t, filepath.Join(directory, "buf.gen.yaml"), "version: v2\nplugins:\n"+
		"  - local: "+filepath.Join(plugins, "protoc-gen-go")+"\n    out: theirs\n    opt: paths=source_relative\n"+
		"  - local: "+filepath.Join(plugins, "protoc-gen-farcall")+"\n    out: theirs\n    opt: paths=source_relative\n")
	command(t, directory, buf, "generate", "proto")
}

// Edition 2024 is not known to the compiler of farcall generate, which names this way.
func TestBufTakesEdition2024(t *testing.T) {
	buf, plugins, directory := tool(t, "buf", "make tools"), plugins(t), t.TempDir()
	write(t, filepath.Join(directory, "proto", "next.proto"), `edition = "2024";

package next;

option go_package = "example.com/next";

// Note is what is kept.
export message Note {
  string text = 1;
  repeated int32 numbers = 2;
  Inner inner = 3 [features.message_encoding = DELIMITED];
  Mood mood = 4;

  // Inner is seen in this file only.
  local message Inner {
    string text = 1;
  }
}

local enum Mood {
  MOOD_UNSPECIFIED = 0;
  MOOD_GOOD = 1;
}

service Notes {
  // Keep keeps a note.
  rpc Keep(Note) returns (Note);
}
`)
	runBuf(t, buf, plugins, directory)
	module := filepath.Join(directory, "theirs")
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	_, requirements, _ := strings.Cut(read(t, "../go.mod"), "require (")
	write(t, filepath.Join(module, "go.mod"), "module example.com/next\n\ngo 1.26.0\n\nreplace github.com/farcall/farcall => "+root+
		"\n\nrequire github.com/farcall/farcall v0.0.0\n\nrequire ("+requirements)
	write(t, filepath.Join(module, "go.sum"), read(t, "../go.sum")+read(t, "../../go.sum"))
	write(t, filepath.Join(module, "next_test.go"), `package next

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/codec"
)

type service struct{}

func (service) Keep(_ context.Context, note *Note) (*Note, error) { return note, nil }

var _ Notes = service{}

func TestNote(t *testing.T) {
	note := Note_builder{Text: new(""), Numbers: []int32{1, 300}, Inner: Note_Inner_builder{Text: new("in")}.Build(), Mood: Mood_MOOD_GOOD.Enum()}.Build()
	encoded, err := codec.Append(nil, note)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := &Note{}, &Note{}
	if err := proto.Unmarshal(encoded, theirs); err != nil || !proto.Equal(theirs, note) {
		t.Errorf("protobuf reads %v, %v", theirs, err)
	}
	if err := codec.Decode(encoded, ours); err != nil || !proto.Equal(ours, note) {
		t.Errorf("farcall reads %v, %v", ours, err)
	}
	if _, fast := any(note).(interface{ Farcall_size() int }); !fast {
		t.Error("a Note has no fast path")
	}
}
`)
	command(t, module, "env", "GOFLAGS=-mod=mod", "GOPROXY=off", "go", "test", "./...")
}
