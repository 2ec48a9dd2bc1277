// SPDX-License-Identifier: Apache-2.0

// Package config reads farcall.yaml, which says what "farcall generate" generates for a module or a repository.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// FileName is the name of the file.
const FileName = "farcall.yaml"

// Config is what the file says. Paths are relative to the current directory, or absolute, where in the file they are
// relative to the file.
type Config struct {
	Inputs []Input
	Prune  bool // what has no source any more is removed
}

// Input is one directory of .proto files. Without a file, the command's arguments make one.
type Input struct {
	Directory string
	Roots     []string // where imports are looked for
	Modules   []string // Go modules whose .proto files may be imported; or directories in modules
	GoPackage string
	Out       string
}

// Read reads the file. Its mistakes are all in the error, each with its line.
func Read(file string) (*Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	r := &reader{file: file}
	config := r.config(&document)
	slices.SortStableFunc(r.mistakes, func(a, b mistake) int { return cmp.Compare(a.line, b.line) })
	var lines []error
	for _, mistake := range r.mistakes {
		lines = append(lines, errors.New(mistake.text))
	}
	return config, errors.Join(lines...)
}

type mistake struct {
	line int
	text string
}

// reader turns nodes into a Config, and collects what is wrong with them.
type reader struct {
	file     string
	mistakes []mistake
}

func (r *reader) wrong(at *yaml.Node, format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	r.mistakes = append(r.mistakes, mistake{at.Line, fmt.Sprintf("%s:%d:%d: %s", r.file, at.Line, at.Column, text)})
}

func (r *reader) config(document *yaml.Node) *Config {
	config := &Config{}
	if len(document.Content) == 0 {
		r.wrong(&yaml.Node{Line: 1, Column: 1}, "the file is empty: it needs at least\n\tgenerate:\n\t  - directory: proto")
		return config
	}
	top := document.Content[0]
	r.mapping(top, "the file", map[string]func(*yaml.Node){
		"generate": func(value *yaml.Node) {
			for _, element := range r.sequence(value, "generate") {
				config.Inputs = append(config.Inputs, r.input(element))
			}
		},
		"prune": func(value *yaml.Node) {
			if value.Decode(&config.Prune) != nil {
				r.wrong(value, "prune is true or false")
			}
		},
	})
	if len(config.Inputs) == 0 && len(r.mistakes) == 0 {
		r.wrong(top, "generate names no directory")
	}
	return config
}

func (r *reader) input(node *yaml.Node) Input {
	input := Input{}
	mistakes := len(r.mistakes)
	r.mapping(node, "an element of generate", map[string]func(*yaml.Node){
		"directory":    func(value *yaml.Node) { input.Directory = r.path(value) },
		"import-roots": func(value *yaml.Node) { input.Roots = each(r.sequence(value, "import-roots"), r.path) },
		"go-modules":   func(value *yaml.Node) { input.Modules = each(r.sequence(value, "go-modules"), r.text) },
		"go-package":   func(value *yaml.Node) { input.GoPackage = r.text(value) },
		"out":          func(value *yaml.Node) { input.Out = r.path(value) },
	})
	if input.Directory == "" && len(r.mistakes) == mistakes {
		r.wrong(node, "an element of generate has no directory")
	}
	return input
}

// mapping calls the function of each key, and knows no others.
func (r *reader) mapping(node *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		r.wrong(node, "%s must be a mapping with the keys %s", what, names(keys))
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		take, known := keys[key.Value]
		switch first, again := seen[key.Value]; {
		case !known:
			r.wrong(key, "unknown key %q: %s has %s", key.Value, what, names(keys))
		case again:
			r.wrong(key, "%s is here a second time, and first in line %d", key.Value, first)
		default:
			seen[key.Value] = key.Line
			take(value)
		}
	}
}

func names(keys map[string]func(*yaml.Node)) string {
	var sorted []string
	for key := range keys {
		sorted = append(sorted, key)
	}
	slices.Sort(sorted)
	return strings.Join(sorted, ", ")
}

func (r *reader) sequence(node *yaml.Node, what string) []*yaml.Node {
	if node.Kind != yaml.SequenceNode {
		r.wrong(node, "%s must be a list: lines that begin with \"- \"", what)
		return nil
	}
	return node.Content
}

func each(nodes []*yaml.Node, read func(*yaml.Node) string) (values []string) {
	for _, node := range nodes {
		values = append(values, read(node))
	}
	return values
}

func (r *reader) text(node *yaml.Node) string {
	if node.Kind != yaml.ScalarNode || node.Value == "" {
		r.wrong(node, "a text is expected here")
		return ""
	}
	return node.Value
}

// path reads a path, which is relative to the file.
func (r *reader) path(node *yaml.Node) string {
	path := r.text(node)
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.file), filepath.FromSlash(path))
}
