// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// path is a way between two ends, as arithmetic: a sender that fills its window gets so many bytes through in a round trip.
type path struct {
	rate float64 // bytes per second
	trip time.Duration
}

// measured returns what a measurement over the path sees when credit is given for half of a window.
func (p path) measured(window int) (bytes int, took time.Duration) {
	half := float64(window) / 2
	return int(half), max(p.trip, time.Duration(half/p.rate*float64(time.Second)))
}

func TestWindowGrowsToWhatThePathCarries(t *testing.T) {
	for name, p := range map[string]path{
		"near":          {1e9, 100 * time.Microsecond}, // 100 KB in a round trip
		"a continent":   {50e6, 40 * time.Millisecond}, // 2 MB
		"satellite":     {10e6, 600 * time.Millisecond},
		"more than all": {1e9, 100 * time.Millisecond},
		"slow and near": {1e5, 10 * time.Millisecond},
	} {
		b := bandwidth{window: streamWindow, largest: grownWindow}
		now, measurements, rounds := time.Unix(1, 0), 0, 10_000
		for range rounds {
			if !b.due() {
				continue
			}
			measurements++
			b.begin(now)
			bytes, took := p.measured(b.window)
			b.received(bytes)
			now = now.Add(took)
			b.end(now)
		}
		carries := p.rate * p.trip.Seconds()
		if enough := min(carries, grownWindow); float64(b.window) < enough {
			t.Errorf("%s: the window is %d, the path carries %.0f", name, b.window, carries)
		}
		if b.window > 2*streamWindow && float64(b.window) > 8*carries {
			t.Errorf("%s: the window is %d, and the path carries no more than %.0f", name, b.window, carries)
		}
		if measurements > rounds/mostUnmeasured+20 {
			t.Errorf("%s: %d measurements in %d grants", name, measurements, rounds)
		}
	}
}

// A window does not grow with a queue: the PING stands in it, and the path is as short as it was at first.
func TestWindowsDoNotGrowWithAQueue(t *testing.T) {
	for _, test := range []struct {
		trip time.Duration
		most int
	}{{100 * time.Microsecond, 430_000}, {time.Millisecond, 4_300_000}, {10 * time.Millisecond, grownWindow}} {
		b := bandwidth{window: streamWindow, largest: grownWindow}
		b.answered(test.trip)
		now := time.Unix(1, 0)
		for rate := 1e9; rate < 1e12; rate *= 1.1 { // ever faster, so that nothing else stops it
			b.skip = 0
			b.begin(now)
			b.received(b.window)
			now = now.Add(max(test.trip, time.Duration(float64(b.window)/rate*float64(time.Second))))
			b.end(now)
		}
		if b.window > test.most || b.window < test.most*9/10 {
			t.Errorf("on a path of %v the window is %d, want about %d", test.trip, b.window, test.most)
		}
	}
}

func TestBandwidthOfNothing(t *testing.T) {
	b := bandwidth{window: streamWindow, largest: grownWindow}
	if b.end(time.Unix(1, 0)) != 0 {
		t.Error("an answer without a measurement makes the window grow")
	}
	b.begin(time.Unix(1, 0))
	if b.due() {
		t.Error("two measurements at a time")
	}
	if b.received(100); b.end(time.Unix(1, 0)) != 0 { // in no time at all
		t.Error("a trickle makes the window grow")
	}
	fixed := bandwidth{window: streamWindow}
	if fixed.due() {
		t.Error("a window that may not grow is measured")
	}
}

// sendData makes a scripted peer send n bytes of a body in frames that everybody takes.
func (p *scripted) sendData(stream uint32, n int) {
	p.t.Helper()
	var b []byte
	for n > 0 {
		size := min(n, frame.SmallestMaxFrame)
		b = frame.AppendData(b, stream, make([]byte, size), false)
		n -= size
	}
	p.send(b)
}

