// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// frameTap calls a function for each frame.
type frameTap func(sent bool, h frame.Header)

func (f frameTap) Head(*Conn, bool, uint32, exchange.Head, []byte)   {}
func (f frameTap) Frame(_ *Conn, sent bool, h frame.Header, _ []byte) { f(sent, h) }

// loneStream returns a client's stream whose frames a test delivers by itself: there is no reader. What the connection
// sends is thrown away.
func loneStream(t *testing.T, options Options) *ClientStream {
	near, far := net.Pipe()
	c := newConn(near, options)
	c.nextStream = 3
	s := &ClientStream{}
	c.initStream(&s.stream, 1)
	s.sent, s.headDone = s, true
	c.streams[1] = &s.stream
	thrown := make(chan struct{})
	go func() { io.Copy(io.Discard, far); close(thrown) }()
	t.Cleanup(func() {
		c.Close(nil)
		<-thrown
	})
	return s
}

// TestIntoKeepsTheOrder lets bytes arrive at the moment when Into gives credit for those it took from the buffer.
func TestIntoKeepsTheOrder(t *testing.T) {
	body := pattern(streamWindow)
	const before = streamWindow / 2 // enough to be worth a WINDOW_UPDATE
	var s *ClientStream
	at := before
	deliver := func(n int, end bool) {
		if err := s.deliver(body[at:at+n], 0, end, false); err != nil {
			t.Error(err)
		}
		at += n
	}
	s = loneStream(t, Options{Tap: frameTap(func(sent bool, h frame.Header) {
		if sent && h.Type == frame.WindowUpdate && at == before {
			deliver(100, false)
			go deliver(len(body)-at, true)
		}
	})})
	if err := s.deliver(body[:before], 0, false, false); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(body))
	n, err := s.Into(context.Background(), got)
	if n != len(body) || err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes of %d, %v; are they those that were sent? %v", n, len(body), err, bytes.Equal(got, body))
	}
}

// momentContext is a context that ends at the moment when somebody waits for its end, and just before lets what happens
// at that moment happen.
type momentContext struct {
	context.Context
	moment func()
}

func (c momentContext) Done() <-chan struct{} {
	c.moment()
	return c.Context.Done()
}

// TestContextEndsAsTheWaitDoes lets Into's context end when its bytes have just come: the stream must remain usable.
func TestContextEndsAsTheWaitDoes(t *testing.T) {
	body := pattern(1000)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for range 50 { // either end may be seen first
		s := loneStream(t, Options{})
		n, err := s.Into(momentContext{ended, func() { s.deliver(body[:10], 0, false, false) }}, make([]byte, 10))
		if n != 10 || err != nil && err != context.Canceled {
			t.Fatal(n, err)
		}
		go s.deliver(body[10:], 0, false, false)
		if err := s.Want(context.Background(), len(body)-10); err != nil {
			t.Fatalf("Want behind it: %v", err)
		}
		if !bytes.Equal(s.Next(len(body)-10), body[10:]) {
			t.Fatal("the bytes behind are others than were sent")
		}
	}
}
