// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// NoField says that a message has no field of that name, and which one may have been meant.
func NoField(message protoreflect.MessageDescriptor, name string) string {
	const enough = 10
	fields := message.Fields()
	nearest, distance := "", 1+min(len(name), maxQuoted)/3
	var names []string
	for i := range fields.Len() {
		candidate := fields.Get(i).JSONName()
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			nearest, distance = candidate, d
		}
		if i < enough {
			names = append(names, candidate)
		}
	}
	if fields.Len() > enough {
		names = append(names, "…")
	}
	unknown := fmt.Sprintf("unknown field: %s has no %q", message.FullName(), quoted(name))
	switch {
	case nearest != "":
		return unknown + fmt.Sprintf("; did you mean %q?", nearest)
	case len(names) > 0:
		return unknown + "; it has " + strings.Join(names, ", ")
	}
	return unknown + "; it has no fields at all"
}

// editDistance returns how many bytes must be inserted, removed or replaced to make b of a. Names that are too long to
// be anybody's are far from everything.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
