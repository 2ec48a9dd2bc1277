// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// sentTap calls a function for each frame that is sent.
type sentTap func(h frame.Header, payload []byte)

func (f sentTap) Head(*Conn, bool, uint32, exchange.Head, []byte) {}

func (f sentTap) Frame(_ *Conn, sent bool, h frame.Header, payload []byte) {
	if sent {
		f(h, payload)
	}
}

// loneStream returns a client's stream whose frames a test delivers by itself: there is no reader. What the connection
// sends is thrown away.
func loneStream(t *testing.T, options Options) *ClientStream {
	near, far := net.Pipe()
	c := newConn(near, options)
	c.nextStream = 3
	s := &ClientStream{}
	c.initStream(&s.stream, 1)
	s.sent, s.headDone = s, true
	c.streams.put(&s.stream)
	thrown := make(chan struct{})
	go func() { io.Copy(io.Discard, far); close(thrown) }()
	t.Cleanup(func() {
		c.Close(nil)
		<-thrown
	})
	return s
}

// deliverBatch is what the reader does with a batch of one frame.
func (s *stream) deliverBatch(data []byte, padding int, end, held bool) error {
	err := s.deliver(data, padding, end, held)
	s.conn.wakeLate()
	return err
}

// TestIntoKeepsTheOrder lets bytes arrive at the moment when Into gives credit for those it took from the buffer.
func TestIntoKeepsTheOrder(t *testing.T) {
	body := pattern(streamWindow)
	const before = streamWindow / 2 // enough to be worth a WINDOW_UPDATE
	var s *ClientStream
	at := before
	deliver := func(n int, end bool) {
		if err := s.deliverBatch(body[at:at+n], 0, end, false); err != nil {
			t.Error(err)
		}
		at += n
	}
	s = loneStream(t, Options{Tap: sentTap(func(h frame.Header, _ []byte) {
		if h.Type == frame.WindowUpdate && at == before {
			deliver(100, false)
			go deliver(len(body)-at, true)
		}
	})})
	if err := s.deliverBatch(body[:before], 0, false, false); err != nil {
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
		n, err := s.Into(momentContext{ended, func() { s.deliverBatch(body[:10], 0, false, false) }}, make([]byte, 10))
		if n != 10 || err != nil && err != context.Canceled {
			t.Fatal(n, err)
		}
		go s.deliverBatch(body[10:], 0, false, false)
		if err := s.Want(context.Background(), len(body)-10); err != nil {
			t.Fatalf("Want behind it: %v", err)
		}
		if !bytes.Equal(s.Next(len(body)-10), body[10:]) {
			t.Fatal("the bytes behind are others than were sent")
		}
	}
}

// awaitWaiter waits until the stream's consumer waits.
func awaitWaiter(t *testing.T, s *stream) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Microsecond) {
		s.mu.Lock()
		waits := s.waiter != nil
		s.mu.Unlock()
		if waits {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
	}
}

// TestPaddingEarnsCredit sends a body in which padding is more than data to somebody who waits for all of it.
func TestPaddingEarnsCredit(t *testing.T) {
	credit := streamWindow
	s := loneStream(t, Options{})
	s.conn.options.Tap = sentTap(func(h frame.Header, payload []byte) {
		if increment, err := frame.ParseWindowUpdate(h, payload); h.Stream == 1 && err == nil {
			credit += int(increment)
		}
	})
	ended := make(chan error, 1)
	go func() { ended <- s.WantEnd(context.Background(), plenty) }()
	awaitWaiter(t, &s.stream)
	data, padding := pattern(100), 256
	for i := range 3000 {
		if credit -= len(data) + padding; credit < 0 {
			t.Fatalf("after %d bytes the peer has no credit left for more", i*len(data))
		}
		if err := s.deliverBatch(data, padding, false, false); err != nil {
			t.Fatal(err)
		}
	}
	s.deliverBatch(nil, 0, true, false)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestPaddingOfTheLastFrameIsReturned checks that the connection's credit for padding comes back under pressure, when it
// is held back until data are consumed.
func TestPaddingOfTheLastFrameIsReturned(t *testing.T) {
	s := loneStream(t, Options{})
	s.deliverBatch(pattern(10), 5, true, true)
	s.Next(10)
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if got := s.conn.window.owed; got != 15 {
		t.Errorf("%d bytes of connection credit are to be given back, want 15", got)
	}
}

func TestDataBeforeTheHeadIsABreach(t *testing.T) {
	s := loneStream(t, Options{})
	s.headDone = false
	var breach *frame.Error
	if err := s.deliverBatch(pattern(10), 0, true, true); !errors.As(err, &breach) || breach.Stream != 1 || breach.Code != frame.ProtocolError {
		t.Errorf("DATA before HEADERS: %v", err)
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if got := s.conn.window.owed; got != 10 {
		t.Errorf("%d bytes of connection credit are to be given back, want 10", got)
	}
}

// TestBuffersAreNoLargerThanTheWindow lets as much come as may, in parts, while the consumer takes little or nothing.
func TestBuffersAreNoLargerThanTheWindow(t *testing.T) {
	for _, taken := range []int{0, 1000, 16_000} {
		s := loneStream(t, Options{MaxWindow: -1})
		for range 200 {
			s.mu.Lock()
			open := s.window.open
			s.mu.Unlock()
			if err := s.deliverBatch(pattern(min(16_000, open)), 0, false, false); err != nil {
				t.Fatal(err)
			}
			s.Next(min(taken, s.Buffered()))
		}
		s.mu.Lock()
		const roomy = streamWindow / 64 // see package buffer
		if have := cap(s.in.B); have > 2*(streamWindow+roomy) {
			t.Errorf("with %d bytes taken at a time, the buffer has room for %d", taken, have)
		}
		if have := cap(s.in.B); taken == 0 && have > streamWindow+roomy {
			t.Errorf("with nothing taken, the buffer has room for %d", have)
		}
		s.mu.Unlock()
		s.Next(s.Buffered())
	}
}

// TestWakesAtTheEndOfABatch delivers two frames of one batch to a consumer that waits for the first.
func TestWakesAtTheEndOfABatch(t *testing.T) {
	s := loneStream(t, Options{})
	found := make(chan []byte)
	go func() {
		if err := s.Want(context.Background(), 1); err != nil {
			t.Error(err)
		}
		found <- append([]byte(nil), s.Ready(100)...)
	}()
	awaitWaiter(t, &s.stream)
	for _, part := range []string{"first ", "second"} {
		if err := s.deliver([]byte(part), 0, false, false); err != nil {
			t.Fatal(err)
		}
	}
	s.conn.wakeLate()
	if got := string(<-found); got != "first second" {
		t.Errorf("the consumer found %q", got)
	}
	if got := string(s.Next(s.Buffered())); got != "first second" {
		t.Errorf("Ready has taken something: %q is left", got)
	}
}

func TestPeekTakesNothing(t *testing.T) {
	s := loneStream(t, Options{})
	if err := s.deliverBatch([]byte("hello"), 0, false, false); err != nil {
		t.Fatal(err)
	}
	view := s.Peek(5)
	if err := s.deliverBatch(pattern(10_000), 0, false, false); err != nil { // which the buffer has no room for
		t.Fatal(err)
	}
	if string(view) != "hello" || s.Buffered() != 10_005 {
		t.Errorf("%q was seen, %d bytes are left", view, s.Buffered())
	}
	if got := string(s.Next(5)); got != "hello" {
		t.Errorf("Next takes %q", got)
	}
	if s.Peek(0) != nil {
		t.Error("nothing was to be seen")
	}
	s.Next(s.Buffered())
}
