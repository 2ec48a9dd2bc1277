// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/farcall/farcall/cmd/internal/gomodule"
)

// tree is the .proto files of one directory, and the places where their imports are looked for.
type tree struct {
	directory string
	roots     []string // in the order in which they are searched
	modules   []string // likewise, behind roots: directories in Go modules
	asked     []string // modules as the user named them
	names     []string // of the files to compile, as imports name them: slashes, relative to a root
	disk      map[string]string

	list     *gomodule.List                    // nil outside any module
	inModule func(name string) (string, error) // looks for an import that begins with a module's path
	shipped  map[string]bool                   // names of files that came from Go modules
	problems map[string]error                  // why a module's file could not be looked for
}

// readTree finds the .proto files under directory. Without roots, directory is the one root.
func readTree(ctx context.Context, directory string, o Options) (*tree, error) {
	roots := o.Roots
	if len(roots) == 0 {
		roots = []string{directory}
	}
	t := &tree{
		directory: directory, roots: roots, asked: o.Modules, disk: make(map[string]string),
		shipped: make(map[string]bool), problems: make(map[string]error),
	}
	for _, root := range roots {
		if err := checkDirectory(root); err != nil {
			return nil, err
		}
	}
	if err := checkDirectory(directory); err != nil {
		return nil, err
	}
	if err := t.findModules(ctx, cmp.Or(o.ModuleDirectory, directory), o.Modules); err != nil {
		return nil, err
	}
	prefix, err := t.prefixOf(directory)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(directory, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != directory && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case filepath.Ext(file) != ".proto" || !isFile(file): // a link to a file is a file
			return nil
		}
		return t.add(file, prefix)
	})
	if err != nil {
		return nil, err
	}
	if len(t.names) == 0 {
		return nil, fmt.Errorf("there is no .proto file to generate code for below %s", directory)
	}
	slices.Sort(t.names)
	return t, nil
}

// add adds a file below t.directory to those to compile; prefix is the directory's own name to imports.
func (t *tree) add(file, prefix string) error {
	below, err := filepath.Rel(t.directory, file)
	if err != nil {
		return err
	}
	name := path.Join(prefix, filepath.ToSlash(below))
	if _, err := builtIn(name); err == nil {
		return nil // a copy of a built-in file: its Go code exists
	}
	if other := t.find(name); other != file && !sameFile(other, file) {
		return fmt.Errorf("%s and %s would both be imported as %q, and %s comes first: "+
			"change the order of the import roots, or move one of the files", other, file, name, other)
	}
	t.names = append(t.names, name)
	t.disk[name] = file
	return nil
}

// prefixOf returns directory's path below the first import root that holds it.
func (t *tree) prefixOf(directory string) (string, error) {
	absolute, err := filepath.Abs(directory)
	if err != nil {
		return "", err
	}
	for _, root := range t.roots {
		from, err := filepath.Abs(root)
		if err != nil {
			return "", err
		}
		below, err := filepath.Rel(from, absolute)
		if err == nil && filepath.IsLocal(below) {
			return filepath.ToSlash(below), nil
		}
	}
	return "", fmt.Errorf("%s is below none of the import roots (%s): add one that holds it, such as -I %s",
		directory, strings.Join(t.roots, ", "), directory)
}

// find returns where the file that imports call name is on disk, "" if no root holds it.
func (t *tree) find(name string) string {
	if known, ok := t.disk[name]; ok {
		return known
	}
	if !fs.ValidPath(name) {
		return ""
	}
	for _, root := range t.roots {
		file := filepath.Join(root, filepath.FromSlash(name))
		if isFile(file) {
			return file
		}
	}
	file, err := t.findInModules(name)
	if err != nil {
		t.problems[name] = err
	}
	if file != "" {
		t.shipped[name] = true
	}
	return file
}

// findModules looks up the modules that the user names, in the build list of the module that directory is in.
func (t *tree) findModules(ctx context.Context, directory string, modules []string) error {
	absolute, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	t.inModule = func(string) (string, error) { return "", nil }
	if _, ok := FindModule(absolute); !ok {
		if len(modules) > 0 {
			return fmt.Errorf("%s is in no Go module, so it cannot be known where %s is: go mod init makes one", directory, modules[0])
		}
		return nil
	}
	t.list = gomodule.NewList(directory)
	t.inModule = func(name string) (string, error) { return t.list.File(ctx, name) }
	for _, module := range modules {
		found, err := t.list.Directory(ctx, module)
		if err != nil {
			return err
		}
		t.modules = append(t.modules, found)
	}
	return nil
}

// findInModules looks for a file in the modules that the user has named and then, by the path that its name begins with,
// in all others.
func (t *tree) findInModules(name string) (string, error) {
	for _, root := range t.modules {
		if file := filepath.Join(root, filepath.FromSlash(name)); isFile(file) {
			return file, nil
		}
	}
	if host, _, ok := strings.Cut(name, "/"); !ok || !strings.Contains(host, ".") {
		return "", nil // no module has such a path, and the go command need not be asked
	}
	return t.inModule(name)
}

// explainMissing says why an import cannot be found and, where that can be known, what would help.
func (t *tree) explainMissing(name string) string {
	if !fs.ValidPath(name) || strings.Contains(name, `\`) {
		return fmt.Sprintf("import %q: an import is a path below an import root: slashes, no \".\" and no \"..\"", name)
	}
	if problem := t.problems[name]; problem != nil {
		return fmt.Sprintf("import %q: %v", name, problem)
	}
	message := fmt.Sprintf("import %q is neither built in nor below an import root (%s)", name,
		strings.Join(slices.Concat(t.roots, t.asked), ", "))
	if root := t.rootAbove(name); root != "" {
		return fmt.Sprintf("%s: -I %s would find it", message, root)
	}
	if strings.HasPrefix(name, "google/") {
		return message + ": of google's, only protobuf, api and rpc are built in; " +
			"the others are in github.com/googleapis/googleapis"
	}
	return message
}

// rootAbove returns the nearest directory above t.directory that would be the right import root for name, "" if there is
// none.
func (t *tree) rootAbove(name string) string {
	absolute, err := filepath.Abs(t.directory)
	if err != nil {
		return ""
	}
	up := t.directory
	for absolute != filepath.Dir(absolute) {
		absolute, up = filepath.Dir(absolute), filepath.Join(up, "..")
		if _, err := os.Stat(filepath.Join(absolute, filepath.FromSlash(name))); err == nil {
			return up
		}
	}
	return ""
}

func checkDirectory(name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no directory %s", name)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory: name the one that holds the .proto files, such as %s", name, filepath.Dir(name))
	}
	return nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func sameFile(a, b string) bool {
	left, err := os.Stat(a)
	if err != nil {
		return false
	}
	right, err := os.Stat(b)
	return err == nil && os.SameFile(left, right)
}
