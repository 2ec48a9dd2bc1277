// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"net"
	"testing"

	"github.com/farcall/farcall/internal/frame"
)

// TestGoAwayBeforeServe lets a server go away before it serves: SETTINGS come first all the same (RFC 9113 section 3.4).
func TestGoAwayBeforeServe(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		server := NewServer(serverEnd, acceptFunc(nil), Options{})
		go server.GoAway()
		peer := newScripted(t, clientEnd)
		h, _, err := peer.next()
		if err != nil || h.Type != frame.Settings {
			t.Errorf("the first frame is %v, %v", h.Type, err)
		}
		server.Close(nil)
	})
}
