// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// unhex returns the bytes that text spells in hexadecimal; spaces do not count.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// split returns the header and the payload of whole, which must be exactly one frame.
func split(t testing.TB, whole []byte) (Header, []byte) {
	t.Helper()
	if len(whole) < HeaderBytes {
		t.Fatalf("% x is shorter than a frame's header", whole)
	}
	h := ParseHeader(whole)
	if payload := whole[HeaderBytes:]; h.Length != len(payload) {
		t.Fatalf("% x: the header says %d bytes of payload, there are %d", whole, h.Length, len(payload))
	}
	return h, whole[HeaderBytes:]
}

// wantBytes checks appended bytes against the wire format written out, and that what was in dst stayed.
func wantBytes(t *testing.T, appendTo func(dst []byte) []byte, want string) {
	t.Helper()
	got := appendTo([]byte("before"))
	if expected := append([]byte("before"), unhex(t, want)...); !bytes.Equal(got, expected) {
		t.Errorf("appended\n% x, want\n% x", got, expected)
	}
}

// wantError checks that err has the code and ends stream, or the connection if stream is 0.
func wantError(t testing.TB, err error, stream uint32, code ErrorCode) {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatalf("error %v, want %v on stream %d", err, code, stream)
	}
	if failure.Stream != stream || failure.Code != code || failure.Reason == "" {
		t.Errorf("error %#v, want %v on stream %d with a reason", failure, code, stream)
	}
}

func TestHeader(t *testing.T) {
	for _, test := range []struct {
		header Header
		wire   string
	}{
		{Header{}, "000000 00 00 00000000"},
		{Header{Length: 0x010203, Type: Headers, Flags: EndStream | EndHeaders, Stream: 0x04050607},
			"010203 01 05 04050607"},
		{Header{Length: LargestMaxFrame, Type: 0xfe, Flags: 0xff, Stream: LargestStream}, "ffffff fe ff 7fffffff"},
	} {
		wantBytes(t, func(dst []byte) []byte { return AppendHeader(dst, test.header) }, test.wire)
		if got := ParseHeader(unhex(t, test.wire)); got != test.header {
			t.Errorf("ParseHeader(%s) = %+v, want %+v", test.wire, got, test.header)
		}
	}
}

func TestHeaderReservedBit(t *testing.T) {
	if got := ParseHeader(unhex(t, "000000 06 00 80000001")); got.Stream != 1 {
		t.Errorf("stream %#x, want 1: the reserved bit is to be ignored", got.Stream)
	}
	wantBytes(t, func(dst []byte) []byte { return AppendHeader(dst, Header{Stream: 0x80000001}) }, "000000 00 00 00000001")
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Data.String(), "DATA"},
		{Continuation.String(), "CONTINUATION"},
		{Type(10).String(), "FRAME_TYPE_10"},
		{NoError.String(), "NO_ERROR"},
		{HTTP11Required.String(), "HTTP_1_1_REQUIRED"},
		{ErrorCode(14).String(), "ERROR_CODE_14"},
		{ErrorCode(1<<32 - 1).String(), "ERROR_CODE_4294967295"},
		{HeaderTableSize.String(), "HEADER_TABLE_SIZE"},
		{MaxHeaderListSize.String(), "MAX_HEADER_LIST_SIZE"},
		{SettingID(0).String(), "SETTING_0"},
		{SettingID(7).String(), "SETTING_7"},
		{(&Error{Code: ProtocolError, Reason: "why"}).Error(), "PROTOCOL_ERROR: why"},
		{(&Error{Stream: 3, Code: Cancel, Reason: "why"}).Error(), "CANCEL on stream 3: why"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func TestFlags(t *testing.T) {
	flags := EndStream | Padded
	if !flags.Has(EndStream) || !flags.Has(EndStream|Padded) || flags.Has(EndHeaders) || flags.Has(EndStream|EndHeaders) {
		t.Errorf("Has is wrong for %#x", flags)
	}
}

func TestPreface(t *testing.T) {
	want := unhex(t, "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a") // RFC 9113 section 3.4
	if Preface != string(want) {
		t.Errorf("Preface = %q", Preface)
	}
}

// Parsing and appending is done for every frame of every call.
func TestNoAllocations(t *testing.T) {
	dst := make([]byte, 0, 64<<10)
	block := make([]byte, 40<<10)
	var sink, settings int
	each := func(s Setting) error { settings += int(s.Value); return nil }
	allocations := testing.AllocsPerRun(100, func() {
		b := AppendHeaders(dst[:0], 1, block[:100], true, SmallestMaxFrame)
		piece, _ := ParseHeaders(ParseHeader(b), b[HeaderBytes:])
		sink += len(piece)
		b = AppendHeaders(dst[:0], 1, block, true, SmallestMaxFrame)
		piece, _ = ParseContinuation(Header{Type: Continuation, Stream: 1}, b[HeaderBytes:])
		sink += len(piece)
		b = AppendData(dst[:0], 1, block[:100], true)
		piece, _ = ParseData(ParseHeader(b), b[HeaderBytes:])
		sink += len(piece)
		b = AppendSettings(dst[:0], Setting{HeaderTableSize, 1}, Setting{MaxConcurrentStreams, 2})
		_ = ParseSettings(ParseHeader(b), b[HeaderBytes:], each)
		sink += len(AppendSettingsAck(b))
		b = AppendPing(dst[:0], true, [8]byte{1})
		data, _ := ParsePing(ParseHeader(b), b[HeaderBytes:])
		sink += int(data[0])
		b = AppendGoAway(dst[:0], 1, NoError, "text")
		last, _, debug, _ := ParseGoAway(ParseHeader(b), b[HeaderBytes:])
		sink += int(last) + len(debug)
		b = AppendWindowUpdate(dst[:0], 1, 2)
		increment, _ := ParseWindowUpdate(ParseHeader(b), b[HeaderBytes:])
		sink += int(increment)
		b = AppendResetStream(dst[:0], 1, Cancel)
		code, _ := ParseResetStream(ParseHeader(b), b[HeaderBytes:])
		sink += int(code)
		_ = ParsePriority(Header{Type: Priority, Stream: 1}, block[:5])
	})
	if allocations != 0 {
		t.Errorf("%v allocations per run, want none", allocations)
	}
	if sink == 0 || settings == 0 {
		t.Error("nothing was parsed")
	}
}
