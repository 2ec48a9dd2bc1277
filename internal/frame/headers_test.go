// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

func TestAppendHeaders(t *testing.T) {
	wantBytes(t, func(dst []byte) []byte { return AppendHeaders(dst, 5, []byte("ab"), false, SmallestMaxFrame) },
		"000002 01 04 00000005 6162")
	wantBytes(t, func(dst []byte) []byte { return AppendHeaders(dst, 5, nil, true, SmallestMaxFrame) },
		"000000 01 05 00000005")
}

func TestAppendHeadersSplits(t *testing.T) {
	for _, test := range []struct{ blockBytes, maxFrame, frames int }{
		{SmallestMaxFrame, SmallestMaxFrame, 1},
		{SmallestMaxFrame + 1, SmallestMaxFrame, 2},
		{3 * SmallestMaxFrame, SmallestMaxFrame, 3},
		{3*SmallestMaxFrame + 1, SmallestMaxFrame, 4},
		{3 * SmallestMaxFrame, 2 * SmallestMaxFrame, 2},
		{SmallestMaxFrame + 1, 0, 2},      // below what is allowed
		{LargestMaxFrame + 1, 1 << 30, 2}, // above
		{SmallestMaxFrame, LargestMaxFrame, 1},
	} {
		block := []byte(strings.Repeat("0123456789", test.blockBytes/10+1))[:test.blockBytes]
		wire := AppendHeaders(nil, 7, block, true, test.maxFrame)
		var joined []byte
		for n := 1; len(wire) > 0; n++ {
			h := ParseHeader(wire)
			payload := wire[HeaderBytes : HeaderBytes+h.Length]
			wire = wire[HeaderBytes+h.Length:]
			want := Header{Length: h.Length, Type: Continuation, Stream: 7}
			parse := ParseContinuation
			if n == 1 {
				want.Type, want.Flags, parse = Headers, EndStream, ParseHeaders
			}
			if n == test.frames {
				want.Flags |= EndHeaders
			}
			if h != want || h.Length > max(test.maxFrame, SmallestMaxFrame) {
				t.Errorf("%+v: frame %d is %+v, want %+v", test, n, h, want)
			}
			piece, err := parse(h, payload)
			if err != nil {
				t.Errorf("%+v: frame %d: %v", test, n, err)
			}
			joined = append(joined, piece...)
		}
		if !bytes.Equal(joined, block) {
			t.Errorf("%+v: the block changed on the way", test)
		}
	}
}

func TestParseHeaders(t *testing.T) {
	for _, test := range []struct{ name, wire, want string }{
		{"plain", "000002 01 04 00000003 6162", "6162"},
		{"padded", "000004 01 0c 00000003 01 6162 00", "6162"},
		{"priority", "000007 01 24 00000003 00000001 ff 6162", "6162"},
		{"exclusive priority", "000007 01 24 00000003 80000001 ff 6162", "6162"},
		{"priority alone", "000005 01 24 00000003 00000001 ff", ""},
		{"padded, with priority", "00000a 01 2c 00000003 02 00000001 ff 6162 0000", "6162"},
		{"padding up to the priority", "000008 01 2c 00000003 02 00000001 ff 0000", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			block, err := ParseHeaders(split(t, unhex(t, test.wire)))
			if err != nil || !bytes.Equal(block, unhex(t, test.want)) {
				t.Errorf("ParseHeaders = % x, %v, want %s", block, err, test.want)
			}
		})
	}
}

func TestParseHeadersErrors(t *testing.T) {
	for _, test := range []struct {
		name, wire string
		code       ErrorCode
	}{
		{"stream 0", "000001 01 04 00000000 61", ProtocolError},
		{"no length of the padding", "000000 01 0c 00000003", FrameSizeError},
		{"priority cut short", "000004 01 24 00000003 00000001", FrameSizeError},
		{"padded, priority cut short", "000005 01 2c 00000003 00 00000001", FrameSizeError},
		{"padding beyond the payload", "000002 01 0c 00000003 02 61", ProtocolError},
		{"padding into the priority", "000006 01 2c 00000003 01 00000001 ff", ProtocolError},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseHeaders(split(t, unhex(t, test.wire)))
			wantError(t, err, 0, test.code)
		})
	}
}

