// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Mistake is something wrong in a .proto file, and where. Line and Column count from 1; 0 is unknown.
type Mistake struct {
	File         string // as imports name it
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

// mistakeAt places a message where descriptor is declared, if its file still knows.
func mistakeAt(descriptor protoreflect.Descriptor, message string) Mistake {
	file := descriptor.ParentFile()
	mistake := Mistake{File: file.Path(), Message: message}
	// A location that is not known has no path; line 0 alone would also be the first line.
	if at := file.SourceLocations().ByDescriptor(descriptor); at.Path != nil {
		mistake.Line, mistake.Column = at.StartLine+1, at.StartColumn+1
	}
	return mistake
}
