// SPDX-License-Identifier: Apache-2.0

// Package compile turns a directory of .proto files into the request that protoc would send its plug-ins. No protoc is
// involved, and google/protobuf, google/api and google/rpc need not be on disk.
package compile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/options"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// Options say how to read a directory.
type Options struct {
	// Roots are where imports are looked for, in order; the directory itself if there are none.
	Roots []string
	// Modules are Go modules, or directories in modules, that are import roots behind Roots. They are those that the module
	// that ModuleDirectory is in is built with. An import that begins with the path of such a module is found there, too.
	Modules []string
	// ModuleDirectory is directory itself if it is "".
	ModuleDirectory string
	// GoPackage is the import path of the directory's Go package, in place of what go_package options say. Directories
	// below it are packages below it.
	GoPackage string
	// AnyGoPackage compiles files that say no Go package, or a wrong one; no code can be made of the result.
	AnyGoPackage bool
	// Found is called with the number of files to compile; Progress after each that was parsed, and for all of them again
	// when they are linked. nil: nobody wants to know.
	Found, Progress func(files int)
}

// Result is a directory compiled.
type Result struct {
	Request  *pluginpb.CodeGeneratorRequest
	Warnings Mistakes // what compiles, and should be looked at
	// Files are those of directory, with their places in the source.
	Files []protoreflect.FileDescriptor
	disk  map[string]string
}

// Directory compiles every .proto file under directory. The error is [Mistakes] if the files are to blame: all
// mistakes that can be told apart from the consequences of others.
func Directory(ctx context.Context, directory string, o Options) (*Result, error) {
	t, err := readTree(ctx, directory, o)
	if err != nil {
		return nil, err
	}
	if o.Found != nil {
		o.Found(len(t.names))
	}
	if o.Progress == nil {
		o.Progress = func(int) {}
	}
	c := &compilation{tree: t, parsed: make(map[string]*ast.FileNode)}
	for _, name := range t.names {
		if err := c.parse(name); err != nil {
			return nil, err
		}
		o.Progress(1)
	}
	if len(c.mistakes) > 0 {
		return nil, c.sorted(c.mistakes)
	}
	files, err := c.link(ctx)
	if err != nil {
		return nil, err
	}
	request, err := pluginRequest(files)
	if err != nil {
		return nil, err
	}
	if !o.AnyGoPackage {
		if err := t.setGoPackages(request, o.GoPackage); err != nil {
			return nil, err
		}
	}
	o.Progress(len(t.names))
	result := &Result{Request: request, Warnings: c.sorted(c.warnings), disk: t.disk}
	for _, file := range files {
		result.Files = append(result.Files, file)
	}
	return result, nil
}

// OnDisk returns where the file that imports call name was read, "" for a built-in one.
func (r *Result) OnDisk(name string) string { return r.disk[name] }

// compilation goes in two rounds, so that a mistake in one file does not hide those in others: first everything is
// parsed, then everything is linked.
type compilation struct {
	*tree
	parsed             map[string]*ast.FileNode // nil for a built-in file
	parsing            []string                 // the file being parsed, behind those that led to it by their imports
	mistakes, warnings Mistakes
}

// parse parses the file and what it imports.
func (c *compilation) parse(name string) error {
	if _, done := c.parsed[name]; done {
		return nil
	}
	c.parsed[name] = nil
	if _, err := builtIn(name); err == nil {
		return nil
	}
	file := c.find(name)
	c.disk[name] = file
	source, err := os.Open(file)
	if err != nil {
		return err
	}
	defer source.Close()
	node, err := parser.Parse(name, source, reporter.NewHandler(c))
	if err != nil {
		if errors.Is(err, reporter.ErrInvalidSource) {
			return nil // reported, and its imports may be nonsense
		}
		return err
	}
	c.parsed[name] = node
	c.parsing = append(c.parsing, name)
	defer func() { c.parsing = c.parsing[:len(c.parsing)-1] }()
	for _, declaration := range node.Decls {
		if imported, ok := declaration.(*ast.ImportNode); ok {
			if err := c.parseImport(node, imported); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *compilation) parseImport(node *ast.FileNode, imported *ast.ImportNode) error {
	name := imported.Name.AsString()
	if at := slices.Index(c.parsing, name); at >= 0 {
		cycle := strings.Join(append(c.parsing[at:len(c.parsing):len(c.parsing)], name), " imports ")
		return c.Error(reporter.Errorf(node.NodeInfo(imported.Name), "import cycle: %s", cycle))
	}
	if _, err := builtIn(name); err != nil && c.find(name) == "" {
		return c.Error(reporter.Errorf(node.NodeInfo(imported.Name), "%s", c.explainMissing(name)))
	}
	return c.parse(name)
}

// link links what parse parsed.
func (c *compilation) link(ctx context.Context) (linker.Files, error) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.ResolverFunc(c.resolve),
		Reporter:       c,
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, c.names...)
	if len(c.mistakes) > 0 {
		return nil, c.sorted(c.mistakes)
	}
	if err != nil {
		var placed reporter.ErrorWithPos
		if errors.As(err, &placed) {
			_ = c.Error(placed)
			return nil, c.sorted(c.mistakes)
		}
		return nil, err
	}
	return files, nil
}

