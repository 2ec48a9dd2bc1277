// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

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

func method(name string, kind farcall.Kind) *farcall.Method {
	return &farcall.Method{Path: "/test.v1.Echo/" + name, Kind: kind, NewRequest: newString, NewResponse: newString}
}

// One method of each kind.
var (
	say     = method("Say", farcall.KindUnary)
	collect = method("Collect", farcall.KindClientStream)
	count   = method("Count", farcall.KindServerStream)
	chat    = method("Chat", farcall.KindBidi)
)

type handleSay = func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error)

func repeat(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return request, nil
}

// quiet keeps logs out of the tests' output.
var quiet = slog.New(slog.DiscardHandler)

// register offers handler as method on a new server.
func register(method *farcall.Method, handler farcall.Handler, options server.Options) *server.Server {
	if options.Logger == nil {
		options.Logger = quiet
	}
	options.NetHTTP1 = options.NetHTTP1 || throughNetHTTP
	srv := server.New(options)
	srv.Register(method, handler)
	return srv
}

// throughNetHTTP makes net/http read all requests over HTTP/1.1, in the tests that are done so as well.
var throughNetHTTP bool

// run serves on loopback until the test ends, and returns the address.
func run(t testing.TB, srv *server.Server) string {
	t.Helper()
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
	return listener.Addr().String()
}

// runSay serves say, and returns the address.
func runSay(t testing.TB, options server.Options, handle handleSay) string {
	t.Helper()
	return run(t, register(say, farcall.HandleUnary(handle), options))
}

// dial returns a channel to target, and closes it with the test.
func dial(t testing.TB, target string) *client.Conn {
	t.Helper()
	return dialWith(t, target, client.Options{})
}

// dialWith is dial with options.
func dialWith(t testing.TB, target string, options client.Options) *client.Conn {
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

// raw is a connection on the level of HTTP/2.
func raw(t testing.TB, address string) *http2.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := http2.NewClient(t.Context(), nc, http2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(nil); <-conn.Done() })
	return conn
}

// requestHead is the head of a gRPC request with more fields, name after value.
func requestHead(path string, more ...string) exchange.Head {
	head := exchange.Head{Fields: []exchange.Field{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
		{Name: ":path", Value: path}, {Name: ":authority", Value: "test"}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"}}}
	for i := 0; i+1 < len(more); i += 2 {
		head.Fields = append(head.Fields, exchange.Field{Name: more[i], Value: more[i+1]})
	}
	return head
}

// with returns a head with a field changed, or removed if value is "".
func with(head exchange.Head, name, value string) exchange.Head {
	changed := exchange.Head{}
	for _, field := range head.Fields {
		if field.Name == name {
			if field.Value = value; value == "" {
				continue
			}
		}
		changed.Fields = append(changed.Fields, field)
	}
	return changed
}

// message is a message behind its prefix.
func message(text string) []byte {
	encoded, err := proto.Marshal(wrapperspb.String(text))
	if err != nil {
		panic(err)
	}
	return append([]byte{0, 0, 0, byte(len(encoded) >> 8), byte(len(encoded))}, encoded...)
}

func join(parts ...[]byte) (whole []byte) {
	for _, part := range parts {
		whole = append(whole, part...)
	}
	return whole
}

type field = exchange.Field

// answered is a whole answer.
type answered struct {
	head     exchange.Head
	messages []string
	trailers []exchange.Field
}

// status is the HTTP status, the code and the text of the answer.
func (a answered) status() string {
	code, message := a.head.Get("grpc-status"), a.head.Get("grpc-message")
	for _, field := range a.trailers {
		switch field.Name {
		case "grpc-status":
			code = field.Value
		case "grpc-message":
			message = field.Value
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", a.head.Get(":status"), code, message))
}

// trailersOnly reports whether the head was the whole answer.
func (a answered) trailersOnly() bool {
	_, inHead := a.head.Lookup("grpc-status")
	return inHead && a.trailers == nil
}

// receive reads a whole answer.
func receive(t testing.TB, stream *http2.ClientStream) answered {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer stream.Close()
	var a answered
	var err error
	if a.head, err = stream.Head(ctx); err != nil {
		t.Fatalf("waiting for the answer's head: %v", err)
	}
	for {
		text, err := receiveOne(ctx, stream)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("waiting for a message: %v", err)
		}
		a.messages = append(a.messages, text)
	}
	a.trailers = stream.Trailers()
	return a
}

// receiveOne reads one message.
func receiveOne(ctx context.Context, stream *http2.ClientStream) (string, error) {
	if err := stream.Want(ctx, 5); err != nil {
		return "", err
	}
	prefix := stream.Next(5)
	length := int(prefix[3])<<8 | int(prefix[4])
	if err := stream.Want(ctx, length); err != nil {
		return "", err
	}
	decoded := new(wrapperspb.StringValue)
	err := proto.Unmarshal(stream.Next(length), decoded)
	return decoded.Value, err
}

// ask sends a whole request and reads the answer.
func ask(t testing.TB, conn *http2.Conn, head exchange.Head, body []byte) answered {
	t.Helper()
	stream, err := conn.Open(t.Context(), head, body, true)
	if err != nil {
		t.Fatal(err)
	}
	return receive(t, stream)
}
