// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// stuckServer returns a client's connection whose server has shaken hands and takes nothing more than fits into buffers. The
// request that fills them is under way.
func stuckServer(t *testing.T, mode string) (client *Conn, peer *scripted, filling *ClientStream) {
	t.Helper()
	clientEnd, serverEnd := modes[mode](t)
	peer = newScripted(t, serverEnd)
	go peer.nc.Write(join(frame.AppendSettings(nil, frame.Setting{ID: frame.InitialWindowSize, Value: frame.LargestWindow}),
		frame.AppendWindowUpdate(nil, 0, 1<<30)))
	read, readError := make(chan struct{}), error(nil)
	go func() { // all that comes before the request: the preface, SETTINGS, WINDOW_UPDATE, the answer to SETTINGS
		defer close(read)
		_, readError = io.ReadFull(peer.reader, make([]byte, len(frame.Preface)))
		for range 3 {
			if readError == nil {
				_, _, readError = peer.next()
			}
		}
	}()
	client, err := NewClient(context.Background(), clientEnd, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(nil); await(t, "the end of the connection", client.Done()) })
	if await(t, "the handshake", read); readError != nil {
		t.Fatal(readError)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s, err := client.Open(ctx, postHead, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := peer.next()
	if err != nil || h.Type != frame.Headers {
		t.Fatal(h.Type, err)
	}
	sent := make(chan struct{})
	go func() { defer close(sent); s.Send(ctx, make([]byte, 64<<20), true) }()
	t.Cleanup(func() { await(t, "the end of Send", sent) })
	t.Cleanup(cancel)
	for still, left := 0, 0; still < 30; time.Sleep(time.Millisecond) { // the writer waits for the socket, and the sender for the writer
		client.mu.Lock()
		if now := client.taking + int(client.credit.credit); now == left && client.writing && len(client.blocked) > 0 {
			still++
		} else {
			still, left = 0, now
		}
		client.mu.Unlock()
	}
	return client, peer, s
}

// TestRequestsThatNeverLeftSaySo ends a connection that has taken nothing for a while, in several ways: what was never handed
// to the network may be sent again on another, and what may have arrived may not.
func TestRequestsThatNeverLeftSaySo(t *testing.T) {
	ends := map[string]func(client *Conn, peer *scripted){
		"by the peer": func(_ *Conn, peer *scripted) {
			if tcp, ok := peer.nc.(*net.TCPConn); ok {
				tcp.SetLinger(0)
			}
			peer.nc.Close()
		},
		"by this side": func(client *Conn, _ *scripted) { client.Close(errors.New("enough")) },
		"by a failed write": func(client *Conn, _ *scripted) {
			client.socket.under.Close() // nothing more can be read either, but that may be noticed later
		},
	}
	for _, mode := range []string{"tcp", "wrapped"} {
		for name, end := range ends {
			t.Run(mode+"/"+name, func(t *testing.T) {
				client, peer, filling := stuckServer(t, mode)
				var waiting []*ClientStream
				for range 3 {
					s, err := client.Open(t.Context(), postHead, []byte("hello"), true)
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					waiting = append(waiting, s)
				}
				end(client, peer)
				for _, s := range waiting {
					var failure *Error
					if err := s.WantEnd(withTimeout(t), plenty); !errors.As(err, &failure) || !failure.Unsent || !failure.Unprocessed {
						t.Errorf("a request that never left: %v", err)
					}
					if err := s.Send(t.Context(), nil, true); !errors.As(err, &failure) || !failure.Unsent {
						t.Errorf("sending more of it: %v", err)
					}
				}
				var failure *Error
				if err := filling.WantEnd(withTimeout(t), plenty); err == nil || errors.As(err, &failure) && (failure.Unsent || failure.Unprocessed) {
					t.Errorf("a request that has arrived: %v", err)
				}
				if _, err := client.Open(t.Context(), postHead, nil, true); !errors.As(err, &failure) || !failure.Unsent {
					t.Errorf("a request on a connection that has ended: %v", err)
				}
				for h, _, err := peer.next(); err == nil; h, _, err = peer.next() {
					if h.Type == frame.Headers {
						t.Errorf("stream %d left after all", h.Stream)
					}
				}
			})
		}
	}
}

// TestGoAwayTellsWhatWasSeen sends GOAWAY with requests before and behind the last stream, answered and not.
func TestGoAwayTellsWhatWasSeen(t *testing.T) {
	client, peer := scriptedServer(t, Options{})
	var streams []*ClientStream
	for range 3 {
		s, err := client.Open(t.Context(), postHead, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		streams = append(streams, s)
		peer.expect(frame.Headers)
	}
	peer.send(join(headers(5, block(":status", "200"), false), frame.AppendGoAway(nil, 1, frame.NoError, "")))
	for i, want := range []struct{ fails, unprocessed bool }{{false, false}, {true, true}, {true, false}} {
		if !want.fails {
			continue
		}
		var failure *Error
		if err := streams[i].Want(withTimeout(t), 1); !errors.As(err, &failure) || failure.Unprocessed != want.unprocessed || failure.Unsent {
			t.Errorf("stream %d: %v, unprocessed %v", streams[i].ID(), err, failure != nil && failure.Unprocessed)
		}
	}
	if err := streams[0].Err(); err != nil {
		t.Errorf("the stream that the server has seen: %v", err)
	}
	// A refusal of what was begun to be answered is no refusal.
	peer.send(join(headers(1, block(":status", "200"), false), frame.AppendResetStream(nil, 1, frame.RefusedStream)))
	var failure *Error
	if err := streams[0].Want(withTimeout(t), 1); !errors.As(err, &failure) || failure.Unprocessed {
		t.Errorf("a refusal behind a head: %v", err)
	}
}
