// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/farcall/farcall/cmd/internal/compile"
	"github.com/farcall/farcall/cmd/internal/config"
	"github.com/farcall/farcall/cmd/internal/generate"
	"github.com/farcall/farcall/cmd/internal/output"
)

const generateHelp = `Generate compiles every .proto file below DIR and writes the Go code of its
messages (X.pb.go, as protoc-gen-go does), of its services (X.farcall.go) and of the
messages' encoding (X.codec.farcall.go). It needs neither protoc nor a plug-in.

Without DIR it reads farcall.yaml, which names one directory or several:

  generate:
    - directory: proto              # the keys of an element are the flags here
      import-roots: [proto, vendor/proto]
      go-modules: [github.com/envoyproxy/protoc-gen-validate]
      go-package: example.com/shop/shoppb
      out: gen
  prune: true                       # as --prune

Imports are looked for below DIR, or below the directories given with -I; then in
the Go modules given with --go-module, of those that DIR's module requires; then,
if an import begins with the path of such a module ("k8s.io/api/core/v1/x.proto"),
in that module. The files of google/protobuf, google/api and google/rpc are built
in.

Each file is written where Go will look for the package that its go_package
option names: in that package's directory, if it is in the Go module that the
.proto file is in, and beside the .proto file otherwise. With --out the files are
written below that directory, as the .proto files lie below DIR. Only files whose
content changes are written, and none if there is a mistake anywhere.

--check writes nothing, and fails if anything would be written. --prune also
removes generated code whose .proto file is gone: below DIR, below --out and in the
directories that code goes to; with farcall.yaml, in their Go modules. It removes
files with farcall's first line, and those of protoc-gen-go beside them.

--against compares the .proto files with those of a git revision, and warns of
changes that break others: wire-breaking ones, by which programs of before and
after misunderstand each other, and source-breaking ones, by which code that uses
the generated code fails to compile.

Exit codes: 0, all is well; 1, a mistake, or with --check stale code; 3, with
--check and --against, breaking changes. Without --check they are warnings.`

const generateExample = `  farcall generate proto
  farcall generate
  farcall generate proto/shop/v1 -I proto
  farcall generate proto --go-module github.com/envoyproxy/protoc-gen-validate
  farcall generate ../shop/proto --go-package example.com/mirror/shoppb --out shoppb
  farcall generate --check --against origin/main`

// generation is one run of "farcall generate".
type generation struct {
	input   config.Input // what the arguments say; without a directory, a file says more
	file    string       // the farcall.yaml
	prune   bool
	check   bool
	against string

	stdout io.Writer // what was written
	stderr io.Writer // warnings, and the progress on a terminal

	plan                 *output.Plan
	directories, modules map[string]bool // where code goes, and the Go modules around it
	breaking             int             // changes that break others
}

func newGenerateCommand() *cobra.Command {
	run := &generation{}
	command := &cobra.Command{
		Use:     "generate [DIR]",
		Short:   "Write the Go code of a directory's .proto files",
		Long:    generateHelp,
		Example: generateExample,
		Args:    atMostOneDirectory,
		RunE: func(command *cobra.Command, args []string) error {
			run.stdout, run.stderr = command.OutOrStdout(), command.ErrOrStderr()
			if len(args) > 0 {
				run.input.Directory = args[0]
			}
			return run.run(command.Context())
		},
	}
	flags := command.Flags()
	flags.StringArrayVarP(&run.input.Roots, "import-root", "I", nil,
		"directory that imports are relative to; may be repeated (default DIR)")
	flags.StringArrayVar(&run.input.Modules, "go-module", nil,
		"path of a Go module, or of a directory in one, that imports are relative to; may be repeated")
	flags.StringVar(&run.input.GoPackage, "go-package", "",
		"import path of DIR's Go package, in place of the go_package options; directories below DIR are packages below it")
	flags.StringVarP(&run.input.Out, "out", "o", "", "directory to write below")
	flags.StringVar(&run.file, "config", config.FileName, "file to read without DIR")
	flags.BoolVar(&run.prune, "prune", false, "remove generated code whose .proto file is gone")
	flags.BoolVar(&run.check, "check", false, "write nothing, and fail if anything would be written")
	flags.StringVar(&run.against, "against", "", "git `revision` to warn of breaking changes against")
	return command
}

func atMostOneDirectory(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("generate takes one directory, and got %d arguments: farcall.yaml can name several", len(args))
	}
	return nil
}

