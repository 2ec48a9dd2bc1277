// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/net/http2"

	"github.com/farcall/farcall/internal/frame"
)

// readFrame lets x/net read one frame.
func readFrame(encoded []byte) (http2.Frame, error) {
	framer := http2.NewFramer(nil, bytes.NewReader(encoded))
	framer.AllowIllegalReads = true // their order is not what these tests are about
	framer.SetMaxReadFrameSize(frame.LargestMaxFrame)
	return framer.ReadFrame()
}

// says puts what a frame says in words that do not depend on who parsed it.
func says(format string, arguments ...any) string { return fmt.Sprintf(format, arguments...) }

// theirs says what x/net read.
func theirs(f http2.Frame) string {
	stream := f.Header().StreamID
	switch f := f.(type) {
	case *http2.DataFrame:
		return says("DATA %d %x", stream, f.Data())
	case *http2.HeadersFrame:
		return says("HEADERS %d %x", stream, f.HeaderBlockFragment())
	case *http2.ContinuationFrame:
		return says("CONTINUATION %d %x", stream, f.HeaderBlockFragment())
	case *http2.PriorityFrame:
		return says("PRIORITY %d", stream)
	case *http2.RSTStreamFrame:
		return says("RST_STREAM %d %d", stream, f.ErrCode)
	case *http2.SettingsFrame:
		text := says("SETTINGS ack=%t", f.IsAck())
		_ = f.ForeachSetting(func(s http2.Setting) error { text += says(" %d=%d", s.ID, s.Val); return nil })
		return text
	case *http2.PingFrame:
		return says("PING ack=%t %x", f.IsAck(), f.Data)
	case *http2.GoAwayFrame:
		return says("GOAWAY %d %d %x", f.LastStreamID, f.ErrCode, f.DebugData())
	case *http2.WindowUpdateFrame:
		return says("WINDOW_UPDATE %d %d", stream, f.Increment)
	}
	return says("%T", f)
}

// ours says what farcall reads.
func ours(encoded []byte) (string, error) {
	h := frame.ParseHeader(encoded)
	payload := encoded[frame.HeaderBytes:]
	ack := h.Flags.Has(frame.Ack)
	switch h.Type {
	case frame.Data:
		data, err := frame.ParseData(h, payload)
		return says("DATA %d %x", h.Stream, data), err
	case frame.Headers:
		block, err := frame.ParseHeaders(h, payload)
		return says("HEADERS %d %x", h.Stream, block), err
	case frame.Continuation:
		block, err := frame.ParseContinuation(h, payload)
		return says("CONTINUATION %d %x", h.Stream, block), err
	case frame.Priority:
		return says("PRIORITY %d", h.Stream), frame.ParsePriority(h, payload)
	case frame.ResetStream:
		code, err := frame.ParseResetStream(h, payload)
		return says("RST_STREAM %d %d", h.Stream, code), err
	case frame.Settings:
		text := says("SETTINGS ack=%t", ack)
		err := frame.ParseSettings(h, payload, func(s frame.Setting) error { text += says(" %d=%d", s.ID, s.Value); return nil })
		return text, err
	case frame.Ping:
		data, err := frame.ParsePing(h, payload)
		return says("PING ack=%t %x", ack, data), err
	case frame.GoAway:
		last, code, debug, err := frame.ParseGoAway(h, payload)
		return says("GOAWAY %d %d %x", last, code, debug), err
	case frame.WindowUpdate:
		increment, err := frame.ParseWindowUpdate(h, payload)
		return says("WINDOW_UPDATE %d %d", h.Stream, increment), err
	}
	return "", errors.New("not a type that farcall parses")
}

