// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says what is wrong with a JSON text, and where.
type Error struct {
	Line, Column int    // 1-based, the column in characters; 0 where the place is not known
	Field        string // "items[2].quantity"; "" at the top of the text
	Malformed    bool   // the text is not JSON; otherwise it is, but not of this message
	Reason       string
}

// Error returns "line 3, column 14: items[2].quantity: the reason".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Column)
	}
	if e.Malformed {
		b.WriteString("malformed JSON: ")
	} else if e.Field != "" {
		b.WriteString(e.Field)
		b.WriteString(": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

// position returns the line and column of a byte.
func position(data []byte, offset int) (line, column int) {
	before := data[:min(offset, len(data))]
	start := 0
	line = 1
	for i, c := range before {
		if c == '\n' {
			line, start = line+1, i+1
		}
	}
	return line, utf8.RuneCount(before[start:]) + 1
}

// maxQuoted bounds what an error repeats of the text.
const maxQuoted = 64

// quoted returns a piece of the text for use in a message: as it stands there, shortened, and always printable.
func quoted(raw string) string {
	cut := len(raw) > 4*maxQuoted
	if cut {
		raw = raw[:4*maxQuoted]
	}
	shown := []rune(strings.ToValidUTF8(raw, "\ufffd"))
	for i, r := range shown {
		if r < ' ' || r == 0x7f {
			shown[i] = ' '
		}
	}
	if len(shown) > maxQuoted {
		shown, cut = shown[:maxQuoted], true
	}
	if cut {
		return string(shown) + "…"
	}
	return string(shown)
}
