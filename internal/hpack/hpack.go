// SPDX-License-Identifier: Apache-2.0

// Package hpack is header compression: parse and append, no I/O.
//
// It is RFC 7541 with a memory. An Encoder remembers the block that a Fixed run of fields became, and a Decoder
// remembers the fields that a run of bytes became, so that the headers of a call that looks like the last one cost a
// lookup and a copy. Both are for one direction of one connection.
package hpack

import "github.com/farcall/farcall/internal/exchange"

const (
	// defaultTableBytes is the size of a dynamic table until something else is said (RFC 9113 section 6.5.2).
	defaultTableBytes = 4096
	// entryOverhead is what an entry or a field counts besides its text (RFC 7541 section 4.1, RFC 9113 section 6.5.2).
	entryOverhead = 32
)

// The first byte of each representation (RFC 7541 section 6), and how many of its low bits begin an integer.
const (
	indexed      = 0x80
	indexedBits  = 7
	indexing     = 0x40 // a literal that enters the table
	indexingBits = 6
	sizeUpdate   = 0x20
	updateBits   = 5
	neverIndexed = 0x10 // a literal that must not enter any table, here or further on
	notIndexed   = 0x00 // a literal that does not enter the table
	literalBits  = 4

	huffmanString = 0x80
	stringBits    = 7
)

// fieldBytes returns what a field counts against the size of a table or a header list.
func fieldBytes(name, value string) int { return len(name) + len(value) + entryOverhead }

// entry is a field in a dynamic table.
type entry struct {
	name, value string

	alone *exchange.Fixed // what a block says that is this entry and no more; a Decoder's
}

func entryOf(f *exchange.Field) entry { return entry{name: f.Name, value: f.Value} }
