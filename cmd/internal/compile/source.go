// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// tree is the .proto files of one directory, and the places where their imports are looked for.
type tree struct {
	directory string
	roots     []string // in the order in which they are searched
	names     []string // of the files to compile, as imports name them: slashes, relative to a root
	disk      map[string]string
}

// readTree finds the .proto files under directory. Without roots, directory is the one root.
func readTree(directory string, roots []string) (*tree, error) {
	if len(roots) == 0 {
		roots = []string{directory}
	}
	t := &tree{directory: directory, roots: roots, disk: make(map[string]string)}
	for _, root := range roots {
		if err := checkDirectory(root); err != nil {
			return nil, err
		}
	}
	if err := checkDirectory(directory); err != nil {
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
	return ""
}

// explainMissing says why an import cannot be found and, where that can be known, what would help.
func (t *tree) explainMissing(name string) string {
	if !fs.ValidPath(name) || strings.Contains(name, `\`) {
		return fmt.Sprintf("import %q: an import is a path below an import root: slashes, no \".\" and no \"..\"", name)
	}
	message := fmt.Sprintf("import %q is neither built in nor below an import root (%s)", name, strings.Join(t.roots, ", "))
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
