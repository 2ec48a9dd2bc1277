// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// scriptedServer returns a client's connection whose server is scripted and has shaken hands.
func scriptedServer(t *testing.T, options Options) (*Conn, *scripted) {
	t.Helper()
	clientEnd, serverEnd := modes["tcp"](t)
	peer := newScripted(t, serverEnd)
	peer.send(join(frame.AppendSettings(nil), frame.AppendSettingsAck(nil)))
	client, err := NewClient(context.Background(), clientEnd, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(nil); await(t, "the end of the connection", client.Done()) })
	if _, err := io.ReadFull(peer.reader, make([]byte, len(frame.Preface))); err != nil {
		t.Fatal(err)
	}
	for {
		if h, _, err := peer.next(); err != nil {
			t.Fatal(err)
		} else if h.Type == frame.Settings && h.Flags.Has(frame.Ack) {
			return client, peer
		}
	}
}

// expect reads until a frame of a type comes, and returns it.
func (p *scripted) expect(wanted frame.Type) (frame.Header, []byte) {
	p.t.Helper()
	for {
		h, payload, err := p.next()
		if err != nil {
			p.t.Fatalf("waiting for %v: %v", wanted, err)
		}
		if h.Type == wanted {
			return h, payload
		}
	}
}

// roundTrip makes sure that the other end has read all that was sent.
func (p *scripted) roundTrip() {
	p.t.Helper()
	p.send(frame.AppendPing(nil, false, [8]byte{'r', 't'}))
	if h, payload := p.expect(frame.Ping); !h.Flags.Has(frame.Ack) || payload[0] != 'r' {
		p.t.Fatalf("PING %v %q in the place of the answer", h.Flags, payload)
	}
}

func TestKeepaliveEndsASilentConnection(t *testing.T) {
	keepalive := Keepalive{Interval: time.Hour, Timeout: 20 * time.Second, WithoutStreams: true}
	roles := map[string]func(*testing.T) (*Conn, *scripted){
		"client": func(t *testing.T) (*Conn, *scripted) { return scriptedServer(t, Options{Keepalive: keepalive}) },
		"server": func(t *testing.T) (*Conn, *scripted) {
			return scriptedClient(t, serveFunc{serve: echo}, Options{Keepalive: keepalive})
		},
	}
	for role, connect := range roles {
		t.Run(role, func(t *testing.T) {
			c, peer := connect(t)
			now := time.Now()
			c.look(now.Add(59 * time.Minute)) // sees what the handshake has brought
			peer.roundTrip()                  // which is no sign of life to come: no PING may have been sent
			now = now.Add(2 * time.Hour)
			c.look(now)
			now = now.Add(time.Hour)
			c.look(now)
			h, payload := peer.expect(frame.Ping)
			if h.Flags.Has(frame.Ack) {
				t.Fatal("an answer without a question")
			}
			peer.send(frame.AppendPing(nil, true, [8]byte(payload)))
			peer.roundTrip()
			now = now.Add(20 * time.Second)
			c.look(now)
			if err := c.Err(); err != nil {
				t.Fatalf("answered, and yet: %v", err)
			}
			now = now.Add(time.Hour)
			c.look(now)
			peer.expect(frame.Ping)
			c.look(now.Add(19 * time.Second))
			if err := c.Err(); err != nil {
				t.Fatalf("before the time to answer was over: %v", err)
			}
			c.look(now.Add(20 * time.Second))
			var failure *Error
			if err := c.Err(); !errors.As(err, &failure) || failure.Culprit != ByNetwork || !strings.Contains(err.Error(), "keepalive") {
				t.Fatalf("not answered: %v", err)
			}
		})
	}
}

