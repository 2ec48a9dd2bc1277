// SPDX-License-Identifier: Apache-2.0

// Command generate writes what vtprotobuf makes of the benchmark's messages: its methods beside farcall's, and, in a
// package of its own, the messages with methods that take them from pools. It reads the descriptors of messagespb.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/farcall/farcall/bench/codec/messagespb"
)

const (
	packages = "github.com/farcall/farcall/bench/codec/"
	features = "features=marshal+unmarshal+unmarshal_unsafe+size"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("generate: ")
	file := protodesc.ToFileDescriptorProto(messagespb.File_messages_proto)
	pooled, err := inPackage(file, "farcall.bench.codec.pooled", "pooled.proto")
	if err != nil {
		log.Fatal(err)
	}
	var pools strings.Builder
	for _, message := range file.MessageType {
		fmt.Fprintf(&pools, ",pool=%spooledpb.%s", packages, message.GetName())
	}
	for _, err := range []error{
		run("protoc-gen-go-vtproto", file, "messagespb", features),
		run("protoc-gen-go", pooled, "pooledpb", ""),
		run("protoc-gen-go-vtproto", pooled, "pooledpb", features+"+pool"+pools.String()),
	} {
		if err != nil {
			log.Fatal(err)
		}
	}
}

// inPackage returns the file with another protobuf package and name: a program can have each message once only.
func inPackage(file *descriptorpb.FileDescriptorProto, name, path string) (*descriptorpb.FileDescriptorProto, error) {
	encoded, err := proto.Marshal(file)
	if err != nil {
		return nil, err
	}
	moved := new(descriptorpb.FileDescriptorProto)
	if err := proto.Unmarshal(encoded, moved); err != nil {
		return nil, err
	}
	var rename func([]*descriptorpb.DescriptorProto)
	rename = func(messages []*descriptorpb.DescriptorProto) {
		for _, message := range messages {
			for _, field := range message.Field {
				if below, ok := strings.CutPrefix(field.GetTypeName(), "."+file.GetPackage()+"."); ok {
					field.TypeName = proto.String("." + name + "." + below)
				}
			}
			rename(message.NestedType)
		}
	}
	rename(moved.MessageType)
	moved.Package, moved.Name = &name, &path
	return moved, nil
}

// run writes what a plug-in makes of the file into the directory.
func run(plugin string, file *descriptorpb.FileDescriptorProto, directory, parameter string) error {
	target := "paths=source_relative,M" + file.GetName() + "=" + packages + directory + ";" + directory
	request, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file.GetName()}, ProtoFile: []*descriptorpb.FileDescriptorProto{file},
		Parameter: proto.String(strings.TrimSuffix(target+","+parameter, ",")),
	})
	if err != nil {
		return err
	}
	command := exec.Command("go", "tool", plugin)
	command.Env = append(os.Environ(), "GOWORK=off")
	command.Stdin, command.Stderr = bytes.NewReader(request), os.Stderr
	answer, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", plugin, err)
	}
	response := new(pluginpb.CodeGeneratorResponse)
	if err := proto.Unmarshal(answer, response); err != nil {
		return err
	}
	if response.Error != nil {
		return errors.New(response.GetError())
	}
	for _, file := range response.File {
		if err := os.WriteFile(filepath.Join(directory, file.GetName()), []byte(file.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