// inputs returns the directories to generate for, by the arguments or by farcall.yaml.
func (r *generation) inputs() ([]config.Input, error) {
	if r.input.Directory != "" {
		return []config.Input{r.input}, nil
	}
	file, err := config.Read(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("generate takes a directory of .proto files, or reads %s, which is not here: farcall generate DIR", r.file)
	}
	if err != nil {
		return nil, err
	}
	if len(r.input.Roots)+len(r.input.Modules) > 0 || cmp.Or(r.input.GoPackage, r.input.Out) != "" {
		return nil, fmt.Errorf("--import-root, --go-module, --go-package and --out go with a directory: %s has keys for them", r.file)
	}
	r.prune = r.prune || file.Prune
	return file.Inputs, nil
}

func (r *generation) run(ctx context.Context) error {
	inputs, err := r.inputs()
	if err != nil {
		return err
	}
	r.plan, r.directories, r.modules = output.NewPlan(), make(map[string]bool), make(map[string]bool)
	bar := newProgress(r.stderr)
	defer bar.finish()
	compiled := make([]*compile.Result, len(inputs))
	var mistakes []error // of all inputs
	for i, input := range inputs {
		var err error
		compiled[i], err = compile.Directory(ctx, input.Directory, compile.Options{
			Roots: input.Roots, Modules: input.Modules, GoPackage: input.GoPackage, Progress: bar.add, Found: bar.grow,
		})
		mistakes = append(mistakes, err)
	}
	if err := errors.Join(mistakes...); err != nil {
		return err
	}
	for i, input := range inputs {
		if err := r.generate(input, compiled[i], bar); err != nil {
			return err
		}
	}
	bar.finish()
	if r.against != "" {
		for i, input := range inputs {
			if err := r.compare(ctx, input, compiled[i]); err != nil {
				return err
			}
		}
	}
	return r.settle(inputs)
}

// generate makes the code of one directory and puts it into the plan.
func (r *generation) generate(input config.Input, compiled *compile.Result, bar *progress) error {
	warnings := func(text string) {
		bar.clear()
		fmt.Fprintln(r.stderr, text)
	}
	for _, warning := range compiled.Warnings {
		warning.Message = "warning: " + warning.Message
		warnings(warning.Error())
	}
	made, err := generateAll(compiled.Request, bar.add)
	if err != nil {
		return err
	}
	p := &placement{input: input, plan: r.plan, directories: r.directories, modules: r.modules, warn: warnings}
	for _, share := range made {
		if err := p.place(share.plugin, compiled, share.files); err != nil {
			return err
		}
	}
	return p.finish()
}

// settle brings what is there in line with the plan or, with --check, says where it is not.
func (r *generation) settle(inputs []config.Input) error {
	changes, err := r.plan.Changes(generate.Marker)
	if err != nil {
		return err
	}
	if r.prune {
		orphans, err := r.plan.Orphans(r.search(inputs))
		if err != nil {
			return err
		}
		changes = append(changes, orphans...)
	}
	if r.check {
		return r.stale(changes)
	}
	for _, change := range changes {
		if err := change.Apply(); err != nil {
			return err
		}
		fmt.Fprintln(r.stdout, change)
	}
	if len(changes) == 0 {
		fmt.Fprintf(r.stdout, "nothing to write: the code of %s is up to date\n", cmp.Or(r.input.Directory, r.file))
	}
	return nil
}

// search says where code may be that has no source any more. A file names all there is; one directory does not, and so its
// module may have the code of others.
func (r *generation) search(inputs []config.Input) output.Search {
	s := output.Search{
		Directories: slices.Sorted(maps.Keys(r.directories)), Sources: slices.Sorted(maps.Keys(r.modules)),
		Ours: generate.Marker + "\n", Suffixes: generate.Suffixes, Beside: generate.MessageSuffixes,
	}
	if r.input.Directory == "" {
		s.Trees = s.Sources
	}
	for _, input := range inputs {
		s.Trees = append(s.Trees, input.Directory)
		if input.Out != "" {
			s.Trees = append(s.Trees, input.Out)
		}
	}
	return s
}

// exitCode is an error with an exit code of its own.
type exitCode struct {
	error
	code int
}

// stale returns the error for changes that should not be necessary, or for breaking ones.
func (r *generation) stale(changes []output.Change) error {
	for _, change := range changes {
		fmt.Fprintln(r.stdout, change.Stale())
	}
	switch {
	case len(changes) == 1:
		return errors.New("the generated code is not current: run farcall generate, and commit the file")
	case len(changes) > 1:
		return fmt.Errorf("the generated code is not current: run farcall generate, and commit the %d files", len(changes))
	case r.breaking > 0:
		return exitCode{fmt.Errorf("breaking changes since %s: %d", r.against, r.breaking), 3}
	}
	return nil
}

// exitCodeOf returns the exit code that an error ends the command with.
func exitCodeOf(err error) int {
	var with exitCode
	if errors.As(err, &with) {
		return with.code
	}
	return 1
}
