// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the scanner's recursion. protojson stops at 10,000 messages, each of which may stand in an array.
const maxDepth = 20_001

// step is one step from a JSON value into what it holds.
type step struct {
	start, end int // the member's name in the text, quotes included; end is 0 for an element
	index      int // of the element
}

// place is a token of the text and the way to it.
type place struct {
	steps      []step
	start, end int
	isName     bool // the name of an object's member, which is the last step
}

// scanner reads JSON text (RFC 8259) without building anything. It works only on texts that were refused, to say where
// and why, so it is written for good words and not for speed.
type scanner struct {
	data   []byte
	at     int
	target int // the scan ends with the first token that begins here or later; negative: it goes through the text
	place  place
	fault  *Error
}

// scan returns the place of the token at target. If the text is no JSON up to there, or up to its end for a negative
// target, it returns what is wrong with it.
func scan(data []byte, target int) (place, *Error) {
	s := &scanner{data: data, target: target}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		s.fail(0, "the text begins with a byte order mark: send UTF-8 without it")
		return s.place, s.fault
	}
	if s.value(0) {
		if s.space(); s.at < len(data) {
			s.fail(s.at, "%s after the end of the value", s.here())
		}
	}
	return s.place, s.fault
}

// fail notes the fault and returns false, which ends the scan.
func (s *scanner) fail(at int, format string, args ...any) bool {
	line, column := position(s.data, at)
	s.fault = &Error{Line: line, Column: column, Malformed: true, Reason: fmt.Sprintf(format, args...)}
	return false
}

// here describes what stands at the scanner's place.
func (s *scanner) here() string {
	rest := s.data[s.at:]
	switch {
	case len(rest) == 0:
		return "the text ends"
	case rest[0] == '/' && len(rest) > 1 && (rest[1] == '/' || rest[1] == '*'):
		return "a comment, which JSON does not have,"
	case rest[0] == '\'':
		return "a single quote (strings take double quotes)"
	case wordByte(rest[0]):
		return strconv.Quote(quoted(s.word()))
	}
	r, _ := utf8.DecodeRune(rest)
	if r == utf8.RuneError {
		return "an invalid byte"
	}
	return fmt.Sprintf("%q", r)
}

func wordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '.' || c == '+' || c == '-'
}

// word returns the run of letters, digits, signs and dots at the scanner's place.
func (s *scanner) word() string {
	end := s.at
	for end < len(s.data) && wordByte(s.data[end]) {
		end++
	}
	return string(s.data[s.at:end])
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// peek skips space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

// token notes the token that begins at start and ends here, if it is the target. It returns false if the scan is over.
func (s *scanner) token(start int, isName bool) bool {
	if s.target < 0 || start < s.target {
		return true
	}
	s.place.start, s.place.end, s.place.isName = start, s.at, isName
	return false
}

func (s *scanner) value(depth int) bool {
	c := s.peek()
	start := s.at
	switch {
	case depth > maxDepth:
		return s.fail(start, "objects and arrays are nested too deeply")
	case c == '{' || c == '[':
		s.at++
		if !s.token(start, false) {
			return false
		}
		if c == '{' {
			return s.object(depth)
		}
		return s.array(depth)
	case c == '"':
		return s.string() && s.token(start, false)
	case c == '-' || '0' <= c && c <= '9':
		return s.number() && s.token(start, false)
	case c == 't' || c == 'f' || c == 'n':
		switch word := s.word(); word {
		case "true", "false", "null":
			s.at += len(word)
			return s.token(start, false)
		}
	}
	switch word := s.word(); {
	case start == len(s.data):
		return s.fail(start, "the text ends where a value should be")
	case word == "NaN" || word == "Infinity" || word == "inf":
		return s.fail(start, `%s is written as a string: "NaN", "Infinity" or "-Infinity"`, word)
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return s.fail(start, "the word %q is not a value: strings take double quotes, and only true, false and null go without", quoted(word))
	}
	return s.fail(start, "%s where a value should be", s.here())
}

func (s *scanner) object(depth int) bool {
	s.place.steps = append(s.place.steps, step{})
	own := len(s.place.steps) - 1
	if s.peek() == '}' {
		return s.closing(own)
	}
	for {
		c := s.peek()
		start := s.at
		switch {
		case c == '}':
			return s.fail(start, `'}' after a comma: the last member has none behind it`)
		case start == len(s.data):
			return s.fail(start, "the text ends inside an object")
		case c != '"':
			return s.fail(start, "%s where a member's name in double quotes should be", s.here())
		}
		if !s.string() {
			return false
		}
		s.place.steps[own] = step{start: start, end: s.at}
		if !s.token(start, true) {
			return false
		}
		if s.peek() != ':' {
			return s.fail(s.at, `%s where the ":" after a member's name should be`, s.here())
		}
		s.at++
		if !s.value(depth + 1) {
			return false
		}
		switch s.peek() {
		case ',':
			s.at++
		case '}':
			return s.closing(own)
		default:
			return s.fail(s.at, `%s where "," or "}" should be`, s.here())
		}
	}
}

// closing ends an object or array whose steps begin at own.
func (s *scanner) closing(own int) bool {
	s.place.steps = s.place.steps[:own]
	s.at++
	return s.token(s.at-1, false)
}

func (s *scanner) array(depth int) bool {
	s.place.steps = append(s.place.steps, step{})
	own := len(s.place.steps) - 1
	if s.peek() == ']' {
		return s.closing(own)
	}
	for index := 0; ; index++ {
		s.place.steps[own] = step{index: index}
		if c := s.peek(); c == ']' {
			return s.fail(s.at, `']' after a comma: the last element has none behind it`)
		} else if s.at == len(s.data) {
			return s.fail(s.at, "the text ends inside an array")
		}
		if !s.value(depth + 1) {
			return false
		}
		switch s.peek() {
		case ',':
			s.at++
		case ']':
			return s.closing(own)
		default:
			return s.fail(s.at, `%s where "," or "]" should be`, s.here())
		}
	}
}

// number reads a number; the scanner stands at its sign or first digit.
func (s *scanner) number() bool {
	start, word := s.at, s.word()
	s.at += len(word)
	digits := strings.TrimPrefix(word, "-")
	if len(digits) > 1 && digits[0] == '0' && '0' <= digits[1] && digits[1] <= '9' {
		return s.fail(start, "the number %s begins with 0", quoted(word))
	}
	if !isJSONNumber(digits) {
		return s.fail(start, "%s is not a number", quoted(word))
	}
	return true
}

// isJSONNumber reports whether text is a number without its sign (RFC 8259 section 6).
func isJSONNumber(text string) bool {
	whole := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	rest := text[len(whole):]
	if whole == "" || whole[0] == '0' && len(whole) > 1 {
		return false
	}
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		if rest = strings.TrimLeft(fraction, "0123456789"); rest == fraction {
			return false
		}
	}
	if rest == "" {
		return true
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	exponent := rest[1:]
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	return exponent != "" && strings.TrimLeft(exponent, "0123456789") == ""
}

// string reads a string; the scanner stands at its first quote.
func (s *scanner) string() bool {
	start := s.at
	s.at++
	for s.at < len(s.data) {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return true
		case c == '\n' || c == '\r':
			return s.fail(s.at, `the line ends inside a string: its closing quote is missing, or a line break is not written \n`)
		case c < ' ':
			return s.fail(s.at, `a control character inside a string: write \u%04x`, c)
		case c == '\\':
			if !s.escape() {
				return false
			}
		case c < utf8.RuneSelf:
			s.at++
		default:
			r, size := utf8.DecodeRune(s.data[s.at:])
			if r == utf8.RuneError && size == 1 {
				return s.fail(s.at, "a byte that is not UTF-8 inside a string")
			}
			s.at += size
		}
	}
	return s.fail(start, "this string has no closing quote")
}