// answered begins a call to a scripted server, which answers with a head.
func answered(t *testing.T, client *Conn, peer *scripted) *ClientStream {
	t.Helper()
	s, err := client.Open(withTimeout(t), postHead, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	h, _ := peer.expect(frame.Headers)
	peer.send(frame.AppendHeaders(nil, h.Stream, []byte{0x88}, false, frame.SmallestMaxFrame)) // :status 200
	return s
}

// TestWindowsGrowForAllStreams lets a server fill its window in a round trip: the stream, another one and those to come get
// larger windows, and so does the connection.
func TestWindowsGrowForAllStreams(t *testing.T) {
	const window = 64 << 10
	client, peer := scriptedServer(t, Options{StreamWindow: window, ConnectionWindow: window, MaxWindow: 4 * window})
	other, s := answered(t, client, peer), answered(t, client, peer)
	client.mu.Lock()
	client.bandwidth.trip = time.Second // SETTINGS were acknowledged within the machine, where no window needs to grow
	client.mu.Unlock()

	peer.sendData(s.ID(), window/2)
	if n, err := s.Into(withTimeout(t), make([]byte, window/2)); err != nil {
		t.Fatal(n, err)
	}
	h, payload := peer.expect(frame.Ping)
	if h.Flags.Has(frame.Ack) || [8]byte(payload) != bandwidthPing {
		t.Fatalf("PING %v %q", h.Flags, payload)
	}
	peer.sendData(s.ID(), window/2)
	time.Sleep(time.Millisecond) // a path's round trip
	peer.send(frame.AppendPing(nil, true, bandwidthPing))
	_, payload = peer.expect(frame.Settings)
	if got := frame.SettingID(binary.BigEndian.Uint16(payload)); got != frame.InitialWindowSize || len(payload) != 6 {
		t.Fatalf("SETTINGS % x", payload)
	}
	grown := int(binary.BigEndian.Uint32(payload[2:]))
	if grown < 2*window || grown > 4*window {
		t.Fatalf("INITIAL_WINDOW_SIZE %d after %d", grown, window)
	}
	for connection := 0; connection < window; { // what was consumed on the way, and the growth
		h, payload := peer.expect(frame.WindowUpdate)
		if h.Stream == 0 {
			connection += int(binary.BigEndian.Uint32(payload))
		}
	}
	peer.send(frame.AppendSettingsAck(nil))
	peer.sendData(other.ID(), window+1) // more than there was
	if _, err := other.Into(withTimeout(t), make([]byte, window+1)); err != nil {
		t.Errorf("what the larger window allows was refused: %v", err)
	}
	later := answered(t, client, peer)
	if got := later.window.open; got != grown {
		t.Errorf("a stream opened later has a window of %d, want %d", got, grown)
	}
}

// TestServersWindowsGrowOnAnUpload is the same for a client that sends: a server that reads gives it more to send ahead.
func TestServersWindowsGrowOnAnUpload(t *testing.T) {
	const window = 64 << 10
	reads := serveFunc{serve: func(s *ServerStream) {
		for taken := make([]byte, 4096); ; {
			if _, err := s.Into(context.Background(), taken); err != nil {
				return
			}
		}
	}}
	_, peer := scriptedClient(t, reads, Options{StreamWindow: window, ConnectionWindow: window, MaxWindow: 4 * window})
	peer.send(headers(1, block(":method", "POST", ":scheme", "http", ":path", "/upload"), false))
	peer.sendData(1, window/2)
	for { // what was consumed may be given back meanwhile
		h, payload := peer.expect(frame.Ping)
		if !h.Flags.Has(frame.Ack) && [8]byte(payload) == bandwidthPing {
			break
		}
	}
	peer.sendData(1, window/2)
	peer.send(frame.AppendPing(nil, true, bandwidthPing))
	_, payload := peer.expect(frame.Settings)
	if got := frame.SettingID(binary.BigEndian.Uint16(payload)); got != frame.InitialWindowSize || len(payload) != 6 {
		t.Fatalf("SETTINGS % x", payload)
	}
	if grown := binary.BigEndian.Uint32(payload[2:]); grown < 2*window || grown > 4*window {
		t.Errorf("INITIAL_WINDOW_SIZE %d after %d", grown, window)
	}
}

// TestNothingIsMeasuredForASlowConsumer sends a window's worth that nobody takes.
func TestNothingIsMeasuredForASlowConsumer(t *testing.T) {
	client, peer := scriptedServer(t, Options{StreamWindow: 64 << 10, ConnectionWindow: 1 << 20})
	s := answered(t, client, peer)
	peer.sendData(s.ID(), 64<<10)
	peer.roundTrip()
	client.mu.Lock()
	defer client.mu.Unlock()
	if client.bandwidth.measuring || client.bandwidth.window != 64<<10 {
		t.Errorf("%+v", client.bandwidth)
	}
}

// TestOptionsAreAnnounced looks at the first frames of either role.
func TestOptionsAreAnnounced(t *testing.T) {
	options := Options{HeaderTableBytes: 100, MaxFrameBytes: 50_000, StreamWindow: 70_000, ConnectionWindow: 80_000, MaxHeaderListBytes: 9000}
	b := options.withDefaults()
	rest := b.appendSettings(nil, frame.Setting{ID: frame.EnablePush})
	h := frame.ParseHeader(rest)
	got := map[frame.SettingID]uint32{}
	if err := frame.ParseSettings(h, rest[frame.HeaderBytes:frame.HeaderBytes+h.Length], func(s frame.Setting) error { got[s.ID] = s.Value; return nil }); err != nil {
		t.Fatal(err)
	}
	want := map[frame.SettingID]uint32{frame.EnablePush: 0, frame.HeaderTableSize: 100, frame.MaxFrameSize: 50_000,
		frame.InitialWindowSize: 70_000, frame.MaxHeaderListSize: 9000}
	for id, value := range want {
		if got[id] != value {
			t.Errorf("%v %d, want %d", id, got[id], value)
		}
	}
	rest = rest[frame.HeaderBytes+h.Length:]
	if h := frame.ParseHeader(rest); h.Type != frame.WindowUpdate || binary.BigEndian.Uint32(rest[frame.HeaderBytes:]) != 80_000-defaultWindow {
		t.Errorf("%v % x", h, rest)
	}
	small := Options{ConnectionWindow: 100, StreamWindow: -1, HeaderTableBytes: -1, MaxWindow: -1, MaxFrameBytes: 5}.withDefaults()
	if small.ConnectionWindow != defaultWindow || small.StreamWindow != 0 || small.HeaderTableBytes != 0 || small.MaxWindow != 0 || small.MaxFrameBytes != frame.SmallestMaxFrame {
		t.Errorf("%+v", small)
	}
}

// TestLargeFrames sends frames as large as the options allow, and one byte more.
func TestLargeFrames(t *testing.T) {
	const most = 300_000
	options := Options{MaxFrameBytes: most, StreamWindow: 2 << 20}
	client, peer := scriptedServer(t, options)
	s := answered(t, client, peer)
	body := pattern(most)
	peer.send(frame.AppendData(nil, s.ID(), body, false))
	got := make([]byte, most)
	if n, err := s.Into(withTimeout(t), got); err != nil || string(got) != string(body) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	peer.send(frame.AppendData(nil, s.ID(), []byte("x"), false))
	if _, err := s.Into(withTimeout(t), got[:1]); err != nil || got[0] != 'x' {
		t.Fatalf("%q behind a large frame, %v", got[0], err)
	}
	peer.send(frame.AppendHeader(nil, frame.Header{Length: most + 1, Type: frame.Data, Stream: s.ID()}))
	if _, payload := peer.expect(frame.GoAway); frame.ErrorCode(binary.BigEndian.Uint32(payload[4:])) != frame.FrameSizeError {
		t.Errorf("GOAWAY % x", payload)
	}
}

// TestCompressionTablesOfAnySize makes requests between ends whose tables differ.
func TestCompressionTablesOfAnySize(t *testing.T) {
	for _, sizes := range [][2]int{{-1, -1}, {-1, 100}, {300, 64 << 10}, {64 << 10, 64 << 10}} {
		clientEnd, serverEnd := modes["tcp"](t)
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{HeaderTableBytes: sizes[0]}, Options{HeaderTableBytes: sizes[1]})
		for range 3 {
			head := postHead
			head.Fields = []exchange.Field{{Name: "a-name", Value: "a value"}}
			if got, err := call(withTimeout(t), client, head, []byte("body")); err != nil || string(got) != "body" {
				t.Errorf("tables of %d and %d: %q, %v", sizes[0], sizes[1], got, err)
			}
		}
	}
}
