// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"errors"
	"strings"

	"github.com/farcall/farcall/internal/exchange"
)

// ErrListTooLarge is the error of a header list above the Decoder's limit. It costs the stream, not the connection: the
// block has been processed, and the tables of both sides agree.
var ErrListTooLarge = errors.New("the header list is larger than the limit: send fewer or shorter headers, or raise it")

var (
	errIndex        = errors.New("the header block refers to a table entry that does not exist")
	errUpdatePlace  = errors.New("the header block has a table size update after a field")
	errUpdateTooBig = errors.New("the header block sets the table size above the limit that SETTINGS gave")
)

// Decoder reads the header blocks of one direction of a connection, each once and in the order in which they came. One
// goroutine uses it.
type Decoder struct {
	table        table
	tableCeiling int // what a size update may set
	maxListBytes int
	memo         memo
	names        *[nameSlots]string // names that came as literals lately; made when the first comes

	// Working space that outlives a block.
	fields []exchange.Field
	text   []byte
	large  *largeList // while a large block is decoded; fields is its
}

const (
	nameSlots      = 16 // names that are kept
	maxKeptName    = 48 // the longest of them
	maxSpareFields = 64 // working space above these sizes is not kept
	maxSpareText   = 4 << 10
)

// NewDecoder returns a Decoder. tableSize is the HEADER_TABLE_SIZE that this side advertises, maxListBytes the largest
// header list that Decode returns, counted as RFC 9113 section 6.5.2 does.
func NewDecoder(tableSize uint32, maxListBytes int) *Decoder {
	// The table starts at the default size whatever is advertised, because that is what the peer assumes until it has
	// seen the settings.
	return &Decoder{
		table:        table{limit: defaultTableBytes},
		tableCeiling: int(min(tableSize, 1<<31-1)),
		maxListBytes: maxListBytes,
	}
}

// Decode returns the fields of a whole header block. Its leading run of indexed fields is the result's Fixed if the
// Decoder remembers it or does from now on: the same bytes that mean the same give the same pointer.
//
// ErrListTooLarge costs the stream. Any other error is one of compression: the tables no longer agree, and the
// connection must end with COMPRESSION_ERROR (RFC 9113 section 4.3).
func (d *Decoder) Decode(block []byte) (exchange.Head, error) {
	if len(block) == 1 && block[0] > indexed|staticEntries && block[0] < 0xff { // 0xff is the beginning of a larger index
		if fixed := d.alone(int(block[0]) - indexed - staticEntries); fixed != nil {
			return exchange.Head{Fixed: fixed}, nil
		}
	}
	keyBytes, keyFields := leadingRun(block)
	useMemo := keyFields >= minRunFields && d.memo.awake()
	var known run
	if useMemo {
		known = d.memo.find(block[:keyBytes], d.table.generation)
		if known.fixed != nil && keyBytes == len(block) {
			return exchange.Head{Fixed: known.fixed}, nil
		}
	}
	defer d.dropWork()
	if len(block) > maxSpareText {
		d.enterLarge()
	}
	r := reading{d: d, rest: block, listBytes: known.listBytes}
	if known.fixed != nil {
		r.rest = block[keyBytes:]
	} else if err := r.sizeUpdates(); err != nil {
		return exchange.Head{}, err
	}
	generation := d.table.generation
	if err := r.fields(); err != nil {
		return exchange.Head{}, err
	}
	if r.listBytes > d.maxListBytes {
		return exchange.Head{}, ErrListTooLarge
	}
	head, fields := exchange.Head{Fixed: known.fixed}, d.fields
	if useMemo && known.fixed == nil && d.table.generation == generation {
		head.Fixed = d.memo.remember(block[:keyBytes], fields[:keyFields])
		fields = fields[keyFields:]
	}
	if len(fields) > 0 {
		head.Fields = append(make([]exchange.Field, 0, len(fields)), fields...)
	}
	return head, nil
}

// alone returns what a block says that is one entry of the table and no more, as the trailers are of calls that succeed. It
// is nil where that needs a second look.
func (d *Decoder) alone(index int) *exchange.Fixed {
	if index > d.table.count {
		return nil
	}
	e := d.table.at(index)
	if e.alone == nil && fieldBytes(e.name, e.value) <= d.maxListBytes {
		e.alone = &exchange.Fixed{Fields: []exchange.Field{{Name: e.name, Value: e.value}}}
	}
	return e.alone
}

// dropWork empties the working space, so that it holds on to no text and does not stay large.
func (d *Decoder) dropWork() {
	clear(d.fields)
	d.fields = d.fields[:0]
	if d.large != nil {
		d.leaveLarge()
	}
	if cap(d.text) > maxSpareText {
		d.text = nil
	}
}

// Trim lets go of what the next block can have anew, before a connection is silent for a while. What the peer counts on
// stays, and so does what is remembered of its blocks.
func (d *Decoder) Trim() {
	d.fields, d.text, d.names = nil, nil, nil
	d.table.trim()
}

