// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// TestStreamsAreUsedAgain makes calls one after the other on a connection that is hot: they need no new streams.
func TestStreamsAreUsedAgain(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	client, server := connect(t, clientEnd, serverEnd, recycling{}, Options{}, Options{})
	var mu sync.Mutex
	seen := map[*ClientStream]int{}
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := range 500 {
				body := pattern(100*caller + i)
				s, err := client.Open(context.Background(), postHead, body, true)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[s]++
				mu.Unlock()
				if err := s.WantEnd(context.Background(), plenty); err != nil {
					t.Error(err)
				}
				if got := s.Next(s.Buffered()); string(got) != string(body) {
					t.Errorf("%d bytes came back, %d were sent", len(got), len(body))
				}
				s.Recycle()
			}
		})
	}
	callers.Wait()
	if len(seen) > 1000 { // the race detector makes sync.Pool forget some
		t.Errorf("2000 calls needed %d streams", len(seen))
	}
	nothingLeft(t, client, server)
}

// recycling echoes, and gives the stream back to be used again.
type recycling struct{ serveFunc }

func (recycling) Accept(s *ServerStream) {
	go func() {
		defer s.Recycle()
		echo(s)
	}()
}

// TestWhatOthersMayHaveIsNotUsedAgain gives streams back that did not end well.
func TestWhatOthersMayHaveIsNotUsedAgain(t *testing.T) {
	for name, spoil := range map[string]func(s *ClientStream, peer *scripted){
		"not answered": func(*ClientStream, *scripted) {},
		"reset":        func(s *ClientStream, _ *scripted) { s.Reset(frame.Cancel) },
		"reset by the peer": func(s *ClientStream, peer *scripted) {
			peer.send(frame.AppendResetStream(nil, s.ID(), frame.InternalError))
			peer.roundTrip()
		},
		"half an answer": func(s *ClientStream, peer *scripted) {
			peer.send(frame.AppendHeaders(nil, s.ID(), []byte{0x88}, false, frame.SmallestMaxFrame))
			peer.roundTrip()
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, peer := scriptedServer(t, Options{})
			s, err := client.Open(withTimeout(t), postHead, nil, true)
			if err != nil {
				t.Fatal(err)
			}
			peer.expect(frame.Headers)
			spoil(s, peer)
			client.mu.Lock()
			client.reuses = true
			client.mu.Unlock()
			s.Recycle()
			client.mu.Lock()
			defer client.mu.Unlock()
			if len(client.aside) != 0 || s.free.Load() {
				t.Error("it may be used again")
			}
		})
	}
}

// TestAStreamThatTheReaderComesBackToIsNotUsedAgainYet gives a stream back whose user has not waited for the reader to wake him.
func TestAStreamThatTheReaderComesBackToIsNotUsedAgainYet(t *testing.T) {
	for _, late := range []bool{false, true} {
		s := loneStream(t, Options{})
		c := s.conn
		sent := &ClientStream{stream: stream{conn: c, id: s.id, ended: true, late: late, endedWell: true}}
		sent.stream.sent = sent
		sent.free.Store(true)
		c.reuses = true
		sent.Recycle()
		if aside := len(c.aside) == 1; aside != late {
			t.Errorf("the reader comes back %t: set aside %t", late, aside)
		}
	}
}

// TestCallsThatGiveUpMeetTheirEnd makes calls whose contexts end about when their answers come: nobody gets another's answer,
// and nothing is left.
func TestCallsThatGiveUpMeetTheirEnd(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	client, server := connect(t, clientEnd, serverEnd, recycling{}, Options{}, Options{})
	var gaveUp, answered atomic.Int64
	var callers sync.WaitGroup
	for caller := range 16 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(caller), 0))
			for i := range 300 {
				body := pattern(100*caller + i)
				s, err := client.Open(context.Background(), postHead, body, true)
				if err != nil {
					t.Error(err)
					return
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.IntN(4000))*time.Microsecond)
				switch err := s.WantEnd(ctx, plenty); {
				case err == nil:
					answered.Add(1)
					if _, got, _, err := s.Answer(); err != nil || string(got) != string(body) {
						t.Errorf("%d bytes came back, %d were sent, %v", len(got), len(body), err)
					}
				case errors.Is(err, context.DeadlineExceeded):
					gaveUp.Add(1)
				default:
					t.Error(err)
				}
				cancel()
				s.Recycle()
			}
		})
	}
	callers.Wait()
	t.Logf("%d answers, %d gave up", answered.Load(), gaveUp.Load())
	nothingLeft(t, client, server)
}

// TestAnIdleConnectionHoldsNoStreams looks at a connection that was hot.
func TestAnIdleConnectionHoldsNoStreams(t *testing.T) {
	s := loneStream(t, Options{})
	c := s.conn
	c.mu.Lock()
	c.reuses, s.endedWell = true, true
	c.setAsideLocked(&s.stream)
	if len(c.aside) != 1 {
		t.Error("a stream that ended well is not used again")
	}
	c.mu.Unlock()
	c.stopReusing()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.setAsideLocked(&s.stream); len(c.aside) != 0 {
		t.Error("it is kept where nothing happens")
	}
}
