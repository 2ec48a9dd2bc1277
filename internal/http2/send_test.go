// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
)

// rivals returns two streams of one connection that have credit of their own, while the connection has none.
func rivals(t *testing.T) (c *Conn, first, second *ClientStream) {
	first = loneStream(t, Options{})
	c = first.conn
	second = &ClientStream{}
	c.initStream(&second.stream, 3)
	second.sent = second
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nextStream = 5
	c.streams.put(&second.stream)
	first.credit.credit, second.credit.credit = 1<<20, 1<<20
	c.credit.credit = 0
	return c, first, second
}

// awaitBlocked waits until so many streams wait for credit.
func awaitBlocked(t *testing.T, c *Conn, streams int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Microsecond) {
		c.mu.Lock()
		n := len(c.blocked)
		c.mu.Unlock()
		if n == streams {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d streams wait, want %d", n, streams)
		}
	}
}

// TestWakeIsPassedOnWhenContextEnds gives credit to a sender whose context ends at that moment: the next in the queue
// gets it.
func TestWakeIsPassedOnWhenContextEnds(t *testing.T) {
	for range 30 { // either end may be seen first
		c, first, second := rivals(t)
		ctx, cancel := context.WithCancel(context.Background())
		sent := make(chan error, 1)
		var once sync.Once
		err := first.Send(momentContext{ctx, func() {
			once.Do(func() {
				go func() { sent <- second.Send(context.Background(), pattern(5000), true) }()
				awaitBlocked(t, c, 2)
				c.mu.Lock()
				c.credit.add(5000)
				c.wakeBlockedLocked() // the first, and there is nothing left for the second
				c.mu.Unlock()
				cancel()
			})
		}}, pattern(100_000), true)
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		c.mu.Lock()
		if c.credit.credit == 0 { // the first has seen its wake, and used it
			c.credit.add(5000)
			c.wakeBlockedLocked()
		}
		c.mu.Unlock()
		received(t, sent)
	}
}

// TestWakeIsPassedOnWhenTheStreamEnds gives credit to a sender whose stream is reset before it can use it.
func TestWakeIsPassedOnWhenTheStreamEnds(t *testing.T) {
	c, first, second := rivals(t)
	failed, sent := make(chan error, 1), make(chan error, 1)
	go func() { failed <- first.Send(context.Background(), pattern(100_000), true) }()
	awaitBlocked(t, c, 1)
	go func() { sent <- second.Send(context.Background(), pattern(5000), true) }()
	awaitBlocked(t, c, 2)
	reset := &Error{Code: frame.Cancel, Scope: StreamScope, Culprit: ByPeer}
	c.mu.Lock()
	c.credit.add(5000)
	c.wakeBlockedLocked()
	c.removeLocked(&first.stream, reset)
	c.mu.Unlock()
	if err := <-failed; err != reset {
		t.Errorf("the first: %v", err)
	}
	received(t, sent)
}

func received(t *testing.T, sent <-chan error) {
	t.Helper()
	select {
	case err := <-sent:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("a sender was not woken although there is credit for it")
	}
}

// Trailers behind DATA in bulk are overtaken by heads that enter the compression table, and must not depend on it.
func TestTrailersThatAreOvertaken(t *testing.T) {
	clientEnd, serverEnd := net.Pipe()
	peer := newScripted(t, clientEnd)
	form := func(name string) exchange.Head {
		return exchange.Head{Fixed: &exchange.Fixed{Fields: []exchange.Field{{Name: ":status", Value: "200"}, {Name: name, Value: "head"}}}}
	}
	trailers := []exchange.Field{{Name: "x-form", Value: "trailers"}}
	accepted := make(chan *ServerStream, 3)
	pong := make(chan struct{}, 1)
	server := NewServer(serverEnd, acceptFunc(func(s *ServerStream) { accepted <- s }), Options{Tap: sentTap(func(h frame.Header, _ []byte) {
		if h.Type == frame.Ping {
			pong <- struct{}{}
		}
	})})
	done := make(chan struct{})
	go func() { serve(server); close(done) }()
	t.Cleanup(func() { server.Close(nil); <-done })
	decoder := hpack.NewDecoder(4096, plenty)
	ends := func(stream uint32) exchange.Head { // reads to the end of a stream and returns its last head
		for {
			h, payload, err := peer.next()
			if err != nil {
				t.Fatal(err)
			}
			if h.Type != frame.Headers {
				continue
			}
			head, err := decoder.Decode(payload)
			if err != nil {
				t.Fatal(err)
			}
			if h.Stream == stream && h.Flags.Has(frame.EndStream) {
				return head
			}
		}
	}
	peer.send(join([]byte(frame.Preface), frame.AppendSettings(nil), headers(1, getBlock, true)))
	first := <-accepted
	go func() { first.Answer(form("x-form"), nil, trailers); first.Release() }()
	ends(1)
	peer.send(frame.AppendPing(nil, false, [8]byte{})) // whose answer will be in the way
	<-pong
	awaitWriter(t, server)
	peer.send(join(headers(3, getBlock, true), headers(5, getBlock, true)))
	large, small := <-accepted, <-accepted
	if err := large.Answer(form("x-form"), make([]byte, 20_000), trailers); err != nil {
		t.Fatal(err)
	}
	if err := small.Answer(form("x-other"), []byte("x"), trailers); err != nil {
		t.Fatal(err)
	}
	large.Release()
	small.Release()
	for _, stream := range []uint32{5, 3} {
		if head := ends(stream); head.Get("x-form") != "trailers" {
			t.Errorf("the trailers of stream %d are %v", stream, head)
		}
	}
}

