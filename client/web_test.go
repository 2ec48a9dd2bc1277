// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/server"
)

// protocols are all that a client can speak.
var protocols = map[string]client.Options{
	"gRPC":                   {},
	"gRPC-Web":               {Protocol: client.GRPCWeb},
	"gRPC-Web over HTTP/1.1": {Protocol: client.GRPCWeb, HTTP1: true},
	"Connect":                {Protocol: client.Connect},
	"Connect over HTTP/1.1":  {Protocol: client.Connect, HTTP1: true},
	"Connect, compressed":    {Protocol: client.Connect, HTTP1: true, Compression: "zstd", MinCompressBytes: -1},
	"Connect in JSON":        {Protocol: client.Connect, Codec: codec.JSON, ConnectGet: true},
	"gRPC-Web in JSON":       {Protocol: client.GRPCWeb, Codec: codec.JSON, Compression: "gzip", MinCompressBytes: -1},
}

func webMethod(name string, kind farcall.Kind) *farcall.Method {
	newString := func() proto.Message { return new(wrapperspb.StringValue) }
	return &farcall.Method{Path: "/web.v1.Echo/" + name, Kind: kind, NewRequest: newString, NewResponse: newString}
}

var (
	webSay  = webMethod("Say", farcall.KindUnary)
	webLook = func() *farcall.Method {
		look := webMethod("Look", farcall.KindUnary)
		look.Idempotency = farcall.NoSideEffects
		return look
	}()
	webChat = webMethod("Chat", farcall.KindBidi)
)

// serveWeb answers with what it is sent, in metadata too; "fail" fails and "wait" waits for the call's end.
func serveWeb(t *testing.T) string {
	t.Helper()
	handle := func(ctx context.Context, stream farcall.Stream) error {
		*stream.ResponseHeader() = farcall.NewMetadata("in-header", stream.RequestHeader().Get("sent"))
		*stream.ResponseTrailer() = farcall.NewMetadata("in-trailer-bin", stream.RequestHeader().Get("sent-bin"))
		for {
			message := new(wrapperspb.StringValue)
			switch err := stream.Receive(message); {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			case message.GetValue() == "fail":
				return farcall.NewError(farcall.Aborted, "as wanted: ü", &errdetails.ErrorInfo{Reason: "R"})
			case message.GetValue() == "wait":
				<-ctx.Done()
				return ctx.Err()
			}
			if err := stream.Send(message); err != nil {
				return err
			}
			if stream.Method().Kind == farcall.KindUnary {
				return nil
			}
		}
	}
	srv := server.New(server.Options{})
	for _, method := range []*farcall.Method{webSay, webLook, webChat} {
		srv.Register(method, handle)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	return listener.Addr().String()
}

// inEveryProtocol runs a test over a channel of each kind.
func inEveryProtocol(t *testing.T, test func(t *testing.T, conn *client.Conn)) {
	address := serveWeb(t)
	for name, options := range protocols {
		t.Run(name, func(t *testing.T) { test(t, dial(t, address, options)) })
	}
}

func TestCallsInEveryProtocol(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, conn *client.Conn) {
		for _, method := range []*farcall.Method{webSay, webLook} {
			for _, word := range []string{"", "hello", strings.Repeat("x", 40000)} {
				ctx, collected := farcall.NewCall(farcall.WithMetadata(t.Context(), "sent", "a b", "sent-bin", "\xff\x00"))
				response := new(wrapperspb.StringValue)
				if err := conn.Invoke(ctx, method, wrapperspb.String(word), response); err != nil || response.GetValue() != word {
					t.Fatalf("%v: got %d bytes, %v", method, len(response.GetValue()), err)
				}
				if collected.ResponseHeader().Get("in-header") != "a b" || collected.ResponseTrailer().Get("in-trailer-bin") != "\xff\x00" || collected.Peer().Address == nil {
					t.Errorf("%v: header %v, trailer %v, peer %v", method, collected.ResponseHeader(), collected.ResponseTrailer(), collected.Peer())
				}
			}
		}
	})
}

func TestErrorsInEveryProtocol(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, conn *client.Conn) {
		for _, method := range []*farcall.Method{webSay, webChat} {
			ctx, collected := farcall.NewCall(farcall.WithMetadata(t.Context(), "sent-bin", "x"))
			err := conn.Stream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
				if err := stream.Send(wrapperspb.String("fail")); err != nil {
					return err
				}
				return stream.Receive(new(wrapperspb.StringValue))
			})
			info, ok := farcall.Detail[*errdetails.ErrorInfo](err)
			if farcall.CodeOf(err) != farcall.Aborted || err.Error() != "ABORTED: as wanted: ü" || !ok || info.GetReason() != "R" {
				t.Errorf("%v: %v, %v", method, err, info)
			}
			if collected.ResponseTrailer().Get("in-trailer-bin") != "x" {
				t.Errorf("%v: trailer %v", method, collected.ResponseTrailer())
			}
		}
		err := conn.Invoke(t.Context(), webMethod("Nothing", farcall.KindUnary), wrapperspb.String(""), new(wrapperspb.StringValue))
		if farcall.CodeOf(err) != farcall.Unimplemented || !strings.Contains(err.Error(), "has no method Nothing here") {
			t.Errorf("an unknown method: %v", err)
		}
	})
}

