// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"regexp"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// options: required fields of proto2 may come from elsewhere, such as a path, so the caller checks for them.
var options = protojson.UnmarshalOptions{AllowPartial: true}

// Unmarshal resets m and fills it from data, which is one JSON value. The error is an *Error; m's content is then of no
// use. Required fields (proto2) may be missing: see [proto.CheckInitialized].
func Unmarshal(data []byte, m proto.Message) error {
	err := options.Unmarshal(data, m)
	if err == nil {
		return nil
	}
	return explain(data, 0, wantMessage(m.ProtoReflect().Descriptor()), err)
}

// UnmarshalField resets m and fills one field of it from data, which is one JSON value of the field's own form: an array
// for a repeated field. A null leaves the field unset.
func UnmarshalField(data []byte, m proto.Message, field protoreflect.FieldDescriptor) error {
	if _, fault := scan(data, -1); fault != nil { // or the data could close the object below and open members of its own
		return fault
	}
	wrapped := make([]byte, 0, len(data)+len(field.TextName())+8)
	wrapped = append(wrapped, '{')
	wrapped = strconv.AppendQuote(wrapped, field.TextName())
	wrapped = append(wrapped, ':')
	before := len(wrapped)
	wrapped = append(append(wrapped, data...), '}')
	err := options.Unmarshal(wrapped, m)
	if err == nil {
		return nil
	}
	return explain(data, before, wantField(field), err)
}

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
