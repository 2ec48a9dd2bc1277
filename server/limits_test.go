// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/server"
)

// TestNegativeLimitsAreNone makes a call whose headers are far above the default, both ways, where neither end has limits.
func TestNegativeLimitsAreNone(t *testing.T) {
	large := strings.Repeat("v", 100<<10)
	address := runSay(t, server.Options{MaxHeaderListBytes: -1, MaxConcurrentStreams: -1},
		func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
			call := farcall.IncomingCall(ctx)
			call.ResponseHeader().Add("large", call.RequestHeader().Get("large"))
			return request, nil
		})
	conn, err := client.New(address, client.Options{MaxHeaderListBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, outgoing := farcall.NewCall(farcall.WithMetadata(t.Context(), "large", large))
	if said, err := call(ctx, conn, "hello"); err != nil || said != "hello" {
		t.Fatalf("%q, %v", said, err)
	}
	if got := outgoing.ResponseHeader().Get("large"); got != large {
		t.Errorf("%d bytes came back", len(got))
	}
}

// TestConnectionsThatSayNothingGiveWay opens more connections than may be without a request, in each state in which they
// are: those that came first are closed, and a call gets through.
func TestConnectionsThatSayNothingGiveWay(t *testing.T) {
	for name, said := range map[string]string{"nothing": "", "a part of the preface": frame.Preface[:5], "the preface": frame.Preface} {
		t.Run(name, func(t *testing.T) {
			const most = 3
			address := runSay(t, server.Options{MaxHandshakes: most}, repeat)
			gone := make(chan struct{}, 2*most)
			for range 2 * most {
				nc, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { nc.Close() })
				if _, err := io.WriteString(nc, said); err != nil {
					t.Fatal(err)
				}
				go func() { // ends with the connection, which the server or the test closes
					_, _ = io.Copy(io.Discard, nc)
					gone <- struct{}{}
				}()
			}
			for range most {
				<-gone // or the test's own deadline
			}
			conn := dial(t, address)
			for range 2 * most { // which are on one connection
				if said, err := call(t.Context(), conn, "hello"); err != nil || said != "hello" {
					t.Fatalf("%q, %v", said, err)
				}
			}
			ours := dial(t, address)
			if _, err := call(t.Context(), ours, "hello"); err != nil {
				t.Error(err)
			}
			if _, err := call(t.Context(), conn, "hello"); err != nil {
				t.Errorf("a connection with calls gave way: %v", err)
			}
		})
	}
}