// Requests first and then answers is what HTTP/1.1 has; over HTTP/2 they take turns.
func TestStreamsInEveryProtocol(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, conn *client.Conn) {
		err := conn.Stream(t.Context(), webChat, func(_ context.Context, stream farcall.Stream) error {
			words := []string{"a", "", strings.Repeat("b", 100000)}
			for _, word := range words {
				if err := stream.Send(wrapperspb.String(word)); err != nil {
					return err
				}
			}
			if err := stream.CloseSend(); err != nil {
				return err
			}
			for _, word := range words {
				response := new(wrapperspb.StringValue)
				if err := stream.Receive(response); err != nil || response.GetValue() != word {
					t.Errorf("got %d bytes, %v", len(response.GetValue()), err)
				}
			}
			return stream.Receive(new(wrapperspb.StringValue))
		})
		if err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

func TestTheEndOfAContextInEveryProtocol(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, conn *client.Conn) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := conn.Invoke(ctx, webSay, wrapperspb.String("wait"), new(wrapperspb.StringValue))
		if farcall.CodeOf(err) != farcall.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the deadline: %v", err)
		}
		for _, method := range []*farcall.Method{webSay, webChat} {
			ctx, cancel := context.WithCancel(t.Context())
			err = conn.Stream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
				if err := stream.Send(wrapperspb.String("wait")); err != nil {
					return err
				}
				cancel()
				return stream.Receive(new(wrapperspb.StringValue))
			})
			if farcall.CodeOf(err) != farcall.Canceled || !errors.Is(err, context.Canceled) {
				t.Errorf("%v: cancelled: %v", method, err)
			}
		}
		// A body that returns without more ado leaves nothing behind.
		err = conn.Stream(t.Context(), webChat, func(_ context.Context, stream farcall.Stream) error {
			return stream.Send(wrapperspb.String("wait"))
		})
		if err != nil {
			t.Errorf("left: %v", err)
		}
	})
}

// What a client makes of answers that are none.
func TestBadAnswersOfTheWeb(t *testing.T) {
	answers := map[string]struct {
		status            int
		contentType, body string
		inConnect, inWeb  string
	}{
		"a web site": {404, "text/html", "<html>",
			"UNIMPLEMENTED: the server answered 404 text/html, not Connect: is this a gRPC port? It looks like a web site",
			"UNIMPLEMENTED: the server answered 404 text/html, not gRPC: is this a gRPC port? It looks like a web site"},
		"JSON": {200, "application/json", "{}",
			"INTERNAL: the server answered in application/json, application/proto was asked for",
			"UNKNOWN: the server answered 200 application/json, not gRPC: is this the REST port?"},
		"nothing": {200, "application/grpc-web+proto", "",
			"UNKNOWN: the server answered 200 application/grpc-web+proto, not Connect: it speaks gRPC-Web here, is this the port for browsers?",
			"INTERNAL: the answer ended without trailers, so whether the call succeeded is not known: does a proxy in between drop trailers?"},
		"half a message": {200, "application/grpc-web+proto", "\x00\x00\x00\x00\x05ab",
			"UNKNOWN: the server answered 200 application/grpc-web+proto, not Connect: it speaks gRPC-Web here, is this the port for browsers?",
			"INTERNAL: the body ended inside a message, 7 bytes after its start"},
		"too much": {200, "application/grpc-web+proto", "\x80\x00\x00\x00\x10grpc-status: 0\r\n\x00",
			"UNKNOWN: the server answered 200 application/grpc-web+proto, not Connect: it speaks gRPC-Web here, is this the port for browsers?",
			"INTERNAL: more came behind the message that ends the answer of web.v1.Echo/Say"},
		"no message": {200, "application/grpc-web+proto", "\x80\x00\x00\x00\x10grpc-status: 0\r\n",
			"UNKNOWN: the server answered 200 application/grpc-web+proto, not Connect: it speaks gRPC-Web here, is this the port for browsers?",
			"UNIMPLEMENTED: no message came, web.v1.Echo/Say returns exactly one: do both sides have the same .proto?"},
		"an error of Connect": {409, "application/json", `{"code":"already_exists","message":"m"}`, "ALREADY_EXISTS: m",
			"UNKNOWN: the server answered 409 application/json, not gRPC: is this the REST port?"},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			scripted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", answer.contentType)
				w.WriteHeader(answer.status)
				_, _ = io.WriteString(w, answer.body)
			}))
			defer scripted.Close()
			for protocol, want := range map[client.Protocol]string{client.Connect: answer.inConnect, client.GRPCWeb: answer.inWeb} {
				conn := dial(t, strings.TrimPrefix(scripted.URL, "http://"), client.Options{Protocol: protocol, HTTP1: true})
				err := conn.Invoke(t.Context(), webSay, wrapperspb.String("x"), new(wrapperspb.StringValue))
				if err == nil || err.Error() != want {
					t.Errorf("%v, want %s", err, want)
				}
			}
		})
	}
}

func TestOptionsOfProtocols(t *testing.T) {
	for want, options := range map[string]client.Options{
		"HTTP1 is for GRPCWeb and Connect": {HTTP1: true},
		"ConnectGet is for Connect alone":  {Protocol: client.GRPCWeb, ConnectGet: true},
		"the protocol 9":                   {Protocol: 9},
	} {
		if _, err := client.New("127.0.0.1:1", options); farcall.CodeOf(err) != farcall.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for name, options := range protocols {
		options.Backoff.First = -1
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener.Close() // nobody is there
		err = dial(t, listener.Addr().String(), options).Invoke(t.Context(), webSay, wrapperspb.String("x"), new(wrapperspb.StringValue))
		if farcall.CodeOf(err) != farcall.Unavailable {
			t.Errorf("%s: nobody is there: %v", name, err)
		}
	}
}
