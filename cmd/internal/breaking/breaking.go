// SPDX-License-Identifier: Apache-2.0

// Package breaking compares .proto files with what they were, and finds the changes that break others: programs that
// speak to each other over a wire, or code that is compiled against what is generated.
package breaking

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Severity says what a change breaks.
type Severity string

const (
	// Wire is for changes by which programs of before and after misunderstand each other, over gRPC or REST.
	Wire Severity = "wire-breaking"
	// Source is for changes that make code that uses the generated code fail to compile, and JSON with fields and values
	// by name be understood no more.
	Source Severity = "source-breaking"
)

// Change is one change that breaks something. Line and Column count from 1.
type Change struct {
	File         string // what imports call it
	Gone         bool   // the file is no more: the place is where it was
	Line, Column int
	Severity     Severity
	Message      string
}

// Compare returns what has changed, in the order of files and lines.
func Compare(before, after []protoreflect.FileDescriptor) []Change {
	c := &comparison{before: newIndex(before), after: newIndex(after), renamed: make(map[string]protoreflect.FullName)}
	c.files(before)
	for _, file := range before {
		c.services(file)
		c.messages(file.Messages())
		c.enums(file.Enums())
		c.extensions(file.Extensions())
	}
	slices.SortStableFunc(c.changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.changes
}

// index finds what files declare.
type index struct {
	files    map[string]protoreflect.FileDescriptor
	declared map[protoreflect.FullName]protoreflect.Descriptor // messages, enums, services and extensions
}

func newIndex(files []protoreflect.FileDescriptor) *index {
	i := &index{make(map[string]protoreflect.FileDescriptor), make(map[protoreflect.FullName]protoreflect.Descriptor)}
	for _, file := range files {
		i.files[file.Path()] = file
		for n := range file.Services().Len() {
			i.add(file.Services().Get(n))
		}
		i.addWithin(file)
	}
	return i
}

// scope is what files and messages have in common.
type scope interface {
	Messages() protoreflect.MessageDescriptors
	Enums() protoreflect.EnumDescriptors
	Extensions() protoreflect.ExtensionDescriptors
}

func (i *index) addWithin(s scope) {
	for n := range s.Enums().Len() {
		i.add(s.Enums().Get(n))
	}
	for n := range s.Extensions().Len() {
		i.add(s.Extensions().Get(n))
	}
	for n := range s.Messages().Len() {
		i.add(s.Messages().Get(n))
		i.addWithin(s.Messages().Get(n))
	}
}

func (i *index) add(d protoreflect.Descriptor) { i.declared[d.FullName()] = d }

type comparison struct {
	before, after *index
	renamed       map[string]protoreflect.FullName // file to its package now, where that has changed
	changes       []Change
}

// report adds a change at the place of now, or of what was where nothing of it is left.
func (c *comparison) report(severity Severity, now, was protoreflect.Descriptor, format string, arguments ...any) {
	at, gone := now, false
	if at == nil {
		at, gone = was, true
	}
	file := at.ParentFile()
	place := file.SourceLocations().ByDescriptor(at)
	if at == protoreflect.Descriptor(file) {
		place = file.SourceLocations().ByPath(protoreflect.SourcePath{2}) // the package statement
	}
	c.changes = append(c.changes, Change{
		File: file.Path(), Gone: gone, Line: place.StartLine + 1, Column: place.StartColumn + 1, Severity: severity,
		Message: fmt.Sprintf(format, arguments...),
	})
}

// now returns what has the place of was in the files of today, nil if nothing has.
func (c *comparison) now(was protoreflect.Descriptor) protoreflect.Descriptor {
	return c.after.declared[c.nameNow(was)]
}

// nameNow returns the name that was has today, unless it was changed by itself.
func (c *comparison) nameNow(was protoreflect.Descriptor) protoreflect.FullName {
	file := was.ParentFile()
	renamed, ok := c.renamed[file.Path()]
	if !ok {
		return was.FullName()
	}
	below := strings.TrimPrefix(string(was.FullName()), string(file.Package())+".")
	return protoreflect.FullName(strings.TrimPrefix(string(renamed)+"."+below, "."))
}

// around returns where the removal of was is best reported: its parent of today, or its file of today.
func (c *comparison) around(was protoreflect.Descriptor) protoreflect.Descriptor {
	for parent := was.Parent(); parent != nil; parent = parent.Parent() {
		if file, ok := parent.(protoreflect.FileDescriptor); ok {
			if now, ok := c.after.files[file.Path()]; ok {
				return now
			}
			return nil
		}
		if now := c.now(parent); now != nil {
			return now
		}
	}
	return nil
}

func (c *comparison) files(before []protoreflect.FileDescriptor) {
	for _, was := range before {
		now, ok := c.after.files[was.Path()]
		if !ok {
			continue // what it declared may be elsewhere
		}
		if was.Package() != now.Package() {
			c.renamed[was.Path()] = now.Package()
			c.report(Wire, now, was, "the package was %q and is %q: methods have other paths, and messages in Any other names",
				was.Package(), now.Package())
		}
		if before, after := goPackage(was), goPackage(now); before != "" && after != "" && before != after {
			c.report(Source, now, was, "go_package was %q and is %q", before, after)
		}
	}
}

func goPackage(file protoreflect.FileDescriptor) string {
	options, ok := file.Options().(*descriptorpb.FileOptions)
	if !ok {
		return ""
	}
	return options.GetGoPackage()
}
