// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"errors"
	"fmt"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// setGoPackages sees to it that the Go package of every file is known: by its go_package option or, with an override,
// by its place below directory. The answer goes into the request's parameter, as protoc's user would give it.
func (t *tree) setGoPackages(request *pluginpb.CodeGeneratorRequest, override string) error {
	if override != "" {
		if err := validGoPackage(override); err != nil {
			return fmt.Errorf("--go-package %w", err)
		}
	}
	parameter := []string{"paths=source_relative"}
	var mistakes Mistakes
	for _, file := range request.ProtoFile {
		name := file.GetName()
		if t.disk[name] == "" {
			continue // built in
		}
		if override != "" && slices.Contains(t.names, name) {
			if strings.ContainsAny(name, ",=") {
				return fmt.Errorf("%s: a file whose name has a comma or an equals sign needs a go_package option of its own",
					t.disk[name])
			}
			parameter = append(parameter, "M"+name+"="+t.overridden(name, override))
			continue
		}
		if importPath := t.shippedPackage(file); importPath != "" {
			parameter = append(parameter, "M"+name+"="+importPath)
			continue
		}
		if message := t.checkGoPackage(file); message != "" {
			_, line, column := goPackageOf(file)
			mistakes = append(mistakes, Mistake{File: t.disk[name], Line: line, Column: column, Message: message})
		}
	}
	if len(mistakes) > 0 {
		return mistakes
	}
	request.Parameter = new(strings.Join(parameter, ","))
	return nil
}

// overridden returns the import path that the override gives to a file: the override for directory itself, and a package
// below it for each directory below it.
func (t *tree) overridden(name, override string) string {
	below, err := filepath.Rel(t.directory, filepath.Dir(t.disk[name]))
	if err != nil || below == "." {
		return override
	}
	base, _, _ := strings.Cut(override, ";") // the name after ";" is that of the one package
	return path.Join(base, filepath.ToSlash(below))
}

// shippedPackage returns the import path of the directory that a file is in which came with a Go module and has no
// go_package, "" for other files.
func (t *tree) shippedPackage(file *descriptorpb.FileDescriptorProto) string {
	name := file.GetName()
	if !t.shipped[name] || file.GetOptions().GetGoPackage() != "" || strings.ContainsAny(name, ",=") {
		return ""
	}
	return t.list.ImportPath(t.disk[name])
}

// checkGoPackage says what is wrong with the file's go_package, "" if nothing is.
func (t *tree) checkGoPackage(file *descriptorpb.FileDescriptorProto) string {
	goPackage, _, _ := goPackageOf(file)
	if goPackage == "" {
		return fmt.Sprintf("there is no go_package option, so the Go package is not known: add the line\n"+
			"\toption go_package = %q;\nbelow the package statement, or pass --go-package", t.suggestGoPackage(file.GetName()))
	}
	if err := validGoPackage(goPackage); err != nil {
		return fmt.Sprintf("go_package %v: write it like %q", err, t.suggestGoPackage(file.GetName()))
	}
	return ""
}

// validGoPackage checks an import path, or an import path, a semicolon and a package name.
func validGoPackage(goPackage string) error {
	importPath, name, named := strings.Cut(goPackage, ";")
	var reason *module.InvalidPathError
	switch err := module.CheckImportPath(importPath); {
	case errors.As(err, &reason):
		return fmt.Errorf("%q is no import path: %w", goPackage, reason.Err)
	case !strings.ContainsAny(importPath, "./"):
		return fmt.Errorf("%q is no import path, which has a slash or a dot", goPackage)
	case named && (!token.IsIdentifier(name) || name == "_"):
		return fmt.Errorf("%q has a package name that Go does not allow", goPackage)
	}
	return nil
}

// suggestGoPackage returns the import path of the directory that the file is in.
func (t *tree) suggestGoPackage(name string) string {
	directory, err := filepath.Abs(filepath.Dir(t.disk[name]))
	if err == nil {
		if module, ok := FindModule(directory); ok {
			if below, err := filepath.Rel(module.Directory, directory); err == nil {
				return path.Join(module.Path, filepath.ToSlash(below))
			}
		}
	}
	return "example.com/project/" + filepath.Base(directory)
}

// goPackageOf returns the go_package of file, and where it stands; without one, where the package statement does.
func goPackageOf(file *descriptorpb.FileDescriptorProto) (goPackage string, line, column int) {
	line, column = 1, 1
	goPackage = file.GetOptions().GetGoPackage()
	want := []int32{2} // FileDescriptorProto.package
	if goPackage != "" {
		want = []int32{8, 11} // FileDescriptorProto.options, FileOptions.go_package
	}
	for _, at := range file.GetSourceCodeInfo().GetLocation() {
		if slices.Equal(at.GetPath(), want) && len(at.GetSpan()) >= 3 {
			return goPackage, int(at.GetSpan()[0]) + 1, int(at.GetSpan()[1]) + 1
		}
	}
	return goPackage, line, column
}

// Module is a Go module on disk.
type Module struct {
	Path      string // as its go.mod says
	Directory string
}

// FindModule returns the module that an absolute directory belongs to: that of the nearest go.mod at or above it.
func FindModule(directory string) (Module, bool) {
	for {
		if text, err := os.ReadFile(filepath.Join(directory, "go.mod")); err == nil {
			name := modfile.ModulePath(text)
			return Module{Path: name, Directory: directory}, name != ""
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return Module{}, false
		}
		directory = parent
	}
}

// Place returns the directory of the package importPath in the module, if it can be in the module.
func (m Module) Place(importPath string) (string, bool) {
	if importPath == m.Path {
		return m.Directory, true
	}
	below, ok := strings.CutPrefix(importPath, m.Path+"/")
	if !ok || !filepath.IsLocal(filepath.FromSlash(below)) {
		return "", false
	}
	return filepath.Join(m.Directory, filepath.FromSlash(below)), true
}
