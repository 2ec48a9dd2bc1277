// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/cmd/internal/compile"
	"github.com/farcall/farcall/openapi"
)

const openAPIHelp = `OpenAPI compiles every .proto file below DIR and writes an OpenAPI 3.1 document of the
methods that have HTTP rules (google.api.http): with the comments of the files, field
behaviours (google.api.field_behavior), deprecations, protovalidate's rules as far as
JSON Schema has a word for them, errors and streams.

--rules adds HTTP rules from a google.api.Service, as YAML or JSON. A server serves
the document if it is in server.Options.REST.OpenAPI.Document.`

// description is one run of "farcall openapi".
type description struct {
	directory, rules, out string
	compile               compile.Options
	options               openapi.Options
}

func newOpenAPICommand() *cobra.Command {
	run := &description{}
	command := &cobra.Command{
		Use:   "openapi DIR",
		Short: "Describe a directory's HTTP rules as an OpenAPI document",
		Long:  openAPIHelp,
		Example: `  farcall openapi proto --out openapi.json
  farcall openapi proto --title Shop --version v1 --rules service.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			run.directory = args[0]
			return run.run(command.Context(), command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringArrayVarP(&run.compile.Roots, "import-root", "I", nil, "directory that imports are relative to; may be repeated (default DIR)")
	flags.StringArrayVar(&run.compile.Modules, "go-module", nil, "path of a Go module, or of a directory in one, that imports are relative to; may be repeated")
	flags.StringVarP(&run.out, "out", "o", "", "file to write (default: standard output)")
	flags.StringVar(&run.rules, "rules", "", "file with a google.api.Service, YAML or JSON")
	flags.StringVar(&run.options.Title, "title", "", "title of the API (default: the names of the services)")
	flags.StringVar(&run.options.Version, "version", "", "version of the API (default: that in the package's name)")
	flags.StringArrayVar(&run.options.Servers, "server", nil, "URL of a server; may be repeated")
	return command
}

func (r *description) run(ctx context.Context, stdout, stderr io.Writer) error {
	r.compile.AnyGoPackage = true
	compiled, err := compile.Directory(ctx, r.directory, r.compile)
	if err != nil {
		return err
	}
	if r.rules != "" {
		if r.options.Rules, err = readRules(r.rules); err != nil {
			return err
		}
	}
	var methods []*farcall.Method
	for _, file := range compiled.Files {
		methods = append(methods, methodsOf(file)...)
	}
	for _, rule := range r.options.Rules.GetRules() { // another directory may have the method
		named := func(method *farcall.Method) bool {
			return strings.ReplaceAll(strings.TrimPrefix(method.Path, "/"), "/", ".") == rule.Selector
		}
		if !slices.ContainsFunc(methods, named) {
			fmt.Fprintf(stderr, "%s: warning: no method below %s is called %q, as a selector says\n", r.rules, r.directory, rule.Selector)
		}
	}
	document, err := openapi.Document(methods, r.options)
	if err != nil {
		return err
	}
	if r.out == "" {
		_, err = stdout.Write(document)
		return err
	}
	return os.WriteFile(r.out, document, 0o666)
}

// methodsOf returns the methods of a file's services, whose messages are dynamic.
func methodsOf(file protoreflect.FileDescriptor) (methods []*farcall.Method) {
	for i := range file.Services().Len() {
		service := file.Services().Get(i)
		for j := range service.Methods().Len() {
			descriptor := service.Methods().Get(j)
			method := &farcall.Method{
				Path:        fmt.Sprintf("/%s/%s", service.FullName(), descriptor.Name()),
				Descriptor:  func() protoreflect.MethodDescriptor { return descriptor },
				NewRequest:  func() proto.Message { return dynamicpb.NewMessage(descriptor.Input()) },
				NewResponse: func() proto.Message { return dynamicpb.NewMessage(descriptor.Output()) },
			}
			if descriptor.IsStreamingClient() {
				method.Kind |= farcall.KindClientStream
			}
			if descriptor.IsStreamingServer() {
				method.Kind |= farcall.KindServerStream
			}
			methods = append(methods, method)
		}
	}
	return methods
}
