// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"io"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
)

// values are the messages of a body that is application/json: the elements of an array, or values one after the other with
// or without white space between them.
type values struct {
	body    *bodyReader
	listed  bool // an array is one of messages, not a message
	scanned int  // so much of pending has been looked at
	began   int  // where in pending the value began that the scan is inside of
	scan    valueScan
}

// takesList reports whether the JSON of the route's body is an array by itself.
func (r *route) takesList() bool {
	field := r.rule.Body
	if field != nil && (field.IsList() || field.Message() == nil) {
		return field.IsList()
	}
	var message protoreflect.MessageDescriptor
	if field != nil {
		message = field.Message()
	} else {
		message = r.method.NewRequest().ProtoReflect().Descriptor()
	}
	return message.FullName() == "google.protobuf.ListValue" || message.FullName() == "google.protobuf.Value"
}

func (v *values) next(ctx context.Context) (proto.Message, error) {
	b := v.body
	for {
		start, end, fault := v.scan.next(b.pending[v.scanned:], v.listed)
		if start >= 0 {
			v.began = start + v.scanned
		}
		switch {
		case fault != "":
			return nil, v.malformed(fault)
		case end >= 0:
			end += v.scanned
			v.scanned = 0
			if end-v.began > b.limit {
				return nil, b.tooLarge()
			}
			return b.bind(input{body: b.take(end)[v.began:]})
		}
		if v.scanned = len(b.pending); !v.scan.inside() { // white space, commas and brackets
			b.take(v.scanned)
			v.scanned = 0
		} else if v.scanned > b.limit {
			return nil, b.tooLarge()
		}
		if err := b.more(ctx); err != nil {
			if err == io.EOF {
				return v.last()
			}
			return nil, err
		}
	}
}

// last returns the number or word that the body ends with, if it does; only those end with what follows them.
func (v *values) last() (proto.Message, error) {
	b := v.body
	switch {
	case v.scan.state == scanWord && !v.scan.list:
		v.scan.state = scanBetween
		v.scanned = 0
		return b.bind(input{body: b.take(len(b.pending))[v.began:]})
	case v.scan.inside(), v.scan.list && v.scan.state != scanOver:
		return nil, v.malformed("it ends in the middle of a value")
	}
	return nil, io.EOF
}

func (v *values) malformed(fault string) error {
	return refuse(400, farcall.InvalidArgument, "the body: malformed JSON, behind message %d: %s", v.body.count, fault)
}

// scanState says where in a sequence of values the scan is.
type scanState uint8

const (
	scanBegin   scanState = iota // before anything
	scanBetween                  // before a value
	scanBehind                   // behind a value of a list: a comma or the end follows
	scanWord                     // in a number or word
	scanString                   // in a string that is a value
	scanNested                   // in an object or array
	scanOver                     // behind the list
)

// valueScan finds where values end. It looks at brackets and quotes alone: whether a value is well-formed is found when it
// is read.
type valueScan struct {
	state    scanState
	list     bool // the values are the elements of an array
	comma    bool // a comma has come, so a value must
	depth    int  // of scanNested
	inString bool // of scanNested
	escaped  bool
}

// inside reports whether what has been scanned is part of a value that has not ended.
func (s *valueScan) inside() bool { return s.state.inside() }

func (s scanState) inside() bool { return s == scanWord || s == scanString || s == scanNested }

// next goes on with text, up to the end of a value. It returns where a value began and ended, -1 for what text does not have.
func (s *valueScan) next(text []byte, listed bool) (start, end int, fault string) {
	start = -1
	for i, c := range text {
		before := s.state
		ended, fault := s.step(c, listed)
		switch {
		case fault != "":
			return start, -1, fault
		case ended && before == scanWord: // with what stands behind it
			return start, i, ""
		case ended:
			return start, i + 1, ""
		case !before.inside() && s.inside():
			start = i
		}
	}
	return start, -1, ""
}

// step takes one byte and reports whether a value has ended: with it, or before it where it was a word.
func (s *valueScan) step(c byte, listed bool) (ended bool, fault string) {
	switch s.state {
	case scanWord:
		if isSpace(c) || c == ',' || c == ']' || c == '}' || c == '[' || c == '{' || c == '"' {
			s.valueEnded()
			return true, ""
		}
	case scanString, scanNested:
		if s.stepInside(c) {
			s.valueEnded()
			return true, ""
		}
	default:
		if !isSpace(c) {
			return false, s.stepBetween(c, listed)
		}
	}
	return false, ""
}

func (s *valueScan) valueEnded() {
	s.state, s.comma = scanBetween, false
	if s.list {
		s.state = scanBehind
	}
}

// stepInside takes a byte of a string, object or array, and reports whether it is the last one.
func (s *valueScan) stepInside(c byte) bool {
	if s.inString || s.state == scanString {
		switch {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped = true
		case c == '"':
			s.inString = false
			return s.state == scanString
		}
		return false
	}
	switch c {
	case '"':
		s.inString = true
	case '{', '[':
		s.depth++
	case '}', ']':
		s.depth--
		return s.depth == 0
	}
	return false
}

// stepBetween takes a byte that is no white space, outside of values.
func (s *valueScan) stepBetween(c byte, listed bool) (fault string) {
	switch {
	case s.state == scanOver:
		return "there is something behind the array"
	case c == '[' && s.state == scanBegin && listed:
		s.state, s.list = scanBetween, true
	case c == ']' && s.list && !s.comma:
		s.state = scanOver
	case c == ',' && s.state == scanBehind:
		s.state, s.comma = scanBetween, true
	case s.state == scanBehind:
		return "a comma is missing between two elements"
	case c == ',' || c == ']' || c == '}' || c == ':':
		return "a value is missing before " + string(c)
	case c == '"':
		s.state = scanString
	case c == '{' || c == '[':
		s.state, s.depth = scanNested, 1
	default:
		s.state = scanWord
	}
	return ""
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
