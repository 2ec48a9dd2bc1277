// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// The frames of a few fixed fields: PING, GOAWAY, WINDOW_UPDATE, RST_STREAM.

func TestPing(t *testing.T) {
	data := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	wantBytes(t, func(dst []byte) []byte { return AppendPing(dst, false, data) }, "000008 06 00 00000000 0102030405060708")
	wantBytes(t, func(dst []byte) []byte { return AppendPing(dst, true, data) }, "000008 06 01 00000000 0102030405060708")
	got, err := ParsePing(split(t, unhex(t, "000008 06 00 00000000 0102030405060708")))
	if err != nil || got != data {
		t.Errorf("ParsePing = %v, %v", got, err)
	}
	_, err = ParsePing(split(t, unhex(t, "000008 06 00 00000001 0102030405060708")))
	wantError(t, err, 0, ProtocolError)
	_, err = ParsePing(split(t, unhex(t, "000007 06 00 00000000 01020304050607")))
	wantError(t, err, 0, FrameSizeError)
	_, err = ParsePing(split(t, unhex(t, "000009 06 01 00000000 010203040506070809")))
	wantError(t, err, 0, FrameSizeError)
}

func TestGoAway(t *testing.T) {
	wantBytes(t, func(dst []byte) []byte { return AppendGoAway(dst, 0x01020304, EnhanceYourCalm, "why") },
		"00000b 07 00 00000000 01020304 0000000b 776879")
	wantBytes(t, func(dst []byte) []byte { return AppendGoAway(dst, 1<<32-1, NoError, "") },
		"000008 07 00 00000000 7fffffff 00000000")
	last, code, debug, err := ParseGoAway(split(t, unhex(t, "00000b 07 00 00000000 81020304 0000000b 776879")))
	if last != 0x01020304 || code != EnhanceYourCalm || string(debug) != "why" || err != nil {
		t.Errorf("ParseGoAway = %#x, %v, %q, %v", last, code, debug, err)
	}
	_, _, _, err = ParseGoAway(split(t, unhex(t, "000008 07 00 00000001 00000000 00000000")))
	wantError(t, err, 0, ProtocolError)
	_, _, _, err = ParseGoAway(split(t, unhex(t, "000007 07 00 00000000 00000000 000000")))
	wantError(t, err, 0, FrameSizeError)
}

func TestGoAwayFitsEveryPeer(t *testing.T) {
	h, _ := split(t, AppendGoAway(nil, 1, NoError, strings.Repeat("x", 100_000)))
	if h.Length != SmallestMaxFrame {
		t.Errorf("payload of %d bytes, want %d", h.Length, SmallestMaxFrame)
	}
}

func TestWindowUpdate(t *testing.T) {
	wantBytes(t, func(dst []byte) []byte { return AppendWindowUpdate(dst, 9, LargestWindow) },
		"000004 08 00 00000009 7fffffff")
	for wire, want := range map[string]uint32{
		"000004 08 00 00000009 00000001": 1,
		"000004 08 00 00000000 7fffffff": LargestWindow,
		"000004 08 00 00000009 ffffffff": LargestWindow, // the reserved bit is ignored
	} {
		if got, err := ParseWindowUpdate(split(t, unhex(t, wire))); got != want || err != nil {
			t.Errorf("ParseWindowUpdate(%s) = %d, %v, want %d", wire, got, err, want)
		}
	}
	for _, test := range []struct {
		wire   string
		stream uint32
		code   ErrorCode
	}{
		{"000004 08 00 00000009 00000000", 9, ProtocolError},
		{"000004 08 00 00000009 80000000", 9, ProtocolError},
		{"000004 08 00 00000000 00000000", 0, ProtocolError},
		{"000003 08 00 00000009 000001", 0, FrameSizeError},
		{"000005 08 00 00000009 0000000001", 0, FrameSizeError},
	} {
		_, err := ParseWindowUpdate(split(t, unhex(t, test.wire)))
		wantError(t, err, test.stream, test.code)
	}
}

func TestResetStream(t *testing.T) {
	wantBytes(t, func(dst []byte) []byte { return AppendResetStream(dst, 9, Cancel) }, "000004 03 00 00000009 00000008")
	code, err := ParseResetStream(split(t, unhex(t, "000004 03 00 00000009 000000ff")))
	if code != 0xff || err != nil {
		t.Errorf("ParseResetStream = %v, %v", code, err)
	}
	_, err = ParseResetStream(split(t, unhex(t, "000004 03 00 00000000 00000008")))
	wantError(t, err, 0, ProtocolError)
	_, err = ParseResetStream(split(t, unhex(t, "000003 03 00 00000009 000008")))
	wantError(t, err, 0, FrameSizeError)
	_, err = ParseResetStream(split(t, unhex(t, "000005 03 00 00000009 0000000008")))
	wantError(t, err, 0, FrameSizeError)
}

// FuzzControl parses a payload as each of the four and appends what it said again.
func FuzzControl(f *testing.F) {
	f.Add(uint32(0), []byte("\x01\x02\x03\x04\x05\x06\x07\x08"))
	f.Add(uint32(9), []byte("\x00\x00\x00\x08"))
	f.Add(uint32(0), []byte("\x80\x00\x00\x08"))
	f.Add(uint32(0), []byte("\x80\x00\x00\x00"))
	f.Add(uint32(0), []byte("\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, stream uint32, payload []byte) {
		h := Header{Length: len(payload), Stream: stream &^ reservedBit}
		same := func(kind Type, valid bool, err error, again func() []byte, ignored ...int) {
			t.Helper()
			if valid != (err == nil) {
				t.Errorf("%v on stream %d, % x: %v", kind, h.Stream, payload, err)
			}
			if err != nil {
				wantKnown(t, err, h)
				return
			}
			got, want := again()[HeaderBytes:], bytes.Clone(payload)
			for _, i := range ignored {
				want[i] &= 0x7f // the reserved bit
			}
			if !bytes.Equal(got, want[:len(got)]) {
				t.Errorf("%v: % x came back as % x", kind, want, got)
			}
		}
		data, err := ParsePing(h, payload)
		same(Ping, h.Stream == 0 && len(payload) == 8, err, func() []byte { return AppendPing(nil, false, data) })
		last, code, debug, err := ParseGoAway(h, payload)
		same(GoAway, h.Stream == 0 && len(payload) >= 8, err, func() []byte { return AppendGoAway(nil, last, code, string(debug)) }, 0)
		increment, err := ParseWindowUpdate(h, payload)
		same(WindowUpdate, len(payload) == 4 && binary.BigEndian.Uint32(payload)&0x7fffffff > 0, err, func() []byte { return AppendWindowUpdate(nil, h.Stream, increment) }, 0)
		reason, err := ParseResetStream(h, payload)
		same(ResetStream, h.Stream != 0 && len(payload) == 4, err, func() []byte { return AppendResetStream(nil, h.Stream, reason) })
	})
}
