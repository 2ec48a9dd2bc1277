// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"errors"
	"testing"

	"github.com/farcall/farcall/internal/frame"
)

// TestCloseWakesWhoStillWaits closes a stream that has just left the table, and of whose failure its reader is about to be
// told, while another goroutine waits for its answer: that one must not be left behind.
func TestCloseWakesWhoStillWaits(t *testing.T) {
	client, peer := scriptedServer(t, Options{})
	s, err := client.Open(withTimeout(t), postHead, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	peer.expect(frame.Headers)
	ended := make(chan struct{})
	var got error
	go func() {
		defer close(ended)
		got = s.Want(t.Context(), 1)
	}()
	awaitWaiter(t, &s.stream)
	failure := errors.New("the connection is about to fail")
	client.mu.Lock()
	client.removeLocked(&s.stream, failure)
	client.mu.Unlock()
	s.Close()
	client.endStream(&s.stream, failure)
	await(t, "the end of the wait", ended)
	if got == nil {
		t.Error("the stream has an answer")
	}
}
