// SPDX-License-Identifier: Apache-2.0

// Command generate makes Go code of messages whose .proto files cannot be compiled here.
//
// The protobuf project tests its own implementations with some; their descriptors are in the module
// google.golang.org/protobuf, in packages that only that module may import. Edition 2024 is not known to the compiler that
// "farcall generate" has; its messages are those of the package opaquepb with another edition.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	_ "google.golang.org/protobuf/types/known/anypb" // the files that the messages import
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall/conformance/codec/opaquepb"
)

// sources has the Go file with a descriptor for each package.
var sources = map[string]string{
	"conformancepb":    "conformance.pb.go",
	"proto2pb":         "test_messages_proto2.pb.go",
	"proto3pb":         "test_messages_proto3.pb.go",
	"edition2023pb":    "editions/test_messages_edition2023.pb.go",
	"proto2editionspb": "editionsmigration/test_messages_proto2_editions.pb.go",
	"proto3editionspb": "editionsmigration/test_messages_proto3_editions.pb.go",
}

// plugins are built with a tag without which they refuse message sets, a form of messages that is older than proto2.
var plugins = [][]string{
	{"go", "run", "-tags", "protolegacy", "google.golang.org/protobuf/cmd/protoc-gen-go"},
	{"go", "-C", "../../../cmd", "run", "-tags", "protolegacy", "./protoc-gen-farcall"},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("generate: ")
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/protobuf").Output()
	if err != nil {
		log.Fatal(err)
	}
	for directory, source := range sources {
		file, err := descriptorIn(filepath.Join(strings.TrimSpace(string(module)), "internal", "testprotos", "conformance", source))
		if err == nil {
			err = generate(directory, file)
		}
		if err != nil {
			log.Fatalf("%s: %v", source, err)
		}
	}
	if err := generate("edition2024pb", inEdition2024(protodesc.ToFileDescriptorProto(opaquepb.File_opaque_proto))); err != nil {
		log.Fatal(err)
	}
}

// inEdition2024 moves a file to the edition 2024 and to a package of its own. The opaque API need not be asked for there.
func inEdition2024(file *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	before, now := "."+file.GetPackage()+".", ".farcall.codec.edition2024."
	rename := func(fields []*descriptorpb.FieldDescriptorProto) {
		for _, field := range fields {
			for _, name := range []*string{field.TypeName, field.Extendee} {
				if name != nil && strings.HasPrefix(*name, before) {
					*name = now + strings.TrimPrefix(*name, before)
				}
			}
		}
	}
	var renameIn func([]*descriptorpb.DescriptorProto)
	renameIn = func(messages []*descriptorpb.DescriptorProto) {
		for _, message := range messages {
			rename(message.Field)
			rename(message.Extension)
			renameIn(message.NestedType)
		}
	}
	rename(file.Extension)
	renameIn(file.MessageType)
	file.Name, file.Package = proto.String("edition2024.proto"), proto.String("farcall.codec.edition2024")
	file.Edition, file.Options = descriptorpb.Edition_EDITION_2024.Enum(), nil
	return file
}

func generate(directory string, file *descriptorpb.FileDescriptorProto) error {
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: []string{file.GetName()}}
	if err := addImports(request, file, map[string]bool{}); err != nil {
		return err
	}
	request.Parameter = proto.String(fmt.Sprintf("paths=source_relative,M%s=github.com/farcall/farcall/conformance/codec/testmessages/%s;%[2]s",
		file.GetName(), directory))
	encoded, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	for _, plugin := range plugins {
		if err := run(plugin, encoded, directory); err != nil {
			return err
		}
	}
	return nil
}

// addImports adds file behind everything that it imports.
func addImports(request *pluginpb.CodeGeneratorRequest, file *descriptorpb.FileDescriptorProto, seen map[string]bool) error {
	for _, name := range file.Dependency {
		if seen[name] {
			continue
		}
		seen[name] = true
		imported, err := protoregistry.GlobalFiles.FindFileByPath(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := addImports(request, protodesc.ToFileDescriptorProto(imported), seen); err != nil {
			return err
		}
	}
	request.ProtoFile = append(request.ProtoFile, file)
	return nil
}

// descriptorIn returns the descriptor in generated code: the one constant that begins with an empty string.
func descriptorIn(source string) (*descriptorpb.FileDescriptorProto, error) {
	syntax, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var raw strings.Builder
	ast.Inspect(syntax, func(node ast.Node) bool {
		constant, ok := node.(*ast.ValueSpec)
		if !ok || len(constant.Names) != 1 || !strings.HasSuffix(constant.Names[0].Name, "_rawDesc") {
			return true
		}
		ast.Inspect(constant, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					log.Fatal(err)
				}
				raw.WriteString(text)
			}
			return true
		})
		return false
	})
	if raw.Len() == 0 {
		return nil, errors.New("there is no constant …_rawDesc: protoc-gen-go's output has changed, and so must this program")
	}
	file := new(descriptorpb.FileDescriptorProto)
	return file, proto.Unmarshal([]byte(raw.String()), file)
}

func run(plugin []string, request []byte, directory string) error {
	command := exec.Command(plugin[0], plugin[1:]...)
	command.Env = append(os.Environ(), "GOWORK=off")
	command.Stdin, command.Stderr = bytes.NewReader(request), os.Stderr
	answer, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(plugin, " "), err)
	}
	response := new(pluginpb.CodeGeneratorResponse)
	if err := proto.Unmarshal(answer, response); err != nil {
		return err
	}
	if response.Error != nil {
		return errors.New(response.GetError())
	}
	for _, file := range response.File {
		name := filepath.Join(directory, filepath.Base(file.GetName()))
		if err := os.WriteFile(name, []byte(file.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
