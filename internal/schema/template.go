// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SegmentKind says what a segment of a template matches.
type SegmentKind uint8

// The kinds, from the one that is matched first to the one that is matched last.
const (
	Literal SegmentKind = iota // its own text
	Single                     // "*": one segment of the path, not empty
	Multi                      // "**": all the segments that are left, even none
)

// Segment is one part of a template between slashes. Variables lie over segments and do not show here.
type Segment struct {
	Kind SegmentKind
	Text string // of a Literal, percent-decoded
}

// Variable is a run of segments whose text becomes the value of a field.
type Variable struct {
	Path       []string // the names of the field path "a.b"
	Start, End int      // segments [Start, End) of the template
}

// Template is a parsed path template. It is never changed.
type Template struct {
	Segments  []Segment
	Variables []Variable // in the order of their segments, which do not overlap
	Verb      string     // what follows the colon at the end, percent-decoded; "" for none
}

// EndsOpen reports whether the template ends in "**", and so matches paths of any length.
func (t *Template) EndsOpen() bool {
	return len(t.Segments) > 0 && t.Segments[len(t.Segments)-1].Kind == Multi
}

// MultiSegment reports whether a variable may hold slashes. By http.proto that is every variable but those of exactly
// one segment that is not "**"; the two are percent-decoded differently.
func (t *Template) MultiSegment(v Variable) bool {
	return v.End-v.Start != 1 || t.Segments[v.Start].Kind == Multi
}

// String writes the template in its shortest form: "{name}" for "{name=*}".
func (t *Template) String() string {
	var b strings.Builder
	variables := t.Variables
	for i := 0; i < len(t.Segments); {
		b.WriteByte('/')
		if len(variables) == 0 || variables[0].Start != i {
			t.writeSegments(&b, i, i+1)
			i++
			continue
		}
		v := variables[0]
		variables = variables[1:]
		b.WriteByte('{')
		b.WriteString(strings.Join(v.Path, "."))
		if v.End-v.Start != 1 || t.Segments[i].Kind != Single {
			b.WriteByte('=')
			t.writeSegments(&b, v.Start, v.End)
		}
		b.WriteByte('}')
		i = v.End
	}
	if len(t.Segments) == 0 {
		b.WriteByte('/')
	}
	if t.Verb != "" {
		b.WriteByte(':')
		writeLiteral(&b, t.Verb)
	}
	return b.String()
}

func (t *Template) writeSegments(b *strings.Builder, start, end int) {
	for i := start; i < end; i++ {
		if i > start {
			b.WriteByte('/')
		}
		switch s := t.Segments[i]; s.Kind {
		case Literal:
			writeLiteral(b, s.Text)
		case Single:
			b.WriteByte('*')
		case Multi:
			b.WriteString("**")
		}
	}
}

// writeLiteral escapes what could not stand in a template.
func writeLiteral(b *strings.Builder, text string) {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		if c := text[i]; c == '%' || !literalByte(c) {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(text[i])
	}
}

// noURL has the printable characters that no URL has (RFC 3986 appendix A), but for those that a template gives a meaning.
const noURL = "\"<>\\^`|"

// literalByte reports whether c may stand in a literal as it is; '%' begins an escape. http.proto leaves LITERAL open;
// excluded is what the template grammar or a URL's path gives a meaning to.
func literalByte(c byte) bool {
	return c > ' ' && c != 0x7f && !strings.ContainsRune("/{}*:?#"+noURL, rune(c))
}

// TemplateError says what is wrong with a path template, and where.
type TemplateError struct {
	Template  string
	Character int // 1-based
	Reason    string
}

// Error names the template, the place and the mistake.
func (e *TemplateError) Error() string {
	return fmt.Sprintf("path template %q, character %d: %s", e.Template, e.Character, e.Reason)
}

