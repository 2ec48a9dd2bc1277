// SPDX-License-Identifier: Apache-2.0

package gomodule_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/farcall/farcall/cmd/internal/gomodule"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lay makes a module that requires two that are replaced by directories, one of them inside the other by its path, and one
// that nobody has downloaded.
func lay(t *testing.T) {
	t.Helper()
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Chdir(t.TempDir())
	write(t, "app/go.mod", `module example.com/app

go 1.26.0

require (
	example.com/types v1.0.0
	example.com/types/more v1.0.0
	example.com/lost v1.2.3
)

replace (
	example.com/types => ../types
	example.com/types/more => ../more
)
`)
	write(t, "types/go.mod", "module example.com/types\n")
	write(t, "types/v1/money.proto", "")
	write(t, "more/go.mod", "module example.com/types/more\n")
	write(t, "more/v1/weight.proto", "")
	write(t, "app/own.proto", "")
}

func TestFiles(t *testing.T) {
	lay(t)
	list := gomodule.NewList("app")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"example.com/types/v1/money.proto":       "types/v1/money.proto",
		"example.com/types/more/v1/weight.proto": "more/v1/weight.proto",
		"example.com/app/own.proto":              "app/own.proto",
		"example.com/types/v1":                   "",
		"example.com/types/v2/money.proto":       "",
		"example.com/typesmore/v1/money.proto":   "",
		"v1/money.proto":                         "",
	} {
		if want != "" {
			want = filepath.Join(here, want)
		}
		if got, err := list.File(t.Context(), path); err != nil || got != want {
			t.Errorf("File(%q) = %q, %v, want %q", path, got, err, want)
		}
	}
	if _, err := list.File(t.Context(), "example.com/lost/a.proto"); err == nil ||
		err.Error() != "the Go module example.com/lost v1.2.3 is not downloaded: run go mod download example.com/lost in app" {
		t.Errorf("a module that is not there: %v", err)
	}
	for file, want := range map[string]string{
		"types/v1/money.proto": "example.com/types/v1",
		"more/a.proto":         "example.com/types/more",
		"elsewhere/a.proto":    "",
	} {
		if got := list.ImportPath(filepath.Join(here, file)); got != want {
			t.Errorf("ImportPath(%q) = %q, want %q", file, got, want)
		}
	}
}

func TestDirectories(t *testing.T) {
	lay(t)
	list := gomodule.NewList("app")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"example.com/types": "types", "example.com/types/v1/": "types/v1", "example.com/types/more/v1": "more/v1",
	} {
		if got, err := list.Directory(t.Context(), path); err != nil || got != filepath.Join(here, want) {
			t.Errorf("Directory(%q) = %q, %v, want %q", path, got, err, want)
		}
	}
	for path, want := range map[string]string{
		"example.com/none":     "the module in app is not built with a module example.com/none: go get example.com/none@latest there adds it",
		"example.com/types/v9": "the module example.com/types v1.0.0 has no directory v9",
		"example.com/lost":     "the Go module example.com/lost v1.2.3 is not downloaded: run go mod download example.com/lost in app",
	} {
		if _, err := list.Directory(t.Context(), path); err == nil || err.Error() != want {
			t.Errorf("Directory(%q): %v, want %s", path, err, want)
		}
	}
}

func TestNoModule(t *testing.T) {
	t.Setenv("GOWORK", "off")
	t.Chdir(t.TempDir())
	if _, err := gomodule.NewList(".").File(t.Context(), "example.com/a.proto"); err == nil {
		t.Error("outside any module there was an answer")
	}
}
