// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// TestIdleClientCloses ends a client's connection that nobody uses, and tells who wants it later to take another.
func TestIdleClientCloses(t *testing.T) {
	client, peer := scriptedServer(t, Options{IdleTimeout: time.Hour})
	now := time.Now()
	s, err := client.Open(withTimeout(t), postHead, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(5 * time.Hour)
	client.look(now)
	if err := client.Err(); err != nil {
		t.Fatalf("in use, and yet: %v", err)
	}
	s.Close()
	now = now.Add(59 * time.Minute)
	client.look(now)
	if err := client.Err(); err != nil {
		t.Fatalf("in use a while ago, and yet: %v", err)
	}
	client.look(now.Add(time.Minute))
	if client.Available() {
		t.Fatal("the connection takes calls")
	}
	await(t, "the end of the connection", client.Done())
	var failure *Error
	if _, err := client.Open(withTimeout(t), postHead, nil, true); !errors.As(err, &failure) || !failure.Unprocessed {
		t.Errorf("a call on it: %v", err)
	}
	h, payload := peer.expect(frame.GoAway)
	if _, code, _, _ := frame.ParseGoAway(h, payload); code != frame.NoError {
		t.Errorf("GOAWAY %v", code)
	}
}

// TestCallsBetweenTheLooksCount makes calls that no look at the clock sees. It takes a minute less than the limit from one to
// the next, because the connection's own first look may come late and then tells the time at which it was begun.
func TestCallsBetweenTheLooksCount(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{IdleTimeout: time.Hour}, Options{IdleTimeout: time.Hour})
	now := time.Now()
	for range 5 {
		if _, err := call(withTimeout(t), client, postHead, nil); err != nil {
			t.Fatal(err)
		}
		now = now.Add(59 * time.Minute)
		client.look(now)
		server.look(now)
	}
}

func TestIdleServerGoesAway(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{IdleTimeout: time.Millisecond})
		await(t, "the end of the server's connection", server.Done())
		await(t, "the end of the client's connection", client.Done())
	})
}

// TestOldConnectionGoesAway lets a connection grow old with a request under way, which has its grace.
func TestOldConnectionGoesAway(t *testing.T) {
	accepted := make(chan *ServerStream, 1)
	server, peer := scriptedClient(t, acceptFunc(func(s *ServerStream) { accepted <- s }), Options{MaxAge: time.Hour, MaxAgeGrace: time.Minute})
	now := time.Now()
	peer.send(headers(1, getBlock, true))
	s := <-accepted
	defer s.Release()
	server.look(now.Add(54*time.Minute - time.Second))
	peer.roundTrip() // and no GOAWAY, which expect would pass over:
	if server.draining != drainNone {
		t.Fatal("the connection goes away before its time")
	}
	now = now.Add(67 * time.Minute)
	server.look(now)
	_, payload := peer.expect(frame.GoAway)
	if last, _, _, _ := frame.ParseGoAway(frame.Header{Length: len(payload)}, payload); last != 1<<31-1 {
		t.Errorf("the first GOAWAY names stream %d", last)
	}
	peer.send(frame.AppendPing(nil, true, drainPing))
	if _, payload = peer.expect(frame.GoAway); payload[3] != 1 {
		t.Errorf("the second GOAWAY names stream %d", payload[3])
	}
	server.look(now.Add(59 * time.Second))
	if err := server.Err(); err != nil {
		t.Fatalf("cut off before its grace was over: %v", err)
	}
	server.look(now.Add(time.Minute))
	if server.Err() == nil {
		t.Fatal("the connection outlives its grace")
	}
	if err := s.Answer(okHead, nil, okTrailers); err == nil {
		t.Error("the answer was taken")
	}
}

// TestAgesDiffer checks that connections which began together do not end together.
func TestAgesDiffer(t *testing.T) {
	now, seen := time.Now(), map[time.Time]bool{}
	for range 100 {
		c := &Conn{options: Options{MaxAge: time.Hour}}
		c.startAging(now)
		if age := c.watch.old.Sub(now); age < 54*time.Minute || age > 66*time.Minute {
			t.Fatalf("an age of %v", age)
		}
		seen[c.watch.old] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d ages", len(seen))
	}
}

// TestAgedConnectionFinishesCalls uses the timer: every call is answered, or was never seen.
func TestAgedConnectionFinishesCalls(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{MaxAge: 5 * time.Millisecond})
		for {
			_, err := call(withTimeout(t), client, postHead, pattern(100))
			if failure := (*Error)(nil); errors.As(err, &failure) && failure.Unprocessed {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		await(t, "the end of the server's connection", server.Done())
	})
}
