// SPDX-License-Identifier: Apache-2.0

// Package history lays out the .proto files of another revision, as git has them.
package history

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Revision is a revision's .proto files in a temporary directory.
type Revision struct {
	name string // as its user gave it
	top  string // the work tree's root, absolute and without links
	copy string // the temporary directory
}

// Open finds the revision in the repository that directory is in. The caller calls Close.
func Open(ctx context.Context, directory, revision string) (*Revision, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, errors.New("--against needs git, which is not on the PATH")
	}
	top, err := git(ctx, directory, nil, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, fmt.Errorf("--against %s: %s is in no git work tree", revision, directory)
	}
	r := &Revision{name: revision, top: strings.TrimRight(string(top), "\n")}
	if strings.HasPrefix(revision, "-") {
		return nil, fmt.Errorf("--against %s: that is no revision", revision)
	}
	if _, err := git(ctx, directory, nil, "rev-parse", "--verify", "--quiet", revision+"^{commit}"); err != nil {
		return nil, fmt.Errorf("--against %s: git knows no such revision here; a shallow clone has few: git fetch brings more", revision)
	}
	if r.copy, err = os.MkdirTemp("", "farcall-against-"); err != nil {
		return nil, err
	}
	return r, nil
}

// Close removes the copy.
func (r *Revision) Close() error { return os.RemoveAll(r.copy) }

// Lay copies the .proto files that the revision has below a directory of the work tree, and returns where, and whether
// there are any. A directory outside the work tree has no revisions: it is returned as it is.
func (r *Revision) Lay(ctx context.Context, directory string) (where string, any bool, err error) {
	below, err := r.below(directory)
	if err != nil {
		return "", false, err
	}
	if !filepath.IsLocal(below) {
		return directory, true, nil
	}
	list, err := git(ctx, r.top, nil, "ls-tree", "-r", "-z", "--full-tree", r.name, "--", filepath.ToSlash(below)+"/")
	if below == "." {
		list, err = git(ctx, r.top, nil, "ls-tree", "-r", "-z", "--full-tree", r.name)
	}
	if err != nil {
		return "", false, err
	}
	var names []string
	var objects bytes.Buffer
	for entry := range strings.SplitSeq(string(list), "\x00") {
		meta, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(meta) // mode, type, object
		if !ok || len(fields) != 3 || !strings.HasPrefix(fields[0], "100") || filepath.Ext(name) != ".proto" {
			continue
		}
		names = append(names, name)
		objects.WriteString(fields[2] + "\n")
	}
	where = filepath.Join(r.copy, below)
	if err := os.MkdirAll(where, 0o755); err != nil {
		return "", false, err
	}
	contents, err := git(ctx, r.top, &objects, "cat-file", "--batch")
	if err != nil {
		return "", false, err
	}
	return where, len(names) > 0, r.write(names, bufio.NewReader(bytes.NewReader(contents)))
}

// below returns a directory's path below the work tree's root.
func (r *Revision) below(directory string) (string, error) {
	absolute, err := filepath.Abs(directory)
	if err != nil {
		return "", err
	}
	if absolute, err = filepath.EvalSymlinks(absolute); err != nil {
		return "", err
	}
	return filepath.Rel(r.top, absolute)
}

// write writes the files in what git cat-file has answered: for each a line that ends with the size, the bytes, a newline.
func (r *Revision) write(names []string, contents *bufio.Reader) error {
	for _, name := range names {
		line, err := contents.ReadString('\n')
		if err != nil {
			return fmt.Errorf("git cat-file: %w", err)
		}
		size, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]))
		if err != nil {
			return fmt.Errorf("git cat-file: %q", line)
		}
		content := make([]byte, size+1)
		if _, err := io.ReadFull(contents, content); err != nil {
			return fmt.Errorf("git cat-file: %w", err)
		}
		file := filepath.Join(r.copy, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, content[:size], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Original returns the path that a file of the copy has in the work tree.
func (r *Revision) Original(file string) string {
	if below, err := filepath.Rel(r.copy, file); err == nil && filepath.IsLocal(below) {
		return filepath.Join(r.top, below)
	}
	return file
}

func git(ctx context.Context, directory string, stdin *bytes.Buffer, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "git", arguments...)
	command.Dir = directory
	if stdin != nil {
		command.Stdin = stdin
	}
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", arguments[0], err, bytes.TrimSpace(problems.Bytes()))
	}
	return output, nil
}
