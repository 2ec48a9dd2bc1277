// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// How long a small call takes beside large messages is measured by bench (the row of p99 beside uploads of 16 MiB). What is tested here
// has no clock: how many of their bytes go first.

// TestSmallCallsPassLargeMessages lets large messages wait to be written, and makes a call.
func TestSmallCallsPassLargeMessages(t *testing.T) {
	const uploads = 8
	first := busy(t) // the test is the writer
	c := first.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	streams := []*stream{&first.stream}
	for id := first.id + 2; len(streams) < uploads; id += 2 {
		s := &stream{}
		c.initStream(s, id)
		s.credit.credit = 1 << 30
		c.streams.put(s)
		streams = append(streams, s)
	}
	for _, s := range streams {
		if rest := c.appendData(s, pattern(1<<20), true); len(rest) < 1<<20-bulkShare {
			t.Errorf("stream %d has a share of %d bytes", s.id, 1<<20-len(rest))
		}
	}
	call := &stream{}
	c.initStream(call, 2*uploads+1)
	call.credit.credit = 1 << 16
	c.streams.put(call)
	c.appendHead(call, postHead, false)
	c.appendData(call, []byte("small"), true)
	fast, bulk := c.takeLocked() // and written in this order
	if h := frame.ParseHeader(fast[len(fast)-frame.HeaderBytes-len("small"):]); h.Stream != call.id || !h.Flags.Has(frame.EndStream) {
		t.Errorf("the call is not the last of what goes first: %+v", h)
	}
	for rest := fast; len(rest) > 0; {
		h := frame.ParseHeader(rest)
		if rest = rest[frame.HeaderBytes+h.Length:]; h.Type == frame.Data && h.Stream != call.id {
			t.Errorf("%d bytes of stream %d's message go before the call", h.Length, h.Stream)
		}
	}
	if len(bulk) < uploads/2*bulkShare || len(bulk) > bulkBound+bulkBound/100 { // of frames' headers
		t.Errorf("%d bytes of large messages wait", len(bulk))
	}
}

// uploaded counts the bytes of long DATA frames that a server has received.
type uploaded struct{ bytes atomic.Int64 }

func (u *uploaded) Frame(_ *Conn, sent bool, h frame.Header, payload []byte) {
	if !sent && h.Type == frame.Data && len(payload) > smallMessage {
		u.bytes.Add(int64(len(payload)))
	}
}

func (*uploaded) Head(*Conn, bool, uint32, exchange.Head, []byte) {}

// TestCallsDoNotWaitForUploads makes small calls while messages of 16 MiB are sent on the same connection, one after the other, and
// looks how much of those comes in the time of a call. It is the sockets' buffers, and what both ends do meanwhile, which share
// processors; a call that waited for the end of a message would see half of one.
func TestCallsDoNotWaitForUploads(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	smallBuffers(t, clientEnd, serverEnd)
	var came uploaded
	client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: swallow}, Options{}, Options{Tap: &came})
	const upload, calls = 16 << 20, 200
	ctx, cancel := context.WithCancel(withTimeout(t))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for body := make([]byte, upload); ctx.Err() == nil; {
			_, _ = call(ctx, client, postHead, body)
		}
	}()
	eventually(t, "an upload", func() bool { return came.bytes.Load() > 1<<20 })
	var passed []int64
	for range calls {
		before := came.bytes.Load()
		if got, err := call(ctx, client, postHead, []byte("small")); err != nil || string(got) != "5" {
			t.Fatal(string(got), err)
		}
		passed = append(passed, came.bytes.Load()-before)
	}
	cancel()
	<-ended
	slices.Sort(passed)
	t.Logf("bytes of uploads in the time of a call: median %d, p90 %d, most %d", passed[calls/2], passed[calls*9/10], passed[calls-1])
	if passed[calls/2] > upload/16 {
		t.Errorf("calls wait for %d bytes of uploads", passed[calls/2])
	}
	if passed[calls-1] == 0 {
		t.Error("there was no upload")
	}
}

// TestLargeStreamsTakeTurns sends a long message, and shorter ones behind it: none waits for another's end.
func TestLargeStreamsTakeTurns(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	smallBuffers(t, clientEnd, serverEnd)
	var came uploaded
	client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: swallow}, Options{}, Options{Tap: &came})
	const long, short = 256 << 20, 1 << 20
	ctx, cancel := context.WithCancel(withTimeout(t))
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := call(ctx, client, postHead, make([]byte, long))
		ended <- err
	}()
	eventually(t, "the long message", func() bool { return came.bytes.Load() > 0 })
	for range 5 {
		if _, err := call(ctx, client, postHead, make([]byte, short)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			t.Fatalf("the long stream was done first (%v)", err)
		default:
		}
	}
	cancel()
	<-ended
}

// smallBuffers makes the sockets take little in advance.
func smallBuffers(t *testing.T, ends ...net.Conn) {
	t.Helper()
	for _, nc := range ends {
		if err := nc.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
	}
}

// swallow answers with the length of the request's body, of which it keeps nothing.
func swallow(s *ServerStream) {
	length := 0
	for s.Want(context.Background(), 1) == nil {
		length += len(s.Next(s.Buffered()))
	}
	if s.Err() == nil {
		_ = s.Answer(okHead, []byte(strconv.Itoa(length)), okTrailers)
	}
}
