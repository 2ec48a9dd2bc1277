// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"testing"
)

func TestAppendData(t *testing.T) {
	wantBytes(t, func(dst []byte) []byte { return AppendData(dst, 3, []byte("abc"), false) }, "000003 00 00 00000003 616263")
	wantBytes(t, func(dst []byte) []byte { return AppendData(dst, 3, nil, true) }, "000000 00 01 00000003")
}

func TestParseData(t *testing.T) {
	for _, test := range []struct{ name, wire, want string }{
		{"plain", "000003 00 00 00000003 616263", "616263"},
		{"empty", "000000 00 01 00000003", ""},
		{"padded", "000006 00 08 00000003 02 616263 0000", "616263"},
		{"padded by nothing", "000004 00 08 00000003 00 616263", "616263"},
		{"padding alone", "000003 00 08 00000003 02 0000", ""},
		{"padding that is not zero", "000003 00 08 00000003 01 61 ff", "61"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data, err := ParseData(split(t, unhex(t, test.wire)))
			if err != nil || !bytes.Equal(data, unhex(t, test.want)) {
				t.Errorf("ParseData = % x, %v, want %s", data, err, test.want)
			}
		})
	}
}

func TestParseDataErrors(t *testing.T) {
	for _, test := range []struct {
		name, wire string
		code       ErrorCode
	}{
		{"stream 0", "000001 00 00 00000000 61", ProtocolError},
		{"no length of the padding", "000000 00 08 00000003", FrameSizeError},
		{"padding of the whole payload", "000003 00 08 00000003 03 6162", ProtocolError},
		{"padding beyond the payload", "000001 00 08 00000003 ff", ProtocolError},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseData(split(t, unhex(t, test.wire)))
			wantError(t, err, 0, test.code)
		})
	}
}

func FuzzData(f *testing.F) {
	f.Add(uint32(1), byte(Padded), []byte("\x02abc\x00\x00"))
	f.Add(uint32(1), byte(0), []byte("abc"))
	f.Fuzz(func(t *testing.T, stream uint32, flags byte, payload []byte) {
		h := Header{Length: len(payload), Type: Data, Flags: Flags(flags), Stream: stream &^ reservedBit}
		data, err := ParseData(h, payload)
		want, valid := plainly(h, payload, 0)
		if valid != (err == nil) || err == nil && !bytes.Equal(data, want) {
			t.Fatalf("%+v % x: % x, %v; want % x, %t", h, payload, data, err, want, valid)
		}
		if err != nil {
			wantKnown(t, err, h)
			return
		}
		h, payload = split(t, AppendData(nil, h.Stream, data, h.Flags.Has(EndStream)))
		again, err := ParseData(h, payload)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("% x came back as % x, %v", data, again, err)
		}
	})
}

// wantKnown checks that err is an Error of the frame's stream or of the connection.
func wantKnown(t *testing.T, err error, h Header) {
	t.Helper()
	failure, ok := err.(*Error)
	if !ok || failure.Reason == "" || failure.Stream != 0 && failure.Stream != h.Stream {
		t.Errorf("%+v: error %#v", h, err)
	}
}

// plainly takes a DATA or HEADERS frame apart as RFC 9113 section 6.1 and 6.2 draw it: the length of the padding, the
// priority fields, the content, the padding. A stream's priority may depend on itself here.
func plainly(h Header, payload []byte, priorityBytes int) (content []byte, valid bool) {
	if h.Stream == 0 {
		return nil, false
	}
	at, end := 0, len(payload)
	if h.Flags&8 != 0 {
		if end == 0 {
			return nil, false
		}
		at, end = 1, end-int(payload[0])
	}
	if h.Flags&0x20 != 0 {
		at += priorityBytes
	}
	if at > end {
		return nil, false
	}
	return payload[at:end], true
}
