// SPDX-License-Identifier: Apache-2.0

// Command generate compiles a .proto file and runs generators on it side by side: protoc-gen-go, protoc-gen-go-grpc,
// protoc-gen-farcall, and those of the bench's peers if asked to. It needs no protoc.
//
//	go run ./generate -import ../examples/shop/proto -package example.com/paymentspb -out paymentspb payments.proto
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/pluginpb"
)

// The google/api files come from the registry of this program, so the package that registers them must be linked.
var _ = annotations.E_Http

// plugin is a generator: a command that reads a CodeGeneratorRequest and writes a CodeGeneratorResponse.
type plugin struct {
	name    string
	command []string
}

var plugins = []plugin{
	{name: "go", command: []string{"go", "tool", "protoc-gen-go"}},
	{name: "go-grpc", command: []string{"go", "tool", "protoc-gen-go-grpc"}},
	{name: "farcall", command: []string{"go", "-C", "../cmd", "run", "./protoc-gen-farcall"}},
	{name: "fastpb", command: []string{"go", "-C", "../bench", "tool", "protoc-gen-fastpb"}},
	{name: "go-drpc", command: []string{"go", "-C", "../bench", "tool", "protoc-gen-go-drpc"}},
	{name: "grpc-gateway", command: []string{"go", "-C", "../bench", "tool", "protoc-gen-grpc-gateway"}},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("generate: ")
	importPath := flag.String("import", ".", "`list` of directories that the .proto file's imports are relative to, as in PATH")
	goPackage := flag.String("package", "", "`import path` of the generated Go package")
	out := flag.String("out", "", "`directory` for the generated files")
	only := flag.String("plugins", "go,go-grpc,farcall", "the generators to run, a comma-separated `list`")
	tag := flag.String("tag", "", "build `tag` without which the generated files are left out")
	flag.Parse()
	if *goPackage == "" || *out == "" || flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	request, err := compile(ctx, *importPath, flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range plugins {
		if !strings.Contains(","+*only+",", ","+p.name+",") {
			continue
		}
		if err := p.run(ctx, request, *goPackage, *out, *tag); err != nil {
			log.Fatalf("%s: %v", p.name, err)
		}
	}
}

// compile returns the request that every plugin gets, but for its parameter.
func compile(ctx context.Context, importPath, file string) (*pluginpb.CodeGeneratorRequest, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.CompositeResolver{
			protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: filepath.SplitList(importPath)}),
			protocompile.ResolverFunc(linked),
		},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, file)
	if err != nil {
		return nil, err
	}
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: []string{file}}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(descriptor protoreflect.FileDescriptor) { // imports first, as plugins want them
		if seen[descriptor.Path()] {
			return
		}
		seen[descriptor.Path()] = true
		for i := range descriptor.Imports().Len() {
			add(descriptor.Imports().Get(i).FileDescriptor)
		}
		request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(descriptor))
	}
	add(files[0])
	return request, plainOptions(request)
}

// plainOptions reads every option once more through the descriptors that this program links: the compiler leaves
// extensions such as google.api.http in messages of its own making.
func plainOptions(request *pluginpb.CodeGeneratorRequest) error {
	encoded, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	return proto.Unmarshal(encoded, request)
}

// linked finds the files that are part of this program.
func linked(path string) (protocompile.SearchResult, error) {
	descriptor, err := protoregistry.GlobalFiles.FindFileByPath(path)
	if err != nil {
		return protocompile.SearchResult{}, err
	}
	return protocompile.SearchResult{Desc: descriptor}, nil
}

func (p plugin) run(ctx context.Context, request *pluginpb.CodeGeneratorRequest, goPackage, out, tag string) error {
	request = proto.CloneOf(request)
	// The .proto file names the Go package of its owner; M says that this is another, in path and name.
	request.Parameter = new("paths=source_relative,M" + request.FileToGenerate[0] + "=" + goPackage + ";" + path.Base(goPackage))
	encoded, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, p.command[0], p.command[1:]...)
	command.Env = append(os.Environ(), "GOWORK=off")
	command.Stdin = bytes.NewReader(encoded)
	command.Stderr = os.Stderr
	answer, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(p.command, " "), err)
	}
	response := new(pluginpb.CodeGeneratorResponse)
	if err := proto.Unmarshal(answer, response); err != nil {
		return err
	}
	if response.Error != nil {
		return errors.New(response.GetError())
	}
	return write(response.GetFile(), out, tag)
}

func write(files []*pluginpb.CodeGeneratorResponse_File, out, tag string) error {
	for _, file := range files {
		content := file.GetContent()
		if tag != "" {
			content = "//go:build " + tag + "\n\n" + content
		}
		if err := os.WriteFile(filepath.Join(out, filepath.Base(file.GetName())), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
