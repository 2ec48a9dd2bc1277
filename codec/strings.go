// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/binary"
	"slices"
	"unsafe"
)

// text is the copy of the data that strings point into. One string keeps all of it in memory, so it is made of pieces:
// one, if the data is small; more of them, each twice as long as the one before, if it is not. No piece is longer than
// largestPiece, and none is made before there is a string in it. Pieces do not overlap, so strings and bytes take at most
// twice the memory that they take on the wire.
type text struct {
	piece  []byte // what the data has at begin
	begin  int
	singly bool // every string is a copy of its own
}

const (
	smallestPiece = 4 << 10
	largestPiece  = 32 << 10
)

// next returns what data has from i to end, out of a new piece if others may share it.
func (t *text) next(data []byte, i, end int) string {
	length := min(max(smallestPiece, 2*len(t.piece)), largestPiece)
	if t.singly || end-i > length/4 {
		return string(data[i:end])
	}
	t.piece, t.begin = append([]byte(nil), data[i:min(i+length, len(data))]...), i
	return unsafe.String(unsafe.SliceData(t.piece), end-i)
}

// has reports whether the piece has what the data has from i to end.
func (t *text) has(i, end int) bool { return i >= t.begin && end-t.begin <= len(t.piece) }

// from returns what the piece has, if it has it.
func (t *text) from(i, end int) []byte {
	return t.piece[i-t.begin : end-t.begin : end-t.begin]
}

// String reads n bytes of text, which must be UTF-8.
func (d *Decoder) String(i, end int, n uint64) (string, int) {
	if n > uint64(end-i) {
		return "", -1
	}
	data, length := d.data, int(n)
	end = i + length
	var seen uint64
	switch {
	case length <= 8 && i+8 <= len(data):
		seen = binary.LittleEndian.Uint64(data[i:]) << (64 - 8*n) // nothing if n is 0
	case length > 8 && length <= 16:
		seen = binary.LittleEndian.Uint64(data[i:]) | binary.LittleEndian.Uint64(data[end-8:end])
	default:
		seen = highBits
	}
	if seen&highBits != 0 && !validText(data[i:end]) {
		return "", -1
	}
	if begin := i - d.text.begin; uint(begin) < uint(len(d.text.piece)) && length <= len(d.text.piece)-begin {
		return unsafe.String(&d.text.piece[begin], length), end
	}
	return d.string(i, end), end
}

// LooseString reads n bytes of text, whatever bytes they are.
func (d *Decoder) LooseString(i, end int, n uint64) (string, int) {
	if n > uint64(end-i) {
		return "", -1
	}
	end = i + int(n)
	return d.string(i, end), end
}

func (d *Decoder) string(i, end int) string {
	switch {
	case i == end:
		return ""
	case d.text.has(i, end):
		return unsafe.String(unsafe.SliceData(d.text.from(i, end)), end-i)
	case d.alias:
		return unsafe.String(unsafe.SliceData(d.data[i:end]), end-i)
	}
	return d.text.next(d.data, i, end)
}

// Strings appends text, which must be UTF-8, to list: that of the field whose tag begins at i, and of all behind it with
// the same tag.
func (d *Decoder) Strings(list []string, i, end int) ([]string, int) {
	return d.strings(list, i, end, true)
}

// LooseStrings is Strings for text that is whatever it is.
func (d *Decoder) LooseStrings(list []string, i, end int) ([]string, int) {
	return d.strings(list, i, end, false)
}

func (d *Decoder) strings(list []string, i, end int, valid bool) ([]string, int) {
	count, _ := d.run(i, end)
	list = slices.Grow(list, count)
	for range count {
		_, n, next := d.Head(i, end)
		if n > uint64(end-next) {
			return list, -1
		}
		i = next + int(n)
		if valid && !validText(d.data[next:i]) {
			return list, -1
		}
		list = append(list, d.string(next, i))
	}
	return list, i
}

// Bytes reads n bytes. They are not nil, so that a field is seen to be set.
func (d *Decoder) Bytes(i, end int, n uint64) ([]byte, int) {
	if n > uint64(end-i) {
		return nil, -1
	}
	end = i + int(n)
	if n == 0 {
		return []byte{}, end
	}
	return d.bytes(i, end), end
}

// BytesOrNil is Bytes for a field of which nobody can tell whether it is set; it is nil if it is empty.
func (d *Decoder) BytesOrNil(i, end int, n uint64) ([]byte, int) {
	if n == 0 {
		return nil, i
	}
	return d.Bytes(i, end, n)
}

// smallBytes is up to which length bytes lie in the strings' piece if there is one.
const smallBytes = 64

// bytes returns a copy of what the data has from i to end. A small one may be part of the strings' piece: no string has
// the same part of it, so whoever writes to it changes nothing else.
func (d *Decoder) bytes(i, end int) []byte {
	switch {
	case d.alias:
		return d.data[i:end:end]
	case end-i <= smallBytes && d.text.has(i, end):
		return d.text.from(i, end)
	}
	return append([]byte(nil), d.data[i:end]...)
}
