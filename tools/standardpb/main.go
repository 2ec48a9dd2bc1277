// SPDX-License-Identifier: Apache-2.0

// Command standardpb generates internal/pb, the messages of the standard services, from the .proto files there.
//
// What it writes is protoc-gen-go's output with one change: each file and its types are registered in registries of
// their own and not in protobuf's global ones. A program may link grpc-go's packages for the same services as well, and
// the global registry panics when a file is registered twice.
//
//	go run ./standardpb DIR
//
// DIR is internal/pb. `make generate` runs it.
package main

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/pluginpb"
)

// folders has the folder in DIR of each file. The keys are the names that the protocols give the files, which clients of
// the reflection service see.
var folders = map[string]string{
	"grpc/health/v1/health.proto":              "healthv1",
	"grpc/reflection/v1/reflection.proto":      "reflectionv1",
	"grpc/reflection/v1alpha/reflection.proto": "reflectionv1alpha",
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: standardpb DIR, where DIR is internal/pb")
		os.Exit(2)
	}
	for name, folder := range folders {
		if err := generate(name, filepath.Join(os.Args[1], folder)); err != nil {
			fmt.Fprintln(os.Stderr, "standardpb:", err)
			os.Exit(1)
		}
	}
}

// generate writes the Go file of one .proto file beside it.
func generate(name, folder string) error {
	file, err := compile(name, folder)
	if err != nil {
		return err
	}
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: []string{name}}
	addImports(request, file, map[string]bool{})
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		return err
	}
	internal_gengo.GenerateFile(plugin, plugin.FilesByPath[name])
	response := plugin.Response()
	if response.Error != nil {
		return fmt.Errorf("%s: %s", name, response.GetError())
	}
	code, err := withOwnRegistries([]byte(response.File[0].GetContent()))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	target := filepath.Join(folder, strings.TrimSuffix(path.Base(name), ".proto")+".pb.go")
	return os.WriteFile(target, code, 0o644)
}

func compile(name, folder string) (linker.File, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(
			func(wanted string) (protocompile.SearchResult, error) {
				if wanted != name {
					return protocompile.SearchResult{}, os.ErrNotExist
				}
				source, err := os.ReadFile(filepath.Join(folder, path.Base(name)))
				return protocompile.SearchResult{Source: bytes.NewReader(source)}, err
			})),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), name)
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// addImports puts file into request behind everything that it imports.
func addImports(request *pluginpb.CodeGeneratorRequest, file linker.File, seen map[string]bool) {
	if seen[file.Path()] {
		return
	}
	seen[file.Path()] = true
	imports := file.Imports()
	for i := range imports.Len() {
		if imported := file.FindImportByPath(imports.Get(i).Path()); imported != nil {
			addImports(request, imported, seen)
		}
	}
	descriptor := protodesc.ToFileDescriptorProto(file)
	if described, ok := file.(linker.Result); ok { // a file that was compiled here has its comments
		descriptor = proto.CloneOf(described.FileDescriptorProto())
	}
	request.ProtoFile = append(request.ProtoFile, descriptor)
}

// withOwnRegistries gives the type builder in generated code registries that are made on the spot.
func withOwnRegistries(code []byte) ([]byte, error) {
	for _, change := range [][2]string{
		{"import (\n", "import (\n\tprotoregistry \"google.golang.org/protobuf/reflect/protoregistry\"\n"},
		{"File: protoimpl.DescBuilder{\n", "File: protoimpl.DescBuilder{\n\t\t\tFileRegistry:  new(protoregistry.Files),\n"},
		{"out := protoimpl.TypeBuilder{\n", "out := protoimpl.TypeBuilder{\n\t\tTypeRegistry: new(protoregistry.Types),\n"},
	} {
		if bytes.Count(code, []byte(change[0])) != 1 {
			return nil, fmt.Errorf("protoc-gen-go's output has not exactly one %q: it has changed, and so must this program", change[0])
		}
		code = bytes.Replace(code, []byte(change[0]), []byte(change[1]), 1)
	}
	return format.Source(code)
}
