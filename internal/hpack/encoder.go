// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/farcall/farcall/internal/exchange"
)

// maxBlocks bounds how many blocks an Encoder remembers.
const maxBlocks = 256

// Encoder writes the header blocks of one direction of a connection. What AppendHead appends must be sent, in the order
// of the calls. One goroutine at a time uses it.
//
// Fixed runs enter the table, and varying fields that turn out to come again and again (recurring.go). It is never made to
// evict: once it is full it stays as it is, so that what has been remembered stays true. Their text is sent in Huffman code where that is shorter; that of varying fields is sent plain,
// because the code would cost the two sides more time than the quarter of the bytes is worth that it saves.
type Encoder struct {
	ceiling int // the table is never larger, whatever the peer allows

	limit  int // of bytes: the smaller of the ceiling and what the peer allows
	bytes  int
	fields []entry        // the table, the oldest entry first
	names  map[string]int // from a name to the newest place of one; nil while the table is small

	// The peer's decoder has its table at peerLimit. If update is set, it must hear of another size first thing in the
	// next block (RFC 7541 section 4.2).
	peerLimit int
	update    bool

	blocks map[*exchange.Fixed]fixedBlock

	recurring recurring
	later     []byte // working space of appendAll
}

// smallTable is how many entries are looked through one by one. Most connections have no more, and need no map.
const smallTable = 8

// fixedBlock is what a fixed run became. Indices count from the newest entry, so it is true for one size of the table.
type fixedBlock struct {
	entries int // in the table when it was made
	block   []byte
}

// NewEncoder returns an Encoder that uses at most tableLimit bytes of the peer's table.
func NewEncoder(tableLimit int) *Encoder {
	tableLimit = max(tableLimit, 0)
	return &Encoder{
		ceiling:   tableLimit,
		limit:     min(tableLimit, defaultTableBytes),
		peerLimit: defaultTableBytes,
	}
}

// SetPeerLimit takes the peer's HEADER_TABLE_SIZE, from the moment its settings are acknowledged. If that changes the
// table, all that is in it and all that was remembered is dropped, and the next block of AppendHead tells the peer.
func (e *Encoder) SetPeerLimit(bytes uint32) {
	limit := int(min(int64(bytes), int64(e.ceiling)))
	if !e.update && limit == e.limit && int64(bytes) >= int64(e.peerLimit) {
		return
	}
	e.limit, e.update = limit, true
	e.bytes = 0
	e.fields, e.names, e.blocks = nil, nil, nil
	e.recurring.bytes = 0
}

// AppendSizeUpdate appends what a changed table size obliges the next block to begin with, nothing if it has not
// changed. AppendHead does it by itself; in front of a block of AppendStateless it is for the caller to do, at the moment
// when the order of the blocks is settled.
func (e *Encoder) AppendSizeUpdate(dst []byte) []byte {
	if !e.update {
		return dst
	}
	e.update, e.peerLimit = false, e.limit
	dst = append(dst, sizeUpdate) // to 0: the peer's table is emptied as ours has been
	if e.limit == 0 {
		return dst
	}
	return appendInteger(dst, sizeUpdate, updateBits, e.limit)
}

// Trim lets go of room that nothing is in, before a connection is silent for a while.
func (e *Encoder) Trim() {
	if cap(e.fields) > len(e.fields) {
		e.fields = append(make([]entry, 0, len(e.fields)), e.fields...)
	}
	e.later = nil
}

// OwesUpdate reports whether AppendSizeUpdate would append anything.
func (e *Encoder) OwesUpdate() bool { return e.update }

// AppendHead appends the block of a head. For a fixed run that the Encoder remembers this is a lookup and a copy.
func (e *Encoder) AppendHead(dst []byte, head exchange.Head) []byte {
	dst = e.AppendSizeUpdate(dst)
	if head.Fixed != nil {
		known, ok := e.blocks[head.Fixed]
		if ok && known.entries == len(e.fields) {
			dst = append(dst, known.block...)
		} else {
			dst = e.appendFixed(dst, head.Fixed, known, ok)
		}
	}
	if head.Fixed != nil && len(head.Fields) <= mostSorted {
		return e.appendSorted(dst, head.Fields)
	}
	for i := range head.Fields {
		dst, _ = e.appendVarying(dst, &head.Fields[i])
	}
	return dst
}

// mostSorted is how many varying fields appendSorted takes.
const mostSorted = 64

// appendSorted appends varying fields behind a fixed run: first those that are an index and nothing else, so that they and
// the run are one to the peer, who may remember what it means (Decoder.Decode), then the others. Fields of the same name
// stay in their order, and those with a colon in front of all others.
func (e *Encoder) appendSorted(dst []byte, fields []exchange.Field) []byte {
	later, behind := e.later[:0], uint64(0) // behind has a bit for each field that is in later
	entries := len(e.fields)
	for i := range fields {
		f := &fields[i]
		first := len(e.fields) == entries && !nameAmong(f.Name, fields, behind)
		end := later
		if first {
			end = dst
		}
		end, whole := e.appendVarying(end, f)
		switch {
		case !first:
			later = end
		case whole:
			dst = end
		default:
			later = append(later, end[len(dst):]...)
			dst = end[:len(dst)]
		}
		if !first || !whole {
			behind |= 1 << i
		}
	}
	e.later = later
	return append(dst, later...)
}

// nameAmong reports whether one of the fields in the set must stay in front of one with name.
func nameAmong(name string, fields []exchange.Field, set uint64) bool {
	for ; set != 0; set &= set - 1 {
		if other := fields[bits.TrailingZeros64(set)].Name; other == name || other != "" && other[0] == ':' {
			return true
		}
	}
	return false
}

