// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/server"
)

func TestRequestsThatAreNotProper(t *testing.T) {
	address := runSay(t, server.Options{MaxReceiveBytes: 100}, repeat)
	compressed := message("x")
	compressed[0] = 1
	head := requestHead(say.Path)
	cases := []struct {
		name   string
		head   exchange.Head
		body   []byte
		status string // a beginning of the answer's
	}{
		{"proper", head, message("x"), "200 0"},
		{"proper, +proto", with(head, "content-type", "application/grpc+proto"), message("x"), "200 0"},
		{"without te", with(head, "te", ""), message("x"), "200 0"},
		{"unknown method", requestHead("/test.v1.Echo/Shout"), message("x"), "200 12 service test.v1.Echo has no method Shout here: it has Say"},
		{"unknown service", requestHead("/test.v1.Echoes/Say"), message("x"), "200 12 there is no service test.v1.Echoes here: there is test.v1.Echo"},
		{"no method", requestHead("/"), nil, "200 12 the path \"/\" names no method"},
		{"no message", head, nil, "200 12 no message came"},
		{"two messages", head, join(message("x"), message("y")), "200 12 more than one message came"},
		{"half a prefix", head, message("x")[:4], "200 13 the body ended inside a message"},
		{"half a message", head, message("hello")[:8], "200 13 the body ended inside a message"},
		{"not the message's encoding", head, []byte{0, 0, 0, 0, 2, 0xff, 0xff}, "200 13 cannot decode google.protobuf.StringValue"},
		{"a flag byte that is none", head, []byte{7, 0, 0, 0, 0}, "200 13 a message starts with flag byte 7"},
		{"compressed, by what is not said", head, compressed, "200 13 a message has the compressed flag"},
		{"compressed, by what is not known", requestHead(say.Path, "grpc-encoding", "snappy"), compressed, "200 12 grpc-encoding \"snappy\""},
		{"too large", head, message(strings.Repeat("x", 99)), "200 8 received a message of 101 bytes, the limit is 100"},
		{"as large as may be", head, message(strings.Repeat("x", 98)), "200 0"},
		{"another encoding", with(head, "content-type", "application/grpc+thrift"), message("x"), "200 12 messages in \"application/grpc+thrift\""},
		{"GET", with(head, ":method", "GET"), nil, "405 13"},
		{"a malformed timeout", requestHead(say.Path, "grpc-timeout", "soon"), message("x"), "400 13 grpc-timeout"},
		{"no time left", requestHead(say.Path, "grpc-timeout", "0n"), message("x"), "200 4 the deadline of test.v1.Echo/Say passed on the server"},
		{"malformed binary metadata", requestHead(say.Path, "x-bin", "*"), message("x"), "400 13"},
	}
	conn := raw(t, address)
	for _, c := range cases {
		for range 2 { // the second time the head is remembered
			a := ask(t, conn, c.head, c.body)
			if !strings.HasPrefix(a.status(), c.status) {
				t.Errorf("%s: %s\nwant %s", c.name, a.status(), c.status)
			}
			if failed := !strings.HasPrefix(c.status, "200 0"); failed != a.trailersOnly() {
				t.Errorf("%s: %+v; failed: %v", c.name, a, failed)
			}
			if accepted := a.head.Get("grpc-accept-encoding"); (accepted == compress.NewTable().Names()) != strings.Contains(c.name, "not known") {
				t.Errorf("%s: grpc-accept-encoding %q", c.name, accepted)
			}
		}
	}
}

func TestMessageAboveTheLimitIsRefusedBeforeItComes(t *testing.T) {
	conn := raw(t, runSay(t, server.Options{}, repeat))
	stream, err := conn.Open(t.Context(), requestHead(say.Path), []byte{0, 0xff, 0xff, 0xff, 0xff}, false)
	if err != nil {
		t.Fatal(err)
	}
	if a := receive(t, stream); !strings.HasPrefix(a.status(), "200 8 received a message of 4294967295 bytes") {
		t.Errorf("got %s", a.status())
	}
}

