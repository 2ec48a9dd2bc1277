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
	root, prefix, err := t.rootOf(directory)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(directory, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != directory && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !entry.Type().IsRegular() || filepath.Ext(file) != ".proto":
			return nil
		}
		below, err := filepath.Rel(directory, file)
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
	})
	if err != nil {
		return nil, err
	}
	if len(t.names) == 0 {
		return nil, fmt.Errorf("no .proto file to generate under %s (import root %s)", directory, root)
	}
	slices.Sort(t.names)
	return t, nil
}

// rootOf returns the import root that holds directory, and directory's path below it.
func (t *tree) rootOf(directory string) (root, prefix string, err error) {
	absolute, err := filepath.Abs(directory)
	if err != nil {
		return "", "", err
	}
	for _, root := range t.roots {
		from, err := filepath.Abs(root)
		if err != nil {
			return "", "", err
		}
		below, err := filepath.Rel(from, absolute)
		if err == nil && filepath.IsLocal(below) {
			return root, filepath.ToSlash(below), nil
		}
	}
	return "", "", fmt.Errorf("%s is under none of the import roots (%s): add one with -I that holds it, such as -I %s",
		directory, strings.Join(t.roots, ", "), directory)
}

// find returns where the file that imports call name is on disk, "" if no root holds it.
func (t *tree) find(name string) string {
	if known, ok := t.disk[name]; ok {
		return known
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return ""
	}
	for _, root := range t.roots {
		file := filepath.Join(root, filepath.FromSlash(name))
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	return ""
}

// explainMissing says why an import cannot be found and, where that can be known, what would help.
func (t *tree) explainMissing(name string) string {
	message := fmt.Sprintf("import %q is neither built in nor under an import root (%s)", name, strings.Join(t.roots, ", "))
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Sprintf("import %q: an import is a path below an import root, with neither a leading slash nor \"..\"", name)
	}
	absolute, err := filepath.Abs(t.directory)
	if err != nil {
		return message
	}
	up := t.directory
	for parent := filepath.Dir(absolute); ; parent = filepath.Dir(parent) {
		up = filepath.Join(up, "..")
		if _, err := os.Stat(filepath.Join(parent, filepath.FromSlash(name))); err == nil {
			return fmt.Sprintf("%s: -I %s would find it", message, up)
		}
		if parent == filepath.Dir(parent) {
			return message
		}
	}
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

func sameFile(a, b string) bool {
	left, err := os.Stat(a)
	if err != nil {
		return false
	}
	right, err := os.Stat(b)
	return err == nil && os.SameFile(left, right)
}
