// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
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
