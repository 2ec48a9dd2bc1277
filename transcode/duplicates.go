// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"slices"
)

// namedMember is a member of an object: where it and the next one begin.
type namedMember struct {
	name        []byte
	start, next int
}

// duplicates looks for members of the same name in one object.
type duplicates struct {
	reader  // for the tokens
	members []namedMember
	dead    []namedMember // those that do not count
}

// withoutDuplicates returns a text with spaces in the place of the members that are followed by another of the same name in
// the same object. Everything else keeps its place. A text that is no JSON stays as it is, for others to say why.
func withoutDuplicates(text []byte, depth int) []byte {
	d := duplicates{reader: reader{data: text}}
	if !d.value(2*depth) || len(d.dead) == 0 {
		return text
	}
	text = bytes.Clone(text)
	for _, member := range d.dead {
		for i := member.start; i < member.next; i++ {
			if text[i] != '\n' {
				text[i] = ' '
			}
		}
	}
	return text
}

// value passes over a value. Each message may stand in an array, so depth is twice that of messages.
func (d *duplicates) value(depth int) bool {
	switch c := d.peek(); {
	case depth <= 0:
		return false
	case c == '{':
		return d.object(depth)
	case c != '[':
		return d.skip(0)
	}
	d.i++
	if d.peek() == ']' {
		d.i++
		return true
	}
	for {
		if !d.value(depth - 1) {
			return false
		}
		switch d.peek() {
		case ',':
			d.i++
		case ']':
			d.i++
			return true
		default:
			return false
		}
	}
}

func (d *duplicates) object(depth int) bool {
	base := len(d.members)
	d.i++
	if d.peek() == '}' {
		d.i++
		return true
	}
	for {
		if d.peek() != '"' {
			return false
		}
		start := d.i
		name, ok := d.string()
		if !ok || !d.colon() {
			return false
		}
		if len(d.members) > base {
			d.members[len(d.members)-1].next = start
		}
		if bytes.IndexByte(d.data[start:d.i], '\\') >= 0 {
			name = bytes.Clone(name) // it lies where the next one will
		}
		d.members = append(d.members, namedMember{name: name, start: start})
		if !d.value(depth - 1) {
			return false
		}
		switch d.peek() {
		case ',':
			d.i++
		case '}':
			d.i++
			d.compare(base)
			return true
		default:
			return false
		}
	}
}

// compare notes which members of an object do not count, of those from base on, and pops them.
func (d *duplicates) compare(base int) {
	members := d.members[base:]
	slices.SortFunc(members, func(a, b namedMember) int {
		if by := bytes.Compare(a.name, b.name); by != 0 {
			return by
		}
		return a.start - b.start
	})
	for k := 1; k < len(members); k++ {
		if bytes.Equal(members[k-1].name, members[k].name) {
			d.dead = append(d.dead, members[k-1])
		}
	}
	d.members = d.members[:base]
}
