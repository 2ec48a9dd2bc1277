// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"net"
	"testing"

	"github.com/farcall/farcall/internal/frame"
)

// busy returns a lone stream of a connection whose writer is at work, so that what is appended stays in the buffers. The
// stream has credit in plenty.
func busy(t *testing.T) *ClientStream {
	s := loneStream(t, Options{})
	c := s.conn
	c.mu.Lock()
	c.writing = true
	c.credit.credit, s.credit.credit = 1<<30, 1<<30
	c.mu.Unlock()
	return s
}

// settle lets c take the peer's SETTINGS, and returns what is sent behind their acknowledgement.
func settle(t *testing.T, c *Conn, settings ...frame.Setting) (behind []byte) {
	t.Helper()
	b := frame.AppendSettings(nil, settings...)
	if err := c.receiveSettings(frame.ParseHeader(b), b[frame.HeaderBytes:]); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for rest := join(c.fast, c.bulk); len(rest) > 0; {
		h := frame.ParseHeader(rest)
		rest = rest[frame.HeaderBytes+h.Length:]
		if h.Type == frame.Settings && h.Flags.Has(frame.Ack) {
			return rest
		}
	}
	t.Fatal("no acknowledgement")
	return nil
}

// TestNothingOldBehindAnAcknowledgement takes SETTINGS while frames made under the old ones wait: they must leave first.
func TestNothingOldBehindAnAcknowledgement(t *testing.T) {
	s := busy(t)
	c := s.conn
	settle(t, c, frame.Setting{ID: frame.MaxFrameSize, Value: 32 << 10})
	c.mu.Lock()
	c.fast = nil
	c.appendData(&s.stream, pattern(40_000), false)
	c.appendTrailers(&s.stream, okTrailers)
	c.mu.Unlock()
	behind := settle(t, c, frame.Setting{ID: frame.MaxFrameSize, Value: frame.SmallestMaxFrame}, frame.Setting{ID: frame.HeaderTableSize, Value: 0})
	for len(behind) > 0 {
		h := frame.ParseHeader(behind)
		switch {
		case h.Length > frame.SmallestMaxFrame:
			t.Errorf("%v of %d bytes behind the acknowledgement of a smaller MAX_FRAME_SIZE", h.Type, h.Length)
		case h.Type == frame.Headers && behind[frame.HeaderBytes] != 0x20:
			t.Error("a header block without the table's new size behind the acknowledgement of HEADER_TABLE_SIZE")
		}
		behind = behind[frame.HeaderBytes+h.Length:]
	}
}

// TestSettingsDoNotFillTheBuffers takes SETTINGS again and again while a peer that reads nothing is sent a large body.
func TestSettingsDoNotFillTheBuffers(t *testing.T) {
	s := busy(t)
	c := s.conn
	sending := make(chan error, 1)
	go func() { sending <- s.Send(context.Background(), pattern(32<<20), true) }()
	for range 100 {
		awaitBlocked(t, c, 1)
		settle(t, c, frame.Setting{ID: frame.MaxFrameSize, Value: frame.SmallestMaxFrame})
		c.mu.Lock()
		size := len(c.fast) + len(c.bulk)
		c.mu.Unlock()
		if size > fastBound+bulkBound {
			t.Fatalf("%d bytes wait to be written", size)
		}
	}
	s.Reset(frame.Cancel)
	<-sending
}

