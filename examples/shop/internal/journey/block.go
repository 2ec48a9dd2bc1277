// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"errors"
	"fmt"
)

// form is one of the ways in which HPACK writes a header field (RFC 7541 section 6). In words: "line" stands for a line
// of a table; "new" for a field that is written out and becomes one, "as text" for one that does not, "secret" for one
// that never may; "name" for the line that lends the field its name.
type form struct {
	bytes []byte
	words string
	value int  // where the value's text begins, after its length; 0 for what has none
	field bool // false for a change of the table's size, which is no field
}

var errBlock = errors.New("the header block ends in the middle of a field")

// splitBlock cuts a header block where its fields begin, without decoding them: their names and values are those that
// the engine reports, in the same order.
func splitBlock(block []byte) ([]form, error) {
	var forms []form
	for len(block) > 0 {
		next, err := firstForm(block)
		if err != nil {
			return nil, err
		}
		forms = append(forms, next)
		block = block[len(next.bytes):]
	}
	return forms, nil
}

func firstForm(block []byte) (form, error) {
	first := block[0]
	var prefixBits int
	var words string
	switch {
	case first&0x80 != 0:
		index, used, err := integer(block, 7)
		if err != nil {
			return form{}, err
		}
		return form{bytes: block[:used], words: fmt.Sprintf("line %d", index), field: true}, nil
	case first&0xe0 == 0x20:
		size, used, err := integer(block, 5)
		if err != nil {
			return form{}, err
		}
		return form{bytes: block[:used], words: fmt.Sprintf("the table may have %d bytes from here on", size)}, nil
	case first&0xc0 == 0x40:
		prefixBits, words = 6, "new"
	case first&0xf0 == 0x10:
		prefixBits, words = 4, "secret"
	default:
		prefixBits, words = 4, "as text"
	}
	name, at, err := integer(block, prefixBits)
	if err != nil {
		return form{}, err
	}
	texts := 1 // the value
	if name == 0 {
		texts = 2 // the name as well
	} else {
		words += fmt.Sprintf(", name %d", name)
	}
	value := 0
	for range texts {
		if at >= len(block) {
			return form{}, errBlock
		}
		length, used, err := integer(block[at:], 7)
		if err != nil {
			return form{}, err
		}
		at += used
		value = at
		if length > len(block)-at {
			return form{}, errBlock
		}
		at += length
	}
	return form{bytes: block[:at], words: words, value: value, field: true}, nil
}

// integer reads an integer whose first byte lends it prefixBits bits (RFC 7541 section 5.1).
func integer(data []byte, prefixBits int) (value, used int, err error) {
	mask := 1<<prefixBits - 1
	value = int(data[0]) & mask
	if value < mask {
		return value, 1, nil
	}
	for shift := 0; ; shift += 7 {
		used++
		if used >= len(data) {
			return 0, 0, errBlock
		}
		if shift > 21 {
			return 0, 0, errors.New("an integer of the header block is larger than any that has a use")
		}
		value += int(data[used]&0x7f) << shift
		if data[used]&0x80 == 0 {
			return value, used + 1, nil
		}
	}
}