// appendFixed appends a fixed run field by field, and remembers the block in place of known if the next will be the
// same: if no field entered the table just now.
func (e *Encoder) appendFixed(dst []byte, fixed *exchange.Fixed, known fixedBlock, replace bool) []byte {
	start, entries := len(dst), len(e.fields)
	for i := range fixed.Fields {
		dst = e.appendIndexing(dst, &fixed.Fields[i])
	}
	if len(e.fields) != entries || !replace && len(e.blocks) >= maxBlocks {
		return dst
	}
	if e.blocks == nil {
		e.blocks = make(map[*exchange.Fixed]fixedBlock)
	}
	e.blocks[fixed] = fixedBlock{entries, append(known.block[:0], dst[start:]...)}
	return dst
}

// index returns the index of the entry at place in the table.
func (e *Encoder) index(place int) int { return staticEntries + len(e.fields) - place }

// appendIndexing appends a field and enters it into the table if there is room.
func (e *Encoder) appendIndexing(dst []byte, f *exchange.Field) []byte {
	name, exact := staticField(f.Name, f.Value)
	if f.Sensitive {
		return appendLiteral(dst, neverIndexed, literalBits, e.nameIndex(name, f.Name), f, true)
	}
	if exact {
		return appendInteger(dst, indexed, indexedBits, name)
	}
	if place := slices.Index(e.fields, entryOf(f)); place >= 0 {
		return appendInteger(dst, indexed, indexedBits, e.index(place))
	}
	name = e.nameIndex(name, f.Name)
	if fieldBytes(f.Name, f.Value) > e.limit-e.bytes {
		return appendLiteral(dst, notIndexed, literalBits, name, f, true)
	}
	e.insert(f)
	return appendLiteral(dst, indexing, indexingBits, name, f, true)
}

// nameIndex returns the index of a name that is not static: static if that is not 0, else where the dynamic table has it,
// else 0.
func (e *Encoder) nameIndex(static int, name string) int {
	if static != 0 {
		return static
	}
	if place, ok := e.place(name); ok {
		return e.index(place)
	}
	return 0
}

// place returns where the table has the newest entry of a name.
func (e *Encoder) place(name string) (place int, ok bool) {
	if e.names != nil {
		place, ok = e.names[name]
		return place, ok
	}
	for place = len(e.fields) - 1; place >= 0; place-- {
		if e.fields[place].name == name {
			return place, true
		}
	}
	return 0, false
}

func (e *Encoder) insert(f *exchange.Field) {
	e.fields = append(e.fields, entryOf(f))
	e.bytes += fieldBytes(f.Name, f.Value)
	switch {
	case e.names != nil:
		e.names[f.Name] = len(e.fields) - 1
	case len(e.fields) > smallTable:
		e.names = make(map[string]int)
		for place := range e.fields {
			e.names[e.fields[place].name] = place
		}
	}
}

// appendVarying appends a field that has a place in the table only if it keeps coming, and reports whether an index was
// enough.
func (e *Encoder) appendVarying(dst []byte, f *exchange.Field) (end []byte, whole bool) {
	index, exact := staticField(f.Name, f.Value)
	if index == 0 {
		if place, ok := e.place(f.Name); ok {
			index, exact = e.index(place), e.fields[place].value == f.Value
		}
	}
	if !exact && !f.Sensitive && e.recurs(f, index != 0) {
		e.insert(&exchange.Field{Name: strings.Clone(f.Name), Value: strings.Clone(f.Value)})
		return appendLiteral(dst, indexing, indexingBits, index, f, true), false
	}
	return appendPlain(dst, index, exact, f), exact && !f.Sensitive
}

// AppendStateless appends a block that neither uses nor changes the table, so that it may be sent in any order relative
// to others. It may be called at any time, from any goroutine. A size update that is due stays due: see AppendSizeUpdate.
func (e *Encoder) AppendStateless(dst []byte, fields []exchange.Field) []byte {
	for i := range fields {
		index, exact := staticField(fields[i].Name, fields[i].Value)
		dst = appendPlain(dst, index, exact, &fields[i])
	}
	return dst
}

// appendPlain appends a field that does not enter the table; index is that of its name, or of all of it if exact is set.
func appendPlain(dst []byte, index int, exact bool, f *exchange.Field) []byte {
	switch {
	case f.Sensitive:
		return appendLiteral(dst, neverIndexed, literalBits, index, f, false)
	case exact:
		return appendInteger(dst, indexed, indexedBits, index)
	default:
		return appendLiteral(dst, notIndexed, literalBits, index, f, false)
	}
}

// appendLiteral appends a literal (RFC 7541 section 6.2); name is the index of its name, 0 for none.
func appendLiteral(dst []byte, pattern byte, bits uint, name int, f *exchange.Field, compress bool) []byte {
	dst = appendInteger(dst, pattern, bits, name)
	if name == 0 {
		dst = appendString(dst, f.Name, compress)
	}
	return appendString(dst, f.Value, compress)
}

// appendString appends a string (RFC 7541 section 5.2): if compress is set, in Huffman code where that is shorter.
func appendString(dst []byte, s string, compress bool) []byte {
	if compress {
		if compressed := huffmanBytes(s); compressed < len(s) {
			return appendHuffman(appendInteger(dst, huffmanString, stringBits, compressed), s)
		}
	}
	return append(appendInteger(dst, 0, stringBits, len(s)), s...)
}