// A window below the protocol's default holds from the moment when the peer has taken our SETTINGS: before, it may send as
// much as ever, and what it has sent then is taken off.
func TestASmallerWindowBeginsWithItsAcknowledgement(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	peer := newScripted(t, clientEnd)
	wait := make(chan struct{})
	server := NewServer(serverEnd, serveFunc{serve: func(*ServerStream) { <-wait }}, Options{StreamWindow: 1000, MaxWindow: -1})
	done := make(chan struct{})
	go func() { serve(server); close(done) }()
	t.Cleanup(func() { server.Close(nil); close(wait); <-done })
	post := block(":method", "POST", ":scheme", "http", ":path", "/")
	for _, step := range []struct {
		script []byte
		want   string
	}{
		{join([]byte(frame.Preface), frame.AppendSettings(nil), headers(1, post, false), headers(3, post, false),
			frame.AppendData(nil, 1, make([]byte, 10_000), false), frame.AppendData(nil, 3, make([]byte, 600), false)), "ignored"},
		{join(frame.AppendSettingsAck(nil), headers(5, post, false), frame.AppendData(nil, 3, make([]byte, 400), false),
			frame.AppendData(nil, 5, make([]byte, 1000), false)), "ignored"},
		{frame.AppendData(nil, 1, []byte("x"), false), "RST_STREAM 1 FLOW_CONTROL_ERROR"},
		{frame.AppendData(nil, 3, []byte("x"), false), "RST_STREAM 3 FLOW_CONTROL_ERROR"},
		{frame.AppendData(nil, 5, []byte("x"), false), "RST_STREAM 5 FLOW_CONTROL_ERROR"},
	} {
		peer.send(join(step.script, frame.AppendPing(nil, false, [8]byte{1})))
		if got := peer.verdict(); got != step.want {
			t.Fatalf("answered with %s, want %s", got, step.want)
		}
		if step.want != "ignored" {
			peer.expect(frame.Ping)
		}
	}
}

// TestAResetDoesNotOvertakeAnEndedStream lets a breach come for a stream that has ended well on both sides, while its last
// DATA still waits to be written.
func TestAResetDoesNotOvertakeAnEndedStream(t *testing.T) {
	s := busy(t)
	c := s.conn
	c.mu.Lock()
	c.fast = nil
	s.peerDone = true
	c.appendData(&s.stream, pattern(40_000), true)
	c.closeIfDoneLocked(&s.stream)
	left := c.streams.get(s.id) != nil || s.queued == 0
	c.mu.Unlock()
	if left {
		t.Fatal("the stream has not ended with DATA in bulk")
	}
	c.refuse(&frame.Error{Stream: s.id, Code: frame.StreamClosed, Reason: "DATA on a closed stream"})
	c.mu.Lock()
	defer c.mu.Unlock()
	var last frame.Type
	for rest := join(c.fast, c.bulk); len(rest) > 0; {
		h := frame.ParseHeader(rest)
		rest, last = rest[frame.HeaderBytes+h.Length:], h.Type
	}
	if last != frame.ResetStream {
		t.Errorf("the last frame is %v", last)
	}
}

// TestNothingFollowsAHeadThatWasNotSent refuses the head of an answer, which is larger than the client allows: neither a
// body nor an end may go without it.
func TestNothingFollowsAHeadThatWasNotSent(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	accepted, done := make(chan *ServerStream, 1), make(chan struct{})
	defer close(done)
	c := NewServer(near, serveFunc{serve: func(s *ServerStream) { accepted <- s; <-done }}, Options{})
	defer c.Close(nil)
	c.mu.Lock()
	c.settings.maxHeaderList, c.writing = 1, true // nobody writes
	before := len(c.fast)
	c.mu.Unlock()
	if err := c.receiveBlock(1, true, getBlock, nil); err != nil {
		t.Fatal(err)
	}
	s := <-accepted
	if s.Start(okHead) == nil || s.Begin(okHead) == nil {
		t.Error("a head is sent that the client does not take")
	}
	if err := s.Send([]byte("body")); err != errNoHead {
		t.Errorf("Send: %v", err)
	}
	if err := s.Finish(nil); err != errNoHead {
		t.Errorf("Finish: %v", err)
	}
	c.mu.Lock()
	if len(c.fast) != before {
		t.Errorf("%d bytes were sent", len(c.fast)-before)
	}
	c.settings.maxHeaderList = noHeaderLimit
	c.mu.Unlock()
	if err := s.Start(okHead); err != nil {
		t.Errorf("Start, when the head fits: %v", err)
	}
	if err := s.Finish(nil); err != nil {
		t.Errorf("Finish, behind a head: %v", err)
	}
}