// escape reads what follows a backslash (RFC 8259 section 7).
func (s *scanner) escape() bool {
	rest := s.data[s.at:]
	switch {
	case len(rest) < 2:
		return s.fail(s.at, "the text ends inside an escape")
	case bytes.IndexByte([]byte(`"\/bfnrt`), rest[1]) >= 0:
		s.at += 2
		return true
	case rest[1] != 'u':
		return s.fail(s.at, `this escape does not exist: JSON has \" \\ \/ \b \f \n \r \t and \uXXXX`)
	}
	unit, ok := codeUnit(rest)
	switch {
	case !ok:
		return s.fail(s.at, `\u takes four hexadecimal digits`)
	case !utf16.IsSurrogate(unit):
		s.at += 6
		return true
	}
	low, _ := codeUnit(rest[6:])
	if utf16.DecodeRune(unit, low) == utf8.RuneError {
		return s.fail(s.at, `\u%04x is half of a surrogate pair, and the other half is missing`, unit)
	}
	s.at += 12
	return true
}

// codeUnit reads \uXXXX at the start of text.
func codeUnit(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(unit), err == nil
}

// name decodes the name of a step.
func (p *step) name(data []byte) string {
	name, next := unescape(nil, data[:p.end], p.start+1, p.start+1)
	if next < 0 {
		return string(data[p.start:p.end]) // cannot be: the scanner has read it
	}
	return string(name)
}

// field writes the way to the place: "items[2].quantity". Names that would mislead are quoted, long ways lose their
// middle.
func (p *place) field(data []byte) string {
	var b strings.Builder
	const enough = 12
	for i := range p.steps {
		if len(p.steps) > enough && i == enough/2 {
			b.WriteString("…")
		}
		if len(p.steps) > enough && i >= enough/2 && i < len(p.steps)-enough/2 {
			continue
		}
		if p.steps[i].end == 0 {
			fmt.Fprintf(&b, "[%d]", p.steps[i].index)
			continue
		}
		name := p.steps[i].name(data)
		switch {
		case strings.ContainsFunc(name, unusual) || name == "":
			fmt.Fprintf(&b, "[%q]", quoted(name))
		case b.Len() > 0:
			b.WriteByte('.')
			fallthrough
		default:
			b.WriteString(quoted(name))
		}
	}
	return b.String()
}

func unusual(r rune) bool {
	return r != '@' && r != '/' && (r >= utf8.RuneSelf || !wordByte(byte(r))) || r == '.'
}
