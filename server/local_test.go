// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/server"
)

// local returns a server that handles say, and its Invoker.
func local(t testing.TB, options server.Options, handle handleSay) (*server.Server, farcall.Invoker) {
	t.Helper()
	srv := register(say, farcall.HandleUnary(handle), options)
	t.Cleanup(func() { srv.Close() })
	return srv, srv.Local()
}

func TestLocalCopiesMessages(t *testing.T) {
	build := &farcall.Method{Path: "/test.v1.Echo/Build", NewRequest: func() proto.Message { return new(structpb.ListValue) }}
	var seen, returned *structpb.ListValue
	srv := register(build, farcall.HandleUnary(func(_ context.Context, request *structpb.ListValue) (*structpb.ListValue, error) {
		seen = request
		returned = &structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("mine")}}
		return returned, nil
	}), server.Options{})
	defer srv.Close()
	request := &structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("yours")}}
	response := &structpb.ListValue{Values: []*structpb.Value{structpb.NewBoolValue(true)}}
	if err := srv.Local().Invoke(t.Context(), build, request, response); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(seen, request) || !proto.Equal(response, returned) {
		t.Errorf("the handler saw %v and returned %v, the caller got %v", seen, returned, response)
	}
	seen.Values[0].Kind.(*structpb.Value_StringValue).StringValue = "changed"
	returned.Values[0].Kind.(*structpb.Value_StringValue).StringValue = "changed"
	if request.Values[0].GetStringValue() != "yours" || response.Values[0].GetStringValue() != "mine" {
		t.Error("handler and caller share memory")
	}
}

