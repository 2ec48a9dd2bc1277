// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// gathering returns two streams of a connection at whose writing somebody is, with so much credit for all.
func gathering(t *testing.T, credit int64) (c *Conn, first, second *ClientStream) {
	c, first, second = rivals(t)
	c.mu.Lock()
	c.writing = true
	c.credit.credit = credit
	c.mu.Unlock()
	t.Cleanup(func() {
		c.mu.Lock()
		c.fast, c.writing = nil, false
		c.mu.Unlock()
	})
	return c, first, second
}

func sendAll(t *testing.T, s *ClientStream, messages ...string) {
	t.Helper()
	for _, message := range messages {
		if err := s.Send(context.Background(), []byte(message), false); err != nil {
			t.Fatalf("%q: %v", message, err)
		}
	}
}

// appendedData returns the DATA that is queued for a stream.
func appendedData(c *Conn, id uint32) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var data strings.Builder
	for b := c.fast; len(b) > 0; {
		h := frame.ParseHeader(b)
		if h.Type == frame.Data && h.Stream == id {
			data.Write(b[frame.HeaderBytes : frame.HeaderBytes+h.Length])
		}
		b = b[frame.HeaderBytes+h.Length:]
	}
	return data.String()
}

func collectAll(c *Conn, reopen bool) {
	c.mu.Lock()
	c.collectAllLocked(reopen)
	c.mu.Unlock()
}

// TestGatheredMessagesTakeTheCreditOfTheirBytes is about what is left of the windows once the writer has come by.
func TestGatheredMessagesTakeTheCreditOfTheirBytes(t *testing.T) {
	c, first, second := gathering(t, 1<<20)
	sendAll(t, first, "a", "bc", "def")
	sendAll(t, second, "x")
	if got := appendedData(c, 1); got != "a" {
		t.Errorf("%q is appended before the writer comes by", got)
	}
	collectAll(c, true)
	if got := appendedData(c, 1); got != "abcdef" {
		t.Errorf("%q is appended", got)
	}
	if first.gather.state.Load()&gatherOpen == 0 || second.gather.state.Load()&gatherOpen != 0 {
		t.Error("who has gathered something goes on, and nobody else")
	}
	sendAll(t, first, "ghi")
	collectAll(c, true)
	collectAll(c, true) // nothing has come since
	if got := appendedData(c, 1); got != "abcdefghi" {
		t.Errorf("%q is appended", got)
	}
	if c.gathered != 0 || len(c.gathering) != 0 || first.gather.buffer != nil {
		t.Errorf("%d bytes of credit, %d streams and a buffer %v are held for nothing", c.gathered, len(c.gathering), first.gather.buffer)
	}
	if c.credit.credit != 1<<20-10 || first.credit.credit != 1<<20-9 || second.credit.credit != 1<<20-1 {
		t.Errorf("credit of %d, %d and %d is left", c.credit.credit, first.credit.credit, second.credit.credit)
	}
}

// TestGatheringLeavesOthersTheCredit is about a connection whose credit one stream has taken in advance, and another needs.
func TestGatheringLeavesOthersTheCredit(t *testing.T) {
	c, first, second := gathering(t, gatherLeast+3)
	sendAll(t, first, "a", "b") // with all the credit that there is
	if c.credit.credit != 0 || c.gathered == 0 {
		t.Fatalf("credit of %d is left, and %d is taken in advance", c.credit.credit, c.gathered)
	}
	sendAll(t, second, strings.Repeat("x", gatherLeast))
	if got := appendedData(c, 3); len(got) != gatherLeast {
		t.Errorf("%d bytes are appended", len(got))
	}
	if got := appendedData(c, 1); got != "ab" || c.credit.credit != 1 {
		t.Errorf("%q is appended, and credit of %d is left", got, c.credit.credit)
	}
}

