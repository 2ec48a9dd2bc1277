// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/farcall/farcall/cmd/internal/compile"
)

// TestMain lets the test binary be the plug-in: as a process of its own, as protoc runs it.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_PLUGIN") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func plugin(t *testing.T, stdin []byte, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], arguments...)
	command.Env = append(os.Environ(), "BE_THE_PLUGIN=1")
	command.Stdin = bytes.NewReader(stdin)
	var out, errors bytes.Buffer
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errors.String(), command.ProcessState.ExitCode()
}

// answer sends the request for the .proto files in directory, as protoc would, and returns the plug-in's answer.
func answer(t *testing.T, directory string, change func(*pluginpb.CodeGeneratorRequest)) *pluginpb.CodeGeneratorResponse {
	t.Helper()
	compiled, err := compile.Directory(t.Context(), directory, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	change(compiled.Request)
	request, err := proto.Marshal(compiled.Request)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := plugin(t, request)
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, standard error:\n%s", code, stderr)
	}
	response := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal([]byte(stdout), response); err != nil {
		t.Fatal(err)
	}
	return response
}

func TestPluginWritesWhatGenerateWrites(t *testing.T) {
	const golden = "../internal/generate/testdata/golden"
	response := answer(t, golden, func(*pluginpb.CodeGeneratorRequest) {})
	if response.Error != nil {
		t.Fatal(response.GetError())
	}
	features := uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL | pluginpb.CodeGeneratorResponse_FEATURE_SUPPORTS_EDITIONS)
	if response.GetSupportedFeatures() != features {
		t.Errorf("supported features are %d, want %d", response.GetSupportedFeatures(), features)
	}
	if len(response.File) != 21 {
		t.Errorf("%d files, want 21", len(response.File))
	}
	for _, file := range response.File {
		want, err := os.ReadFile(filepath.Join(golden, file.GetName()))
		if err != nil || string(want) != file.GetContent() {
			t.Errorf("%s is not what it should be (%v)", file.GetName(), err)
		}
	}
}

func TestPluginParameters(t *testing.T) {
	const golden = "../internal/generate/testdata/golden"
	only := func(file, parameter string) func(*pluginpb.CodeGeneratorRequest) {
		return func(request *pluginpb.CodeGeneratorRequest) {
			request.FileToGenerate, request.Parameter = []string{file}, &parameter
		}
	}
	response := answer(t, golden, only("edition/edition.proto", "module=example.com/golden"))
	if len(response.File) != 2 || response.File[0].GetName() != "edition/edition.farcall.go" {
		t.Errorf("module: %v", response)
	}
	response = answer(t, golden, only("edition/edition.proto", "Medition/edition.proto=example.com/other;elsewhere"))
	if len(response.File) != 2 || response.File[0].GetName() != "example.com/other/edition.farcall.go" ||
		!strings.Contains(response.File[0].GetContent(), "\npackage elsewhere\n") {
		t.Errorf("M: %v", response)
	}
	request, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{Parameter: proto.String("stub=false")})
	if err != nil {
		t.Fatal(err)
	}
	want := `unknown parameter "stub": protoc-gen-farcall has those of every Go plug-in (paths, module, M…) and none of its own`
	if _, stderr, code := plugin(t, request); code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("an unknown parameter: exit %d, %q", code, stderr)
	}
}

func TestPluginAtATerminal(t *testing.T) {
	if stdout, _, code := plugin(t, nil, "--version"); code != 0 || !strings.Contains(stdout, " (devel)") {
		t.Errorf("--version: exit %d, %q", code, stdout)
	}
	if _, stderr, code := plugin(t, nil, "payments.proto"); code != 2 || !strings.Contains(stderr, "farcall generate DIR") {
		t.Errorf("a file name: exit %d, %q", code, stderr)
	}
	if stdout, stderr, code := plugin(t, []byte("payments.proto")); code != 1 || stdout != "" || stderr == "" {
		t.Errorf("nonsense on standard input: exit %d, %q, %q", code, stdout, stderr)
	}
}
