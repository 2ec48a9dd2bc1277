// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"strings"
)

// explain makes an *Error of what was found wrong with data: at is the token's place, negative where that is not known, and
// want is what data as a whole should have been.
func explain(data []byte, at int, want expected, why string) *Error {
	found, fault := scan(data, at)
	if fault != nil {
		return fault
	}
	if at < 0 || found.end == 0 {
		return &Error{Reason: quoted(why)}
	}
	explained := &Error{Field: found.field(data)}
	explained.Line, explained.Column = position(data, found.start)
	explained.Reason = want.follow(data, found).reason(string(bytes.TrimSpace(data[found.start:found.end])), why)
	return explained
}

// reasonOf returns the words of one of protobuf's errors without its prefix, of which protobuf varies the space on purpose.
func reasonOf(err error) string {
	text, found := strings.CutPrefix(err.Error(), "proto: ")
	if !found {
		text, _ = strings.CutPrefix(text, "proto:\u00a0")
	}
	return text
}
