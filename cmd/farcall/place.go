// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/farcall/farcall/cmd/internal/compile"
	"github.com/farcall/farcall/cmd/internal/config"
	"github.com/farcall/farcall/cmd/internal/generate"
	"github.com/farcall/farcall/cmd/internal/output"
)

// placement decides where the code of one directory's .proto files goes.
type placement struct {
	input config.Input
	plan  *output.Plan
	// Directories are where code goes, and modules the Go modules around it.
	directories, modules map[string]bool
	warn                 func(string)
	placed               []output.File
}

// finish puts the files into the plan, in the order of their .proto files.
func (p *placement) finish() error {
	slices.SortStableFunc(p.placed, func(a, b output.File) int { return strings.Compare(a.Name, b.Name) })
	for _, file := range p.placed {
		if err := p.plan.Add(file); err != nil {
			return err
		}
	}
	return nil
}

// place decides where each generated file goes.
func (p *placement) place(plugin *protogen.Plugin, compiled *compile.Result, files []*pluginpb.CodeGeneratorResponse_File) error {
	content := make(map[string]string)
	for _, file := range files {
		content[file.GetName()] = file.GetContent()
	}
	for _, file := range plugin.Files {
		if !file.Generate {
			continue
		}
		source := compiled.OnDisk(file.Desc.Path())
		directory, err := p.directoryFor(source, string(file.GoImportPath))
		if err != nil {
			return err
		}
		p.directories[directory] = true
		stem := filepath.Base(file.GeneratedFilenamePrefix)
		err = p.plan.Claim(directory, output.Package{ImportPath: string(file.GoImportPath), Source: source}, stem)
		if err != nil {
			return err
		}
		added := output.File{Source: source, Name: file.Desc.Path()}
		for _, suffix := range generate.MessageSuffixes {
			if text, ok := take(content, file.GeneratedFilenamePrefix+suffix); ok {
				added.Path, added.Content = filepath.Join(directory, stem+suffix), text
				p.placed = append(p.placed, added)
			}
		}
		for _, suffix := range generate.Suffixes { // where there is none, there may be one of an earlier time
			text, _ := take(content, file.GeneratedFilenamePrefix+suffix)
			added.Path, added.Content = filepath.Join(directory, stem+suffix), text
			p.placed = append(p.placed, added)
		}
	}
	for name := range content {
		return fmt.Errorf("the generators made a file %s, which is not known here: this is a mistake in farcall", name)
	}
	return nil
}

// take takes a file out of content.
func take(content map[string]string, name string) ([]byte, bool) {
	text, ok := content[name]
	delete(content, name)
	if !ok {
		return nil, false
	}
	return []byte(text), true
}

// directoryFor returns the directory for the code of a .proto file in the Go package importPath.
func (p *placement) directoryFor(source, importPath string) (string, error) {
	beside := filepath.Dir(source)
	if p.input.Out != "" {
		below, err := filepath.Rel(p.input.Directory, beside)
		return filepath.Join(p.input.Out, below), err
	}
	absolute, err := filepath.Abs(beside)
	if err != nil {
		return "", err
	}
	module, ok := compile.FindModule(absolute)
	if !ok {
		return beside, nil
	}
	p.modules[fromHere(module.Directory)] = true
	directory, ok := module.Place(importPath)
	if !ok {
		p.warn(fmt.Sprintf("%s: warning: the Go package %s is not in the module %s, so its code is written beside "+
			"the .proto file; --out says otherwise", source, importPath, module.Path))
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
