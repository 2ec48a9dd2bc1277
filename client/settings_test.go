// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"encoding/binary"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// settingsSeen are the first SETTINGS that each end of a connection has sent, by their numbers in RFC 9113 section 6.5.2.
type settingsSeen struct {
	mu   sync.Mutex // guards what follows
	sent map[uint16]uint32
}

func (s *settingsSeen) Frame(event farcall.FrameEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if event.Type != "SETTINGS" || !event.Sent || s.sent != nil {
		return
	}
	s.sent = map[uint16]uint32{}
	for p := event.Payload; len(p) >= 6; p = p[6:] {
		s.sent[binary.BigEndian.Uint16(p)] = binary.BigEndian.Uint32(p[2:])
	}
}

func (s *settingsSeen) HeaderBlock(farcall.HeaderBlockEvent) {}

// TestHTTP2SettingsAreTheOptions also sends messages that are larger than all of them.
func TestHTTP2SettingsAreTheOptions(t *testing.T) {
	var ofServer, ofClient settingsSeen
	address := serveTCP(t, server.Options{Frames: &ofServer, MaxConcurrentStreams: 7, MaxHeaderListBytes: 20_000, HTTP2: server.HTTP2{
		StreamWindowBytes: 70_001, ConnectionWindowBytes: 80_001, MaxWindowBytes: -1, MaxFrameBytes: 30_001, HeaderTableBytes: 501}}, repeat)
	conn := dial(t, address, client.Options{Frames: &ofClient, MaxHeaderListBytes: 30_000, HTTP2: client.HTTP2{
		StreamWindowBytes: 70_002, ConnectionWindowBytes: 80_002, MaxWindowBytes: 100_000, MaxFrameBytes: 30_002, HeaderTableBytes: 502}})
	long := strings.Repeat("0123456789", 100_000)
	if got, err := call(t.Context(), conn, long); err != nil || got != long {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for name, end := range map[string]struct {
		seen *settingsSeen
		want map[uint16]uint32
	}{
		"server": {&ofServer, map[uint16]uint32{1: 501, 3: 7, 4: 70_001, 5: 30_001, 6: 20_000}},
		"client": {&ofClient, map[uint16]uint32{1: 502, 2: 0, 4: 70_002, 5: 30_002, 6: 30_000}},
	} {
		end.seen.mu.Lock()
		if !maps.Equal(end.seen.sent, end.want) {
			t.Errorf("the %s's SETTINGS are %v, want %v", name, end.seen.sent, end.want)
		}
		end.seen.mu.Unlock()
	}
}
