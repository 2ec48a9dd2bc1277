// SPDX-License-Identifier: Apache-2.0

package generate_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"

	"github.com/farcall/farcall/cmd/internal/compile"
	"github.com/farcall/farcall/cmd/internal/generate"
)

var update = flag.Bool("update", false, "write the generated code over the expected one")

const golden = "testdata/golden"

// generateGolden returns the code of every .proto file in the golden directory, by path below it.
func generateGolden(t *testing.T) map[string][]byte {
	t.Helper()
	compiled, err := compile.Directory(t.Context(), golden, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := protogen.Options{}.New(compiled.Request)
	if err != nil {
		t.Fatal(err)
	}
	generate.Files(plugin) // first: protoc-gen-go makes opaque messages of hybrid ones
	for _, file := range plugin.Files {
		if file.Generate {
			internal_gengo.GenerateFile(plugin, file)
		}
	}
	response := plugin.Response()
	if response.Error != nil {
		t.Fatal(response.GetError())
	}
	code := make(map[string][]byte)
	for _, file := range response.File {
		code[file.GetName()] = []byte(file.GetContent())
	}
	return code
}

func TestGolden(t *testing.T) {
	generated := make(map[string]bool)
	for name, code := range generateGolden(t) {
		if !strings.HasSuffix(name, generate.Suffix) {
			continue
		}
		generated[filepath.Join(golden, name)] = true
		file := filepath.Join(golden, name)
		if *update {
			if err := os.WriteFile(file, code, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(code, want) {
			t.Errorf("the code for %s differs; see what changed with: go test ./internal/generate -update && git diff", name)
		}
		formatted, err := format.Source(code)
		if err != nil || !bytes.Equal(code, formatted) {
			t.Errorf("%s is not as gofmt would have it (%v)", name, err)
		}
		if !strings.HasPrefix(string(code), generate.Marker+"\n") {
			t.Errorf("%s does not say that it is generated", name)
		}
	}
	for _, file := range goldenFiles(t) {
		if strings.HasSuffix(file, generate.Suffix) && !generated[file] {
			t.Errorf("%s is not generated any more", file)
		}
	}
}

// TestGoldenBuilds builds the generated code as a user's module, and runs the tests that lie beside it.
func TestGoldenBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module")
	}
	module := t.TempDir()
	for name, code := range generateGolden(t) {
		writeFile(t, filepath.Join(module, name), code)
	}
	for _, file := range goldenFiles(t) {
		if filepath.Ext(file) == ".go" && !strings.HasSuffix(file, generate.Suffix) {
			name, err := filepath.Rel(golden, file)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(module, name), readFile(t, file))
		}
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	requirements := readFile(t, "../../go.mod")
	_, requirements, _ = bytes.Cut(requirements, []byte("require ("))
	writeFile(t, filepath.Join(module, "go.mod"), fmt.Appendf(nil, "module example.com/golden\n\ngo 1.26.0\n\n"+
		"replace github.com/farcall/farcall => %s\n\nrequire github.com/farcall/farcall v0.0.0\n\nrequire (%s", root, requirements))
	sums := append(readFile(t, "../../go.sum"), readFile(t, filepath.Join(root, "go.sum"))...)
	writeFile(t, filepath.Join(module, "go.sum"), sums)

	goTool := func(arguments ...string) ([]byte, error) {
		command := exec.CommandContext(t.Context(), "go", arguments...)
		command.Dir = module
		command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
		return command.CombinedOutput()
	}
	for _, arguments := range [][]string{{"vet", "./..."}, {"vet", "-tags", "protoopaque", "./hybrid"}, {"test", "./..."}} {
		output, err := goTool(arguments...)
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
		for _, tested := range []string{"payments", "streams"} {
			if arguments[0] == "test" && !bytes.Contains(output, []byte("ok  \texample.com/golden/"+tested+"\t")) {
				t.Fatalf("the tests beside the generated code of %s did not run:\n%s", tested, output)
			}
		}
	}
	strictOrPartial(t, func(directory string) ([]byte, error) { return goTool("build", directory) }, module)
}

// lacking is a service without one of its methods, and complete with the one in the place of %s.
const lacking = `package strict

import (
	"context"
	"iter"

	"example.com/golden/streams"
)

type service struct{}

func (service) Charge(context.Context, *streams.ChargeRequest) (*streams.Payment, error) { return nil, nil }
func (service) Watch(context.Context, *streams.WatchRequest) iter.Seq2[*streams.Payment, error] { return nil }
func (service) Settle(context.Context, iter.Seq2[*streams.Record, error]) (*streams.Summary, error) { return nil, nil }
func (service) OldWatch(context.Context, *streams.WatchRequest) iter.Seq2[*streams.Payment, error] { return nil }
func (service) OldSettle(context.Context, iter.Seq2[*streams.Record, error]) (*streams.Summary, error) { return nil, nil }
func (service) OldDispute(context.Context, iter.Seq2[*streams.Message, error]) iter.Seq2[*streams.Message, error] { return nil }
%s
var _ streams.Payments = service{}
`

// strictOrPartial checks, in the golden module, that a service without one of its methods does not compile, unless it embeds
// what stands in for it on purpose.
func strictOrPartial(t *testing.T, build func(directory string) (output []byte, err error), module string) {
	t.Helper()
	file := filepath.Join(module, "strict", "strict.go")
	writeFile(t, file, fmt.Appendf(nil, lacking, ""))
	output, err := build("./strict")
	if err == nil || !bytes.Contains(output, []byte("service does not implement streams.Payments (missing method Dispute)")) {
		t.Errorf("a service without one of its methods: %v\n%s", err, output)
	}
	const dispute = "func (service) Dispute(context.Context, iter.Seq2[*streams.Message, error]) iter.Seq2[*streams.Message, error] { return nil }\n"
	for what, text := range map[string]string{
		"with all its methods": fmt.Sprintf(lacking, dispute),
		"a part of it on purpose": strings.Replace(fmt.Sprintf(lacking, ""), "type service struct{}",
			"type service struct{ streams.UnimplementedPayments }", 1),
	} {
		writeFile(t, file, []byte(text))
		if output, err := build("./strict"); err != nil {
			t.Errorf("a service %s: %v\n%s", what, err, output)
		}
	}
}

func goldenFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(golden, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
