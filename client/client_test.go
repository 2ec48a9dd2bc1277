// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"net"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newString() proto.Message { return new(wrapperspb.StringValue) }

var echo = &farcall.Method{Path: "/test.v1.Echo/Say", NewRequest: newString, NewResponse: newString}

func text(s string) *wrapperspb.StringValue { return wrapperspb.String(s) }

type say = func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error)

func repeat(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return request, nil
}

// serve starts a server with echo on loopback, and ends it with the test.
func serve(t testing.TB, options server.Options, handle say) (*server.Server, string) {
	t.Helper()
	srv := server.New(options)
	srv.Register(echo, farcall.HandleUnary(handle))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return srv, listener.Addr().String()
}

// dial returns a channel to target, and closes it with the test.
func dial(t testing.TB, target string, options client.Options) *client.Conn {
	t.Helper()
	conn, err := client.New(target, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func call(ctx context.Context, conn farcall.Invoker, request string) (string, error) {
	response := new(wrapperspb.StringValue)
	err := conn.Invoke(ctx, echo, text(request), response)
	return response.GetValue(), err
}

func TestUnaryCall(t *testing.T) {
	_, address := serve(t, server.Options{}, repeat)
	conn := dial(t, address, client.Options{})
	for _, word := range []string{"hello", "", "again"} {
		got, err := call(t.Context(), conn, word)
		if err != nil || got != word {
			t.Fatalf("Say(%q) = %q, %v", word, got, err)
		}
	}
}
