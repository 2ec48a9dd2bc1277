// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// module is the one that the generated packages are in.
const module = "example.com/corpus"

// linked are packages that the runtime itself links, or grpc-go: their files are in the second program already.
var linked = regexp.MustCompile(`^google\.golang\.org/(protobuf|grpc|genproto/googleapis/(api|rpc))(/|$)`)

// least is how much there must at least be, so that a corpus that has shrunk is noticed.
type least struct{ files, messages, services int }

func TestCorpus(t *testing.T) {
	want, tags := least{280, 3000, 40}, ""
	if os.Getenv("CORPUS") == "whole" {
		want, tags = least{1300, 10000, 215}, "whole"
	} else if testing.Short() {
		t.Skip("generates and builds many packages")
	}
	directory := t.TempDir()
	descriptors, messages := filepath.Join(directory, "descriptors.binpb"), filepath.Join(directory, "messages.bin")
	run(t, ".", "", "go", "run", "-tags="+tags, "./dump", descriptors, messages)

	request := pluginRequest(t, descriptors)
	if len(request.FileToGenerate) < want.files {
		t.Errorf("the corpus has %d files, want at least %d", len(request.FileToGenerate), want.files)
	}
	generated := filepath.Join(directory, "generated")
	generate(t, request, generated)
	services := writeProgram(t, generated)
	if services < want.services {
		t.Errorf("the corpus has %d services, want at least %d", services, want.services)
	}

	program := filepath.Join(directory, "roundtrip")
	run(t, generated, "", "go", "build", "-trimpath", "./...")
	run(t, generated, "", "go", "build", "-trimpath", "-o", program, "./roundtrip")
	report := run(t, generated, "", program, messages)
	report = withoutContradictions(t, report)
	t.Logf("files %d, %s", len(request.FileToGenerate), report)
	var tried, fast, registered, methods int
	if _, err := fmt.Sscanf(report, "messages %d, with generated code %d, services %d, methods %d", &tried, &fast, &registered, &methods); err != nil {
		t.Fatalf("the program reported %q: %v", report, err)
	}
	// Those without are messages of the packages that the runtime links.
	if tried < want.messages || fast < tried*85/100 || registered != services || methods < registered {
		t.Errorf("%d messages were tried, %d of them with generated code, and %d of %d services, with %d methods",
			tried, fast, registered, services, methods)
	}
}

// contradictions are services whose REST rules contradict each other or HTTP, and what a server must say of them.
var contradictions = map[string]string{
	"google.golang.org/genproto/googleapis/ccc/hosted/marketplace/v2.RegisterLicenseNotificationService": "a GET request has no body",
	"google.golang.org/genproto/googleapis/cloud/bigquery/storage/v1alpha2.RegisterBigQueryWrite":        "two rules for the same requests",
}

// withoutContradictions takes the services that a server has refused out of a report: there must be a good reason.
func withoutContradictions(t *testing.T, report string) string {
	t.Helper()
	var rest strings.Builder
	for line := range strings.Lines(report) {
		refused, ok := strings.CutPrefix(line, "refused ")
		if !ok {
			rest.WriteString(line)
			continue
		}
		name, reason, _ := strings.Cut(refused, ": ")
		if known := contradictions[name]; known == "" || !strings.Contains(reason, known) {
			t.Errorf("a server refuses %s", refused)
		}
	}
	return rest.String()
}

// run runs a command and returns what it prints. A command that fails ends the test.
func run(t *testing.T, directory, stdin string, arguments ...string) string {
	t.Helper()
	begin := time.Now()
	command := exec.CommandContext(t.Context(), arguments[0], arguments[1:]...)
	command.Dir = directory
	command.Env = append(os.Environ(), "GOWORK=off")
	if directory != "." {
		command.Env = append(command.Env, "GOFLAGS=-mod=mod -buildvcs=false", "GOPROXY=off")
	}
	command.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		if context.Cause(t.Context()) != nil {
			t.Fatalf("%s took too long", arguments[0])
		}
		problems := stderr.String()
		t.Fatalf("%s: %v\n%s", strings.Join(arguments, " "), err, problems[max(0, len(problems)-20_000):])
	}
	t.Logf("%.1f s: %s", time.Since(begin).Seconds(), filepath.Base(arguments[0])+" "+strings.Join(arguments[1:], " "))
	return stdout.String()
}

