// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/farcall/farcall/cmd/internal/config"
)

func read(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.Mkdir("sub", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("sub/farcall.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return config.Read(filepath.Join("sub", config.FileName))
}

func TestRead(t *testing.T) {
	got, err := read(t, `# Two directories.
generate:
  - directory: proto
  - directory: ../other
    import-roots: [.., /shared]
    go-modules:
      - example.com/types/proto
    go-package: example.com/other
    out: gen
prune: true
`)
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Inputs: []config.Input{
			{Directory: "sub/proto"},
			{
				Directory: "other", Roots: []string{".", "/shared"}, Modules: []string{"example.com/types/proto"},
				GoPackage: "example.com/other", Out: "sub/gen",
			},
		},
		Prune: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func TestMistakes(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":        {"", "1:1: the file is empty: it needs at least\n\tgenerate:\n\t  - directory: proto"},
		"no YAML":      {"generate: [", "line 1: did not find expected node content"},
		"a list":       {"- proto\n", "1:1: the file must be a mapping with the keys generate, prune"},
		"nothing":      {"prune: false\n", "1:1: generate names no directory"},
		"not a list":   {"generate: proto\n", "1:11: generate must be a list: lines that begin with \"- \""},
		"not named":    {"generate:\n  - proto\n", "2:5: an element of generate must be a mapping with the keys directory, go-modules, go-package, import-roots, out"},
		"no directory": {"generate:\n  - out: gen\n", "2:5: an element of generate has no directory"},
		"several": {"generate:\n  - directory: proto\n    output: gen\n    out: [a]\n    out: b\nclean: true\nprune: perhaps\n",
			"3:5: unknown key \"output\": an element of generate has directory, go-modules, go-package, import-roots, out\n" +
				"sub/farcall.yaml:4:10: a text is expected here\n" +
				"sub/farcall.yaml:5:5: out is here a second time, and first in line 4\n" +
				"sub/farcall.yaml:6:1: unknown key \"clean\": the file has generate, prune\n" +
				"sub/farcall.yaml:7:8: prune is true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, test.text)
			if err == nil || strings.TrimLeft(strings.TrimPrefix(err.Error(), "sub/farcall.yaml:"), " ") != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestNoFile(t *testing.T) {
	if _, err := config.Read(filepath.Join(t.TempDir(), config.FileName)); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}
