// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestAppendSettings(t *testing.T) {
	wantBytes(t, func(dst []byte) []byte { return AppendSettings(dst) }, "000000 04 00 00000000")
	wantBytes(t, func(dst []byte) []byte {
		return AppendSettings(dst, Setting{MaxFrameSize, 0x00ffffff}, Setting{InitialWindowSize, 0x7fffffff})
	}, "00000c 04 00 00000000 0005 00ffffff 0004 7fffffff")
	wantBytes(t, AppendSettingsAck, "000000 04 01 00000000")
}

func TestParseSettings(t *testing.T) {
	for _, test := range []struct {
		name, wire string
		want       []Setting
	}{
		{"none", "000000 04 00 00000000", nil},
		{"acknowledgement", "000000 04 01 00000000", nil},
		{"in order, repeated and unknown too", "000018 04 00 00000000 0001 00000000 ffff ffffffff 0003 00000001 0003 00000002",
			[]Setting{{HeaderTableSize, 0}, {0xffff, 1<<32 - 1}, {MaxConcurrentStreams, 1}, {MaxConcurrentStreams, 2}}},
		{"smallest", "000012 04 00 00000000 0002 00000000 0004 00000000 0005 00004000",
			[]Setting{{EnablePush, 0}, {InitialWindowSize, 0}, {MaxFrameSize, SmallestMaxFrame}}},
		{"largest", "000012 04 00 00000000 0002 00000001 0004 7fffffff 0005 00ffffff",
			[]Setting{{EnablePush, 1}, {InitialWindowSize, LargestWindow}, {MaxFrameSize, LargestMaxFrame}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []Setting
			h, payload := split(t, unhex(t, test.wire))
			err := ParseSettings(h, payload, func(s Setting) error { got = append(got, s); return nil })
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("settings %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestParseSettingsErrors(t *testing.T) {
	for _, test := range []struct {
		name, wire string
		code       ErrorCode
	}{
		{"on a stream", "000000 04 00 00000001", ProtocolError},
		{"acknowledgement with a payload", "000006 04 01 00000000 0003 00000001", FrameSizeError},
		{"no multiple of 6", "000007 04 00 00000000 0003 00000001 00", FrameSizeError},
		{"push", "000006 04 00 00000000 0002 00000002", ProtocolError},
		{"window", "000006 04 00 00000000 0004 80000000", FlowControlError},
		{"frame size below", "000006 04 00 00000000 0005 00003fff", ProtocolError},
		{"frame size above", "000006 04 00 00000000 0005 01000000", ProtocolError},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, payload := split(t, unhex(t, test.wire))
			err := ParseSettings(h, payload, func(s Setting) error { t.Errorf("got %v", s); return nil })
			wantError(t, err, 0, test.code)
		})
	}
}

func TestParseSettingsStops(t *testing.T) {
	refused := errors.New("refused")
	calls := 0
	h, payload := split(t, AppendSettings(nil, Setting{1, 1}, Setting{3, 2}))
	err := ParseSettings(h, payload, func(Setting) error { calls++; return refused })
	if err != refused || calls != 1 {
		t.Errorf("error %v after %d calls, want the callback's after 1", err, calls)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add(uint32(0), byte(0), []byte("\x00\x03\x00\x00\x00\x64"))
	f.Add(uint32(0), byte(Ack), []byte(""))
	for _, setting := range []Setting{{InitialWindowSize, 1 << 31}, {InitialWindowSize, 1<<31 - 1}, {MaxFrameSize, 1 << 24}, {MaxFrameSize, 1<<24 - 1},
		{MaxFrameSize, 1 << 14}, {MaxFrameSize, 1<<14 - 1}, {EnablePush, 1}, {EnablePush, 2}} {
		f.Add(uint32(0), byte(0), AppendSettings(nil, setting)[HeaderBytes:])
	}
	f.Fuzz(func(t *testing.T, stream uint32, flags byte, payload []byte) {
		h := Header{Length: len(payload), Type: Settings, Flags: Flags(flags), Stream: stream &^ reservedBit}
		var settings []Setting
		err := ParseSettings(h, payload, func(s Setting) error { settings = append(settings, s); return nil })
		if validSettings(h, payload) != (err == nil) {
			t.Fatalf("%+v % x: %v", h, payload, err)
		}
		if err != nil {
			wantKnown(t, err, h)
			return
		}
		if again := AppendSettings(nil, settings...)[HeaderBytes:]; !bytes.Equal(again, payload) {
			t.Errorf("% x came back as % x", payload, again)
		}
	})
}

// validSettings reports whether a SETTINGS frame is one, by RFC 9113 section 6.5 and 6.5.2.
func validSettings(h Header, payload []byte) bool {
	if h.Stream != 0 || len(payload)%6 != 0 || h.Flags&1 != 0 && len(payload) > 0 {
		return false
	}
	for i := 0; i < len(payload); i += 6 {
		value := uint64(payload[i+2])<<24 | uint64(payload[i+3])<<16 | uint64(payload[i+4])<<8 | uint64(payload[i+5])
		switch int(payload[i])<<8 | int(payload[i+1]) {
		case 2:
			if value > 1 {
				return false
			}
		case 4:
			if value > 1<<31-1 {
				return false
			}
		case 5:
			if value < 1<<14 || value > 1<<24-1 {
				return false
			}
		}
	}
	return true
}
