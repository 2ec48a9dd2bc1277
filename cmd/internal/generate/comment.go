// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
)

// deprecation is the paragraph by which Go tools know.
const deprecation = "Deprecated: the .proto file says so."

// comment returns a .proto comment as Go comment lines, each with its newline; fallback where there is none. A note, which
// is Go comment lines already, becomes a paragraph behind it, and deprecated adds its own.
func comment(comments protogen.CommentSet, fallback, note string, deprecated bool) string {
	var out strings.Builder
	text := strings.TrimSpace(string(comments.Leading))
	if text == "" {
		text = strings.TrimSpace(string(comments.Trailing))
	}
	if text == "" {
		text = fallback
	}
	if text != "" {
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, " \t\r\n")
			// "//go:embed" and the like are orders to a tool; with a space they are text again.
			if line != "" && line[0] != ' ' && line[0] != '\t' {
				line = " " + line
			}
			out.WriteString("//" + line + "\n")
		}
	}
	paragraphs := []string{note}
	if deprecated && !strings.Contains(text, "Deprecated:") {
		paragraphs = append(paragraphs, "// "+deprecation+"\n")
	}
	for _, paragraph := range paragraphs {
		if paragraph != "" && out.Len() > 0 {
			out.WriteString("//\n")
		}
		out.WriteString(paragraph)
	}
	return out.String()
}
