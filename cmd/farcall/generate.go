// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"

	"github.com/farcall/farcall/cmd/internal/compile"
	"github.com/farcall/farcall/cmd/internal/generate"
)

const generateHelp = `Generate compiles every .proto file below DIR and writes the Go code of its
messages (X.pb.go, as protoc-gen-go does) and of its services (X.farcall.go). It
needs neither protoc nor a plug-in.

Imports are looked for below DIR, or below the directories given with -I. The
files of google/protobuf, google/api and google/rpc are built in.

Each file is written where Go will look for the package that its go_package
option names: in that package's directory, if it is in the Go module that the
.proto file is in, and beside the .proto file otherwise. With --out the files are
written below that directory, as the .proto files lie below DIR. Only files whose
content changes are written, and none if there is a mistake anywhere.`

const generateExample = `  farcall generate proto
  farcall generate proto/shop/v1 -I proto
  farcall generate ../shop/proto --go-package example.com/mirror/shoppb --out shoppb`

// generation is one run of "farcall generate".
type generation struct {
	directory string
	roots     []string
	goPackage string
	out       string
	stdout    io.Writer // what was written
	stderr    io.Writer // warnings
}

func newGenerateCommand() *cobra.Command {
	run := &generation{}
	command := &cobra.Command{
		Use:     "generate DIR",
		Short:   "Write the Go code of a directory's .proto files",
		Long:    generateHelp,
		Example: generateExample,
		Args:    oneDirectory,
		RunE: func(command *cobra.Command, args []string) error {
			run.directory, run.stdout, run.stderr = args[0], command.OutOrStdout(), command.ErrOrStderr()
			return run.run(command.Context())
		},
	}
	flags := command.Flags()
	flags.StringArrayVarP(&run.roots, "import-root", "I", nil,
		"directory that imports are relative to; may be repeated (default DIR)")
	flags.StringVar(&run.goPackage, "go-package", "",
		"import path of DIR's Go package, in place of the go_package options; directories below DIR are packages below it")
	flags.StringVarP(&run.out, "out", "o", "", "directory to write below")
	return command
}

func oneDirectory(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("generate takes one directory, and got %d arguments: farcall generate DIR", len(args))
	}
	return nil
}

func (r *generation) run(ctx context.Context) error {
	compiled, err := compile.Directory(ctx, r.directory, compile.Options{Roots: r.roots, GoPackage: r.goPackage})
	if err != nil {
		return err
	}
	for _, warning := range compiled.Warnings {
		warning.Message = "warning: " + warning.Message
		fmt.Fprintln(r.stderr, warning)
	}
	plugin, err := protogen.Options{}.New(compiled.Request)
	if err != nil {
		return err
	}
	generate.Files(plugin)
	for _, file := range plugin.Files {
		if file.Generate {
			internal_gengo.GenerateFile(plugin, file)
		}
	}
	response := plugin.Response()
	if response.Error != nil {
		return errors.New(response.GetError())
	}
	outputs, err := r.place(plugin, compiled, response.File)
	if err != nil {
		return err
	}
	return r.write(outputs)
}