// awaitWriter waits until somebody writes all that there is to write.
func awaitWriter(t *testing.T, c *Conn) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Microsecond) {
		c.mu.Lock()
		busy := c.writing && c.nothingToWrite()
		c.mu.Unlock()
		if busy {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody writes")
		}
	}
}

// TestSmallMessagesShareFrames looks at what is queued while a writer is at work: a stream's messages that follow each other
// are one frame, of the largest size at most, and those of others are frames of their own in between. From the second on they
// are gathered until the writer, or something that does not belong to them, comes by.
func TestSmallMessagesShareFrames(t *testing.T) {
	c, first, second := rivals(t)
	c.mu.Lock()
	c.writing = true
	c.credit.credit = 1 << 20
	c.mu.Unlock()
	send := func(s *ClientStream, data string, end bool) {
		t.Helper()
		if err := s.Send(context.Background(), []byte(data), end); err != nil {
			t.Fatal(err)
		}
	}
	long := string(pattern(smallMessage))
	send(first, "a", false)
	send(first, "bc", false)
	send(second, "x", false)
	c.mu.Lock()
	c.collectAllLocked(true)
	c.mu.Unlock()
	send(first, "d", false)
	c.mu.Lock()
	c.fast = frame.AppendWindowUpdate(c.fast, 0, 100)
	c.mu.Unlock()
	c.mu.Lock()
	c.collectAllLocked(true)
	c.open = openFrame{}
	c.mu.Unlock()
	send(first, "e", false)
	for range 5 { // the fifth has no room in the frame of 16 KiB, which has a byte already
		send(first, long, false)
	}
	send(first, "", true)
	send(second, "y", true)

	want := []string{"1 a", "3 x", "1 bc", "0 update", "1 d", "1 e" + long + long + long, "1 " + long + long + " END", "3 y END"}
	c.mu.Lock()
	defer c.mu.Unlock()
	var got []string
	for b := c.fast; len(b) > 0; {
		h := frame.ParseHeader(b)
		text := strconv.Itoa(int(h.Stream)) + " "
		if h.Type == frame.Data {
			text += string(b[frame.HeaderBytes : frame.HeaderBytes+h.Length])
		} else {
			text += "update"
		}
		if h.Flags.Has(frame.EndStream) && h.Type == frame.Data {
			text += " END"
		}
		got = append(got, text)
		b = b[frame.HeaderBytes+h.Length:]
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d frames, want %d:\n%.200q\n%.200q", len(got), len(want), got, want)
	}
	c.fast, c.writing = nil, false
}

// TestBurstsLearn is about a stream that sends a message now and then: its sender comes to write by itself, for a while.
func TestBurstsLearn(t *testing.T) {
	var y yielding
	for range yieldMisses {
		if !y.wanted() {
			t.Fatal("a burst is not expected from the beginning")
		}
		y.learn(0, 0)
	}
	for range yieldPause {
		if y.wanted() {
			t.Fatal("a burst is expected of a stream that has sent single messages")
		}
	}
	if !y.wanted() {
		t.Error("it is never tried again")
	}
}

// TestYieldsAreMeasuredByWhatTheyBring is about a connection with many calls: a long yield that has brought a hundred of
// them is worth its time, and the same time for one of them is not.
func TestYieldsAreMeasuredByWhatTheyBring(t *testing.T) {
	var y yielding
	const long = 4 * yieldTooLong
	if y.learn(100*yieldShare, long); !y.wanted() {
		t.Error("no yield is wanted after one that has brought a hundred calls")
	}
	if y.learn(yieldShare, long); y.wanted() {
		t.Error("another yield is wanted after one that was long and has brought a single call")
	}
	y = yielding{}
	if y.learn(1<<20, yieldShares*yieldTooLong); y.wanted() {
		t.Error("what a yield brings may be worth any time")
	}
}
