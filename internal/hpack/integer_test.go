// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestInteger(t *testing.T) {
	for _, test := range []struct {
		value int
		bits  uint
		wire  string
	}{
		{10, 5, "0a"},       // RFC 7541 C.1.1
		{1337, 5, "1f9a0a"}, // C.1.2
		{42, 8, "2a"},       // C.1.3
		{0, 7, "00"},
		{126, 7, "7e"},
		{127, 7, "7f00"},
		{254, 7, "7f7f"},
		{255, 7, "7f8001"},
		{math.MaxInt32, 7, "7f80ffffff07"},
		{math.MaxInt32, 4, "0ff0ffffff07"},
	} {
		got := appendInteger([]byte("x"), 0, test.bits, test.value)[1:]
		if want := unhex(t, test.wire); !bytes.Equal(got, want) {
			t.Errorf("%d with %d bits is % x, want % x", test.value, test.bits, got, want)
		}
		value, rest, err := readInteger(append(got, 0x55), test.bits)
		if value != test.value || len(rest) != 1 || err != nil {
			t.Errorf("%s with %d bits reads as %d, %v, %v, want %d", test.wire, test.bits, value, rest, err, test.value)
		}
	}
}

func TestIntegerKeepsPattern(t *testing.T) {
	if got := appendInteger(nil, 0x40, 6, 62); !bytes.Equal(got, []byte{0x7e}) {
		t.Errorf("got % x", got)
	}
	if value, _, err := readInteger([]byte{0xff, 0x01}, 4); value != 16 || err != nil {
		t.Errorf("got %d, %v, want 16: the bits above the prefix are not the integer's", value, err)
	}
}

func TestIntegerErrors(t *testing.T) {
	for _, test := range []struct {
		name, wire string
		want       error
	}{
		{"nothing", "", errTruncated},
		{"prefix alone", "7f", errTruncated},
		{"no last byte", "7f80", errTruncated},
		{"no last byte after many", "7f8080808080", errTruncated},
		{"2^31", "7f81ffffff07", errInteger},
		{"2^35", "7fffffffff7f", errInteger},
		{"six bytes", "7f808080808000", errInteger},
		{"endless", "7fffffffffffffffffffffffffffffff", errInteger},
	} {
		t.Run(test.name, func(t *testing.T) {
			if value, _, err := readInteger(unhex(t, test.wire), 7); !errors.Is(err, test.want) {
				t.Errorf("got %d, %v, want %v", value, err, test.want)
			}
		})
	}
	// Zeros that change nothing are allowed, within the same bounds.
	if value, _, err := readInteger(unhex(t, "7f8080808000"), 7); value != 127 || err != nil {
		t.Errorf("got %d, %v, want 127", value, err)
	}
}

func FuzzInteger(f *testing.F) {
	f.Add([]byte{0x1f, 0x9a, 0x0a}, byte(5))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x07}, byte(7))
	f.Fuzz(func(t *testing.T, wire []byte, bits byte) {
		bits = 4 + bits%4
		value, rest, err := readInteger(wire, uint(bits))
		if err != nil {
			return
		}
		taken := wire[:len(wire)-len(rest)]
		shortest := appendInteger(nil, 0, uint(bits), value)
		again, _, err := readInteger(shortest, uint(bits))
		if again != value || err != nil || len(shortest) > len(taken) {
			t.Errorf("% x is %d, which came back as %d, %v from % x", taken, value, again, err, shortest)
		}
	})
}
