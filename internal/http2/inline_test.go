// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// inlineServer answers on the reader goroutine, as handle does.
type inlineServer struct {
	handle func(s *ServerStream)

	mu       sync.Mutex // guards what follows
	events   []string
	stuck    int
	detached int
}

func (h *inlineServer) Ended(*ServerStream, error) {}
func (h *inlineServer) Overdue(*ServerStream)      {}

func (h *inlineServer) Accept(s *ServerStream) {
	s.OnEnd(plenty, func(s *ServerStream, reading bool) {
		h.note("accepted")
		if !reading || !s.Inline() {
			h.Detach(s)
		}
	}, false)
}

func (h *inlineServer) Handle(s *ServerStream, _ *Run) {
	h.note("handled")
	defer s.Release()
	h.handle(s)
}

func (h *inlineServer) Detach(s *ServerStream) {
	h.mu.Lock()
	h.detached++
	h.mu.Unlock()
	go func() {
		defer s.Release()
		echo(s)
	}()
}

func (h *inlineServer) Stuck(*ServerStream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stuck++
}

func (h *inlineServer) note(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

// seen returns what has happened since it was last called.
func (h *inlineServer) seen() (events []string, stuck, detached int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	events, stuck, detached = h.events, h.stuck, h.detached
	h.events, h.stuck, h.detached = nil, 0, 0
	return events, stuck, detached
}

// batch returns so many requests, which are whole.
func batch(first uint32, requests int) (b []byte) {
	for i := range requests {
		id := first + 2*uint32(i)
		b = join(b, headers(id, getBlock, false), frame.AppendData(nil, id, []byte("hello"), true))
	}
	return b
}

// answers waits for the ends of so many answers, and returns whose they are.
func answers(t *testing.T, peer *scripted, count int) map[uint32]bool {
	t.Helper()
	ended := make(map[uint32]bool)
	for len(ended) < count {
		h, _, err := peer.next()
		if err != nil {
			t.Fatalf("after %v: %v", ended, err)
		}
		if h.Type == frame.Headers && h.Flags.Has(frame.EndStream) {
			ended[h.Stream] = true
		}
	}
	return ended
}

// inlined sends batches until one is answered by the reader, which a connection with little to do does not do.
func inlined(t *testing.T, peer *scripted, h *inlineServer, next *uint32, requests int) (events []string) {
	t.Helper()
	for range 1000 {
		h.seen()
		peer.send(batch(*next, requests))
		*next += 2 * uint32(requests)
		answers(t, peer, requests)
		if events, _, detached := h.seen(); detached == 0 {
			return events
		}
	}
	t.Fatal("no batch was answered by the reader")
	return nil
}

func TestInlineAnswersBehindTheBatch(t *testing.T) {
	h := &inlineServer{handle: echo}
	_, peer := scriptedClient(t, h, Options{Standby: new(Standby)})
	next := uint32(1)
	events := inlined(t, peer, h, &next, 3)
	want := []string{"accepted", "accepted", "accepted", "handled", "handled", "handled"}
	for i, event := range want {
		if events[i] != event {
			t.Fatalf("the requests of one write were served as %v, want %v", events, want)
		}
	}
}

func TestInlineWithoutStandby(t *testing.T) {
	h := &inlineServer{handle: echo}
	_, peer := scriptedClient(t, h, Options{})
	for first := uint32(1); first < 1000; first += 2 {
		peer.send(batch(first, 1))
		answers(t, peer, 1)
	}
	if events, _, detached := h.seen(); detached != 500 {
		t.Errorf("%d of 500 requests were left to others: %v", detached, events)
	}
}

// TestStandbyTakesOver blocks the reader in a handler. The requests behind that, in the same batch and in later ones, have
// their answers all the same, and so has the first one in the end.
func TestStandbyTakesOver(t *testing.T) {
	blocks, release := make(chan struct{}, 1), make(chan struct{})
	h := &inlineServer{}
	var held atomic.Uint32
	h.handle = func(s *ServerStream) {
		select {
		case blocks <- struct{}{}:
			held.Store(s.id)
			<-release
		default:
		}
		echo(s)
	}
	blocks <- struct{}{}
	_, peer := scriptedClient(t, h, Options{Standby: new(Standby)})
	next := uint32(1)
	inlined(t, peer, h, &next, 1)
	<-blocks // the next one blocks that the reader handles
	for tries := 0; ; tries++ {
		if tries == 1000 {
			t.Fatal("the reader never blocked")
		}
		h.seen()
		peer.send(batch(next, 4))
		next += 8
		ended := answers(t, peer, 3) // there is no fourth if one blocks
		if _, stuck, detached := h.seen(); stuck > 0 {
			if stuck != 1 || detached != 3 {
				t.Errorf("%d handlers were stuck and %d requests left to others, want 1 and 3", stuck, detached)
			}
			if ended[held.Load()] {
				t.Errorf("stream %d was answered, whose handler is blocked: %v", held.Load(), ended)
			}
			break
		}
		answers(t, peer, 1)
	}
	inlined(t, peer, h, &next, 2) // by the new reader
	close(release)
	if ended := answers(t, peer, 1); !ended[held.Load()] {
		t.Errorf("%v has an answer now, want that of stream %d", ended, held.Load())
	}
	inlined(t, peer, h, &next, 2)
}

// pacedServer looks at the clock behind each handler, and asks what a slow one took so long for, as package server does.
type pacedServer struct{ *inlineServer }

func (h pacedServer) Handle(s *ServerStream, run *Run) {
	h.inlineServer.Handle(s, run)
	run.Preempted(run.Took())
}

// TestInlineTime has a batch of handlers that take together much longer than a batch may keep the reader.
func TestInlineTime(t *testing.T) {
	const took, requests = 200 * time.Microsecond, 100
	h := &inlineServer{}
	var slow atomic.Bool
	h.handle = func(s *ServerStream) {
		for began := Clock(); slow.Load() && Clock()-began < took; {
		}
		echo(s)
	}
	_, peer := scriptedClient(t, pacedServer{h}, Options{Standby: new(Standby)})
	next := uint32(1)
	inlined(t, peer, h, &next, 1)
	slow.Store(true)
	for range 10 {
		h.seen()
		peer.send(batch(next, requests))
		next += 2 * requests
		answers(t, peer, requests)
		if events, _, _ := h.seen(); len(events)-requests > int(inlineTime/took)+1 {
			t.Fatalf("%d handlers ran behind one batch that take %v each, the time for all is %v", len(events)-requests, took, inlineTime)
		}
	}
}

// TestInlineHandlerEndsTheReader ends the reader goroutine in a handler, as t.FailNow does.
func TestInlineHandlerEndsTheReader(t *testing.T) {
	h := &inlineServer{}
	ends := make(chan struct{}, 1)
	h.handle = func(s *ServerStream) {
		echo(s)
		select {
		case <-ends:
			runtime.Goexit()
		default:
		}
	}
	_, peer := scriptedClient(t, h, Options{Standby: new(Standby)})
	next := uint32(1)
	for range 10 {
		inlined(t, peer, h, &next, 1)
		ends <- struct{}{}
		inlined(t, peer, h, &next, 3)
	}
}

// TestInlineConnectionEnds ends a connection while a handler keeps its reader.
func TestInlineConnectionEnds(t *testing.T) {
	entered, release := make(chan struct{}, 1), make(chan struct{})
	h := &inlineServer{}
	var blocking sync.Once
	armed := make(chan struct{})
	h.handle = func(s *ServerStream) {
		select {
		case <-armed:
			blocking.Do(func() {
				entered <- struct{}{}
				<-release
			})
		default:
		}
		echo(s)
	}
	server, peer := scriptedClient(t, h, Options{Standby: new(Standby)})
	next := uint32(1)
	inlined(t, peer, h, &next, 1)
	close(armed)
	for waiting := true; waiting; {
		peer.send(batch(next, 2))
		next += 4
		select {
		case <-entered:
			waiting = false
		case <-time.After(time.Millisecond): // the batch was left to others
		}
	}
	server.Close(nil)
	await(t, "the connection's end", server.Done())
	close(release)
}

// TestPreempted tells a handler that sleeps from one that works, and neither was preempted, on a processor of its own.
func TestPreempted(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, ok := ownThread(); !ok {
		t.Skip("this system does not tell what a thread has used")
	}
	begin := func() *Run {
		r := new(Run)
		r.begin()
		return r
	}
	r := begin()
	time.Sleep(20 * time.Millisecond)
	if took := r.Took(); r.Preempted(took) {
		t.Errorf("a thread that slept for %v was preempted", took)
	}
	r = begin()
	used := r.used.cpu
	for r.used.cpu-used < 20*time.Millisecond {
		r.used, _ = ownThread()
	}
	r.used.cpu = used
	if took := r.Took(); took < 30*time.Millisecond && r.Preempted(took) {
		t.Errorf("a thread that worked for 20ms of %v was preempted", took)
	}
	r = begin()
	r.now += time.Second // which the thread has neither worked nor slept
	if !r.Preempted(time.Second) {
		t.Error("a thread that did nothing for a second, and did not sleep, was not preempted")
	}
}
