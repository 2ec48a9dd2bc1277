// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"sync"
	"testing"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// A server that takes one call at a time takes the next as soon as it has answered one: none may be refused because the
// goroutine of the last has not quite ended.
func TestOneCallAtATime(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{MaxConcurrentStreams: 1}, repeat), client.Options{MaxConnections: 1})
	for i := range 20_000 {
		if got, err := call(t.Context(), conn, "x"); err != nil || got != "x" {
			t.Fatalf("call %d: %q, %v", i, got, err)
		}
	}
}

// Calls that wait for a place are accepted on the goroutine that frees it: several at a time, with what their connection
// remembers of the calls before. (The race detector has the last word.)
func TestPlacesAreFreedByMany(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{MaxConcurrentStreams: 3}, repeat), client.Options{MaxConnections: 1})
	var calling sync.WaitGroup
	for range 16 {
		calling.Go(func() {
			for i := range 300 {
				if got, err := call(t.Context(), conn, "x"); err != nil || got != "x" {
					t.Errorf("call %d: %q, %v", i, got, err)
				}
			}
		})
	}
	calling.Wait()
}