// pluginRequest makes a generators' request of a FileDescriptorSet. Every package gets a place in the module.
func pluginRequest(t *testing.T, descriptors string) *pluginpb.CodeGeneratorRequest {
	t.Helper()
	encoded, err := os.ReadFile(descriptors)
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(encoded, set); err != nil {
		t.Fatal(err)
	}
	request := &pluginpb.CodeGeneratorRequest{ProtoFile: set.File}
	parameter := []string{"module=" + module}
	for _, file := range set.File {
		goPackage := file.GetOptions().GetGoPackage()
		importPath, name, named := strings.Cut(goPackage, ";")
		if linked.MatchString(importPath) {
			continue
		}
		if importPath == "" {
			t.Fatalf("%s has no go_package", file.GetName())
		}
		mapped := "M" + file.GetName() + "=" + module + "/" + importPath
		if named {
			mapped += ";" + name
		}
		parameter = append(parameter, mapped)
		request.FileToGenerate = append(request.FileToGenerate, file.GetName())
	}
	request.Parameter = new(strings.Join(parameter, ","))
	return request
}

// generate runs the generators that users run together, and protoc-gen-go-grpc, whose code may stand beside ours.
func generate(t *testing.T, request *pluginpb.CodeGeneratorRequest, out string) {
	t.Helper()
	encoded, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	plugins := t.TempDir()
	run(t, "../cmd", "", "go", "build", "-mod=readonly", "-o", plugins, "./protoc-gen-farcall")
	run(t, ".", "", "go", "build", "-o", plugins, "google.golang.org/protobuf/cmd/protoc-gen-go", "google.golang.org/grpc/cmd/protoc-gen-go-grpc")
	for _, plugin := range []string{"protoc-gen-go", "protoc-gen-farcall", "protoc-gen-go-grpc"} {
		answer := run(t, ".", string(encoded), filepath.Join(plugins, plugin))
		response := &pluginpb.CodeGeneratorResponse{}
		if err := proto.Unmarshal([]byte(answer), response); err != nil {
			t.Fatal(err)
		}
		if response.Error != nil {
			t.Fatalf("%s: %s", plugin, response.GetError())
		}
		for _, file := range response.File {
			write(t, filepath.Join(out, file.GetName()), file.GetContent())
		}
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var (
	registration  = regexp.MustCompile(`(?m)^func (Register\w+)\(on farcall\.Registrar, impl \w+\)`)
	unimplemented = regexp.MustCompile(`(?m)^type (Unimplemented\w+) struct\{\}$`)
)

// writeProgram makes a module of the generated code, with the second program in it, and returns how many services there are.
func writeProgram(t *testing.T, generated string) int {
	t.Helper()
	var imports, entries []string
	services := 0
	number := map[string]int{} // of the packages
	err := filepath.WalkDir(generated, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		below, err := filepath.Rel(generated, filepath.Dir(name))
		if err != nil {
			return err
		}
		if _, ok := number[below]; !ok {
			number[below] = len(number)
		}
		if !strings.HasSuffix(name, ".farcall.go") {
			return nil
		}
		code := read(t, name)
		registers, partials := registration.FindAllStringSubmatch(code, -1), unimplemented.FindAllStringSubmatch(code, -1)
		if len(registers) != len(partials) {
			t.Errorf("%s has %d Register functions and %d Unimplemented types", name, len(registers), len(partials))
			return nil
		}
		for i := range registers {
			services++
			entries = append(entries, fmt.Sprintf("\tservices[%q] = func(on farcall.Registrar) { p%d.%s(on, p%d.%s{}) }\n",
				below+"."+registers[i][1], number[below], registers[i][1], number[below], partials[i][1]))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for below, n := range number {
		imports = append(imports, fmt.Sprintf("\tp%d %q\n", n, module+"/"+filepath.ToSlash(below)))
		entries = append(entries, fmt.Sprintf("\t_ = p%d.%s\n", n, anyName(t, filepath.Join(generated, below))))
	}
	slices.Sort(imports)
	slices.Sort(entries)
	write(t, filepath.Join(generated, "roundtrip", "packages.go"), "package main\n\nimport (\n\t\"github.com/farcall/farcall\"\n"+
		strings.Join(imports, "")+")\n\nfunc init() {\n"+strings.Join(entries, "")+"}\n")
	write(t, filepath.Join(generated, "roundtrip", "main.go"), read(t, "roundtrip/main.go"))
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	_, requirements, _ := strings.Cut(read(t, "go.mod"), "\nrequire (")
	write(t, filepath.Join(generated, "go.mod"), "module "+module+"\n\ngo 1.26.0\n\nreplace github.com/farcall/farcall => "+root+"\n\nrequire ("+requirements)
	write(t, filepath.Join(generated, "go.sum"), read(t, "go.sum"))
	return services
}

var fileVariable = regexp.MustCompile(`(?m)^var (File_\w+) protoreflect\.FileDescriptor$`)

// anyName returns the name of something that the package in directory declares.
func anyName(t *testing.T, directory string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.pb.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if found := fileVariable.FindStringSubmatch(read(t, file)); found != nil {
			return found[1]
		}
	}
	t.Fatalf("%s has no file with messages", directory)
	return ""
}
