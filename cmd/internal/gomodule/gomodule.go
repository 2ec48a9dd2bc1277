// SPDX-License-Identifier: Apache-2.0

// Package gomodule finds the .proto files that Go modules ship: in the modules that a module requires, where the go
// command keeps them.
package gomodule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Module is a module of a build list.
type Module struct {
	Path    string
	Version string // "" for the main module, and for one that is replaced by a directory
	Dir     string // "" if it is not downloaded
	Replace *Module
}

// String returns "path version", as messages name a module.
func (m *Module) String() string { return strings.TrimSpace(m.Path + " " + m.Version) }

// List is the modules that a directory's module is built with. The go command is asked once, when somebody wants to know.
type List struct {
	directory string
	asked     bool
	modules   []*Module
	err       error
}

// NewList returns the List of the module that directory is in.
func NewList(directory string) *List { return &List{directory: directory} }

// all asks the go command.
func (l *List) all(ctx context.Context) ([]*Module, error) {
	if !l.asked {
		l.asked = true
		l.modules, l.err = list(ctx, l.directory)
	}
	return l.modules, l.err
}

func list(ctx context.Context, directory string) ([]*Module, error) {
	// In readonly mode neither a vendor directory is in the way, nor is go.mod changed.
	command := exec.CommandContext(ctx, "go", "list", "-m", "-e", "-json=Path,Version,Dir,Replace", "-mod=readonly", "all")
	command.Dir = directory
	var problems bytes.Buffer
	command.Stderr = &problems
	answer, err := command.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("the go command is not on the PATH: it knows where Go modules are")
	case err != nil:
		return nil, fmt.Errorf("go list -m all in %s: %s", directory, bytes.TrimSpace(problems.Bytes()))
	}
	var modules []*Module
	for decoder := json.NewDecoder(bytes.NewReader(answer)); ; {
		module := &Module{}
		if err := decoder.Decode(module); err == io.EOF {
			return modules, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list -m all in %s: %w", directory, err)
		}
		modules = append(modules, module)
	}
}

// Owner returns the module that the path of a package or file is in, nil if it is in none of the list: the one with the
// longest path.
func (l *List) Owner(ctx context.Context, path string) (*Module, error) {
	modules, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	var owner *Module
	for _, module := range modules {
		if within(path, module.Path) && (owner == nil || len(module.Path) > len(owner.Path)) {
			owner = module
		}
	}
	return owner, nil
}

func within(path, module string) bool {
	return path == module || strings.HasPrefix(path, module+"/")
}

// File returns where the file that a module ships is on disk. The path begins with the module's: an import like
// "k8s.io/api/core/v1/generated.proto". It returns "" if no module of the list has such a path, or has no such file.
func (l *List) File(ctx context.Context, path string) (string, error) {
	module, err := l.Owner(ctx, path)
	if module == nil || err != nil {
		return "", err
	}
	directory, err := l.locate(module)
	if err != nil {
		return "", err
	}
	file := filepath.Join(directory, filepath.FromSlash(strings.TrimPrefix(path, module.Path)))
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return "", nil
	}
	return file, nil
}

// Directory returns where a module, or a directory in a module, is on disk: the path is the module's, and what is below it.
func (l *List) Directory(ctx context.Context, path string) (string, error) {
	path = strings.TrimSuffix(path, "/")
	module, err := l.Owner(ctx, path)
	if err != nil {
		return "", err
	}
	if module == nil {
		return "", fmt.Errorf("the module in %s is not built with a module %s: go get %s@latest there adds it", l.directory, path, path)
	}
	root, err := l.locate(module)
	if err != nil {
		return "", err
	}
	directory := filepath.Join(root, filepath.FromSlash(strings.TrimPrefix(path, module.Path)))
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		return "", fmt.Errorf("the module %s has no directory %s", module, strings.TrimPrefix(strings.TrimPrefix(path, module.Path), "/"))
	}
	return directory, nil
}

// ImportPath returns the import path of the Go package that a file of a module would belong to, "" for a file of none.
func (l *List) ImportPath(file string) string {
	for _, module := range l.modules {
		if module.Dir == "" {
			continue
		}
		if below, err := filepath.Rel(module.Dir, filepath.Dir(file)); err == nil && filepath.IsLocal(below) {
			return strings.TrimSuffix(module.Path+"/"+filepath.ToSlash(below), "/.")
		}
	}
	return ""
}

func (l *List) locate(module *Module) (string, error) {
	if module.Dir == "" {
		version := module.String()
		if module.Replace != nil {
			version = fmt.Sprintf("%s (replaced by %s)", module.Path, module.Replace)
		}
		return "", fmt.Errorf("the Go module %s is not downloaded: run go mod download %s in %s", version, module.Path, l.directory)
	}
	return module.Dir, nil
}
