// SPDX-License-Identifier: Apache-2.0

package moduleproxy

import (
	"archive/zip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write makes the files of a repository in a new folder.
func write(t *testing.T, files map[string]string) string {
	repository := t.TempDir()
	for name, content := range files {
		name = filepath.Join(repository, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return repository
}

func TestModulesAreAsReleased(t *testing.T) {
	repository := write(t, map[string]string{
		"go.mod":          "module example.com/Library\n\ngo 1.26.0\n",
		"library.go":      "package library\n",
		"LICENSE":         "terms\n",
		".bin/program":    "a binary\n",
		"command/go.mod":  "module example.com/Library/command\n\ngo 1.26.0\n\nreplace example.com/Library => ../\n\nrequire example.com/Library v0.0.0\n",
		"command/main.go": "package main\n",
		"bench/go.mod":    "module example.com/Library/bench\n",
	})
	proxy := t.TempDir()
	if err := Write(proxy, repository, "v1.2.3", ".", "command"); err != nil {
		t.Fatal(err)
	}
	library, command := filepath.Join(proxy, "example.com/!library/@v"), filepath.Join(proxy, "example.com/!library/command/@v")
	for name, want := range map[string]string{
		library + "/list":        "v1.2.3\n",
		library + "/v1.2.3.info": `{"Version":"v1.2.3"}`,
		library + "/v1.2.3.mod":  "module example.com/Library\n\ngo 1.26.0\n",
		command + "/v1.2.3.mod":  "module example.com/Library/command\n\ngo 1.26.0\n\nrequire example.com/Library v1.2.3\n",
	} {
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		library: "LICENSE go.mod library.go",
		command: "LICENSE go.mod main.go",
	} {
		archive, err := zip.OpenReader(filepath.Join(name, "v1.2.3.zip"))
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		for _, file := range archive.File {
			_, below, _ := strings.Cut(file.Name, "@v1.2.3/")
			files = append(files, below)
		}
		slices.Sort(files)
		if got := strings.Join(files, " "); got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
		if err := archive.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAModuleThatCannotBeInstalled(t *testing.T) {
	repository := write(t, map[string]string{
		"go.mod":  "module example.com/library\n\nreplace example.com/other => ../other\n",
		"LICENSE": "terms\n",
	})
	err := Write(t.TempDir(), repository, "v1.2.3", ".")
	if err == nil || !strings.Contains(err.Error(), "go.mod replaces example.com/other") {
		t.Errorf("got %v", err)
	}
}
