// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// Peers that keep to the protocol and are a burden all the same.

// TestTinyFrames takes a body in frames of one byte, with empty ones between them.
func TestTinyFrames(t *testing.T) {
	const size = 300_000 // more than the stream's window
	taken := make(chan []byte, 1)
	_, peer := scriptedClient(t, serveFunc{serve: func(s *ServerStream) {
		if s.WantEnd(context.Background(), size) == nil {
			taken <- bytes.Clone(s.Next(s.Buffered()))
		}
		s.Answer(okHead, nil, okTrailers)
	}}, Options{})
	body := pattern(size)
	peer.send(headers(1, getBlock, false))
	var frames []byte
	for at, credit := 0, streamWindow; at < size; {
		frames = frames[:0]
		for ; at < size && credit > 0 && len(frames) < readBuffer; at++ {
			frames = frame.AppendData(frames, 1, body[at:at+1], at == size-1)
			credit--
			if at%3 == 0 && at < size-1 {
				frames = frame.AppendData(frames, 1, nil, false)
			}
		}
		peer.send(frames)
		for credit == 0 && at < size {
			h, payload, err := peer.next()
			if err != nil {
				t.Fatal(err)
			}
			if h.Type == frame.WindowUpdate && h.Stream == 1 {
				increment, _ := frame.ParseWindowUpdate(h, payload)
				credit += int(increment)
			}
		}
	}
	select {
	case got := <-taken:
		if !bytes.Equal(got, body) {
			t.Errorf("%d bytes came, want %d", len(got), len(body))
		}
	case <-time.After(10 * time.Second):
		t.Error("the body never came")
	}
}

// TestTinyWindows takes an answer for which the client gives credit byte by byte.
func TestTinyWindows(t *testing.T) {
	body := pattern(3000)
	server, peer := scriptedClient(t, serveFunc{serve: func(s *ServerStream) { s.Answer(okHead, body, okTrailers) }}, Options{})
	peer.send(join(frame.AppendSettings(nil, frame.Setting{ID: frame.InitialWindowSize, Value: 0}), headers(1, getBlock, true)))
	var got []byte
	for ended := false; !ended; {
		h, payload, err := peer.next()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case h.Type == frame.Data:
			got = append(got, payload...)
			if len(payload) != 1 {
				t.Fatalf("%d bytes of DATA for a credit of one", len(payload))
			}
			fallthrough
		case h.Type == frame.Headers:
			if ended = h.Flags.Has(frame.EndStream); !ended && len(got) < len(body) {
				peer.send(frame.AppendWindowUpdate(nil, 1, 1))
			}
		}
	}
	if !bytes.Equal(got, body) {
		t.Errorf("%d bytes came, want %d", len(got), len(body))
	}
	if err := server.Err(); err != nil {
		t.Error(err)
	}
}

// TestResetFlood opens streams and resets them at once: no more handlers run than may, and all of them end.
func TestResetFlood(t *testing.T) {
	const most = 50
	server, peer := scriptedClient(t, serveFunc{serve: echo}, Options{MaxConcurrentStreams: most})
	thrown := make(chan string, 1)
	go func() { thrown <- peer.verdictOfPing(9) }()
	var frames []byte
	for id := uint32(1); id < 2*mostPatience/2; id += 2 { // each costs two points at most
		frames = append(append(frames, headers(id, getBlock, id%4 == 1)...), frame.AppendResetStream(nil, id, frame.Cancel)...)
		if len(frames) > readBuffer {
			peer.send(frames)
			frames = frames[:0]
			server.mu.Lock()
			handling := server.places.handling
			server.mu.Unlock()
			if handling > most {
				t.Fatalf("%d handlers run, %d may", handling, most)
			}
		}
	}
	peer.send(append(frames, frame.AppendPing(nil, false, [8]byte{9})...))
	if got := <-thrown; got != "" {
		t.Errorf("the flood is answered with %s", got)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		server.mu.Lock()
		streams, handling := server.streams.len(), server.places.handling
		server.mu.Unlock()
		if streams == 0 && handling == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d streams and %d handlers are left", streams, handling)
		}
	}
}

// verdictOfPing reads until a ping comes back, and returns the name of what ended the connection before that.
func (p *scripted) verdictOfPing(number byte) string {
	for {
		h, payload, err := p.next()
		switch {
		case err != nil:
			return err.Error()
		case h.Type == frame.GoAway:
			return h.Type.String()
		case h.Type == frame.Ping && h.Flags.Has(frame.Ack) && payload[0] == number:
			return ""
		}
	}
}

// TestRequestsWaitForAClientThatDoesNotRead makes a request on a connection whose out-buffer is full of answers: it is
// accepted when there is room, or when the reader has waited for a moment, and not before.
func TestRequestsWaitForAClientThatDoesNotRead(t *testing.T) {
	for _, drains := range []bool{true, false} {
		near, far := net.Pipe()
		defer far.Close()
		accepted := make(chan struct{}, 1)
		c := NewServer(near, serveFunc{serve: func(*ServerStream) { accepted <- struct{}{} }}, Options{})
		defer c.Close(nil)
		c.mu.Lock()
		c.writing = true // by somebody who gets nowhere
		c.fast = append(c.fast, make([]byte, fastBound)...)
		c.mu.Unlock()
		received := make(chan error, 1)
		go func() { received <- c.receiveBlock(1, true, getBlock, nil) }()
		for {
			c.mu.Lock()
			waits := len(c.room) == 1
			if drains && waits {
				c.takeLocked()
			}
			c.mu.Unlock()
			if waits {
				break
			}
			select {
			case err := <-received:
				t.Fatalf("the reader does not wait: %v", err)
			default:
			}
		}
		if err := <-received; err != nil {
			t.Fatal(err)
		}
		await(t, "the request's handler", accepted)
		c.mu.Lock()
		if len(c.room) != 0 {
			t.Error("the reader still waits")
		}
		c.mu.Unlock()
	}
}