// ParseTemplate reads a template by the grammar of google/api/http.proto:
//
//	Template = "/" Segments [ Verb ] ;
//	Segments = Segment { "/" Segment } ;
//	Segment  = "*" | "**" | LITERAL | Variable ;
//	Variable = "{" FieldPath [ "=" Segments ] "}" ;
//	FieldPath = IDENT { "." IDENT } ;
//	Verb     = ":" LITERAL ;
//
// "/" alone is accepted besides: the root, no segments. The error is a *TemplateError.
func ParseTemplate(text string) (*Template, error) {
	p := templateParser{text: text, template: &Template{}}
	if fault := p.parse(); fault != nil {
		return nil, fault
	}
	return p.template, nil
}

// templateParser is a recursive descent over text without recursion: variables do not nest.
type templateParser struct {
	text     string
	at       int // the next byte
	template *Template
}

func (p *templateParser) fault(at int, format string, args ...any) *TemplateError {
	return &TemplateError{Template: p.text, Character: utf8.RuneCountInString(p.text[:at]) + 1, Reason: fmt.Sprintf(format, args...)}
}

// peek returns the next byte, 0 at the end; a template that holds a zero byte fails as a literal does.
func (p *templateParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *templateParser) parse() *TemplateError {
	if !utf8.ValidString(p.text) {
		return p.fault(0, "it is not valid UTF-8")
	}
	if p.text == "" {
		return p.fault(0, `it is empty; it begins with "/"`)
	}
	if p.peek() != '/' {
		return p.fault(0, `it must begin with "/"`)
	}
	if p.text == "/" {
		return nil
	}
	for p.peek() == '/' {
		p.at++
		if fault := p.segmentOrVariable(); fault != nil {
			return fault
		}
	}
	if p.peek() == ':' {
		return p.verb()
	}
	if p.at < len(p.text) {
		return p.unexpected()
	}
	return nil
}

// unexpected explains what stands where a segment should have ended.
func (p *templateParser) unexpected() *TemplateError {
	switch c := p.peek(); {
	case c == '{':
		return p.fault(p.at, `a variable must be a whole segment: put "/" before "{"`)
	case c == '}':
		return p.fault(p.at, `"}" without a "{" before it`)
	case c == '*':
		return p.fault(p.at, `"*" must be a whole segment`)
	case c == '?', c == '#':
		return p.fault(p.at, `%q ends a path, so it cannot be part of one; query parameters need no mention in a template`, c)
	case c <= ' ', c == 0x7f, strings.IndexByte(noURL, c) >= 0:
		return p.fault(p.at, `%q cannot stand in a path as it is: write %%%02X`, c, c)
	default:
		r, _ := utf8.DecodeRuneInString(p.text[p.at:])
		return p.fault(p.at, `%q cannot follow a segment: it ends with "/", ":" or the template`, r)
	}
}

func (p *templateParser) segmentOrVariable() *TemplateError {
	if p.peek() != '{' {
		return p.segment()
	}
	opened := p.at
	p.at++
	path, fault := p.fieldPath()
	if fault != nil {
		return fault
	}
	v := Variable{Path: path, Start: len(p.template.Segments)}
	for _, earlier := range p.template.Variables {
		if strings.Join(earlier.Path, ".") == strings.Join(path, ".") {
			return p.fault(opened, "the variable %q is there twice", strings.Join(path, "."))
		}
	}
	if fault := p.variablePattern(opened); fault != nil {
		return fault
	}
	if p.peek() != '}' {
		if p.at == len(p.text) {
			return p.fault(opened, `this "{" has no "}"`)
		}
		return p.insideVariable()
	}
	p.at++
	v.End = len(p.template.Segments)
	p.template.Variables = append(p.template.Variables, v)
	return nil
}

// variablePattern reads what stands between a variable's field path and its "}".
func (p *templateParser) variablePattern(opened int) *TemplateError {
	if p.peek() != '=' {
		if p.peek() == '}' {
			return p.add(opened, Segment{Kind: Single})
		}
		return nil // the caller explains
	}
	p.at++
	if p.peek() == '/' {
		return p.fault(p.at, `a variable never holds the "/" before it: begin its pattern with a segment`)
	}
	for {
		if p.peek() == '{' {
			return p.fault(p.at, "a variable inside a variable")
		}
		if fault := p.segment(); fault != nil {
			return fault
		}
		if p.peek() != '/' {
			return nil
		}
		p.at++
	}
}