// reading is the state of decoding one block.
type reading struct {
	d         *Decoder
	rest      []byte
	listBytes int // of the fields so far; beyond the limit they are counted but not kept
	// text holds the values of the block that do not enter the table: one piece of memory for all of them.
	text strings.Builder
}

// fields reads fields to the end of the block.
func (r *reading) fields() error {
	for len(r.rest) > 0 {
		if err := r.field(); err != nil {
			return err
		}
	}
	return nil
}

// sizeUpdates reads the size updates at the front of the block (RFC 7541 section 4.2).
func (r *reading) sizeUpdates() error {
	for len(r.rest) > 0 && r.rest[0]&^(1<<updateBits-1) == sizeUpdate {
		size, rest, err := readInteger(r.rest, updateBits)
		if err != nil {
			return err
		}
		if size > r.d.tableCeiling {
			return errUpdateTooBig
		}
		r.d.table.setLimit(size)
		r.rest = rest
	}
	return nil
}

// field reads one field.
func (r *reading) field() error {
	switch first := r.rest[0]; {
	case first&indexed != 0:
		return r.indexedField()
	case first&indexing != 0:
		return r.literal(indexingBits, true, false)
	case first&sizeUpdate != 0:
		return errUpdatePlace
	default:
		return r.literal(literalBits, false, first&neverIndexed != 0)
	}
}

func (r *reading) indexedField() error {
	index, rest, err := readInteger(r.rest, indexedBits)
	if err != nil {
		return err
	}
	r.rest = rest
	if index >= 1 && index <= staticEntries {
		r.add(staticTable[index])
		return nil
	}
	if index == 0 || index-staticEntries > r.d.table.count {
		return errIndex
	}
	e := r.d.table.at(index - staticEntries)
	r.add(exchange.Field{Name: e.name, Value: e.value})
	return nil
}

// add adds a field to the result, unless that is too large already.
func (r *reading) add(f exchange.Field) {
	r.listBytes += fieldBytes(f.Name, f.Value)
	if r.listBytes <= r.d.maxListBytes {
		if len(r.d.fields) == maxSpareFields {
			r.d.enterLarge()
		}
		r.d.fields = append(r.d.fields, f)
	}
}

// literal reads a literal field (RFC 7541 section 6.2), whose name may be an index.
func (r *reading) literal(bits uint, insert, sensitive bool) error {
	d := r.d
	index, rest, err := readInteger(r.rest, bits)
	if err != nil {
		return err
	}
	r.rest = rest
	name, err := r.name(index)
	if err != nil {
		return err
	}
	value, err := r.string()
	if err != nil {
		return err
	}
	if !insert {
		if r.listBytes+len(name)+len(value)+entryOverhead > d.maxListBytes {
			r.listBytes += len(name) + len(value) + entryOverhead // no need to make a string of the value
			return nil
		}
		r.add(exchange.Field{Name: name, Value: r.shortLived(value), Sensitive: sensitive})
		return nil
	}
	// A string of its own: the table may keep it for long.
	e := entry{name: name, value: string(value)}
	d.table.insert(e)
	r.add(exchange.Field{Name: e.name, Value: e.value})
	return nil
}

// name returns the name with the index, or, for index 0, the one that follows as a string.
func (r *reading) name(index int) (string, error) {
	switch {
	case index == 0:
		name, err := r.string()
		if err != nil {
			return "", err
		}
		return r.d.keptName(name), nil
	case index <= staticEntries:
		return staticTable[index].Name, nil
	case index-staticEntries <= r.d.table.count:
		return r.d.table.at(index - staticEntries).name, nil
	}
	return "", errIndex
}

// string reads a string (RFC 7541 section 5.2). The bytes are valid until the next call.
func (r *reading) string() ([]byte, error) {
	if len(r.rest) == 0 {
		return nil, errTruncated
	}
	compressed := r.rest[0]&huffmanString != 0
	length, rest, err := readInteger(r.rest, stringBits)
	if err != nil {
		return nil, err
	}
	if length > len(rest) {
		return nil, errTruncated
	}
	text := rest[:length]
	r.rest = rest[length:]
	if compressed {
		r.d.text, err = appendHuffmanDecoded(r.d.text[:0], text)
		text = r.d.text
	}
	return text, err
}

// shortLived returns value as a string that shares its memory with the others of the block.
func (r *reading) shortLived(value []byte) string {
	if len(value) <= 1 {
		return string(value) // takes no memory
	}
	start := r.text.Len()
	if start == 0 {
		// Room for whatever the rest of the block may say in plain text; compressed text rarely needs more.
		r.text.Grow(len(value) + len(r.rest))
	}
	r.text.Write(value)
	return r.text.String()[start:]
}

// keptName returns name as a string: one that came before, if it still is in its slot.
func (d *Decoder) keptName(name []byte) string {
	if len(name) > maxKeptName {
		return string(name)
	}
	if d.names == nil {
		d.names = new([nameSlots]string)
	}
	slot := &d.names[nameHash(name)%nameSlots]
	if *slot != string(name) {
		*slot = string(name)
	}
	return *slot
}
