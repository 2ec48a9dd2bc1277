// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

var long = strings.Repeat("long-", 20<<10)

// misbehave serves say: what the request asks for is above what the client takes, or the server does. "wait" waits for
// the end of the test.
func misbehave(arrived chan<- struct{}, finish <-chan struct{}) handleSay {
	return func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		call := farcall.IncomingCall(ctx)
		switch request.Value {
		case "wait":
			arrived <- struct{}{}
			select {
			case <-finish:
			case <-ctx.Done():
			}
			return wrapperspb.String("unharmed"), nil
		case "header":
			call.ResponseHeader().Set("x-long", long)
		case "early header":
			call.ResponseHeader().Set("x-long", long)
			if err := call.SendHeader(); farcall.CodeOf(err) != farcall.ResourceExhausted {
				return nil, farcall.Errorf(farcall.Internal, "SendHeader: %v", err)
			}
		case "trailer":
			call.ResponseTrailer().Set("x-long", long)
		case "late trailer":
			call.ResponseTrailer().Set("x-long", long)
			if err := call.SendHeader(); err != nil {
				return nil, err
			}
		case "error":
			return nil, farcall.Errorf(farcall.NotFound, "no order %s", long)
		case "error and trailer":
			call.ResponseTrailer().Set("x-long", long)
			return nil, farcall.Errorf(farcall.NotFound, "no order 7")
		}
		return wrapperspb.String("sent"), nil
	}
}

// Headers above what the peer takes fail their call. Peers end the connection for them, and with it the calls of others.
func TestTooMuchMetadata(t *testing.T) {
	arrived, finish := make(chan struct{}), make(chan struct{})
	conn := dial(t, serveTCP(t, server.Options{}, misbehave(arrived, finish)), client.Options{MaxConnections: 1})
	bystander := make(chan string, 1)
	go func() {
		got, err := call(t.Context(), conn, "wait")
		if err != nil {
			got = err.Error()
		}
		bystander <- got
	}()
	<-arrived

	const answers = "RESOURCE_EXHAUSTED: the metadata that test.v1.Echo/Say answers with is too large: 1"
	for request, want := range map[string]string{
		"header":            answers,
		"early header":      answers,
		"trailer":           answers,
		"late trailer":      answers,
		"error":             "NOT_FOUND: no order long-long-",
		"error and trailer": "NOT_FOUND: no order 7 (the rest was left out: 1",
	} {
		_, err := call(t.Context(), conn, request)
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "and the client takes 65536") {
			t.Errorf("%s: %.200v, want %s", request, err, want)
		}
	}
	const asks = "RESOURCE_EXHAUSTED: the metadata sent with test.v1.Echo/Say is too large: 1"
	large := farcall.WithMetadata(t.Context(), "x-long", long)
	_, err := call(large, conn, "x")
	if err == nil || !strings.HasPrefix(err.Error(), asks) || !strings.HasSuffix(err.Error(), " takes 65536") {
		t.Errorf("a request: %.200v, want %s", err, asks)
	}
	err = conn.Stream(large, &farcall.Method{Path: "/test.v1.Echo/Chat", Kind: farcall.KindBidi, NewRequest: newString, NewResponse: newString},
		func(_ context.Context, stream farcall.Stream) error {
			if err := stream.Send(wrapperspb.String("x")); err != nil && err != io.EOF {
				return err
			}
			return stream.Receive(new(wrapperspb.StringValue))
		})
	if err == nil || !strings.HasPrefix(err.Error(), "RESOURCE_EXHAUSTED: the metadata sent with test.v1.Echo/Chat is too large: 1") {
		t.Errorf("a stream: %.200v", err)
	}

	close(finish)
	if got := <-bystander; got != "unharmed" {
		t.Errorf("the call of somebody else: %s", got)
	}
}

// A client that takes next to nothing is told with a reset.
func TestNoRoomForAnyTrailers(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, misbehave(nil, nil)), client.Options{MaxHeaderListBytes: 100})
	if got, err := call(t.Context(), conn, "error"); err == nil {
		t.Errorf("got %q", got)
	}
}
