// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/farcall/farcall/internal/buffer"
)

// text is memory for decoded text. One string keeps all of the piece that it is in. None is made before there is a string to
// put into it, and none is longer than the data that is still to come, so strings take at most twice the memory that the
// data takes.
type text struct {
	piece  []byte // its length is what is used
	before int    // how much of the pieces before was used
	begin  int    // where the text of the first piece began in the data
	singly bool   // every string is a copy of its own
}

const (
	firstPiece   = 512 // also the longest text that shares one
	largestPiece = 32 << 10
)

// add returns a copy of what data has from i to end.
func (t *text) add(data []byte, i, end int) []byte {
	n := end - i
	if n > cap(t.piece)-len(t.piece) {
		if t.singly || n > firstPiece {
			return buffer.Clone(data[i:end])
		}
		t.grow(n, i, len(data))
	}
	begin := len(t.piece)
	t.piece = append(t.piece, data[i:end]...)
	return t.piece[begin : begin+n : begin+n]
}

// grow makes a new piece, for n bytes of text that begin at i and more. It is as long as the text will be that is still to
// come, if there is as much of it in the data as there was so far.
func (t *text) grow(n, i, end int) {
	size := firstPiece
	if t.before += len(t.piece); t.before > 0 {
		size = t.before * (end - i) / (i - t.begin)
		size += size/8 + 64
	} else {
		t.begin = i
	}
	t.piece = make([]byte, 0, max(n, min(size, end-i, largestPiece)))
}

// String reads n bytes of text, which must be UTF-8.
func (d *Decoder) String(i, end int, n uint64) (string, int) {
	if n > uint64(end-i) {
		return "", -1
	}
	if n == 0 { // there may be nothing at i, not even an address
		return "", i
	}
	length, used := int(n), len(d.text.piece)
	if room := cap(d.text.piece) - used; length <= 128 && room >= max(length, 8) && i+length >= 8 {
		// It is copied while it is looked at, in words; what is written behind it is overwritten by what comes next.
		from := unsafe.Add(unsafe.Pointer(unsafe.SliceData(d.data)), i)
		to := unsafe.Add(unsafe.Pointer(unsafe.SliceData(d.text.piece)), used)
		var seen uint64
		switch {
		case length <= 8:
			seen = word(from, length-8) >> (64 - 8*n) // the word ends where the text does
			putWord(to, 0, seen)
		case length <= 16:
			v, w := word(from, 0), word(from, length-8)
			putWord(to, 0, v)
			putWord(to, length-8, w)
			seen = v | w
		default:
			seen = copyWords(to, from, length)
		}
		if seen&highBits == 0 || utf8.Valid(d.data[i:i+length]) {
			d.text.piece = d.text.piece[:used+length]
			return unsafe.String((*byte)(to), length), i + length
		}
		return "", -1
	}
	if !validText(d.data[i : i+length]) {
		return "", -1
	}
	return d.string(i, i+length), i + length
}

// LooseString reads n bytes of text, whatever bytes they are.
func (d *Decoder) LooseString(i, end int, n uint64) (string, int) {
	if n > uint64(end-i) {
		return "", -1
	}
	end = i + int(n)
	return d.string(i, end), end
}

// string returns what the data has from i to end.
func (d *Decoder) string(i, end int) string {
	text := d.data[i:end]
	if !d.alias {
		text = d.text.add(d.data, i, end)
	}
	return unsafe.String(unsafe.SliceData(text), len(text))
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
	count, to := d.run(i, end)
	if count == 0 {
		return list, -1
	}
	list = slices.Grow(list, count)
	// A short row has one copy, with the tags and lengths in it.
	var row string
	first := i
	if to-i <= largestPiece && !d.alias && !d.text.singly {
		row = string(d.data[i:to])
	}
	for range count {
		begin, to := d.Element(i, 0)
		if valid && !validText(d.data[begin:to]) {
			return list, -1
		}
		if row != "" {
			list = append(list, row[begin-first:to-first])
		} else {
			list = append(list, d.string(begin, to))
		}
		i = to
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

// smallBytes is up to which length bytes lie beside the text. Nothing else has the same memory, so whoever writes to them
// changes nothing else.
const smallBytes = 64

// bytes returns what the data has from i to end.
func (d *Decoder) bytes(i, end int) []byte {
	switch {
	case d.alias:
		return d.data[i:end:end]
	case end-i <= smallBytes:
		return d.text.add(d.data, i, end)
	}
	return buffer.Clone(d.data[i:end])
}