func TestParseHeadersDependsOnItself(t *testing.T) {
	for _, wire := range []string{"000007 01 24 00000003 00000003 ff 6162", "000007 01 24 00000003 80000003 ff 6162"} {
		block, err := ParseHeaders(split(t, unhex(t, wire)))
		wantError(t, err, 3, ProtocolError)
		if string(block) != "ab" {
			t.Errorf("block %q, want ab: it must be decoded all the same", block)
		}
	}
}

func TestParseContinuation(t *testing.T) {
	block, err := ParseContinuation(split(t, unhex(t, "000002 09 04 00000003 6162")))
	if err != nil || string(block) != "ab" {
		t.Errorf("ParseContinuation = %q, %v, want ab", block, err)
	}
	_, err = ParseContinuation(split(t, unhex(t, "000002 09 04 00000000 6162")))
	wantError(t, err, 0, ProtocolError)
	// The bit that means Padded elsewhere means nothing here.
	block, err = ParseContinuation(split(t, unhex(t, "000002 09 0c 00000003 6162")))
	if err != nil || string(block) != "ab" {
		t.Errorf("ParseContinuation = %q, %v, want ab", block, err)
	}
}

func TestParsePriority(t *testing.T) {
	if err := ParsePriority(split(t, unhex(t, "000005 02 00 00000003 80000001 0f"))); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		name, wire string
		stream     uint32
		code       ErrorCode
	}{
		{"stream 0", "000005 02 00 00000000 00000001 0f", 0, ProtocolError},
		{"short", "000004 02 00 00000003 00000001", 3, FrameSizeError},
		{"long", "000006 02 00 00000003 00000001 0f 00", 3, FrameSizeError},
		{"depends on itself", "000005 02 00 00000003 80000003 0f", 3, ProtocolError},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantError(t, ParsePriority(split(t, unhex(t, test.wire))), test.stream, test.code)
		})
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add(uint32(3), byte(EndHeaders), []byte("ab"))
	f.Add(uint32(3), byte(EndHeaders|Padded|HasPriority), []byte("\x02\x00\x00\x00\x01\xffab\x00\x00"))
	f.Add(uint32(3), byte(HasPriority), []byte("\x00\x00\x00\x03\xff"))
	f.Fuzz(func(t *testing.T, stream uint32, flags byte, payload []byte) {
		h := Header{Length: len(payload), Type: Headers, Flags: Flags(flags), Stream: stream &^ reservedBit}
		block, err := ParseHeaders(h, payload)
		want, valid := plainly(h, payload, 5)
		failure, _ := err.(*Error)
		if ofStream := failure != nil && failure.Stream != 0; ofStream && valid && bytes.Equal(block, want) {
			return // it depends on itself, and its block must be decoded all the same
		}
		if valid != (err == nil) || err == nil && !bytes.Equal(block, want) {
			t.Fatalf("%+v % x: % x, %v; want % x, %t", h, payload, block, err, want, valid)
		}
		if err != nil {
			wantKnown(t, err, h)
			return
		}
		whole := AppendHeaders(nil, h.Stream, block, h.Flags.Has(EndStream), LargestMaxFrame)
		again, err := ParseHeaders(split(t, whole))
		if err != nil || !bytes.Equal(again, block) {
			t.Errorf("% x came back as % x, %v", block, again, err)
		}
	})
}

func FuzzPriority(f *testing.F) {
	f.Add(uint32(3), []byte("\x00\x00\x00\x01\x0f"))
	f.Add(uint32(3), []byte("\x00\x00\x00\x03\x0f"))
	f.Add(uint32(3), []byte("\x80\x00\x00\x03\x0f"))
	f.Fuzz(func(t *testing.T, stream uint32, payload []byte) {
		h := Header{Length: len(payload), Type: Priority, Stream: stream &^ reservedBit}
		err := ParsePriority(h, payload)
		valid := h.Stream != 0 && len(payload) == 5 && binary.BigEndian.Uint32(payload)&0x7fffffff != h.Stream
		if valid != (err == nil) {
			t.Errorf("%+v % x: %v", h, payload, err)
		}
		if err != nil {
			wantKnown(t, err, h)
		}
	})
}