// What farcall appends, x/net must read as it was meant.
func TestAppendedFramesAreRead(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		stream := 1 + random.Uint32N(frame.LargestStream)
		code := frame.ErrorCode(random.Uint32())
		data := randomBytes(random, 300)
		var ping [8]byte
		binary.BigEndian.PutUint64(ping[:], random.Uint64())
		increment := 1 + random.Uint32N(frame.LargestWindow)
		window := random.Uint32N(frame.LargestWindow + 1)
		end := random.IntN(2) == 0
		for _, c := range []struct {
			encoded []byte
			want    string
		}{
			{frame.AppendData(nil, stream, data, end), says("DATA %d %x", stream, data)},
			{frame.AppendHeaders(nil, stream, data, end, frame.SmallestMaxFrame), says("HEADERS %d %x", stream, data)},
			{frame.AppendResetStream(nil, stream, code), says("RST_STREAM %d %d", stream, code)},
			{frame.AppendPing(nil, end, ping), says("PING ack=%t %x", end, ping)},
			{frame.AppendGoAway(nil, stream, code, string(data)), says("GOAWAY %d %d %x", stream, code, data)},
			{frame.AppendWindowUpdate(nil, stream, increment), says("WINDOW_UPDATE %d %d", stream, increment)},
			{frame.AppendWindowUpdate(nil, 0, increment), says("WINDOW_UPDATE 0 %d", increment)},
			{frame.AppendSettingsAck(nil), "SETTINGS ack=true"},
			{
				frame.AppendSettings(nil, frame.Setting{ID: frame.InitialWindowSize, Value: window}, frame.Setting{ID: 0x99, Value: increment}),
				says("SETTINGS ack=false 4=%d 153=%d", window, increment),
			},
		} {
			read, err := readFrame(c.encoded)
			if err != nil {
				t.Fatalf("%s: x/net refuses it: %v", c.want, err)
			}
			if got := theirs(read); got != c.want {
				t.Fatalf("x/net read %s, want %s", got, c.want)
			}
			if h, isData := read.(*http2.DataFrame); isData && h.StreamEnded() != end {
				t.Fatalf("x/net sees END_STREAM %t, want %t", h.StreamEnded(), end)
			}
		}
	}
}

// A block too long for a frame must arrive whole, whatever the peer's largest frame is.
func TestAppendedBlocksAreJoined(t *testing.T) {
	block := bytes.Repeat([]byte("0123456789abcdef!"), 10_000)
	for _, maxFrame := range []int{frame.SmallestMaxFrame, 20_000, len(block) - 1, len(block), len(block) + 1} {
		framer := http2.NewFramer(nil, bytes.NewReader(frame.AppendHeaders(nil, 5, block, true, maxFrame)))
		framer.SetMaxReadFrameSize(uint32(maxFrame)) // and the order is checked
		var joined []byte
		for ended := false; !ended; {
			read, err := framer.ReadFrame()
			if err != nil {
				t.Fatalf("frames of %d: %v", maxFrame, err)
			}
			switch f := read.(type) {
			case *http2.HeadersFrame:
				joined, ended = append(joined, f.HeaderBlockFragment()...), f.HeadersEnded()
				if !f.StreamEnded() {
					t.Errorf("frames of %d: END_STREAM is missing", maxFrame)
				}
			case *http2.ContinuationFrame:
				joined, ended = append(joined, f.HeaderBlockFragment()...), f.HeadersEnded()
			}
		}
		if !bytes.Equal(joined, block) {
			t.Errorf("frames of %d: the block is not the same", maxFrame)
		}
	}
}

// What x/net writes, farcall must read as it was meant.
func TestWrittenFramesAreParsed(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var out bytes.Buffer
	framer := http2.NewFramer(&out, nil)
	for range 2000 {
		stream := 1 + random.Uint32N(frame.LargestStream)
		code := http2.ErrCode(random.Uint32())
		data, padding := randomBytes(random, 300), make([]byte, random.IntN(256))
		var ping [8]byte
		binary.BigEndian.PutUint64(ping[:], random.Uint64())
		increment := 1 + random.Uint32N(frame.LargestWindow)
		priority := http2.PriorityParam{StreamDep: stream ^ 1, Exclusive: random.IntN(2) == 0, Weight: uint8(random.Uint32())}
		for _, c := range []struct {
			write func() error
			want  string
		}{
			{func() error { return framer.WriteData(stream, true, data) }, says("DATA %d %x", stream, data)},
			{func() error { return framer.WriteDataPadded(stream, false, data, padding) }, says("DATA %d %x", stream, data)},
			{func() error {
				return framer.WriteHeaders(http2.HeadersFrameParam{
					StreamID: stream, BlockFragment: data, EndHeaders: true, PadLength: uint8(len(padding)), Priority: priority,
				})
			}, says("HEADERS %d %x", stream, data)},
			{func() error { return framer.WriteContinuation(stream, true, data) }, says("CONTINUATION %d %x", stream, data)},
			{func() error { return framer.WritePriority(stream, priority) }, says("PRIORITY %d", stream)},
			{func() error { return framer.WriteRSTStream(stream, code) }, says("RST_STREAM %d %d", stream, code)},
			{func() error { return framer.WritePing(true, ping) }, says("PING ack=true %x", ping)},
			{func() error { return framer.WriteGoAway(stream, code, data) }, says("GOAWAY %d %d %x", stream, code, data)},
			{func() error { return framer.WriteWindowUpdate(stream, increment) }, says("WINDOW_UPDATE %d %d", stream, increment)},
			{framer.WriteSettingsAck, "SETTINGS ack=true"},
			{func() error {
				return framer.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: increment}, http2.Setting{ID: http2.SettingEnablePush, Val: 0})
			}, says("SETTINGS ack=false 3=%d 2=0", increment)},
		} {
			out.Reset()
			if err := c.write(); err != nil {
				t.Fatalf("%s: x/net does not write it: %v", c.want, err)
			}
			got, err := ours(out.Bytes())
			if err != nil {
				t.Fatalf("%s: farcall refuses it: %v", c.want, err)
			}
			if got != c.want {
				t.Fatalf("farcall read %s, want %s", got, c.want)
			}
			if h := frame.ParseHeader(out.Bytes()); h.Length != out.Len()-frame.HeaderBytes {
				t.Fatalf("%s: farcall reads a length of %d, it is %d", c.want, h.Length, out.Len()-frame.HeaderBytes)
			}
		}
	}
}

