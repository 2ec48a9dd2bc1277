// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"regexp"
	"strconv"
)

// refusal is how protojson begins an error that has a place. It varies the space on purpose.
var refusal = regexp.MustCompile(`^proto:[ \x{a0}](?:syntax error )?(?:\(line (\d+):(\d+)\): )?`)

// explain turns protojson's refusal of data into an *Error with words of our own. Its places are those of a text that has
// `before` bytes more in front; want is what data as a whole should have been.
func explain(data []byte, before int, want expected, err error) *Error {
	text := err.Error()
	match := refusal.FindStringSubmatchIndex(text)
	target := -1
	if match != nil && match[2] >= 0 {
		line, _ := strconv.Atoi(text[match[2]:match[3]])
		column, _ := strconv.Atoi(text[match[4]:match[5]])
		if line == 1 {
			column -= before
		}
		target = offsetOf(data, line, max(column, 1))
	}
	found, fault := scan(data, target)
	if fault != nil {
		return fault
	}
	if match != nil {
		text = text[match[1]:]
	}
	if target < 0 || found.end == 0 {
		return &Error{Reason: quoted(text)}
	}
	explained := &Error{Field: found.field(data)}
	explained.Line, explained.Column = position(data, found.start)
	explained.Reason = want.follow(data, found).reason(string(bytes.TrimSpace(data[found.start:found.end])), text)
	return explained
}

// reasonOf returns protojson's words without its prefix.
func reasonOf(err error) string {
	text := err.Error()
	if match := refusal.FindStringIndex(text); match != nil {
		return text[match[1]:]
	}
	return text
}
