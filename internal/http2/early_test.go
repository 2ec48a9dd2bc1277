// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

func TestAnEarlyAnswerIsNotLostToTheResetBehindIt(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: func(s *ServerStream) {
			s.Answer(okHead, []byte("too much"), okTrailers) // without a look at the request
		}}, Options{}, Options{})
		body := pattern(4 << 20)
		for range 20 {
			got, err := call(withTimeout(t), client, postHead, body)
			if err != nil || string(got) != "too much" {
				t.Fatalf("%q, %v", got, err)
			}
		}
	})
}

// A client that goes on sending after its answer is told to stop, but not at once.
func TestASendingClientIsStoppedAfterItsAnswer(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	peer := newScripted(t, clientEnd)
	server := NewServer(serverEnd, serveFunc{serve: func(s *ServerStream) { s.Answer(okHead, nil, okTrailers) }}, Options{})
	done := make(chan struct{})
	go func() { serve(server); close(done) }()
	t.Cleanup(func() { server.Close(nil); <-done })
	peer.send(join([]byte(frame.Preface), frame.AppendSettings(nil), headers(1, getBlock, false)))
	var got []string
	for len(got) < 2 {
		h, _, err := peer.next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Stream == 1 && (h.Flags.Has(frame.EndStream) || h.Type == frame.ResetStream) {
			got = append(got, h.Type.String())
		}
	}
	if got[0] != "HEADERS" || got[1] != "RST_STREAM" {
		t.Errorf("the client saw %v", got)
	}
	for server.Active() != 0 { // bounded by the test's own timeout
		time.Sleep(time.Millisecond)
	}
}

func TestNothingIsSentAfterACancel(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	ended := make(chan error, 1)
	client, _ := connect(t, clientEnd, serverEnd, serveFunc{
		serve: func(s *ServerStream) { ended <- s.Want(context.Background(), 1) },
	}, Options{}, Options{})
	ctx, cancel := context.WithCancel(withTimeout(t))
	s, err := client.Open(ctx, postHead, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Send(ctx, nil, true); !errors.Is(err, context.Canceled) {
		t.Errorf("Send: %v", err)
	}
	s.Close()
	if err := <-ended; err == nil || err == io.EOF {
		t.Errorf("the handler saw %v, as if the request were complete", err)
	}
}

// A request that had its answer before its end must still be right until it is told to stop.
func TestWrongRequestsAreResetAfterTheirAnswer(t *testing.T) {
	sized := block(":method", "POST", ":scheme", "http", ":authority", "test", ":path", "/", "content-length", "5")
	for name, c := range map[string]struct {
		head, then []byte
		want       string
	}{
		"a second HEADERS":       {getBlock, headers(1, block("late", "1"), false), "RST_STREAM 1 PROTOCOL_ERROR"},
		"pseudo-field behind":    {getBlock, headers(1, block(":method", "GET"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		"more than announced":    {sized, frame.AppendData(nil, 1, make([]byte, 6), false), "RST_STREAM 1 PROTOCOL_ERROR"},
		"less than announced":    {sized, frame.AppendData(nil, 1, make([]byte, 4), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		"trailers end too early": {sized, headers(1, block("late", "1"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		"as announced":           {sized, frame.AppendData(nil, 1, make([]byte, 5), true), "ignored"},
	} {
		t.Run(name, func(t *testing.T) {
			_, peer := scriptedClient(t, serveFunc{serve: func(s *ServerStream) { s.Answer(okHead, nil, okTrailers) }}, Options{})
			peer.send(headers(1, c.head, false))
			for answered := false; !answered; {
				h, _, err := peer.next()
				if err != nil {
					t.Fatal(err)
				}
				answered = h.Stream == 1 && h.Flags.Has(frame.EndStream)
			}
			peer.send(join(c.then, frame.AppendPing(nil, false, [8]byte{1})))
			if got := peer.verdict(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// An error in a stream is answered also when the answer ends the stream in the same moment.
func TestErrorsInStreamsThatEndAreAnswered(t *testing.T) {
	sized := block(":method", "POST", ":scheme", "http", ":authority", "test", ":path", "/", "content-length", "5")
	ping := frame.AppendPing(nil, false, [8]byte{1})
	for range 25 { // of a hundred and more on one connection the server would have enough
		_, peer := scriptedClient(t, serveFunc{serve: func(s *ServerStream) { s.Answer(okHead, nil, okTrailers) }}, Options{})
		for id := uint32(1); id < 320; id += 2 {
			wrong, want := join(headers(id, getBlock, true), raw(4, frame.Priority, 0, id, 0, 0, 0, 0)), frame.FrameSizeError
			if id%4 == 3 {
				wrong, want = join(headers(id, sized, false), frame.AppendData(nil, id, make([]byte, 4), true)), frame.ProtocolError
			}
			peer.send(join(wrong, ping))
			if got, want := peer.verdict(), fmt.Sprint("RST_STREAM ", id, " ", want); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
			if got := peer.verdict(); got != "ignored" {
				t.Fatalf("%s, and it was answered already", got)
			}
		}
	}
}
