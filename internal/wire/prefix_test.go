// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"math"
	"strconv"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/wire"
)

func TestPrefix(t *testing.T) {
	for _, length := range []int{0, 1, 255, 256, 70000, math.MaxInt32} {
		prefix := wire.AppendPrefix([]byte("x"), length)[1:]
		if len(prefix) != wire.PrefixBytes {
			t.Fatalf("the prefix has %d bytes", len(prefix))
		}
		put := []byte{9, 9, 9, 9, 9, 9}
		wire.PutPrefix(put, length)
		if !bytes.Equal(put[:5], prefix) || put[5] != 9 {
			t.Errorf("PutPrefix wrote % x, AppendPrefix % x", put, prefix)
		}
		got, compressed, err := wire.ParsePrefix(prefix, length)
		if err != nil || got != length || compressed {
			t.Errorf("ParsePrefix(% x) = %d, %v, %v", prefix, got, compressed, err)
		}
	}
	if got := wire.AppendPrefix(nil, 0x01020304); !bytes.Equal(got, []byte{0, 1, 2, 3, 4}) {
		t.Errorf("the length is not big-endian: % x", got)
	}
}

func TestParsePrefix(t *testing.T) {
	if length, compressed, err := wire.ParsePrefix([]byte{1, 0, 0, 0, 7, 99}, 7); length != 7 || !compressed || err != nil {
		t.Errorf("a compressed message: %d, %v, %v", length, compressed, err)
	}
	_, _, err := wire.ParsePrefix([]byte{0, 0, 0, 0, 8}, 7)
	expectFailure(t, err, farcall.ResourceExhausted, "8 bytes", "limit is 7", "MaxReceiveBytes")
	_, _, err = wire.ParsePrefix([]byte{0, 0, 0, 0, 1}, 0)
	expectFailure(t, err, farcall.ResourceExhausted, "1 bytes")
	if length, _, err := wire.ParsePrefix([]byte{0, 0x7f, 0xff, 0xff, 0xff}, -1); length != math.MaxInt32 || err != nil {
		t.Errorf("a negative limit is none, but: %d, %v", length, err)
	}
	_, _, err = wire.ParsePrefix([]byte{2, 0, 0, 0, 0}, 7)
	expectFailure(t, err, farcall.Internal, "flag byte 2")
	_, _, err = wire.ParsePrefix([]byte("HTTP/1.1"), 1<<20)
	expectFailure(t, err, farcall.Internal, "flag byte 72")
}

func TestOnlyMessage(t *testing.T) {
	message, compressed, err := wire.OnlyMessage([]byte("\x01\x00\x00\x00\x03abc"), 3)
	if string(message) != "abc" || !compressed || err != nil {
		t.Errorf("OnlyMessage = %q, %v, %v", message, compressed, err)
	}
	if message, _, err := wire.OnlyMessage(make([]byte, 5), 0); len(message) != 0 || message == nil || err != nil {
		t.Errorf("an empty message: %q, %v", message, err)
	}
	for body, want := range map[string]struct {
		code farcall.Code
		word string
	}{
		"":                                {farcall.Unimplemented, "no message"},
		"\x00\x00":                        {farcall.Internal, "2 of 5 bytes"},
		"\x00\x00\x00\x00\x03ab":          {farcall.Internal, "2 of 3 bytes"},
		"\x00\x00\x00\x00\x01a\x00":       {farcall.Unimplemented, "more than one message"},
		"\x00\x00\x00\x00\x0babcdefghijk": {farcall.ResourceExhausted, "11 bytes"},
		"<html":                           {farcall.Internal, "flag byte 60"},
	} {
		_, _, err := wire.OnlyMessage([]byte(body), 10)
		expectFailure(t, err, want.code, want.word)
	}
}

func FuzzOnlyMessage(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x03abc"), 10)
	f.Add([]byte("\x01\xff\xff\xff\xff"), -1)
	f.Fuzz(func(t *testing.T, body []byte, limit int) {
		message, _, err := wire.OnlyMessage(body, limit)
		if err != nil {
			return
		}
		if limit >= 0 && len(message) > limit {
			t.Errorf("a message of %d bytes passed the limit %d", len(message), limit)
		}
		again := append(wire.AppendPrefix(nil, len(message)), message...)
		again[0] = body[0]
		if !bytes.Equal(again, body) {
			t.Errorf("% x was read as % x", body, message)
		}
	})
}

func TestCheckLength(t *testing.T) {
	if err := wire.CheckLength(math.MaxInt32); err != nil {
		t.Error(err)
	}
	if strconv.IntSize == 64 {
		limit := math.MaxUint32
		if err := wire.CheckLength(limit); err != nil {
			t.Error(err)
		}
		expectFailure(t, wire.CheckLength(limit+1), farcall.ResourceExhausted, "4294967296 bytes")
	}
}

func TestCompressionThatWasNotAnnounced(t *testing.T) {
	if wire.CheckCompressed(false, "") != nil || wire.CheckCompressed(true, "gzip") != nil {
		t.Error("a message in order is refused")
	}
	expectFailure(t, wire.CheckCompressed(true, ""), farcall.Internal, "grpc-encoding")
	expectFailure(t, wire.UnknownEncoding("foo"), farcall.Unimplemented, `"foo"`)
	expectFailure(t, wire.Truncated(3), farcall.Internal, "3 bytes")
}
