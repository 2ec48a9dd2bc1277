// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"bytes"
	"slices"
)

// namedMember is a member of an object: where it and the next one begin, and where its name is: in the text, or in
// duplicates.unescaped, if it has escapes. Positions are of 32 bits, because there may be one for every few bytes.
type namedMember struct {
	start, next    int32
	nameAt, length int32 // of the name; what is unescaped has its place below zero
}

// deadMember is one that does not count.
type deadMember struct{ start, next int32 }

// duplicates looks for members of the same name in one object.
type duplicates struct {
	reader    // for the tokens
	members   []namedMember
	unescaped []byte // names of members
	dead      []deadMember
}

// withoutDuplicates returns a text with spaces in the place of the members that are followed by another of the same name in
// the same object. Everything else keeps its place. A text that is no JSON stays as it is, for others to say why.
func withoutDuplicates(text []byte, depth int) []byte {
	d := duplicates{reader: reader{data: text}}
	if len(text) > maxData || !d.value(2*depth) || len(d.dead) == 0 {
		return text
	}
	text = bytes.Clone(text)
	slices.SortFunc(d.dead, func(a, b deadMember) int { return int(a.start) - int(b.start) })
	done := int32(0)
	for _, member := range d.dead { // which may lie in each other: no byte is written twice
		for done = max(done, member.start); done < member.next; done++ {
			if text[done] != '\n' {
				text[done] = ' '
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
	base, names := len(d.members), len(d.unescaped)
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
			d.members[len(d.members)-1].next = int32(start)
		}
		d.members = append(d.members, d.named(start, name))
		if !d.value(depth - 1) {
			return false
		}
		switch d.peek() {
		case ',':
			d.i++
		case '}':
			d.i++
			d.compare(base)
			d.unescaped = d.unescaped[:names]
			return true
		default:
			return false
		}
	}
}

// named returns a member of a name, of which the token begins at start. The colon behind it has been read.
func (d *duplicates) named(start int, name []byte) namedMember {
	member := namedMember{start: int32(start), nameAt: int32(start) + 1, length: int32(len(name))}
	if !bytes.HasPrefix(d.data[start+1:], name) || d.data[start+1+len(name)] != '"' { // it has escapes
		member.nameAt = -1 - int32(len(d.unescaped))
		d.unescaped = append(d.unescaped, name...) // it lies where the next one will
	}
	return member
}

func (d *duplicates) name(member namedMember) []byte {
	if member.nameAt < 0 {
		return d.unescaped[-1-member.nameAt:][:member.length]
	}
	return d.data[member.nameAt:][:member.length]
}

// compare notes which members of an object do not count, of those from base on, and pops them.
func (d *duplicates) compare(base int) {
	members := d.members[base:]
	slices.SortFunc(members, func(a, b namedMember) int {
		if by := bytes.Compare(d.name(a), d.name(b)); by != 0 {
			return by
		}
		return int(a.start) - int(b.start)
	})
	for k := 1; k < len(members); k++ {
		if bytes.Equal(d.name(members[k-1]), d.name(members[k])) {
			d.dead = append(d.dead, deadMember{members[k-1].start, members[k-1].next})
		}
	}
	d.members = d.members[:base]
}
