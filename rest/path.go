// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"fmt"
	"strings"

	"github.com/farcall/farcall/internal/schema"
)

// requestPath is the path of a request, in segments as they came, and decoded for comparing with literals.
type requestPath struct {
	segments []string
	decoded  []string // shares the array of segments if nothing is escaped
}

// splitPath splits a path without its query. The root has no segments.
func splitPath(path string) (requestPath, error) {
	if path == "" || path[0] != '/' {
		return requestPath{}, fmt.Errorf("the path %q does not begin with \"/\"", clip(path))
	}
	var p requestPath
	if path != "/" {
		p.segments = make([]string, 0, strings.Count(path, "/"))
		for rest, found := path[1:], true; found; {
			var segment string
			segment, rest, found = strings.Cut(rest, "/")
			p.segments = append(p.segments, segment)
		}
	}
	p.decoded = p.segments
	if strings.IndexByte(path, '%') < 0 {
		return p, nil
	}
	p.decoded = make([]string, len(p.segments))
	for i, segment := range p.segments {
		var err error
		if p.decoded[i], err = unescape(segment, decodeAll); err != nil {
			return requestPath{}, fmt.Errorf("the path: %w", err)
		}
	}
	return p, nil
}

// splitVerb cuts the verb off the last segment: what follows its last colon, if that is anything. An escaped colon is
// not one.
func (p requestPath) splitVerb() (base requestPath, verb string, ok bool) {
	last := len(p.segments) - 1
	if last < 0 {
		return p, "", false
	}
	colon := strings.LastIndexByte(p.segments[last], ':')
	if colon < 0 || colon == len(p.segments[last])-1 {
		return p, "", false
	}
	verb, err := unescape(p.segments[last][colon+1:], decodeAll)
	if err != nil {
		return p, "", false // cannot be: splitPath has decoded it
	}
	head := p.segments[last][:colon]
	decoded, err := unescape(head, decodeAll)
	if err != nil {
		return p, "", false // likewise
	}
	base.segments = append(append(make([]string, 0, last+1), p.segments[:last]...), head)
	base.decoded = append(append(make([]string, 0, last+1), p.decoded[:last]...), decoded)
	return base, verb, true
}

// variable returns the value of a variable, decoded by the rule for its kind: in a variable that may hold slashes an
// escaped slash stays escaped, or it could not be told from the others.
func (p requestPath) variable(template *schema.Template, v schema.Variable) string {
	if !template.MultiSegment(v) {
		return p.decoded[v.Start]
	}
	end := v.End
	if v.End == len(template.Segments) && template.EndsOpen() {
		end = len(p.segments)
	}
	joined := strings.Join(p.segments[v.Start:end], "/")
	value, err := unescape(joined, keepSlash)
	if err != nil {
		return joined // cannot be: splitPath has decoded it
	}
	return value
}

// decoding says what unescape does with two special sequences.
type decoding uint8

const (
	decodeAll decoding = iota
	keepSlash          // "%2F" and "%2f" stay as they are
	queryText          // "+" is a space, as HTML forms write it
)

// unescape decodes %XX.
func unescape(text string, how decoding) (string, error) {
	if strings.IndexByte(text, '%') < 0 && (how != queryText || strings.IndexByte(text, '+') < 0) {
		return text, nil
	}
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '+' && how == queryText:
			c = ' '
		case c == '%':
			value, ok := schema.Unhex(text, i+1)
			if !ok {
				return "", fmt.Errorf("%q is not an escape: a percent sign is followed by two hexadecimal digits and is itself written %%25",
					clip(text[i:min(i+3, len(text))]))
			}
			if value == '/' && how == keepSlash {
				decoded = append(decoded, text[i:i+2]...)
				value = text[i+2]
			}
			c = value
			i += 2
		}
		decoded = append(decoded, c)
	}
	return string(decoded), nil
}

// clip shortens what a client sent, and makes it valid UTF-8, so that it can stand in a message.
func clip(text string) string {
	const most = 100
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "\ufffd")
}
