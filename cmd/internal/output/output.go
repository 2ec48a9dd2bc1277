// SPDX-License-Identifier: Apache-2.0

// Package output brings generated files to where they belong: it writes what differs, and finds what has no source any
// more.
package output

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File is a file to be there with its content or, with none, not to be there.
type File struct {
	Path    string
	Source  string // the .proto file on disk
	Name    string // what imports call the .proto file
	Content []byte
}

// Package is the Go package whose files are in a directory.
type Package struct {
	ImportPath string
	Source     string // a .proto file of the package, on disk
}

// Plan is what is to be there after all: the files of one or more directories of .proto files.
type Plan struct {
	files    []File
	packages map[string]Package // by directory
	stems    map[string]string  // path without its suffix to the .proto file on disk
	at       map[string]int     // path to index in files
}

// NewPlan returns an empty Plan.
func NewPlan() *Plan {
	return &Plan{packages: make(map[string]Package), stems: make(map[string]string), at: make(map[string]int)}
}

// Claim gives a directory to a package, and in it the files whose names begin with stem to a .proto file. Two that would
// be in each other's way are an error.
func (p *Plan) Claim(directory string, of Package, stem string) error {
	if other, taken := p.packages[directory]; !taken {
		p.packages[directory] = of
	} else if other.ImportPath != of.ImportPath {
		return fmt.Errorf("the Go packages %q (of %s) and %q (of %s) would both be written to the directory %s, "+
			"which can hold only one: give the files one go_package, or directories of their own",
			other.ImportPath, other.Source, of.ImportPath, of.Source, directory)
	}
	path := filepath.Join(directory, stem)
	if other, taken := p.stems[path]; taken && filepath.Clean(other) != filepath.Clean(of.Source) {
		return fmt.Errorf("%s and %s would both be written to %s.pb.go: rename one, or give it another go_package",
			other, of.Source, path)
	}
	p.stems[path] = of.Source
	return nil
}

// Add adds a file. That it is there twice, as with directories inside each other, is an error only if its content differs.
func (p *Plan) Add(file File) error {
	if at, again := p.at[file.Path]; again {
		if !bytes.Equal(p.files[at].Content, file.Content) {
			return fmt.Errorf("%s is generated twice, and not the same: from %s and %s", file.Path, p.files[at].Source, file.Source)
		}
		return nil
	}
	p.at[file.Path] = len(p.files)
	p.files = append(p.files, file)
	return nil
}

// Change is what is to be done about a file.
type Change struct {
	File
	Missing bool   // the file is not there
	Reason  string // why it is removed; "" if it is written
}

// Changes compares the plan with what is there. It fails if something would be lost. ours is how files begin that may be
// removed.
func (p *Plan) Changes(ours string) ([]Change, error) {
	var changes []Change
	for _, file := range p.files {
		have, err := os.ReadFile(file.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if file.Content != nil {
				changes = append(changes, Change{File: file, Missing: true})
			}
		case err != nil:
			return nil, err
		case file.Content == nil && !bytes.HasPrefix(have, []byte(ours)):
			// Not ours; and nothing of ours belongs there.
		case file.Content == nil:
			changes = append(changes, Change{File: file, Reason: file.Source + " makes it no more"})
		case bytes.Equal(have, file.Content):
		case !isGenerated(have):
			return nil, fmt.Errorf("%s is not generated code, and would be overwritten by that of %s: rename one of them",
				file.Path, file.Source)
		default:
			changes = append(changes, Change{File: file})
		}
	}
	return changes, nil
}

// Apply writes or removes the file.
func (c Change) Apply() error {
	if c.Reason != "" {
		return os.Remove(c.Path)
	}
	return replaceFile(c.Path, c.Content)
}

// String says what Apply does, once it has.
func (c Change) String() string {
	if c.Reason != "" {
		return fmt.Sprintf("removed %s: %s", c.Path, c.Reason)
	}
	return "wrote " + c.Path
}

// Stale says why the file is not as it should be.
func (c Change) Stale() string {
	switch {
	case c.Reason != "":
		return fmt.Sprintf("%s should not be there: %s", c.Path, c.Reason)
	case c.Missing:
		return fmt.Sprintf("%s is missing: %s makes it", c.Path, c.Source)
	}
	return fmt.Sprintf("%s is stale: %s makes something else now", c.Path, c.Source)
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