// TestKeepaliveOnlyWithStreams lets a client be that has nothing to ask for, and begins the wait with its next call.
func TestKeepaliveOnlyWithStreams(t *testing.T) {
	client, peer := scriptedServer(t, Options{Keepalive: Keepalive{Interval: time.Hour}})
	now := time.Now()
	for range 5 {
		now = now.Add(2 * time.Hour)
		client.look(now)
	}
	s, err := client.Open(withTimeout(t), postHead, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client.look(now.Add(59 * time.Minute))
	peer.roundTrip()
	now = now.Add(2 * time.Hour)
	client.look(now) // hears of the round trip
	client.look(now.Add(time.Hour))
	if h, payload := peer.expect(frame.Ping); h.Flags.Has(frame.Ack) || [8]byte(payload) != keepalivePing {
		t.Errorf("PING %v %q", h.Flags, payload)
	}
}

// TestKeepaliveRunsByItself uses the timer.
func TestKeepaliveRunsByItself(t *testing.T) {
	server, peer := scriptedClient(t, serveFunc{serve: echo}, Options{Keepalive: Keepalive{Interval: time.Millisecond, Timeout: time.Millisecond, WithoutStreams: true}})
	peer.expect(frame.Ping)
	await(t, "the end of a silent connection", server.Done())
}

func TestKeepaliveKeepsALivingConnection(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		pings := make(chan struct{}, 1)
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{
			Keepalive: Keepalive{Interval: time.Millisecond, WithoutStreams: true},
			Tap: sentTap(func(h frame.Header, _ []byte) {
				if h.Type == frame.Ping && !h.Flags.Has(frame.Ack) {
					select {
					case pings <- struct{}{}:
					default:
					}
				}
			}),
		}, Options{LeastPingInterval: -1})
		for range 5 {
			await(t, "a keepalive ping", pings)
		}
		if _, err := call(withTimeout(t), client, postHead, pattern(10)); err != nil {
			t.Error(err)
		}
	})
}

func TestTooManyPings(t *testing.T) {
	ping := frame.AppendPing(nil, false, [8]byte{1})
	server, peer := scriptedClient(t, serveFunc{serve: echo}, Options{})
	for stream := uint32(1); stream < 20; stream += 2 { // with calls in between there may be any number
		for range 3 {
			peer.send(ping)
			peer.expect(frame.Ping)
		}
		peer.send(headers(stream, getBlock, true))
		for h, _ := peer.expect(frame.Headers); !h.Flags.Has(frame.EndStream); h, _ = peer.expect(frame.Headers) {
		}
	}
	peer.send(join(ping, ping, ping, ping))
	h, payload := peer.expect(frame.GoAway)
	if _, code, debug, _ := frame.ParseGoAway(h, payload); code != frame.EnhanceYourCalm || string(debug) != "too_many_pings" {
		t.Errorf("GOAWAY %v %q", code, debug)
	}
	await(t, "the end of the connection", server.Done())
}

func TestPingsThatAreWelcome(t *testing.T) {
	var slow, quick pings
	now := time.Now()
	for i := range 20 {
		now = now.Add(5 * time.Minute)
		if !slow.count(now, 0, 5*time.Minute) {
			t.Fatalf("a ping in 5 minutes, the %dth, is too many", i)
		}
		if quick.count(now, 0, 5*time.Minute+1) != (i < 3) {
			t.Fatalf("the %dth ping that came too early", i)
		}
	}
	_, peer := scriptedClient(t, serveFunc{serve: echo}, Options{LeastPingInterval: -1})
	for range 50 {
		peer.roundTrip()
	}
}

// TestClientIsToldOfTooManyPings checks that only this GOAWAY counts.
func TestClientIsToldOfTooManyPings(t *testing.T) {
	told := make(chan struct{}, 9)
	for debug, want := range map[string]int{"too_many_pings": 1, "too_many_calls": 0} {
		client, peer := scriptedServer(t, Options{TooManyPings: func() { told <- struct{}{} }})
		peer.send(frame.AppendGoAway(nil, 0, frame.EnhanceYourCalm, debug))
		await(t, "the end of the connection", client.Done())
		if len(told) != want {
			t.Errorf("%s: told %d times", debug, len(told))
		}
		for len(told) > 0 {
			<-told
		}
	}
}