func (c *compilation) resolve(name string) (protocompile.SearchResult, error) {
	if node := c.parsed[name]; node != nil {
		return protocompile.SearchResult{AST: node}, nil
	}
	return builtIn(name)
}

// Error makes compilation a reporter.Reporter; it returns nil so that the search for mistakes goes on. The compiler calls
// it from one goroutine at a time.
func (c *compilation) Error(err reporter.ErrorWithPos) error {
	c.mistakes = append(c.mistakes, c.mistake(err))
	return nil
}

// Warning makes compilation a reporter.Reporter.
func (c *compilation) Warning(err reporter.ErrorWithPos) {
	c.warnings = append(c.warnings, c.mistake(err))
}

func (c *compilation) mistake(err reporter.ErrorWithPos) Mistake {
	at := err.GetPosition()
	mistake := Mistake{
		File: cmp.Or(c.disk[at.Filename], at.Filename), Line: at.Line, Column: at.Col,
		Message: err.Unwrap().Error(),
	}
	if strings.HasPrefix(mistake.Message, `edition value "2024" not recognized`) {
		mistake.Message = "the compiler that is built in knows the editions up to 2023: for 2024 run protoc, " +
			"with --go_out and --farcall_out, or buf with these two plug-ins"
	}
	return c.secondOfTwo(mistake)
}

var definedTwice = regexp.MustCompile(`^(.* already defined at )(.+):(\d+):(\d+)$`)

// secondOfTwo turns a complaint about two definitions around where it calls the later one the first: files are linked
// at the same time, and which the compiler meets first is chance.
func (c *compilation) secondOfTwo(mistake Mistake) Mistake {
	match := definedTwice.FindStringSubmatch(mistake.Message)
	if match == nil {
		return mistake
	}
	other := Mistake{File: cmp.Or(c.disk[match[2]], match[2])}
	other.Line, _ = strconv.Atoi(match[3])
	other.Column, _ = strconv.Atoi(match[4])
	if c.disk[match[2]] != "" && byPlace(mistake, other) < 0 {
		mistake, other = other, mistake
	}
	mistake.Message = fmt.Sprintf("%s%s:%d:%d", match[1], other.File, other.Line, other.Column)
	return mistake
}

func byPlace(a, b Mistake) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// sorted returns mistakes by file and line, each once.
func (c *compilation) sorted(mistakes Mistakes) Mistakes {
	slices.SortFunc(mistakes, func(a, b Mistake) int {
		return cmp.Or(byPlace(a, b), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(slices.DeleteFunc(mistakes, func(m Mistake) bool {
		// What the lexer could not read it has reported; the parser then says that it got an error.
		return strings.HasPrefix(m.Message, "syntax error: unexpected error")
	}))
}

// pluginRequest makes the request that protoc would: all files, those imported before those that import them, and the
// names of the files to generate. Of these, protoc leaves out the options that matter in source only.
func pluginRequest(files linker.Files) (*pluginpb.CodeGeneratorRequest, error) {
	request := &pluginpb.CodeGeneratorRequest{}
	wanted := make(map[string]bool)
	for _, file := range files {
		request.FileToGenerate = append(request.FileToGenerate, file.Path())
		wanted[file.Path()] = true
	}
	seen := make(map[string]bool)
	var add func(file protoreflect.FileDescriptor) error
	add = func(file protoreflect.FileDescriptor) error {
		if seen[file.Path()] {
			return nil
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			if err := add(file.Imports().Get(i).FileDescriptor); err != nil {
				return err
			}
		}
		described := protoutil.ProtoFromFileDescriptor(file)
		if wanted[file.Path()] {
			request.SourceFileDescriptors = append(request.SourceFileDescriptors, described)
			stripped, err := options.StripSourceRetentionOptionsFromFile(described)
			if err != nil {
				return fmt.Errorf("%s: %w", file.Path(), err)
			}
			described = stripped
		}
		request.ProtoFile = append(request.ProtoFile, described)
		return nil
	}
	for _, file := range files {
		if err := add(file); err != nil {
			return nil, err
		}
	}
	return throughBytes(request)
}

// throughBytes does to the request what a pipe would: custom options become the types that are linked in, or unknown
// fields, which is what the generators are used to.
func throughBytes(request *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorRequest, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("the compiled files cannot be encoded: %w", err)
	}
	fresh := &pluginpb.CodeGeneratorRequest{}
	if err := proto.Unmarshal(data, fresh); err != nil {
		return nil, fmt.Errorf("the compiled files cannot be decoded: %w", err)
	}
	for _, file := range slices.Concat(fresh.ProtoFile, fresh.SourceFileDescriptors) {
		placeEdition(file)
	}
	return fresh, nil
}

// placeEdition moves the place of an edition statement to where protoc has it: to that of the syntax statement, which it
// takes the place of. The comments above it go with it.
func placeEdition(file *descriptorpb.FileDescriptorProto) {
	const syntax, edition = 12, 14 // FileDescriptorProto.syntax and .edition
	for _, at := range file.GetSourceCodeInfo().GetLocation() {
		if path := at.GetPath(); len(path) == 1 && path[0] == edition {
			path[0] = syntax
		}
	}
}

var _ reporter.Reporter = (*compilation)(nil)
