// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"encoding/binary"
	"errors"
)

var errHuffman = errors.New("the header block has a string that is no valid Huffman code")

// huffmanLengths holds the length in bits of each byte's code (RFC 7541 appendix B). The code is canonical, so the
// lengths say it all: sorted by length and then by symbol, each code is the one before plus one, with zeros appended
// where the length grows.
var huffmanLengths = [endOfString + 1]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
	30,
}

const (
	endOfString = 256 // the symbol that no string may contain; its code pads the last byte
	shortest    = 5   // the length of the shortest code
	quick       = 8   // codes of up to this length, which is what header text is made of, take one look
	longest     = 30  // the length of the longest code
)

// huffmanCode is the code in the forms that encoding and decoding want.
type huffmanCode struct {
	codes [endOfString + 1]uint64 // the code above the low byte, in that the length

	// look has for the next 8 bits of input the length (high byte) and the symbol (low byte), 0 for a longer code.
	look [1 << quick]uint16
	// The longer codes: those of length n are below limit[n] when left-aligned in 32 bits, and their symbols stand in
	// sorted from first[n] on, the one of code base[n] first.
	sorted [endOfString + 1]uint16
	limit  [longest + 1]uint64
	first  [longest + 1]uint32
	base   [longest + 1]uint32
}

// huffman is built once, from huffmanLengths, and never changed.
var huffman = newHuffmanCode()

func newHuffmanCode() *huffmanCode {
	h := &huffmanCode{}
	code, n := uint32(0), uint32(0)
	for length := uint8(shortest); length <= longest; length++ {
		code <<= 1
		h.base[length], h.first[length] = code, n
		for symbol, symbolLength := range huffmanLengths {
			if symbolLength != length {
				continue
			}
			h.codes[symbol], h.sorted[n] = uint64(code)<<8|uint64(length), uint16(symbol)
			if length <= quick {
				for fill := range uint32(1) << (quick - length) {
					h.look[code<<(quick-length)|fill] = uint16(length)<<8 | uint16(symbol)
				}
			}
			code++
			n++
		}
		h.limit[length] = uint64(code) << (32 - length)
	}
	return h
}

// huffmanBytes returns the size of s in Huffman code.
func huffmanBytes(s string) int {
	bits := 0
	for i := range len(s) {
		bits += int(huffmanLengths[s[i]])
	}
	return (bits + 7) / 8
}

// appendHuffman appends s in Huffman code.
func appendHuffman(dst []byte, s string) []byte {
	var bits uint64 // pending, in the low end
	var pending uint
	codes := &huffman.codes
	for i := range len(s) {
		code := codes[s[i]]
		length := uint(code & 63)
		bits = bits<<length | code>>8
		pending += length
		if pending >= 32 {
			pending -= 32
			dst = binary.BigEndian.AppendUint32(dst, uint32(bits>>(pending&63)))
		}
	}
	for ; pending >= 8; pending -= 8 {
		dst = append(dst, byte(bits>>(pending-8)))
	}
	if pending > 0 {
		dst = append(dst, byte(bits<<(8-pending))|byte(0xff)>>pending) // padded with the start of endOfString
	}
	return dst
}

// appendHuffmanDecoded appends the string that src is the Huffman code of.
func appendHuffmanDecoded(dst, src []byte) ([]byte, error) {
	var bits uint64 // the input that is next, in the high end; zeros below
	var have uint   // how many bits that is
	look := &huffman.look
	for {
		if len(src) >= 8 {
			taken := (63 - have) / 8
			bits |= binary.BigEndian.Uint64(src) >> (have & 63)
			have += taken * 8
			bits &= ^uint64(0) << ((64 - have) & 63)
			src = src[taken:]
		} else {
			for ; have <= 56 && len(src) > 0; src = src[1:] {
				bits |= uint64(src[0]) << (56 - have)
				have += 8
			}
		}
		enough := have > longest // for any code; else the input is at its end
		for {
			found := look[bits>>(64-quick)]
			symbol, length := uint16(found&0xff), uint(found>>8)
			if found == 0 {
				if symbol, length = huffman.longCode(bits); symbol == endOfString && length <= have {
					return dst, errHuffman
				}
			}
			if length > have {
				break
			}
			dst = append(dst, byte(symbol))
			bits <<= length & 63
			have -= length
			if enough && have < longest {
				break
			}
		}
		if !enough {
			break
		}
	}
	// What is left is less than a code. It must be padding: less than a byte, all ones (RFC 7541 section 5.2).
	if have >= 8 || bits != ^(^uint64(0)>>have) {
		return dst, errHuffman
	}
	return dst, nil
}

// longCode returns the symbol of the code at the high end of bits, which is longer than quick, and its length.
func (h *huffmanCode) longCode(bits uint64) (symbol uint16, length uint) {
	next := bits >> 32
	length = quick + 1
	for length < longest && next >= h.limit[length] {
		length++
	}
	code := uint32(next) >> (32 - length)
	return h.sorted[h.first[length]+code-h.base[length]], length
}
