// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"
	"strings"
)

// Mistake is something wrong in a .proto file, and where. Line and Column count from 1; 0 is unknown.
type Mistake struct {
	File         string // its path on disk
	Line, Column int
	Message      string
}

// Error returns "file:line:column: message".
func (m Mistake) Error() string {
	if m.Line == 0 {
		return fmt.Sprintf("%s: %s", m.File, m.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, m.Message)
}

// Mistakes are all that were found, never none.
type Mistakes []Mistake

// Error returns one line for each mistake.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.Error()
	}
	return strings.Join(lines, "\n")
}
