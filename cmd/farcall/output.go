// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/farcall/farcall/cmd/internal/compile"
	"github.com/farcall/farcall/cmd/internal/generate"
)

// output is a file to write or, with no content, to remove if it is there.
type output struct {
	path    string
	source  string // the .proto file on disk
	content []byte
}

// place decides where each generated file goes.
func (r *generation) place(plugin *protogen.Plugin, compiled *compile.Result, files []*pluginpb.CodeGeneratorResponse_File,
) ([]output, error) {
	content := make(map[string]string)
	for _, file := range files {
		content[file.GetName()] = file.GetContent()
	}
	var outputs []output
	owner := make(map[string]*protogen.File) // of a directory: the first file of the one package in it
	base := make(map[string]string)          // path without suffix to .proto file
	for _, file := range plugin.Files {
		if !file.Generate {
			continue
		}
		source := compiled.OnDisk(file.Desc.Path())
		directory, err := r.directoryFor(source, string(file.GoImportPath))
		if err != nil {
			return nil, err
		}
		if other := owner[directory]; other == nil {
			owner[directory] = file
		} else if other.GoImportPath != file.GoImportPath {
			return nil, fmt.Errorf("the Go packages %s (of %s) and %s (of %s) would both be written to the directory %s, "+
				"which can hold only one: give the files one go_package, or directories of their own",
				other.GoImportPath, compiled.OnDisk(other.Desc.Path()), file.GoImportPath, source, directory)
		}
		path := filepath.Join(directory, filepath.Base(file.GeneratedFilenamePrefix))
		if other, taken := base[path]; taken {
			return nil, fmt.Errorf("%s and %s would both be written to %s.pb.go: rename one, or give it another go_package",
				other, source, path)
		}
		base[path] = source
		for _, suffix := range []string{".pb.go", "_protoopaque.pb.go", generate.Suffix} {
			text, ok := content[file.GeneratedFilenamePrefix+suffix]
			switch {
			case ok:
				outputs = append(outputs, output{path: path + suffix, source: source, content: []byte(text)})
			case suffix == generate.Suffix:
				outputs = append(outputs, output{path: path + suffix, source: source}) // there may be one of an earlier time
			}
		}
	}
	return outputs, nil
}

// directoryFor returns the directory for the code of a .proto file in the Go package importPath.
func (r *generation) directoryFor(source, importPath string) (string, error) {
	beside := filepath.Dir(source)
	if r.out != "" {
		below, err := filepath.Rel(r.directory, beside)
		return filepath.Join(r.out, below), err
	}
	absolute, err := filepath.Abs(beside)
	if err != nil {
		return "", err
	}
	module, ok := compile.FindModule(absolute)
	if !ok {
		return beside, nil
	}
	directory, ok := module.Place(importPath)
	if !ok {
		fmt.Fprintf(r.stderr, "%s: warning: the Go package %s is not in the module %s, so its code is written beside "+
			"the .proto file; --out says otherwise\n", source, importPath, module.Path)
		return beside, nil
	}
	return fromHere(directory), nil
}

// fromHere returns an absolute path as its user would write it: relative to the current directory where that is shorter.
func fromHere(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if below, err := filepath.Rel(here, path); err == nil && len(below) < len(path) {
		return below
	}
	return path
}

// write writes what differs from what is there, after making sure that nothing is lost by it.
func (r *generation) write(outputs []output) error {
	var changed []output
	for _, out := range outputs {
		have, err := os.ReadFile(out.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if out.content != nil {
				changed = append(changed, out)
			}
		case err != nil:
			return err
		case out.content == nil && !bytes.HasPrefix(have, []byte(generate.Marker)):
			// Not ours; and nothing of ours belongs there.
		case bytes.Equal(have, out.content):
		case !isGenerated(have):
			return fmt.Errorf("%s is not generated code, and would be overwritten by that of %s: rename one of them",
				out.path, out.source)
		default:
			changed = append(changed, out)
		}
	}
	for _, out := range changed {
		if out.content == nil {
			if err := os.Remove(out.path); err != nil {
				return err
			}
			fmt.Fprintf(r.stdout, "removed %s: %s declares no service any more\n", out.path, out.source)
			continue
		}
		if err := replaceFile(out.path, out.content); err != nil {
			return err
		}
		fmt.Fprintf(r.stdout, "wrote %s\n", out.path)
	}
	if len(changed) == 0 {
		fmt.Fprintf(r.stdout, "nothing to write: the code of %s is up to date\n", r.directory)
	}
	return nil
}

// isGenerated looks for the line that marks generated Go code (go help generate).
func isGenerated(content []byte) bool {
	for line := range strings.Lines(string(content)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "// Code generated ") && strings.HasSuffix(line, " DO NOT EDIT.") {
			return true
		}
	}
	return false
}

// replaceFile writes the file whole or not at all.
func replaceFile(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(name), ".farcall-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // fails once it has its name
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}