// FuzzFrame gives the same frame to both. Both accept it and read the same, or both refuse it, for the same stream or
// for the connection; where farcall differs on purpose, differs says why.
func FuzzFrame(f *testing.F) {
	for kind := range uint8(10) {
		f.Add(kind, uint8(0), uint32(1), []byte("12345678"))
		f.Add(kind, uint8(0x29), uint32(1), []byte("\x02\x00\x00\x00\x03\x10block__"))
		f.Add(kind, uint8(1), uint32(0), []byte(""))
		f.Add(kind, uint8(0), uint32(0), []byte("\x00\x00\x00\x00"))
	}
	f.Fuzz(func(t *testing.T, kind, flags uint8, stream uint32, payload []byte) {
		h := frame.Header{Length: len(payload), Type: frame.Type(kind), Flags: frame.Flags(flags), Stream: stream & frame.LargestStream}
		if h.Type > frame.Continuation || h.Type == frame.PushPromise || len(payload) > frame.LargestMaxFrame {
			t.Skip("a frame that farcall does not parse")
		}
		encoded := append(frame.AppendHeader(nil, h), payload...)
		got, ourError := ours(encoded)
		read, theirError := readFrame(encoded)
		if theirError == nil {
			theirError = invalidSetting(read)
		}
		if differs(h, payload) {
			if ourError == nil {
				t.Errorf("%v accepted: %s", h, got)
			}
			return
		}
		if (ourError == nil) != (theirError == nil) {
			t.Fatalf("%v %x: farcall says %v, x/net %v", h, payload, ourError, theirError)
		}
		if ourError == nil {
			if want := theirs(read); got != want {
				t.Errorf("farcall read %s, x/net %s", got, want)
			}
			return
		}
		var own *frame.Error
		if !errors.As(ourError, &own) {
			t.Fatalf("%v: an error without a code: %v", h, ourError)
		}
		var streamOnly http2.StreamError
		if errors.As(theirError, &streamOnly) != (own.Stream != 0) {
			t.Errorf("%v %x: farcall ends stream %d, x/net says %v", h, payload, own.Stream, theirError)
		}
	})
}

// invalidSetting does what users of x/net's Framer do themselves. It leaves out the settings of later RFCs, which are
// unknown to farcall and so ignored.
func invalidSetting(read http2.Frame) error {
	settings, ok := read.(*http2.SettingsFrame)
	if !ok {
		return nil
	}
	return settings.ForeachSetting(func(s http2.Setting) error {
		if s.ID > http2.SettingMaxHeaderListSize {
			return nil
		}
		return s.Valid()
	})
}

// differs reports whether h is a frame that farcall refuses and x/net's Framer accepts or refuses otherwise.
func differs(h frame.Header, payload []byte) bool {
	if h.Stream == 0 {
		return false
	}
	switch h.Type {
	case frame.Priority:
		// RFC 9113 section 6.3 makes a wrong length a stream error, x/net a connection error. A stream that depends on
		// itself is a stream error; x/net leaves that to its server.
		return len(payload) != 5 || binary.BigEndian.Uint32(payload)&frame.LargestStream == h.Stream
	case frame.Headers:
		padding, rest := 0, payload
		if h.Flags.Has(frame.Padded) {
			if len(payload) == 0 {
				return false
			}
			padding, rest = int(payload[0]), payload[1:]
		}
		prefix := 0
		if h.Flags.Has(frame.HasPriority) {
			prefix = 5
		}
		if len(rest) < prefix {
			return false
		}
		// RFC 9113 section 6.2 makes too much padding a connection error, x/net a stream error.
		return padding > len(rest)-prefix || prefix > 0 && binary.BigEndian.Uint32(rest)&frame.LargestStream == h.Stream
	}
	return false
}

// randomBytes returns fewer than limit bytes, at least one.
func randomBytes(random *rand.Rand, limit int) []byte {
	data := make([]byte, 1+random.IntN(limit-1))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}