func TestRequestInPieces(t *testing.T) {
	conn := raw(t, runSay(t, server.Options{}, repeat))
	stream, err := conn.Open(t.Context(), requestHead(say.Path), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range message("in pieces") {
		if err := stream.Send(t.Context(), []byte{piece}, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Send(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, stream); len(a.messages) != 1 || a.messages[0] != "in pieces" || a.status() != "200 0" {
		t.Errorf("got %+v", a)
	}
}

func TestHandlersThatFailAllTheSame(t *testing.T) {
	var log bytes.Buffer
	handlers := map[string]farcall.Handler{
		"panic":   func(context.Context, farcall.Stream) error { panic("a secret") },
		"goexit":  func(context.Context, farcall.Stream) error { runtime.Goexit(); return nil },
		"nothing": func(context.Context, farcall.Stream) error { return nil },
		"nil":     farcall.HandleUnary(func(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error) { return nil, nil }),
		"ok":      func(context.Context, farcall.Stream) error { return farcall.OK },
		"twice": func(_ context.Context, stream farcall.Stream) error {
			_ = stream.Send(wrapperspb.String("1"))
			_ = stream.Send(wrapperspb.String("2"))
			return nil
		},
		"not a message": func(_ context.Context, stream farcall.Stream) error { _ = stream.Send("text"); return nil },
		"bad header": func(_ context.Context, stream farcall.Stream) error {
			stream.ResponseHeader().Set("grpc-own", "1")
			return stream.Send(wrapperspb.String("x"))
		},
		"bad trailer": func(_ context.Context, stream farcall.Stream) error {
			stream.ResponseTrailer().Set("x", "ü")
			return stream.Send(wrapperspb.String("x"))
		},
	}
	for name, handler := range handlers {
		srv := register(say, handler, server.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		remote, local := dial(t, run(t, srv)), srv.Local()
		for where, via := range map[string]farcall.Invoker{"remote": remote, "local": local} {
			if where == "local" && name == "goexit" {
				continue // it would end the test's own goroutine, as a plain function would
			}
			got, err := call(t.Context(), via, "x")
			if farcall.CodeOf(err) != farcall.Internal || got != "" || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s, %s: got %q, %v", name, where, got, err)
			}
			if errors.Unwrap(err) != nil {
				t.Errorf("%s, %s: the cause came along: %v", name, where, errors.Unwrap(err))
			}
		}
		srv.Close()
	}
	if !strings.Contains(log.String(), "a secret") || !strings.Contains(log.String(), "request_test.go") {
		t.Errorf("the log has neither the panic nor its stack: %s", log.String())
	}
}

func TestHeaderGoesAloneWhereItSaysSomething(t *testing.T) {
	conn := raw(t, run(t, register(say, func(_ context.Context, stream farcall.Stream) error {
		stream.ResponseHeader().Set("x-header", "1")
		stream.ResponseTrailer().Set("x-trailer", "2")
		return farcall.NotFound
	}, server.Options{})))
	a := ask(t, conn, requestHead(say.Path), message("x"))
	if a.status() != "200 5" || a.trailersOnly() || a.head.Get("x-header") != "1" {
		t.Errorf("got %+v", a)
	}
}

func TestPeerThatGoesAwayEndsTheHandlersContext(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	address := runSay(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		entered <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return request, nil
	})
	conn := raw(t, address)
	stream, err := conn.Open(t.Context(), requestHead(say.Path), message("x"), true)
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	stream.Reset(frame.Cancel)
	if err := <-ended; err != context.Canceled {
		t.Errorf("reset: the handler saw %v", err)
	}
	if _, err := conn.Open(t.Context(), requestHead(say.Path), message("x"), true); err != nil {
		t.Fatal(err)
	}
	<-entered
	conn.Close(nil)
	if err := <-ended; err != context.Canceled {
		t.Errorf("close: the handler saw %v", err)
	}
}

func TestHandlersContextEndsWithTheHandler(t *testing.T) {
	kept := make(chan context.Context, 1)
	conn := dial(t, runSay(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		kept <- ctx
		return request, nil
	}))
	if _, err := call(t.Context(), conn, "x"); err != nil {
		t.Fatal(err)
	}
	ctx := <-kept
	if <-ctx.Done(); ctx.Err() != context.Canceled || farcall.IncomingCall(ctx).Method() != say {
		t.Errorf("the context that was kept: %v", ctx.Err())
	}
}

func TestOverdueIsAnsweredWhateverTheHandlerDoes(t *testing.T) {
	leave := make(chan struct{})
	defer close(leave)
	address := runSay(t, server.Options{}, func(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		<-leave // takes no notice
		return request, nil
	})
	conn := raw(t, address)
	head := requestHead(say.Path, "grpc-timeout", "20m")
	if a := ask(t, conn, head, message("x")); !strings.HasPrefix(a.status(), "200 4 the deadline of test.v1.Echo/Say passed on the server") {
		t.Errorf("while the handler runs: %s", a.status())
	}
	stream, err := conn.Open(t.Context(), head, message("x")[:3], false)
	if err != nil {
		t.Fatal(err)
	}
	if a := receive(t, stream); !strings.HasPrefix(a.status(), "200 4 ") {
		t.Errorf("while the request is incomplete: %s", a.status())
	}
}
