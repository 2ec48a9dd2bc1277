// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/server"
)

// answer returns a script with one whole answer.
func answer(head exchange.Head, body []byte, trailers []exchange.Field) script {
	return func(stream *http2.ServerStream) {
		_ = stream.WantEnd(context.Background(), 1<<20)
		_ = stream.Answer(head, body, trailers)
	}
}

func head(pairs ...string) exchange.Head { return exchange.Head{Fields: fields(pairs...)} }

func join(parts ...[]byte) (whole []byte) {
	for _, part := range parts {
		whole = append(whole, part...)
	}
	return whole
}

func TestAnswersThatAreNotProper(t *testing.T) {
	ok := fields("grpc-status", "0")
	compressed := message("x")
	compressed[0] = 1
	cases := []struct {
		name string
		play script
		code farcall.Code
		hint string
	}{
		{"a web page", answer(head(":status", "404", "content-type", "text/html"), []byte("<html>"), nil), farcall.Unimplemented, "text/html"},
		{"a proxy's error", answer(head(":status", "502"), nil, nil), farcall.Unavailable, "502"},
		{"JSON", answer(head(":status", "200", "content-type", "application/json"), []byte("{}"), nil), farcall.Unknown, "REST port"},
		{"no trailers", answer(grpcHead, message("x"), nil), farcall.Internal, "without trailers"},
		{"trailers without a status", answer(grpcHead, message("x"), fields("x", "y")), farcall.Unknown, "grpc-status"},
		{"no message", answer(grpcHead, nil, ok), farcall.Unimplemented, "no message"},
		{"OK in the head, no message", answer(head(":status", "200", "content-type", "application/grpc", "grpc-status", "0"), nil, nil), farcall.Unimplemented, "no message"},
		{"two messages", answer(grpcHead, join(message("x"), message("y")), ok), farcall.Unimplemented, "more than one message"},
		{"half a message", answer(grpcHead, message("hello")[:7], ok), farcall.Internal, "inside a message"},
		{"half a prefix", answer(grpcHead, message("hello")[:3], ok), farcall.Internal, "inside a message"},
		{"a flag byte that is none", answer(grpcHead, []byte{'<', 'h', 't', 'm', 'l', '>'}, ok), farcall.Internal, "flag byte"},
		{"not the message's encoding", answer(grpcHead, []byte{0, 0, 0, 0, 2, 0xff, 0xff}, ok), farcall.Internal, "decode"},
		{"compressed, by what is not said", answer(grpcHead, compressed, ok), farcall.Internal, "grpc-encoding"},
		{"compressed, by what is not known", answer(head(":status", "200", "content-type", "application/grpc", "grpc-encoding", "snappy"), compressed, ok), farcall.Internal, "compressed by snappy, which was not accepted"},
		{"compressed, unasked", answer(head(":status", "200", "content-type", "application/grpc", "grpc-encoding", "gzip"), compressed, ok), farcall.Internal, "gzip"},
		{"a failure behind a message", answer(grpcHead, message("x"), fields("grpc-status", "5", "grpc-message", "gone")), farcall.NotFound, "gone"},
		{"a failure alone", answer(head(":status", "200", "content-type", "application/grpc", "grpc-status", "7"), nil, nil), farcall.PermissionDenied, ""},
		{"a reset", func(stream *http2.ServerStream) { stream.Reset(frame.EnhanceYourCalm) }, farcall.ResourceExhausted, "ended the call"},
		{"a cancelling reset", func(stream *http2.ServerStream) { stream.Reset(frame.Cancel) }, farcall.Canceled, "ended the call"},
		{"a reset inside the answer", func(stream *http2.ServerStream) {
			_ = stream.Start(grpcHead)
			_ = stream.Send(message("x"))
			stream.Reset(frame.InternalError)
		}, farcall.Internal, "ended the call"},
		{"refused twice", func(stream *http2.ServerStream) { stream.Reset(frame.RefusedStream) }, farcall.Unavailable, ""},
		{"a broken connection", func(stream *http2.ServerStream) { stream.Conn().Close(errors.New("pulled the plug")) }, farcall.Unavailable, "broke"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn := dial(t, scripted(t, c.play), client.Options{})
			got, err := call(t.Context(), conn, "x")
			if farcall.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.hint) || got != "" {
				t.Errorf("got %q, %v\nwant %v with %q", got, err, c.code, c.hint)
			}
			if errors.Is(err, context.Canceled) {
				t.Errorf("%v claims to be the caller's own end", err)
			}
		})
	}
}

func TestTransparentRetry(t *testing.T) {
	var attempts atomic.Int32
	address := scripted(t, func(stream *http2.ServerStream) {
		if attempts.Add(1) == 1 {
			stream.Reset(frame.RefusedStream)
			return
		}
		_ = stream.WantEnd(context.Background(), 1<<20)
		body := stream.Next(stream.Buffered())
		_ = stream.Answer(grpcHead, body, fields("grpc-status", "0"))
	})
	conn := dial(t, address, client.Options{})
	if got, err := call(t.Context(), conn, "hello"); err != nil || got != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	if n := attempts.Load(); n != 2 {
		t.Errorf("%d attempts", n)
	}
}

func TestCallsThatMayHaveRunAreNotRepeated(t *testing.T) {
	var attempts atomic.Int32
	conn := dial(t, scripted(t, func(stream *http2.ServerStream) {
		attempts.Add(1)
		stream.Reset(frame.InternalError)
	}), client.Options{})
	if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != farcall.Internal {
		t.Errorf("got %v", err)
	}
	if n := attempts.Load(); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

func TestInformationalAnswersAreSkipped(t *testing.T) {
	conn := dial(t, scripted(t, func(stream *http2.ServerStream) {
		_ = stream.Start(head(":status", "103", "link", "</style.css>"))
		answer(grpcHead, message("late"), fields("grpc-status", "0"))(stream)
	}), client.Options{})
	if got, err := call(t.Context(), conn, "x"); err != nil || got != "late" {
		t.Errorf("got %q, %v", got, err)
	}
}

// The server answers before it has the request, and stops it with a reset: the answer counts (RFC 9113 section 8.1).
func TestRequestAboveTheServersLimit(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{})
	for range 5 {
		_, err := call(t.Context(), conn, strings.Repeat("x", 5<<20))
		if farcall.CodeOf(err) != farcall.ResourceExhausted || !strings.Contains(err.Error(), "the limit is 4194304") {
			t.Errorf("got %v", err)
		}
	}
	if got, err := call(t.Context(), conn, "small"); err != nil || got != "small" {
		t.Errorf("the connection does not live on: %v", err)
	}
}
