// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"errors"
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// heavyHead takes so many bytes.
func heavyHead(bytes int) exchange.Head {
	return exchange.Head{Fixed: postHead.Fixed, Fields: []exchange.Field{{Name: "x", Value: strings.Repeat("v", bytes-fieldMemory-1)}}}
}

// TestHeadersAreNotHoarded opens requests with large headers and leaves them open: what is beyond the connection's own and
// the common share is refused, ordinary requests are not, and all of it comes back.
func TestHeadersAreNotHoarded(t *testing.T) {
	const (
		list  = 8 << 10
		each  = list - ordinaryHead
		share = 2       // requests that the common share has room for
		own   = 4       // and the connection's own
		slack = 2 << 10 // what the first requests name that later ones refer to
	)
	budget := NewBudget(share * each * headShare)
	clientEnd, serverEnd := modes["tcp"](t)
	client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{Budget: budget, MaxHeaderListBytes: 2 * (own*each + slack)})
	ctx := withTimeout(t)
	for range 3 {
		var open []*ClientStream
		for range share + own {
			s, err := client.Open(ctx, heavyHead(list), nil, false)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, s)
		}
		var failure *Error
		if _, err := call(ctx, client, heavyHead(list), nil); !errors.As(err, &failure) || !failure.Unprocessed {
			t.Errorf("a request that there is no room for: %v", err)
		}
		if _, err := call(ctx, client, heavyHead(ordinaryHead/2), nil); err != nil {
			t.Errorf("an ordinary request: %v", err)
		}
		for _, s := range open {
			if err := s.Send(ctx, nil, true); err != nil {
				t.Fatal(err)
			}
			if err := s.WantEnd(ctx, plenty); err != nil {
				t.Errorf("a request that there was room for: %v", err)
			}
			s.Close()
		}
		nothingLeft(t, client, server)
		if left := budget.heads.Load(); left != 0 || server.heads != 0 {
			t.Errorf("%d bytes of the share and %d of the connection are still counted", left, server.heads)
		}
	}
}

// TestTrailersAreNotHoarded ends requests whose handlers wait by trailers that there is no room for.
func TestTrailersAreNotHoarded(t *testing.T) {
	release := make(chan struct{})
	_, peer := scriptedClient(t, serveFunc{serve: func(*ServerStream) { <-release }}, Options{Budget: NewBudget(0), MaxHeaderListBytes: 16 << 10})
	defer close(release)
	trailers := block("x", strings.Repeat("v", 7<<10))
	for id := uint32(1); id <= 5; id += 2 { // there is room for two
		peer.send(join(headers(id, getBlock, false), headers(id, trailers, true)))
	}
	if got := peer.verdict(); got != "RST_STREAM 5 REFUSED_STREAM" {
		t.Error(got)
	}
}

// TestEarlyAnswersDoNotPileUp makes requests that are answered at once and never end: the moment that they have to end is
// for a few at a time.
func TestEarlyAnswersDoNotPileUp(t *testing.T) {
	const more = 50
	server, peer := scriptedClient(t, serveFunc{serve: func(s *ServerStream) { s.Answer(okHead, nil, okTrailers) }}, Options{})
	var script []byte
	for i := range mostEarly + more {
		script = append(script, headers(uint32(2*i+1), getBlock, false)...)
	}
	peer.send(script)
	for resets := 0; resets < more; {
		h, payload, err := peer.next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Type == frame.ResetStream {
			if code, _ := frame.ParseResetStream(h, payload); code != frame.NoError {
				t.Fatalf("stream %d is reset with %v", h.Stream, code)
			}
			resets++
		}
	}
	for answered := 0; answered < mostEarly; answered++ { // the others are, when their moment is over
		h, _, err := peer.next()
		for err == nil && h.Type != frame.ResetStream {
			h, _, err = peer.next()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if server.early != 0 || server.streams.len() != 0 {
		t.Errorf("%d requests linger, %d streams are left", server.early, server.streams.len())
	}
}
