// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"runtime"

	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/farcall/farcall/cmd/internal/generate"
)

// filesOfAShare is how many files are worth a goroutine: each has to build all descriptors anew.
const filesOfAShare = 50

// code is what the generators make of a share of the files.
type code struct {
	plugin *protogen.Plugin
	files  []*pluginpb.CodeGeneratorResponse_File
	err    error
}

// generateAll runs the generators, on as many goroutines as there are processors: formatting the code takes most of the
// time. The files of one Go package stay together, because their names depend on each other. done is called with numbers
// of files, from one goroutine at a time.
func generateAll(request *pluginpb.CodeGeneratorRequest, done func(files int)) ([]code, error) {
	requests, err := shares(request, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	made := make([]code, len(requests))
	finished := make(chan int)
	for i, share := range requests {
		go func() { // ends with its share, which is waited for
			made[i] = generateShare(share)
			finished <- i
		}()
	}
	for range requests {
		done(len(requests[<-finished].FileToGenerate))
	}
	for _, share := range made {
		if share.err != nil {
			return nil, share.err
		}
	}
	return made, nil
}

// shares splits the files to generate into requests of their own, at most most.
func shares(request *pluginpb.CodeGeneratorRequest, most int) ([]*pluginpb.CodeGeneratorRequest, error) {
	count := min(most, len(request.FileToGenerate)/filesOfAShare)
	if count <= 1 {
		return []*pluginpb.CodeGeneratorRequest{request}, nil
	}
	plugin, err := protogen.Options{}.New(request) // knows the packages
	if err != nil {
		return nil, err
	}
	var order []protogen.GoImportPath
	packages := make(map[protogen.GoImportPath][]string)
	for _, name := range request.FileToGenerate {
		of := plugin.FilesByPath[name].GoImportPath
		if packages[of] == nil {
			order = append(order, of)
		}
		packages[of] = append(packages[of], name)
	}
	split := make([]*pluginpb.CodeGeneratorRequest, count)
	for i := range split {
		split[i] = &pluginpb.CodeGeneratorRequest{Parameter: request.Parameter, ProtoFile: request.ProtoFile,
			SourceFileDescriptors: request.SourceFileDescriptors, CompilerVersion: proto.CloneOf(request.CompilerVersion)}
	}
	for _, of := range order {
		least := split[0]
		for _, share := range split {
			if len(share.FileToGenerate) < len(least.FileToGenerate) {
				least = share
			}
		}
		least.FileToGenerate = append(least.FileToGenerate, packages[of]...)
	}
	return split, nil
}

func generateShare(request *pluginpb.CodeGeneratorRequest) (made code) {
	made.plugin, made.err = protogen.Options{}.New(request)
	if made.err != nil {
		return made
	}
	generate.Files(made.plugin)
	for _, file := range made.plugin.Files {
		if file.Generate {
			internal_gengo.GenerateFile(made.plugin, file)
		}
	}
	response := made.plugin.Response()
	if response.Error != nil {
		made.err = errors.New(response.GetError())
	}
	made.files = response.File
	return made
}