func TestLocalTakesOtherForms(t *testing.T) {
	_, via := local(t, server.Options{}, repeat)
	encoded, err := proto.Marshal(wrapperspb.String("hello"))
	if err != nil {
		t.Fatal(err)
	}
	released := 0
	request := &farcall.Raw{Data: encoded, Release: func() { released++ }}
	var response farcall.Raw
	if err := via.Invoke(t.Context(), say, request, &response); err != nil || string(response.Data) != string(encoded) || released != 1 {
		t.Errorf("Raw: % x, %v, released %d times", response.Data, err, released)
	}
	response.Done()
	dynamic := dynamicpb.NewMessage((&wrapperspb.StringValue{}).ProtoReflect().Descriptor())
	if err := via.Invoke(t.Context(), say, wrapperspb.String("dyn"), dynamic); err != nil || !strings.Contains(dynamic.String(), "dyn") {
		t.Errorf("dynamic: %v, %v", dynamic, err)
	}
	other := new(wrapperspb.BytesValue) // the same bytes on the wire
	if err := via.Invoke(t.Context(), say, wrapperspb.String("other"), other); err != nil || string(other.Value) != "other" {
		t.Errorf("another type: %v, %v", other, err)
	}
	for name, request := range map[string]any{"nil": nil, "nil message": (*wrapperspb.StringValue)(nil), "no message": 7} {
		if err := via.Invoke(t.Context(), say, request, other); farcall.CodeOf(err) != farcall.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := via.Invoke(t.Context(), say, wrapperspb.String("x"), (*wrapperspb.StringValue)(nil)); farcall.CodeOf(err) != farcall.Internal {
		t.Errorf("a nil response: %v", err)
	}
}

func TestLocalRawOfCallsThatFail(t *testing.T) {
	_, via := local(t, server.Options{MaxReceiveBytes: 10}, func(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		return nil, farcall.NotFound
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func(*farcall.Raw) error{
		"the handler fails": func(request *farcall.Raw) error { return via.Invoke(t.Context(), say, request, &farcall.Raw{}) },
		"unknown method":    func(request *farcall.Raw) error { return via.Invoke(t.Context(), count, request, &farcall.Raw{}) },
		"ended context":     func(request *farcall.Raw) error { return via.Invoke(ended, say, request, &farcall.Raw{}) },
		"too large": func(request *farcall.Raw) error {
			request.Data = make([]byte, 11)
			return via.Invoke(t.Context(), say, request, &farcall.Raw{})
		},
	}
	for name, invoke := range calls {
		released := 0
		if err := invoke(&farcall.Raw{Release: func() { released++ }}); err == nil || released != 1 {
			t.Errorf("%s: %v, released %d times", name, err, released)
		}
	}
}

func TestLocalPassesWhatAWireWould(t *testing.T) {
	type privateKey struct{}
	_, via := local(t, server.Options{}, func(ctx context.Context, _ *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		incoming := farcall.IncomingCall(ctx)
		_, hasDeadline := ctx.Deadline()
		incoming.ResponseHeader().Set("h", incoming.RequestHeader().Get("x-sent"))
		incoming.ResponseTrailer().Set("t", "2")
		if err := incoming.SendHeader(); err != nil {
			return nil, err
		}
		return wrapperspb.String(fmt.Sprint(ctx.Value(privateKey{}), " ", hasDeadline, " ", incoming.Peer().Address, " ",
			farcall.OutgoingMetadata(ctx).Len(), " ", incoming.Method() == say)), nil
	})
	ctx := context.WithValue(t.Context(), privateKey{}, "private")
	ctx = exchange.WithPeer(ctx, exchange.Peer{Address: address("10.0.0.1:1")})
	ctx, cancel := context.WithTimeout(farcall.WithMetadata(ctx, "x-sent", "1"), time.Hour)
	defer cancel()
	ctx, collected := farcall.NewCall(ctx)
	if got, err := call(ctx, via, "x"); err != nil || got != "<nil> true 10.0.0.1:1 0 true" {
		t.Errorf("got %q, %v", got, err)
	}
	if collected.ResponseHeader().Get("h") != "1" || collected.ResponseTrailer().Get("t") != "2" || collected.Method() != say {
		t.Errorf("the Call has header %v, trailer %v", collected.ResponseHeader(), collected.ResponseTrailer())
	}
	if _, err := call(ctx, via, "x"); farcall.CodeOf(err) != farcall.FailedPrecondition {
		t.Errorf("a second call with the Call: %v", err)
	}
	if _, err := call(farcall.WithMetadata(t.Context(), "grpc-own", "1"), via, "x"); farcall.CodeOf(err) != farcall.Internal {
		t.Errorf("reserved metadata: %v", err)
	}
}

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

func TestLocalErrors(t *testing.T) {
	cause := errors.New("cause")
	failure := farcall.NewError(farcall.Aborted, "failed", &errdetails.ErrorInfo{Reason: "R"})
	_, via := local(t, server.Options{MaxReceiveBytes: 100}, func(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		switch request.Value {
		case "caused":
			return request, farcall.Errorf(farcall.NotFound, "no: %w", cause)
		case "detailed":
			return nil, failure
		}
		return request, nil
	})
	got, err := call(t.Context(), via, "caused")
	if farcall.CodeOf(err) != farcall.NotFound || errors.Is(err, cause) || got != "" {
		t.Errorf("caused: %q, %v", got, err)
	}
	_, err = call(t.Context(), via, "detailed")
	if info, ok := farcall.Detail[*errdetails.ErrorInfo](err); !ok || info.Reason != "R" || err == failure {
		t.Errorf("detailed: %v, the handler's own: %v", err, err == failure)
	}
	if _, err = call(t.Context(), via, strings.Repeat("x", 99)); farcall.CodeOf(err) != farcall.ResourceExhausted || !strings.Contains(err.Error(), "MaxReceiveBytes") {
		t.Errorf("too large: %v", err)
	}
	if err := via.Invoke(t.Context(), count, wrapperspb.String("x"), newString()); farcall.CodeOf(err) != farcall.Internal || !strings.Contains(err.Error(), "Count") {
		t.Errorf("a streaming method: %v", err)
	}
	unknown := &farcall.Method{Path: "/test.v1.Echo/Shout"}
	if err := via.Invoke(t.Context(), unknown, wrapperspb.String("x"), newString()); err == nil || err.Error() != "UNIMPLEMENTED: service test.v1.Echo has no method Shout here: it has Say" {
		t.Errorf("unknown: %v", err)
	}
}

func TestLocalCallerMayLeaveFirst(t *testing.T) {
	entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	srv := register(say, func(ctx context.Context, stream farcall.Stream) error {
		close(entered)
		<-leave
		ended := ctx.Err()
		request := new(wrapperspb.StringValue)
		left <- errors.Join(ended, stream.Receive(request), stream.Send(request))
		return nil
	}, server.Options{})
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	request, response := wrapperspb.String("x"), wrapperspb.String("untouched")
	err := srv.Local().Invoke(ctx, say, request, response)
	if farcall.CodeOf(err) != farcall.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller got %v", err)
	}
	request.Value = "the caller's again" // the race detector would tell
	close(leave)
	err = <-left
	if !errors.Is(err, context.Canceled) || strings.Count(err.Error(), "the caller has gone") != 2 {
		t.Errorf("the handler got %v", err)
	}
	if response.Value != "untouched" {
		t.Errorf("the response became %q", response.Value)
	}
}

func TestLocalDeadlineIsTheCallersOwn(t *testing.T) {
	_, via := local(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := call(ctx, via, "x"); farcall.CodeOf(err) != farcall.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestLocalResponseIsTakenBackWhenTheCallFails(t *testing.T) {
	srv := register(say, func(_ context.Context, stream farcall.Stream) error {
		_ = stream.Receive(new(wrapperspb.StringValue))
		if err := stream.Receive(new(wrapperspb.StringValue)); err != io.EOF {
			t.Errorf("behind the one request Receive returns %v", err)
		}
		if err := stream.Send(wrapperspb.String("early")); err != nil {
			return err
		}
		return farcall.Aborted
	}, server.Options{})
	defer srv.Close()
	if got, err := call(context.Background(), srv.Local(), "x"); got != "" || farcall.CodeOf(err) != farcall.Aborted {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLocalRunsInterceptors(t *testing.T) {
	interceptor := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		if stream.RequestHeader().Get("x-key") != "right" {
			return farcall.Unauthenticated
		}
		stream.ResponseTrailer().Set("x-seen", stream.Method().Name())
		return next(ctx, stream)
	}
	srv, via := local(t, server.Options{Interceptors: []farcall.Interceptor{interceptor}}, repeat)
	remote := dial(t, run(t, srv))
	for where, via := range map[string]farcall.Invoker{"local": via, "remote": remote} {
		if _, err := call(t.Context(), via, "x"); farcall.CodeOf(err) != farcall.Unauthenticated {
			t.Errorf("%s: without the key: %v", where, err)
		}
		ctx, collected := farcall.NewCall(farcall.WithMetadata(t.Context(), "x-key", "right"))
		if got, err := call(ctx, via, "x"); err != nil || got != "x" || collected.ResponseTrailer().Get("x-seen") != "Say" {
			t.Errorf("%s: with the key: %q, %v, %v", where, got, err, collected.ResponseTrailer())
		}
	}
}

func TestLocalAfterClose(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	srv, via := local(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	go func() {
		_, err := call(context.Background(), via, "x")
		ended <- err
	}()
	<-entered
	srv.Close()
	if err := <-ended; farcall.CodeOf(err) != farcall.Canceled {
		t.Errorf("the call under way: %v", err)
	}
	if _, err := call(t.Context(), via, "x"); farcall.CodeOf(err) != farcall.Unavailable {
		t.Errorf("a later call: %v", err)
	}
}