// TestGatheredMessagesPrecedeWhatFollows is about a stream that has messages gathered when something else happens to it.
func TestGatheredMessagesPrecedeWhatFollows(t *testing.T) {
	failure := &Error{Code: frame.Cancel, Scope: StreamScope, Culprit: ByPeer}
	for name, happens := range map[string]struct {
		does  func(c *Conn, s *ClientStream)
		after error // of the next Send; nil for any
	}{
		"end":    {func(_ *Conn, s *ClientStream) { _ = s.Send(context.Background(), nil, true) }, nil},
		"reset":  {func(_ *Conn, s *ClientStream) { s.Reset(frame.Cancel) }, nil},
		"failed": {func(c *Conn, s *ClientStream) { c.mu.Lock(); c.removeLocked(&s.stream, failure); c.mu.Unlock() }, failure},
		"answered": {func(c *Conn, s *ClientStream) {
			s.mu.Lock()
			s.headDone = true
			s.mu.Unlock()
			_ = c.receiveData(frame.Header{Type: frame.Data, Flags: frame.EndStream, Stream: 1}, nil)
		}, io.EOF},
		"lost": {func(c *Conn, _ *ClientStream) { c.fail(failure, frame.NoError) }, failure},
	} {
		t.Run(name, func(t *testing.T) {
			c, first, _ := gathering(t, 1<<20)
			c.mu.Lock()
			c.taken = 1 // the stream's head has left
			c.mu.Unlock()
			sendAll(t, first, "a", "b", "c")
			happens.does(c, first)
			if got := appendedData(c, 1); got != "abc" {
				t.Errorf("%q is appended", got)
			}
			err := first.Send(context.Background(), []byte("d"), false)
			if err == nil || happens.after != nil && !errors.Is(err, happens.after) {
				t.Errorf("a Send after that: %v", err)
			}
			if c.gathered != 0 || len(c.gathering) != 0 {
				t.Errorf("%d bytes of credit and %d streams are held", c.gathered, len(c.gathering))
			}
		})
	}
}

// TestSpareMemoryMayMove is about a message in the stream's own memory while the writer comes by, and closes it.
func TestSpareMemoryMayMove(t *testing.T) {
	for name, closes := range map[string]bool{"open": false, "closed": true} {
		t.Run(name, func(t *testing.T) {
			c, first, _ := gathering(t, 1<<20)
			sendAll(t, first, "a", "first")
			spare := first.Spare()
			if spare == nil {
				t.Fatal("there is no spare memory")
			}
			message := spare[:copy(spare, strings.Repeat("xyz", 30))]
			collectAll(c, true)
			if closes {
				collectAll(c, true)
				if first.gather.buffer == nil {
					t.Fatal("the memory is given away while the sender uses it")
				}
			}
			if err := first.Send(context.Background(), message, false); err != nil {
				t.Fatal(err)
			}
			collectAll(c, false)
			if got, want := appendedData(c, 1), "afirst"+strings.Repeat("xyz", 30); got != want {
				t.Errorf("%q is appended, want %q", got, want)
			}
			if first.gather.buffer != nil {
				t.Error("the memory is kept")
			}
		})
	}
}

// TestManySmallMessagesBothWays sends messages as fast as it can on many streams at a time. Each must come, in its place.
func TestManySmallMessagesBothWays(t *testing.T) {
	const streams, messages = 16, 2000
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: func(s *ServerStream) {
			err := s.Start(exchange.Head{Fields: []exchange.Field{{Name: ":status", Value: "200"}}})
			for err == nil {
				if err = s.Want(context.Background(), 1); err == nil {
					ready := s.Ready(100)
					message := ready
					if spare := s.Spare(); len(spare) >= len(ready) && len(ready)%2 == 0 {
						message = spare[:copy(spare, ready)]
					}
					err = s.Send(message)
					s.Next(len(ready))
				}
			}
			if err == io.EOF {
				_ = s.Finish(nil)
			}
			s.Release()
		}}, Options{}, Options{})
		ctx := withTimeout(t)
		done := make(chan error, streams)
		for n := range streams {
			go func() { done <- converse(ctx, client, uint64(n), messages) }()
		}
		for range streams {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// converse sends messages, whose content it knows, and checks what comes back.
func converse(ctx context.Context, c *Conn, seed uint64, messages int) error {
	s, err := c.Open(ctx, postHead, nil, false)
	if err != nil {
		return err
	}
	defer s.Close()
	sent := make(chan error, 1)
	total := 0
	for i := range messages {
		total += i%90 + 1
	}
	go func() {
		at := 0
		for i := range messages {
			to := at + i%90 + 1
			message := contents(seed, at, to)
			if spare := s.Spare(); spare != nil && i%3 > 0 {
				message = spare[:copy(spare, message)]
			}
			if err := s.Send(ctx, message, to == total); err != nil {
				sent <- err
				return
			}
			at = to
		}
		sent <- nil
	}()
	for at := 0; at < total; {
		if err := s.Want(ctx, 1); err != nil {
			return err
		}
		ready := s.Next(s.Buffered())
		if !bytes.Equal(ready, contents(seed, at, at+len(ready))) {
			return errors.New("what came back is not what was sent")
		}
		at += len(ready)
	}
	return <-sent
}
