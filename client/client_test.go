// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newString() proto.Message { return new(wrapperspb.StringValue) }

// say is the method that most tests call.
var say = &farcall.Method{Path: "/test.v1.Echo/Say", NewRequest: newString, NewResponse: newString}

type handleSay = func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error)

func repeat(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return request, nil
}

func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// serve starts a server that answers say on listener, and ends it with the test.
func serve(t testing.TB, listener net.Listener, options server.Options, handle handleSay) *server.Server {
	t.Helper()
	srv := server.New(options)
	srv.Register(say, farcall.HandleUnary(handle))
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return srv
}

// serveTCP is serve on a free port of loopback; it returns the address.
func serveTCP(t testing.TB, options server.Options, handle handleSay) string {
	t.Helper()
	listener := listen(t, "tcp", "127.0.0.1:0")
	serve(t, listener, options, handle)
	return listener.Addr().String()
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

// call says request by way of via.
func call(ctx context.Context, via farcall.Invoker, request string) (string, error) {
	response := new(wrapperspb.StringValue)
	err := via.Invoke(ctx, say, wrapperspb.String(request), response)
	return response.GetValue(), err
}

// script answers requests on the level of HTTP/2, as no proper server would.
type script func(stream *http2.ServerStream)

// scripted runs a script for each request on a free port of loopback, and returns the address.
func scripted(t testing.TB, play script) string {
	t.Helper()
	listener := listen(t, "tcp", "127.0.0.1:0")
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	running.Add(1)
	go func() {
		defer running.Done()
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			running.Add(1)
			go func() {
				defer running.Done()
				conn := http2.NewServer(nc, scriptHandler{play, &running}, http2.Options{})
				defer context.AfterFunc(ctx, func() { conn.Close(nil) })()
				ended := make(chan struct{})
				conn.Serve(func(error) { close(ended) })
				<-ended
			}()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		cancel()
		running.Wait()
	})
	return listener.Addr().String()
}

type scriptHandler struct {
	play    script
	running *sync.WaitGroup
}

func (h scriptHandler) Accept(stream *http2.ServerStream) {
	h.running.Add(1)
	go func() {
		defer h.running.Done()
		defer stream.Release()
		h.play(stream)
	}()
}

func (h scriptHandler) Ended(*http2.ServerStream, error) {}
func (h scriptHandler) Overdue(*http2.ServerStream)      {}

// fields makes header lines of name, value, name, value.
func fields(pairs ...string) []exchange.Field {
	var list []exchange.Field
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, exchange.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return list
}

// grpcHead is the head of a proper answer.
var grpcHead = exchange.Head{Fields: fields(":status", "200", "content-type", "application/grpc")}

// message is a message of say behind its prefix.
func message(text string) []byte {
	encoded, err := proto.Marshal(wrapperspb.String(text))
	if err != nil {
		panic(err)
	}
	return append([]byte{0, 0, 0, 0, byte(len(encoded))}, encoded...)
}
