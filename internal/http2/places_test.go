// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// serveWhen answers a request when it is told to, whatever becomes of the request, and counts those it has begun.
type serveWhen struct {
	begun   atomic.Int32
	proceed chan struct{}
}

func (h *serveWhen) serve(s *ServerStream) {
	h.begun.Add(1)
	<-h.proceed
	echo(s)
}

// TestStreamLimit opens as many streams as the server takes, and one more when another was reset: it waits until the handler
// of that one has ended, and is not refused.
func TestStreamLimit(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		h := &serveWhen{proceed: make(chan struct{})}
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: h.serve}, Options{}, Options{MaxConcurrentStreams: 2})
		ctx := withTimeout(t)
		open := func() *ClientStream {
			s, err := client.Open(ctx, postHead, []byte("hello"), true)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		first, second := open(), open()
		if _, err := client.Open(ctx, postHead, nil, true); err != ErrStreamLimit {
			t.Fatalf("the third: %v", err)
		}
		for h.begun.Load() < 2 { // bounded by the test's own timeout
			time.Sleep(time.Millisecond)
		}
		first.Close()
		third := open()
		third.Close() // in the place of which comes
		fourth := open()
		waitsAlone(t, server, fourth.ID())
		if n := h.begun.Load(); n != 2 {
			t.Errorf("%d handlers run, and 2 may", n)
		}
		h.proceed <- struct{}{}
		for h.begun.Load() < 3 {
			time.Sleep(time.Millisecond)
		}
		close(h.proceed)
		for _, s := range []*ClientStream{second, fourth} {
			if err := s.WantEnd(ctx, plenty); err != nil || string(s.Next(s.Buffered())) != "hello" {
				t.Errorf("stream %d: %v", s.ID(), err)
			}
			s.Close()
		}
		if n := h.begun.Load(); n != 3 {
			t.Errorf("%d handlers ran: the stream that was reset while it waited has had one", n)
		}
		if err := server.Err(); err != nil {
			t.Errorf("the connection ended: %v", err)
		}
		nobodyLeft(t, server)
	})
}

// waitsAlone waits until one stream alone waits for a place.
func waitsAlone(t *testing.T, server *Conn, id uint32) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		server.mu.Lock()
		queue := server.places.queue
		alone := len(queue) == 1 && queue[0].id == id
		server.mu.Unlock()
		if alone {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the stream does not wait for a place")
		}
	}
}

// nobodyLeft waits until a server counts nothing any more.
func nobodyLeft(t *testing.T, server *Conn) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		server.mu.Lock()
		p, streams, used := server.places, server.streams.len(), server.options.Budget.Used()
		server.mu.Unlock()
		if p.handling == 0 && p.unanswered == 0 && len(p.queue) == 0 && streams == 0 && used == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d streams, %d bytes in the budget, places %+v", streams, used, p)
		}
	}
}

// TestMoreStreamsThanAllowedAreRefused is for a client that does not keep to the limit.
func TestMoreStreamsThanAllowedAreRefused(t *testing.T) {
	h := &serveWhen{proceed: make(chan struct{})}
	defer close(h.proceed)
	_, peer := scriptedClient(t, serveFunc{serve: h.serve}, Options{MaxConcurrentStreams: 2})
	peer.send(join(headers(1, getBlock, true), headers(3, getBlock, true), frame.AppendResetStream(nil, 1, frame.Cancel),
		headers(5, getBlock, true), headers(7, getBlock, true)))
	if got := peer.verdict(); got != "RST_STREAM 7 REFUSED_STREAM" {
		t.Errorf("the third at a time is answered with %s", got)
	}
}

// TestAConnectionEndsWithStreamsThatWait lets a connection end, by itself or when it is drained, while a stream with a body
// waits for a place.
func TestAConnectionEndsWithStreamsThatWait(t *testing.T) {
	for name, end := range map[string]func(client, server *Conn){
		"the client closes": func(client, _ *Conn) { client.Close(nil) },
		"the server closes": func(_, server *Conn) { server.Close(nil) },
		"the server drains": func(_, server *Conn) { server.GoAway() },
	} {
		t.Run(name, func(t *testing.T) {
			clientEnd, serverEnd := modes["tcp"](t)
			h := &serveWhen{proceed: make(chan struct{})}
			client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: h.serve}, Options{}, Options{MaxConcurrentStreams: 1})
			ctx := withTimeout(t)
			first, err := client.Open(ctx, postHead, nil, true)
			if err != nil {
				t.Fatal(err)
			}
			for h.begun.Load() < 1 {
				time.Sleep(time.Millisecond)
			}
			first.Close()
			second, err := client.Open(ctx, postHead, pattern(50_000), true)
			if err != nil {
				t.Fatal(err)
			}
			defer second.Close()
			waitsAlone(t, server, second.ID())
			end(client, server)
			if name == "the server drains" {
				close(h.proceed)
				if err := second.WantEnd(ctx, plenty); err != nil || second.Buffered() != 50_000 {
					t.Errorf("the stream that waited: %d bytes, %v", second.Buffered(), err)
				}
				second.Next(second.Buffered())
				await(t, "the end of the connection", server.Done())
				return
			}
			await(t, "the end of the connection", server.Done())
			var failure *Error
			if err := second.WantEnd(context.Background(), plenty); !errors.As(err, &failure) {
				t.Errorf("the stream that waited: %v", err)
			}
			close(h.proceed)
			for deadline := time.Now().Add(20 * time.Second); server.options.Budget.Used() != 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d bytes are left in the budget", server.options.Budget.Used())
				}
			}
			if n := h.begun.Load(); n != 1 {
				t.Errorf("%d handlers ran", n)
			}
		})
	}
}

// TestAnswersMakeRoomAtOnce makes calls one after the other at a limit of one: an answer gives the stream back to the client
// before the server's handler has ended, and none may be refused for that.
func TestAnswersMakeRoomAtOnce(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: func(s *ServerStream) {
			echo(s)
			yield() // so that the handler ends behind the next request
		}}, Options{}, Options{MaxConcurrentStreams: 1})
		for range 2000 {
			if _, err := call(withTimeout(t), client, postHead, pattern(10)); err != nil {
				t.Fatal(err)
			}
		}
		nobodyLeft(t, server)
	})
}
