// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

// unhex returns the bytes that text spells in hexadecimal; white space does not count.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Codes of RFC 7541 appendix B, one at least of each length.
func TestHuffmanCodes(t *testing.T) {
	for _, test := range []struct {
		symbol int
		code   uint32
		length uint8
	}{
		{'0', 0x0, 5}, {'t', 0x9, 5}, {' ', 0x14, 6}, {'u', 0x2d, 6}, {':', 0x5c, 7}, {'z', 0x7b, 7}, {'&', 0xf8, 8},
		{'Z', 0xfd, 8}, {'!', 0x3f8, 10}, {'?', 0x3fc, 10}, {'\'', 0x7fa, 11}, {'|', 0x7fc, 11}, {'#', 0xffa, 12},
		{'>', 0xffb, 12}, {0, 0x1ff8, 13}, {'~', 0x1ffd, 13}, {'^', 0x3ffc, 14}, {'}', 0x3ffd, 14}, {'<', 0x7ffc, 15},
		{'{', 0x7ffe, 15}, {'\\', 0x7fff0, 19}, {208, 0x7fff2, 19}, {128, 0xfffe6, 20}, {153, 0x1fffdc, 21},
		{129, 0x3fffd2, 22}, {1, 0x7fffd8, 23}, {9, 0xffffea, 24}, {199, 0x1ffffec, 25}, {192, 0x3ffffe0, 26},
		{203, 0x7ffffde, 27}, {254, 0x7fffff0, 27}, {2, 0xfffffe2, 28}, {249, 0xffffffe, 28}, {10, 0x3ffffffc, 30},
		{22, 0x3ffffffe, 30}, {endOfString, 0x3fffffff, 30},
	} {
		if code := uint32(huffman.codes[test.symbol] >> 8); code != test.code || huffmanLengths[test.symbol] != test.length {
			t.Errorf("symbol %d has code %#x of %d bits, want %#x of %d", test.symbol, code,
				huffmanLengths[test.symbol], test.code, test.length)
		}
	}
}

func TestHuffmanEveryByte(t *testing.T) {
	for first := range 256 {
		for second := range 256 {
			text := string([]byte{byte(first), byte(second)})
			code := appendHuffman(nil, text)
			if len(code) != huffmanBytes(text) {
				t.Fatalf("%q has %d bytes, was said to have %d", text, len(code), huffmanBytes(text))
			}
			got, err := appendHuffmanDecoded(nil, code)
			if err != nil || string(got) != text {
				t.Fatalf("%q came back as %q, %v", text, got, err)
			}
		}
	}
}

func TestHuffmanRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		text := make([]byte, random.IntN(60))
		for i := range text {
			text[i] = byte(random.IntN(256))
			if random.IntN(4) != 0 {
				text[i] = "abcdefghijklmnopqrstuvwxyz0123456789-./"[random.IntN(39)]
			}
		}
		code := appendHuffman([]byte("x"), string(text))
		got, err := appendHuffmanDecoded([]byte("before"), code[1:])
		if err != nil || string(got) != "before"+string(text) {
			t.Fatalf("%q came back as %q, %v", text, got, err)
		}
	}
}

func TestHuffmanPadding(t *testing.T) {
	for _, test := range []struct {
		name, code string
		valid      bool
	}{
		{"nothing", "", true},
		{"a and three ones", "1f", true},
		{"a and three zeros", "18", false},
		{"a and a zero among the ones", "1d", false},
		{"a byte of padding alone", "ff", false},
		{"8 t, whole bytes", "4a5294a529", true},
		{"8 t, and a byte of padding", "4a5294a529ff", false},
		{"a, padding, and a byte more", "1fff", false},
		{"the end-of-string symbol", "ffffffff", false},
		{"a, the end-of-string symbol", "1fffffffff", false},
		{"the end-of-string symbol, then a", "fffffffc7f", false},
		{"half of a long code", "fffffe", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := appendHuffmanDecoded(nil, unhex(t, test.code))
			if (err == nil) != test.valid {
				t.Errorf("decoded to %q, %v", text, err)
			}
		})
	}
}

type huffmanBits struct {
	code   uint32
	length uint8
}

var huffmanSymbols = func() map[huffmanBits]int {
	symbols := make(map[huffmanBits]int)
	for symbol, code := range huffman.codes {
		symbols[huffmanBits{uint32(code >> 8), huffmanLengths[symbol]}] = symbol
	}
	return symbols
}()

// slowHuffman decodes bit by bit, straight from the codes.
func slowHuffman(src []byte) ([]byte, bool) {
	var text []byte
	at := huffmanBits{}
	for _, b := range src {
		for bit := 7; bit >= 0; bit-- {
			at.code, at.length = at.code<<1|uint32(b>>bit&1), at.length+1
			symbol, ok := huffmanSymbols[at]
			if !ok {
				continue
			}
			if symbol == endOfString {
				return nil, false
			}
			text, at = append(text, byte(symbol)), huffmanBits{}
		}
	}
	return text, at.length < 8 && at.code == 1<<at.length-1
}

func FuzzHuffman(f *testing.F) {
	f.Add([]byte{0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0xff, 0xc7, 0xff, 0xff, 0xff, 0xe8})
	f.Fuzz(func(t *testing.T, code []byte) {
		want, valid := slowHuffman(code)
		got, err := appendHuffmanDecoded(nil, code)
		if valid != (err == nil) {
			t.Fatalf("% x: error %v, valid is %v", code, err, valid)
		}
		if !valid {
			return
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("% x decoded to %q, want %q", code, got, want)
		}
		if again := appendHuffman(nil, string(got)); !bytes.Equal(again, code) {
			t.Fatalf("% x came back as % x", code, again)
		}
	})
}
