// SPDX-License-Identifier: Apache-2.0

// Command dump writes the descriptors of all .proto files that are linked into it, and encoded messages of every type.
//
//	go run ./dump DESCRIPTORS MESSAGES
//	go run -tags whole ./dump DESCRIPTORS MESSAGES
package main

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("dump: ")
	if len(os.Args) != 3 {
		log.Fatal("dump takes two arguments: the file for the descriptors, and the one for the messages")
	}
	if err := writeDescriptors(os.Args[1]); err != nil {
		log.Fatal(err)
	}
	if err := writeMessages(os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

// writeDescriptors writes a FileDescriptorSet, imported files before those that import them.
func writeDescriptors(name string) error {
	var roots []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		roots = append(roots, file)
		return true
	})
	slices.SortFunc(roots, func(a, b protoreflect.FileDescriptor) int { return cmp.Compare(a.Path(), b.Path()) })
	set := &descriptorpb.FileDescriptorSet{}
	seen := make(map[string]bool)
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, file := range roots {
		add(file)
	}
	encoded, err := proto.Marshal(set)
	if err != nil {
		return err
	}
	return os.WriteFile(name, encoded, 0o644)
}

// writeMessages writes messages of every type, two for each: one with all its fields, one with some. Each is the name of its
// type and its bytes, both behind their length.
func writeMessages(name string) error {
	var types []protoreflect.MessageType
	protoregistry.GlobalTypes.RangeMessages(func(message protoreflect.MessageType) bool {
		types = append(types, message)
		return true
	})
	slices.SortFunc(types, func(a, b protoreflect.MessageType) int {
		return cmp.Compare(a.Descriptor().FullName(), b.Descriptor().FullName())
	})
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	for _, message := range types {
		for _, chance := range []float64{1, 0.4} {
			filled := message.New()
			newFiller(string(message.Descriptor().FullName()), chance).fill(filled, 2)
			encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(filled.Interface())
			if err != nil {
				return fmt.Errorf("%s: %w", message.Descriptor().FullName(), err)
			}
			for _, part := range []string{string(message.Descriptor().FullName()), string(encoded)} {
				_, _ = out.Write(binary.AppendUvarint(nil, uint64(len(part)))) // Flush tells
				_, _ = out.WriteString(part)
			}
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Close()
}
