// SPDX-License-Identifier: Apache-2.0

// Package moduleproxy makes a Go module proxy out of the work tree, so that tests can fetch the project's modules as its
// users will fetch a release.
package moduleproxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

// Write fills the directory proxy, which GOPROXY can then name as a file:// URL, with one version of each of the modules
// in the given folders of the repository. Their go.mod files are those of a release: without the replace lines that
// point into the repository, and requiring each other at that version.
func Write(proxy, repository, version string, folders ...string) error {
	modules := make(map[string]*modfile.File) // by folder
	paths := make(map[string]bool)
	for _, folder := range folders {
		name := filepath.Join(repository, folder, "go.mod")
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := modfile.Parse(name, content, nil)
		if err != nil {
			return err
		}
		if file.Module == nil {
			return fmt.Errorf("%s names no module", name)
		}
		modules[folder] = file
		paths[file.Module.Mod.Path] = true
	}
	for folder, file := range modules {
		if err := asReleased(file, paths, version); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		if err := writeModule(proxy, repository, folder, version, file); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	return nil
}

// asReleased changes a go.mod as a release does.
func asReleased(file *modfile.File, ours map[string]bool, version string) error {
	for _, replace := range file.Replace {
		if !ours[replace.Old.Path] {
			return fmt.Errorf("go.mod replaces %s: `go install` refuses a module with such a line", replace.Old.Path)
		}
		if err := file.DropReplace(replace.Old.Path, replace.Old.Version); err != nil {
			return err
		}
	}
	for _, require := range file.Require {
		if !ours[require.Mod.Path] {
			continue
		}
		if err := file.AddRequire(require.Mod.Path, version); err != nil {
			return err
		}
	}
	file.Cleanup()
	return nil
}

// writeModule writes the four files that the go command asks a proxy for.
func writeModule(proxy, repository, folder, version string, file *modfile.File) error {
	path := file.Module.Mod.Path
	escaped, err := module.EscapePath(path)
	if err != nil {
		return err
	}
	goMod, err := file.Format()
	if err != nil {
		return err
	}
	content, err := files(repository, folder, goMod)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := modzip.Create(&archive, module.Version{Path: path, Version: version}, content); err != nil {
		return err
	}
	info, err := json.Marshal(struct{ Version string }{version})
	if err != nil {
		return err
	}
	directory := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(directory, "list"), []byte(version+"\n"), 0o644),
		os.WriteFile(filepath.Join(directory, version+".info"), info, 0o644),
		os.WriteFile(filepath.Join(directory, version+".mod"), goMod, 0o644),
		os.WriteFile(filepath.Join(directory, version+".zip"), archive.Bytes(), 0o644),
	)
}

// files returns what belongs to the module in a folder: everything below it except modules of their own and directories
// that begin with a dot. Like the go command, it takes the repository's licence along where the folder has none.
func files(repository, folder string, goMod []byte) ([]modzip.File, error) {
	root := filepath.Join(repository, folder)
	var found []modzip.File
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if below == "." {
				return nil
			}
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if err == nil || strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case below == "go.mod":
			found = append(found, generated{"go.mod", goMod})
		case entry.Type().IsRegular():
			found = append(found, onDisk{filepath.ToSlash(below), name})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "LICENSE")); errors.Is(err, fs.ErrNotExist) {
		found = append(found, onDisk{"LICENSE", filepath.Join(repository, "LICENSE")})
	}
	return found, nil
}

// onDisk is a file of the work tree.
type onDisk struct{ path, name string }

func (f onDisk) Path() string                 { return f.path }
func (f onDisk) Lstat() (os.FileInfo, error)  { return os.Lstat(f.name) }
func (f onDisk) Open() (io.ReadCloser, error) { return os.Open(f.name) }

// generated is a file whose content the work tree does not have.
type generated struct {
	path    string
	content []byte
}

func (f generated) Path() string                { return f.path }
func (f generated) Lstat() (os.FileInfo, error) { return generatedInfo{f}, nil }
func (f generated) Open() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f.content)), nil
}

type generatedInfo struct{ file generated }

func (i generatedInfo) Name() string     { return i.file.path }
func (i generatedInfo) Size() int64      { return int64(len(i.file.content)) }
func (generatedInfo) Mode() fs.FileMode  { return 0o644 }
func (generatedInfo) ModTime() time.Time { return time.Time{} }
func (generatedInfo) IsDir() bool        { return false }
func (generatedInfo) Sys() any           { return nil }
