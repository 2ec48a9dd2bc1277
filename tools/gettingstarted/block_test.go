// SPDX-License-Identifier: Apache-2.0

package gettingstarted

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// block is one fenced block of the page: a file to write, or commands to type.
type block struct {
	line       int    // of the opening fence, from 1
	file       string // where the content goes; "" for commands
	content    string
	commands   []command
	background bool // the last command is left running
}

// command is a line that is typed, and what comes back. No output is shown where it differs from time to time.
type command struct {
	line   int
	typed  string
	output string
}

// fileName finds the name of a file at the end of the sentence before its block: "Write `greeter/greeter.go`:".
var fileName = regexp.MustCompile("`([^`]+)`:$")

// blocks returns the blocks of a Markdown text. It refuses what it would not test.
func blocks(text string) ([]block, error) {
	var found []block
	var open *block
	var language, sentence string
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &block{line: i + 1}
			language, _, _ = strings.Cut(fence, " ")
			switch fence {
			case "console", "console background":
				open.background = fence != language
			case "go", "proto":
				match := fileName.FindStringSubmatch(sentence)
				if match == nil {
					return nil, fmt.Errorf("line %d: the sentence before the block does not end with `its file's name`:", i+1)
				}
				open.file = match[1]
			default:
				return nil, fmt.Errorf("line %d: nobody knows what to do with a block of %q", i+1, fence)
			}
		case isFence:
			if fence != "" {
				return nil, fmt.Errorf("line %d: a block begins inside the one of line %d", i+1, open.line)
			}
			found = append(found, *open)
			open = nil
		case open == nil:
			if line != "" {
				sentence = line
			}
		case language != "console":
			open.content += line + "\n"
		default:
			if typed, isCommand := strings.CutPrefix(line, "$ "); isCommand {
				open.commands = append(open.commands, command{line: i + 1, typed: typed})
			} else if n := len(open.commands); n > 0 {
				open.commands[n-1].output += line + "\n"
			} else {
				return nil, fmt.Errorf("line %d: output without a command", i+1)
			}
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block has no end", open.line)
	}
	return found, nil
}

func TestBlocks(t *testing.T) {
	got, err := blocks("Look at\n`some/file.go`:\n\n```go\npackage x\n```\n\n```console\n$ first\n$ second\nsays this\n\nand that\n```\n" +
		"text\n```console background\n$ third\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{line: 4, file: "some/file.go", content: "package x\n"},
		{line: 8, commands: []command{{line: 9, typed: "first"}, {line: 10, typed: "second", output: "says this\n\nand that\n"}}},
		{line: 16, background: true, commands: []command{{line: 17, typed: "third"}}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestBlocksThatNobodyWouldTest(t *testing.T) {
	for text, want := range map[string]string{
		"Write this:\n```go\n```\n":      "line 2: the sentence before the block does not end with `its file's name`:",
		"```sh\nrm -r x\n```\n":          `line 1: nobody knows what to do with a block of "sh"`,
		"```\nplain\n```\n":              `line 1: nobody knows what to do with a block of ""`,
		"```console forever\n$ x\n```\n": `line 1: nobody knows what to do with a block of "console forever"`,
		"```console\nx\n```\n":           "line 2: output without a command",
		"`x`:\n```go\n```console\n":      "line 3: a block begins inside the one of line 2",
		"`x`:\n```go\n":                  "line 2: the block has no end",
	} {
		if _, err := blocks(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
