// SPDX-License-Identifier: Apache-2.0

package farcall_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// The examples call services in this process, by way of Local: it makes calls as a client would. Their methods are
// written by hand here; otherwise generated code has them.
var (
	greet = exampleMethod("Greet", farcall.KindUnary)
	spell = exampleMethod("Spell", farcall.KindServerStream)
	total = exampleMethod("Total", farcall.KindClientStream)
	chat  = exampleMethod("Chat", farcall.KindBidi)
)

func exampleMethod(name string, kind farcall.Kind) *farcall.Method {
	text := func() proto.Message { return new(wrapperspb.StringValue) }
	return &farcall.Method{Path: "/example.v1.Greeter/" + name, Kind: kind, NewRequest: text, NewResponse: text}
}

// exampleServer offers the four methods, with the interceptors around them.
func exampleServer(interceptors ...farcall.Interceptor) farcall.Invoker {
	srv := server.New(server.Options{Interceptors: interceptors, Logger: slog.New(slog.DiscardHandler)})
	for _, method := range []*farcall.Method{greet, spell, total, chat} {
		srv.Register(method, func(_ context.Context, stream farcall.Stream) error {
			request := new(wrapperspb.StringValue)
			if err := stream.Receive(request); err != nil {
				return err
			}
			if request.Value == "panic" {
				panic("a bug")
			}
			return stream.Send(wrapperspb.String("hello, " + request.Value))
		})
	}
	return srv.Local()
}

// say makes one call of each kind and prints what came of them.
func say(ctx context.Context, via farcall.Invoker, text string) {
	for _, method := range []*farcall.Method{greet, spell, total, chat} {
		response := new(wrapperspb.StringValue)
		err := via.Stream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
			if err := stream.Send(wrapperspb.String(text)); err != nil && err != io.EOF {
				return err
			}
			if err := errors.Join(stream.CloseSend(), stream.Receive(response)); err != nil {
				return err
			}
			if end := stream.Receive(nil); end != io.EOF { // so that the other end has ended too
				return end
			}
			return nil
		})
		fmt.Println(method.Name(), response.Value, farcall.CodeOf(err))
	}
}

// One type of interceptor serves calls of every kind, at both ends: pass it in server.Options or client.Options.
func ExampleInterceptor_logging() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))

	logCalls := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		err := next(ctx, stream)
		logger.InfoContext(ctx, "call", "method", stream.Method(), "code", farcall.CodeOf(err))
		return err
	}

	say(context.Background(), exampleServer(logCalls), "Ada")
	// Output:
	// level=INFO msg=call method=example.v1.Greeter/Greet code=OK
	// Greet hello, Ada OK
	// level=INFO msg=call method=example.v1.Greeter/Spell code=OK
	// Spell hello, Ada OK
	// level=INFO msg=call method=example.v1.Greeter/Total code=OK
	// Total hello, Ada OK
	// level=INFO msg=call method=example.v1.Greeter/Chat code=OK
	// Chat hello, Ada OK
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// Nothing has been decoded when an interceptor runs: strangers cost little.
func ExampleInterceptor_authentication() {
	authenticate := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		if stream.RequestHeader().Get("authorization") != "Bearer secret" {
			return farcall.Errorf(farcall.Unauthenticated, "a valid token is needed")
		}
		return next(ctx, stream)
	}

	via := exampleServer(authenticate)
	say(context.Background(), via, "stranger")
	say(farcall.WithMetadata(context.Background(), "authorization", "Bearer secret"), via, "Ada")
	// Output:
	// Greet  UNAUTHENTICATED
	// Spell  UNAUTHENTICATED
	// Total  UNAUTHENTICATED
	// Chat  UNAUTHENTICATED
	// Greet hello, Ada OK
	// Spell hello, Ada OK
	// Total hello, Ada OK
	// Chat hello, Ada OK
}

// validated is a stream whose received messages are looked at: it embeds the stream that it wraps.
type validated struct{ farcall.Stream }

func (s validated) Receive(message any) error {
	err := s.Stream.Receive(message)
	if text, ok := message.(*wrapperspb.StringValue); ok && err == nil && text.Value == "" {
		return farcall.Errorf(farcall.InvalidArgument, "a name is needed")
	}
	return err
}

// An interceptor that wants to see messages hands a stream of its own on.
func ExampleInterceptor_validation() {
	validate := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		return next(ctx, validated{stream})
	}

	say(context.Background(), exampleServer(validate), "")
	// Output:
	// Greet  INVALID_ARGUMENT
	// Spell  INVALID_ARGUMENT
	// Total  INVALID_ARGUMENT
	// Chat  INVALID_ARGUMENT
}

// counted is a stream whose sent messages are counted.
type counted struct {
	farcall.Stream
	messages *atomic.Int64
}

func (s counted) Send(message any) error {
	s.messages.Add(1)
	return s.Stream.Send(message)
}

// What a call has brought is known behind next: the error, headers, trailers, and the bytes of the messages.
func ExampleInterceptor_metrics() {
	var calls, messages, bytes atomic.Int64

	measure := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		err := next(ctx, counted{stream, &messages})
		sent, received := stream.Bytes()
		calls.Add(1)
		bytes.Add(sent + received)
		return err
	}

	say(context.Background(), exampleServer(measure), "Ada")
	fmt.Println(calls.Load(), "calls,", messages.Load(), "responses,", bytes.Load(), "bytes both ways")
	// Output:
	// Greet hello, Ada OK
	// Spell hello, Ada OK
	// Total hello, Ada OK
	// Chat hello, Ada OK
	// 4 calls, 4 responses, 68 bytes both ways
}

// A server survives a handler's panic as it is, and answers INTERNAL. An interceptor can say more about it.
func ExampleInterceptor_recovery() {
	recoverPanics := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				fmt.Println("in", stream.Method().Name()+":", cause)
				err = farcall.Errorf(farcall.Internal, "we have been told")
			}
		}()
		return next(ctx, stream)
	}

	say(context.Background(), exampleServer(recoverPanics), "panic")
	// Output:
	// in Greet: a bug
	// Greet  INTERNAL
	// in Spell: a bug
	// Spell  INTERNAL
	// in Total: a bug
	// Total  INTERNAL
	// in Chat: a bug
	// Chat  INTERNAL
}
