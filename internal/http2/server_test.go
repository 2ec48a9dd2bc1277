// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// acceptFunc is a Handler that only accepts.
type acceptFunc func(s *ServerStream)

func (f acceptFunc) Accept(s *ServerStream)     { f(s) }
func (f acceptFunc) Ended(*ServerStream, error) {}
func (f acceptFunc) Overdue(*ServerStream)      {}

// scriptedClient runs a server with handler, and returns it with a scripted client that has shaken hands.
func scriptedClient(t *testing.T, handler Handler, options Options) (*Conn, *scripted) {
	t.Helper()
	clientEnd, serverEnd := modes["tcp"](t)
	peer := newScripted(t, clientEnd)
	server := NewServer(serverEnd, handler, options)
	done := make(chan struct{})
	go func() { serve(server); close(done) }()
	t.Cleanup(func() { server.Close(nil); <-done })
	peer.send(join([]byte(frame.Preface), frame.AppendSettings(nil)))
	for {
		if h, _, err := peer.next(); err != nil {
			t.Fatal(err)
		} else if h.Type == frame.Settings && h.Flags.Has(frame.Ack) {
			return server, peer
		}
	}
}

// await waits for a signal that must come.
func await(t *testing.T, what string, signal <-chan struct{}) {
	t.Helper()
	select {
	case <-signal:
	case <-time.After(10 * time.Second):
		t.Fatal(what + " never happened")
	}
}

// TestReadyMayLockWhatTheAnswerHolds answers a request for whose bytes OnReady waits, under a lock that the function of
// OnReady takes as well.
func TestReadyMayLockWhatTheAnswerHolds(t *testing.T) {
	ready, answered := make(chan struct{}), make(chan struct{})
	_, peer := scriptedClient(t, acceptFunc(func(s *ServerStream) {
		var mu sync.Mutex
		s.OnReady(10, func(s *ServerStream, _ bool) {
			mu.Lock()
			defer mu.Unlock()
			close(ready)
		})
		go func() {
			defer s.Release()
			mu.Lock()
			defer mu.Unlock()
			s.Answer(okHead, nil, okTrailers)
			close(answered)
		}()
	}), Options{})
	peer.send(headers(1, getBlock, false))
	await(t, "the end of Answer", answered)
	await(t, "the call of OnReady's function", ready)
}

// TestReadyForMoreThanTheWindow waits with OnReady for more than the stream's window holds.
func TestReadyForMoreThanTheWindow(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, _ := connect(t, clientEnd, serverEnd, acceptFunc(func(s *ServerStream) {
			s.OnReady(3*streamWindow, func(s *ServerStream, _ bool) { go func() { echo(s); s.Release() }() })
		}), Options{}, Options{})
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := call(ctx, client, postHead, pattern(4*streamWindow)); err != nil {
			t.Error(err)
		}
	})
}

// TestResetsThatNobodyTakesEndTheConnection lets a client break the protocol in one stream after another, and take none of
// the resets that answer that.
func TestResetsThatNobodyTakesEndTheConnection(t *testing.T) {
	near, far := net.Pipe() // nobody reads
	defer far.Close()
	c := NewServer(near, acceptFunc(func(s *ServerStream) { s.Release() }), Options{})
	defer c.Close(nil)
	c.mu.Lock()
	c.settings.came = true
	c.flush()
	breach := join(headers(1, getBlock, false), frame.AppendWindowUpdate(nil, 1, 1<<31-1))
	for id := uint32(1); c.Err() == nil; id += 2 {
		if id > 100_000 {
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Fatalf("%d bytes wait to be written", len(c.fast))
		}
		binary.BigEndian.PutUint32(breach[5:], id)
		binary.BigEndian.PutUint32(breach[len(breach)-8:], id)
		c.reader.end = copy(c.reader.free(), breach)
		c.reader.start = 0
		if err := c.parse(); err != nil {
			t.Fatal(err)
		}
		c.endBatch()
	}
	var failure *Error
	if err := c.Err(); !errors.As(err, &failure) || failure.Code != frame.EnhanceYourCalm {
		t.Error(err)
	}
}

// TestTrailersEndARequestThatWasAnswered ends a request with trailers after its answer: that closes the stream, and there is
// nothing to reset.
func TestTrailersEndARequestThatWasAnswered(t *testing.T) {
	server, peer := scriptedClient(t, serveFunc{serve: func(s *ServerStream) { s.Answer(okHead, nil, okTrailers) }}, Options{})
	peer.send(headers(1, getBlock, false))
	for {
		if h, _, err := peer.next(); err != nil {
			t.Fatal(err)
		} else if h.Flags.Has(frame.EndStream) {
			break
		}
	}
	peer.send(join(headers(1, block("a", "b"), true), frame.AppendPing(nil, false, [8]byte{1})))
	if got := peer.verdict(); got != "ignored" {
		t.Errorf("the trailers are answered with %s", got)
	}
	if n := server.Active(); n != 0 {
		t.Errorf("%d streams are open", n)
	}
}

// TestAllThatWasReceivedIsTaken hands more over than a read takes.
func TestAllThatWasReceivedIsTaken(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	received := join([]byte(frame.Preface), frame.AppendSettings(nil))
	for len(received) < 2*readBuffer {
		received = append(received, raw(1000, 0x42, 0, 0, pattern(1000)...)...) // unknown frames are ignored
	}
	received = append(received, frame.AppendPing(nil, false, [8]byte{1})...)
	server := NewServer(serverEnd, acceptFunc(nil), Options{Received: received})
	done := make(chan struct{})
	go func() { serve(server); close(done) }()
	t.Cleanup(func() { server.Close(nil); <-done })
	if got := newScripted(t, clientEnd).verdict(); got != "ignored" {
		t.Errorf("the ping at its end is answered with %s", got)
	}
}

// TestAStreamIsResetOnce finds a breach in a stream that the handler resets in the same moment.
func TestAStreamIsResetOnce(t *testing.T) {
	resets := 0
	s := loneStream(t, Options{Tap: sentTap(func(h frame.Header, _ []byte) {
		if h.Type == frame.ResetStream {
			resets++
		}
	})})
	s.Reset(frame.Cancel)
	s.conn.refuse(&frame.Error{Stream: 1, Code: frame.ProtocolError, Reason: "a test's"})
	if resets != 1 {
		t.Errorf("%d resets", resets)
	}
}
