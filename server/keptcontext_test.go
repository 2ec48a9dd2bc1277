// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"context"
	"io"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/server"
)

// A handler may keep its context. What a lane or a connection uses again is nothing of that: neither does the next request
// show in it, nor does it come to life with it.
func TestKeptContextsOfAnEdge(t *testing.T) {
	kept := make(chan context.Context, 1)
	_, address := serveSay(t, server.Options{}, func(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if ctx.Err() != nil {
			t.Error("a call begins with a context that has ended")
		}
		select {
		case earlier := <-kept:
			if earlier.Err() != context.Canceled {
				t.Errorf("the context of a call that is over: %v", earlier.Err())
			}
			call := farcall.IncomingCall(earlier)
			if got := call.RequestHeader().Get("x-request-id"); got != "1" && got != "2" || call.RequestHeader().Len() != 1 {
				t.Errorf("its metadata has become %q", got)
			}
			if _, known := exchange.PeerFrom(earlier); !known || call.Peer().Address == nil {
				t.Error("its peer is not known any more")
			}
		default:
		}
		kept <- ctx
		return in, nil
	})
	c := talkTo(t, address)
	for _, id := range []string{"1", "2", "3"} {
		c.say(saying(`"a"`, "X-Request-Id: "+id))
		c.wants(200, `"a"`)
	}
	<-kept
	conn := raw(t, address)
	for _, id := range []string{"1", "2", "3"} {
		stream, err := conn.Open(t.Context(), exchange.Head{Fields: []exchange.Field{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
			{Name: ":path", Value: "/v1/say"}, {Name: ":authority", Value: "a"}, {Name: "content-type", Value: "application/json"}, {Name: "x-request-id", Value: id}}}, []byte(`"a"`), true)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.WantEnd(t.Context(), 100); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		stream.Close()
	}
}

// On a lane that has answered a request, the next one's context ends with the client all the same.
func TestLaneEndsTheNextCallToo(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	_, address := serveSay(t, server.Options{}, func(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if in.GetValue() != "wait" {
			return in, nil
		}
		close(entered)
		<-ctx.Done()
		ended <- ctx.Err()
		return in, ctx.Err()
	})
	c := talkTo(t, address)
	for range 3 {
		c.say(saying(`"a"`))
		c.wants(200, `"a"`)
	}
	c.say(saying(`"wait"`))
	<-entered
	c.Close()
	if err := <-ended; err != context.Canceled {
		t.Errorf("the handler's context: %v", err)
	}
}
