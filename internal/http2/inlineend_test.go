// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// TestInlineHandshakeFails has requests come in the first bytes of a connection, and a mistake behind them: they are let go of, and
// what they have brought does not count towards the budget for ever.
func TestInlineHandshakeFails(t *testing.T) {
	budget := NewBudget(1 << 20)
	for range 10 {
		h := &inlineServer{handle: echo}
		clientEnd, serverEnd := modes["tcp"](t)
		peer := newScripted(t, clientEnd)
		server := NewServer(serverEnd, h, Options{Standby: new(Standby), Budget: budget})
		done := make(chan struct{})
		go func() { serve(server); close(done) }()
		oversized := make([]byte, frame.HeaderBytes)
		for i := range oversized {
			oversized[i] = 0xff
		}
		peer.send(join([]byte(frame.Preface), frame.AppendSettings(nil), batch(1, 5), oversized))
		await(t, "the connection's end", done)
		for tries := 0; ; tries++ {
			server.mu.Lock()
			handling := server.places.handling
			server.mu.Unlock()
			if handling == 0 && budget.Used() == 0 {
				break
			}
			if tries == 1000 {
				events, _, detached := h.seen()
				t.Fatalf("%v, %d were left to others: %d requests are kept, and %d bytes", events, detached, handling, budget.Used())
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestInlineWaitsForNoRoom has a reader wait for room with each request of a batch. Those that it has accepted do not wait for all
// of that.
func TestInlineWaitsForNoRoom(t *testing.T) {
	h := &delayServer{inlineServer: &inlineServer{handle: echo}}
	server, peer := scriptedClient(t, h, Options{Standby: new(Standby)})
	h.begun.Add(1)
	peer.send(batch(1, 1))
	answers(t, peer, 1)
	h.queued = func() {
		server.mu.Lock()
		defer server.mu.Unlock()
		server.writing = true // nobody else writes
		server.fast = append(server.fast, make([]byte, fastBound)...)
	}
	const requests = 6
	h.begun.Add(requests)
	peer.send(batch(3, requests))
	h.begun.Wait()
	if longest := h.longest.Load(); longest > int64(2*drainPause) {
		t.Errorf("a request has waited for %v", time.Duration(longest))
	}
}

// delayServer knows how long the longest request has waited for its handler.
type delayServer struct {
	*inlineServer
	queued  func() // if not nil, called with the first one that is left to the reader
	begun   sync.WaitGroup
	longest atomic.Int64
}

func (h *delayServer) Accept(s *ServerStream) {
	s.OnEnd(plenty, func(s *ServerStream, reading bool) {
		s.User = Clock()
		if !reading || !s.Inline() {
			h.Detach(s)
		} else if h.queued != nil {
			h.queued()
			h.queued = nil
		}
	}, false)
}

func (h *delayServer) Handle(s *ServerStream, run *Run) {
	h.begins(s)
	h.inlineServer.Handle(s, run)
}

func (h *delayServer) Detach(s *ServerStream) {
	h.begins(s)
	h.inlineServer.Detach(s)
}

func (h *delayServer) begins(s *ServerStream) {
	h.longest.Store(max(h.longest.Load(), int64(Clock()-s.User.(time.Duration))))
	h.begun.Done()
}

// TestInlineOverdue has somebody else answer a request while the reader leaves it for later.
func TestInlineOverdue(t *testing.T) {
	h := &overdueServer{inlineServer: &inlineServer{handle: echo}}
	_, peer := scriptedClient(t, h, Options{Standby: new(Standby)})
	for first := uint32(1); first < 1000; first += 10 {
		peer.send(batch(first, 5))
		answers(t, peer, 5)
	}
}

type overdueServer struct{ *inlineServer }

func (h *overdueServer) Accept(s *ServerStream) {
	s.OnEnd(plenty, func(s *ServerStream, reading bool) {
		go s.Answer(okHead, nil, okTrailers)
		if !reading || !s.Inline() {
			h.Detach(s)
		}
	}, false)
}

// TestStandbyLooksAfterTheNext has the standby look while a reader is about to begin, which may take it long: a handler must not
// run that nobody looks after.
func TestStandbyLooksAfterTheNext(t *testing.T) {
	standby := &Standby{looking: true} // by this test
	c := &Conn{inline: inline{standby: standby}}
	in := &c.inline
	looks := func(what string, count int, want bool) {
		t.Helper()
		for look := range count {
			if standby.lookOnce(); in.watched != want {
				t.Fatalf("%s, look %d: watched is %t", what, look, in.watched)
			}
		}
	}
	standby.watch(c)
	looks("nothing to do", standbyIdle-1, true)
	in.queue = append(in.queue, &ServerStream{}) // what is about to be handled
	looks("a queue", 3*standbyIdle, true)
	in.queue, in.calls = nil, in.calls+1
	looks("a call", standbyIdle, true)
	looks("nothing to do", 3*standbyIdle, false)
	if len(standby.conns) > 0 {
		t.Error("the standby keeps a connection that it does not look after")
	}
}

// TestInlineRests lets a connection rest that has had many requests at a time: it keeps nothing of them.
func TestInlineRests(t *testing.T) {
	h := &inlineServer{handle: echo}
	server, peer := scriptedClient(t, h, Options{Standby: new(Standby)})
	next := uint32(1)
	inlined(t, peer, h, &next, 50)
	for range 5000 {
		server.inline.mu.Lock()
		kept := server.inline.queue != nil || server.inline.run != nil
		server.inline.mu.Unlock()
		if !kept {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("a connection that rests keeps its queue")
}
