// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// flooded sends frames that more appends until the server has had enough, and returns why it has ended the connection. The
// GOAWAY itself may be lost: the server closes while more is on its way.
func (p *scripted) flooded(server *Conn, more func(i int) []byte) (code frame.ErrorCode) {
	p.t.Helper()
	thrown := make(chan struct{})
	go func() { io.Copy(io.Discard, p.reader); close(thrown) }() // ends with the connection
	const enough = 1 << 20
	var batch []byte
	for i := range enough {
		if batch = append(batch, more(i)...); len(batch) < readBuffer/4 {
			continue
		}
		if _, err := p.nc.Write(batch); err != nil {
			break
		}
		batch = batch[:0]
	}
	await(p.t, "the connection's end", server.Done())
	p.nc.Close()
	<-thrown
	var failure *Error
	if !errors.As(server.Err(), &failure) {
		p.t.Fatalf("the connection ended with %v", server.Err())
	}
	return failure.Code
}

// TestFramesThatBringNothing floods a server with each kind of frame that it has to take.
func TestFramesThatBringNothing(t *testing.T) {
	open := headers(1, getBlock, false)
	again := func(b []byte) func(int) []byte { return func(int) []byte { return b } }
	for name, c := range map[string]struct {
		first []byte
		more  func(i int) []byte
	}{
		"empty DATA":         {open, again(frame.AppendData(nil, 1, nil, false))},
		"padding":            {open, again(raw(1, frame.Data, frame.Padded, 1, 0))},
		"PRIORITY":           {nil, again(raw(5, frame.Priority, 0, 3, 0, 0, 0, 1, 9))},
		"unknown frames":     {nil, again(raw(0, frame.Type(0xbb), 0, 0))},
		"SETTINGS":           {nil, again(frame.AppendSettings(nil))},
		"acknowledgements":   {nil, again(frame.AppendSettingsAck(nil))},
		"PING acknowledged":  {nil, again(frame.AppendPing(nil, true, [8]byte{1}))},
		"window by the byte": {nil, again(frame.AppendWindowUpdate(nil, 0, 1))},
		"late RST_STREAM":    {join(headers(1, getBlock, true), frame.AppendResetStream(nil, 1, frame.Cancel)), again(frame.AppendResetStream(nil, 1, frame.Cancel))},
		"windows of many": {nil, func(i int) []byte {
			if i < 500 {
				return headers(uint32(2*i+1), getBlock, false)
			}
			return frame.AppendSettings(nil, frame.Setting{ID: frame.InitialWindowSize, Value: uint32(i % 2)})
		}},
		"breaches": {nil, func(i int) []byte {
			id := uint32(2*i + 1)
			return join(headers(id, getBlock, true), frame.AppendWindowUpdate(nil, id, 1<<31-1))
		}},
		"malformed requests": {nil, func(i int) []byte { return headers(uint32(2*i+1), block("no", "method"), true) }},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			server, peer := scriptedClient(t, serveFunc{serve: func(*ServerStream) { <-release }}, Options{LeastPingInterval: -1})
			peer.send(c.first)
			if code := peer.flooded(server, c.more); code != frame.EnhanceYourCalm {
				t.Errorf("the connection ended with %v", code)
			}
		})
	}
}

// TestProperTrafficIsNotAFlood makes calls with what real clients send along: the connection lives.
func TestProperTrafficIsNotAFlood(t *testing.T) {
	_, peer := scriptedClient(t, serveFunc{serve: echo}, Options{LeastPingInterval: -1})
	for id := uint32(1); id < mostPatience; id += 2 {
		peer.send(join(headers(id, getBlock, false), raw(5, frame.Priority, 0, id, 0, 0, 0, 0, 9), frame.AppendData(nil, id, []byte("x"), true),
			frame.AppendWindowUpdate(nil, 0, 1), frame.AppendWindowUpdate(nil, id, 1)))
		for answered := false; !answered; {
			h, _, err := peer.next()
			if err != nil || h.Type == frame.GoAway {
				t.Fatalf("after %d calls: %v %v", id/2, h.Type, err)
			}
			answered = h.Stream == id && h.Flags.Has(frame.EndStream)
		}
	}
}

// TestDribbledAnswer takes an endless answer by the byte, which earns a client nothing.
func TestDribbledAnswer(t *testing.T) {
	server, peer := scriptedClient(t, serveFunc{serve: func(s *ServerStream) {
		s.Start(okHead)
		for s.Send(pattern(1000)) == nil {
		}
	}}, Options{})
	peer.send(join(frame.AppendSettings(nil, frame.Setting{ID: frame.InitialWindowSize, Value: 0}), headers(1, getBlock, true)))
	if code := peer.flooded(server, func(int) []byte { return frame.AppendWindowUpdate(nil, 1, 1) }); code != frame.EnhanceYourCalm {
		t.Errorf("the connection ended with %v", code)
	}
}

// TestServersFloodToo sends a client what it has to take.
func TestServersFloodToo(t *testing.T) {
	s := loneStream(t, Options{})
	c := s.conn
	c.settings.came = true
	var err error
	n := 0
	for ; err == nil && n < 2*mostPatience; n++ {
		err = c.receive(frame.Header{Type: frame.Priority, Stream: 3, Length: 5}, make([]byte, 4+1))
	}
	if err != errImpatient {
		t.Errorf("after %d frames: %v", n, err)
	}
	c.reader.patience.left = 10
	informational := exchange.Head{Fields: []exchange.Field{{Name: ":status", Value: "103"}}}
	err = nil
	for range mostPatience {
		if err = c.receiveAnswerHead(&s.stream, informational, false, false); err != nil {
			break
		}
	}
	if err != errImpatient {
		t.Errorf("informational answers: %v", err)
	}
}

func TestPatienceComesBack(t *testing.T) {
	begin := time.Now()
	p := patience{left: -1, filled: begin}
	p.fill(begin.Add(time.Millisecond/10), 0)
	if p.left != -1 || !p.filled.Equal(begin) {
		t.Errorf("a part of a point has become %+v", p)
	}
	p.fill(begin.Add(time.Second), 0)
	if p.left != patiencePerSecond-1 {
		t.Errorf("a second has brought %d", p.left)
	}
	p = patience{left: -1, filled: begin, useful: 3}
	p.fill(begin, 2)
	if p.left != 5*patiencePerFrame-1 || p.useful != 0 || p.sent != 2 {
		t.Errorf("five frames have brought %+v", p)
	}
	p.fill(begin.Add(time.Hour), 2)
	if p.left != mostPatience {
		t.Errorf("an hour has brought %d", p.left)
	}
}

// TestReadersLetOthersRun counts the yields of a reader that never has to wait.
func TestReadersLetOthersRun(t *testing.T) {
	for name, c := range map[string]struct {
		h       frame.Header
		atLeast int // bytes of payload between two yields
		atMost  int
	}{
		"small frames": {frame.Header{Type: frame.Ping, Length: 8}, 8 * workShare, 8 * workShare},
		"large DATA":   {frame.Header{Type: frame.Data, Length: 16 << 10}, 1 << 20, 4 << 20},
		"headers":      {frame.Header{Type: frame.Headers, Length: 16 << 10}, 16 << 10, 64 << 10},
	} {
		var r reader
		bytes := 0
		for yielded := false; !yielded; {
			before := r.work
			r.worked(c.h)
			bytes += c.h.Length
			yielded = r.work < before
		}
		if bytes < c.atLeast || bytes > c.atMost {
			t.Errorf("%s: a yield after %d bytes", name, bytes)
		}
	}
}