// insideVariable explains what stands where a variable should have ended or gone on.
func (p *templateParser) insideVariable() *TemplateError {
	switch r, _ := utf8.DecodeRuneInString(p.text[p.at:]); r {
	case ':':
		return p.fault(p.at, `a verb inside a variable: it belongs at the template's end, after the "}"`)
	case '{':
		return p.fault(p.at, "a variable inside a variable")
	case '*':
		return p.fault(p.at, `"*" must be a whole segment`)
	default:
		return p.fault(p.at, `%q cannot stand here: a variable is "{field.path}" or "{field.path=segments}"`, r)
	}
}

func (p *templateParser) fieldPath() ([]string, *TemplateError) {
	var path []string
	for {
		start := p.at
		for identByte(p.peek(), p.at > start) {
			p.at++
		}
		if p.at == start {
			return nil, p.fault(start, "a field name is missing: letters, digits and underscores, not a digit first")
		}
		path = append(path, p.text[start:p.at])
		if p.peek() != '.' {
			return path, nil
		}
		p.at++
	}
}

func identByte(c byte, digits bool) bool {
	return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' || digits && '0' <= c && c <= '9'
}

func (p *templateParser) segment() *TemplateError {
	start := p.at
	if p.peek() == '*' {
		kind := Single
		if p.at++; p.peek() == '*' {
			p.at++
			kind = Multi
		}
		if next := p.peek(); next == '*' || p.at < len(p.text) && literalByte(next) {
			return p.fault(start, `"*" and "**" must be whole segments`)
		}
		return p.add(start, Segment{Kind: kind})
	}
	text, fault := p.literal()
	if fault != nil {
		return fault
	}
	if text == "" {
		return p.emptySegment(start)
	}
	return p.add(start, Segment{Kind: Literal, Text: text})
}

func (p *templateParser) emptySegment(at int) *TemplateError {
	switch c := p.peek(); {
	case c == '/':
		return p.fault(at, `an empty segment: "//"`)
	case at == len(p.text):
		return p.fault(at, `a segment is missing after the last "/"`)
	case c == ':' || c == '}':
		return p.fault(at, "a segment is missing before %q", c)
	default:
		return p.unexpected()
	}
}

// add appends a segment; nothing may follow "**".
func (p *templateParser) add(at int, s Segment) *TemplateError {
	if p.template.EndsOpen() {
		return p.fault(at, `"**" takes the rest of the path: only a verb may follow it`)
	}
	p.template.Segments = append(p.template.Segments, s)
	return nil
}

func (p *templateParser) verb() *TemplateError {
	colon := p.at
	p.at++
	text, fault := p.literal()
	if fault != nil {
		return fault
	}
	if text == "" {
		return p.fault(colon, `a verb is missing after ":"`)
	}
	p.template.Verb = text
	if p.at < len(p.text) {
		if p.peek() == '/' || p.peek() == ':' {
			return p.fault(colon, `":" begins the verb, which ends the template; write %%3A for a colon inside a segment`)
		}
		return p.unexpected()
	}
	return nil
}

// literal reads literal text up to the first byte that cannot be part of one, and decodes it.
func (p *templateParser) literal() (string, *TemplateError) {
	start := p.at
	var decoded strings.Builder
	for p.at < len(p.text) && literalByte(p.text[p.at]) {
		c := p.text[p.at]
		if c == '%' {
			value, ok := Unhex(p.text, p.at+1)
			if !ok {
				return "", p.fault(p.at, `"%%" begins an escape and wants two hexadecimal digits; write %%25 for the sign itself`)
			}
			c, p.at = value, p.at+2
		}
		decoded.WriteByte(c)
		p.at++
	}
	if !utf8.ValidString(decoded.String()) {
		return "", p.fault(start, "the escapes are not valid UTF-8 when decoded")
	}
	return decoded.String(), nil
}

// Unhex reads the two hexadecimal digits at text[at:].
func Unhex(text string, at int) (byte, bool) {
	if at+2 > len(text) {
		return 0, false
	}
	high, low := hexValue(text[at]), hexValue(text[at+1])
	return high<<4 | low, high < 16 && low < 16
}

func hexValue(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10
	}
	return 16
}
