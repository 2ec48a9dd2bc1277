// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// overdueCall opens a stream and gives it up, as a call does whose deadline has passed.
func overdueCall(t *testing.T, client *Conn, peer *scripted, meanwhile func(stream uint32)) (silent bool) {
	t.Helper()
	s, err := client.Open(withTimeout(t), postHead, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	peer.expect(frame.Headers)
	if meanwhile != nil {
		meanwhile(s.ID())
	}
	silent = s.Overdue()
	s.Close()
	return silent
}

// TestADeadConnectionIsFoundByAnOverdueCall lets a call be overdue on a connection whose server shows no sign of life.
func TestADeadConnectionIsFoundByAnOverdueCall(t *testing.T) {
	client, peer := scriptedServer(t, Options{})
	patient, err := client.Open(withTimeout(t), postHead, nil, true) // by another caller, without a deadline
	if err != nil {
		t.Fatal(err)
	}
	defer patient.Close()
	peer.expect(frame.Headers)
	if client.Doubtful() {
		t.Fatal("a connection without an overdue call is in doubt")
	}
	now := time.Now()
	if !overdueCall(t, client, peer, nil) {
		t.Fatal("the server has said something")
	}
	if h, payload := peer.expect(frame.Ping); h.Flags.Has(frame.Ack) || [8]byte(payload) != keepalivePing {
		t.Fatalf("PING %v %q", h.Flags, payload)
	}
	overdueCall(t, client, peer, nil) // which asks no second time
	client.look(now.Add(19 * time.Second))
	if err := client.Err(); err != nil || !client.Doubtful() || !client.Available() {
		t.Fatalf("before the time to answer was over: %v, in doubt: %v", err, client.Doubtful())
	}
	client.look(now.Add(21 * time.Second))
	var failure *Error
	if err := client.Err(); !errors.As(err, &failure) || failure.Culprit != ByNetwork || !strings.Contains(err.Error(), "deadline") {
		t.Fatalf("not answered: %v", err)
	}
	if err := patient.WantEnd(withTimeout(t), plenty); !errors.As(err, &failure) || failure.Unprocessed {
		t.Errorf("the other call: %v", err)
	}
	for h, _, err := peer.next(); err == nil; h, _, err = peer.next() {
		if h.Type == frame.Ping {
			t.Error("a second PING")
		}
	}
}

// TestASlowServerIsNotADeadOne answers the ping: the connection lives, and so it does where anything came for the overdue
// call.
func TestASlowServerIsNotADeadOne(t *testing.T) {
	client, peer := scriptedServer(t, Options{})
	now := time.Now()
	overdueCall(t, client, peer, nil)
	_, payload := peer.expect(frame.Ping)
	peer.send(frame.AppendPing(nil, true, [8]byte(payload)))
	peer.roundTrip()
	if client.Doubtful() {
		t.Error("in doubt after an answer")
	}
	for range 5 {
		now = now.Add(time.Hour)
		client.look(now)
	}
	if err := client.Err(); err != nil {
		t.Fatalf("answered, and yet: %v", err)
	}
	for range 5 {
		if overdueCall(t, client, peer, func(uint32) { peer.roundTrip() }) {
			t.Fatal("the server has said something, and counts as silent")
		}
	}
	peer.send(frame.AppendPing(nil, false, [8]byte{1}))
	if _, payload := peer.expect(frame.Ping); payload[0] != 1 {
		t.Errorf("the connection has asked, and had no reason to: %q", payload)
	}
}

// TestDoubtsDoNotFloodAServer lets calls be overdue one after the other on a server that answers pings, and nothing else:
// more than a few pings would make it end the connection. At last the connection is left alone, without having ended.
func TestDoubtsDoNotFloodAServer(t *testing.T) {
	client, peer := scriptedServer(t, Options{})
	patient, err := client.Open(withTimeout(t), postHead, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer patient.Close()
	now := time.Now()
	for range mostDoubtPings {
		overdueCall(t, client, peer, nil)
		_, payload := peer.expect(frame.Ping)
		peer.send(frame.AppendPing(nil, true, [8]byte(payload)))
		peer.roundTrip()
		now = now.Add(time.Hour)
		client.look(now)
	}
	client.look(time.Now().Add(-time.Hour)) // sees what has come
	overdueCall(t, client, peer, nil)
	client.look(time.Now().Add(19 * time.Second))
	if !client.Available() {
		t.Fatal("the connection takes no more calls before its time")
	}
	client.look(time.Now().Add(21 * time.Second))
	if client.Available() || client.Err() != nil {
		t.Fatalf("a silent connection takes calls: %v, error %v", client.Available(), client.Err())
	}
	if _, err := client.Open(withTimeout(t), postHead, nil, true); err == nil {
		t.Error("a call began on it")
	}
	peer.send(headers(patient.ID(), block(":status", "200", "grpc-status", "0"), true))
	if err := patient.WantEnd(withTimeout(t), plenty); err != nil {
		t.Errorf("a call under way: %v", err)
	}
	await(t, "the end of the connection", client.Done())
	for h, _, err := peer.next(); err == nil; h, _, err = peer.next() {
		if h.Type == frame.Ping && !h.Flags.Has(frame.Ack) {
			t.Error("one PING too many")
		}
	}
}

// TestAnAnswerAllowsMorePings checks that the server's patience with pings begins anew with what it sends.
func TestAnAnswerAllowsMorePings(t *testing.T) {
	client, peer := scriptedServer(t, Options{})
	for range 3 * mostDoubtPings {
		overdueCall(t, client, peer, nil)
		_, payload := peer.expect(frame.Ping)
		peer.send(frame.AppendPing(nil, true, [8]byte(payload)))
		s, err := client.Open(withTimeout(t), postHead, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		peer.expect(frame.Headers)
		peer.send(headers(s.ID(), block(":status", "200"), true))
		if err := s.WantEnd(withTimeout(t), plenty); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
}

// TestADoubtRunsByItself uses the timer.
func TestADoubtRunsByItself(t *testing.T) {
	client, peer := scriptedServer(t, Options{Keepalive: Keepalive{Timeout: time.Millisecond}})
	overdueCall(t, client, peer, nil)
	await(t, "the end of a dead connection", client.Done())
}
