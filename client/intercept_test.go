// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// tell answers with the request's metadata whose keys start with "x-", and notes whether there was a deadline.
func tell(ctx context.Context, _ *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	var told []string
	for key, value := range farcall.IncomingCall(ctx).RequestHeader().All() {
		if strings.HasPrefix(key, "x-") {
			told = append(told, key+"="+value)
		}
	}
	if _, ok := ctx.Deadline(); ok {
		told = append(told, "deadline")
	}
	farcall.IncomingCall(ctx).ResponseHeader().Set("h", "1")
	farcall.IncomingCall(ctx).ResponseTrailer().Set("t", "2")
	return wrapperspb.String(strings.Join(told, " ")), nil
}

func TestInterceptorsChangeWhatIsSent(t *testing.T) {
	var order []string
	first := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		order = append(order, "first")
		stream.RequestHeader().Set("x-caller", "changed")
		ctx, cancel := context.WithTimeout(farcall.WithMetadata(ctx, "x-first", "1"), time.Hour)
		defer cancel()
		return next(ctx, stream)
	}
	second := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		order = append(order, "second")
		err := next(farcall.WithMetadata(ctx, "x-second", stream.RequestHeader().Get("x-caller")), stream)
		order = append(order, fmt.Sprintf("h=%s t=%s %v %v", stream.ResponseHeader().Get("h"), stream.ResponseTrailer().Get("t"), stream.Method() == say, err))
		return err
	}
	conn := dial(t, serveTCP(t, server.Options{}, tell), client.Options{Interceptors: []farcall.Interceptor{first, second}})
	got, err := call(farcall.WithMetadata(t.Context(), "x-caller", "1", "x-more", "2"), conn, "x")
	if want := "x-more=2 x-caller=changed x-first=1 x-second=changed deadline"; err != nil || got != want {
		t.Errorf("the server saw %q, %v\nwant %q", got, err, want)
	}
	if want := []string{"first", "second", "h=1 t=2 true <nil>"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
}

// counting is a Stream that sees the messages go by.
type counting struct {
	farcall.Stream
	seen *[]string
}

func (c counting) Send(message any) error {
	*c.seen = append(*c.seen, "send "+message.(*wrapperspb.StringValue).Value)
	return c.Stream.Send(wrapperspb.String("wrapped"))
}

func (c counting) Receive(message any) error {
	err := c.Stream.Receive(message)
	*c.seen = append(*c.seen, "receive "+message.(*wrapperspb.StringValue).Value)
	return err
}

func TestInterceptorsSeeMessages(t *testing.T) {
	var seen []string
	wrap := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		err := next(ctx, counting{stream, &seen})
		if end := stream.Receive(new(wrapperspb.StringValue)); end != io.EOF {
			t.Errorf("behind the one response Receive returns %v", end)
		}
		return err
	}
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{Interceptors: []farcall.Interceptor{wrap}})
	if got, err := call(t.Context(), conn, "bare"); err != nil || got != "wrapped" {
		t.Errorf("got %q, %v", got, err)
	}
	if want := []string{"send bare", "receive wrapped"}; !slices.Equal(seen, want) {
		t.Errorf("seen %q, want %q", seen, want)
	}
}

func TestInterceptorsDecideTheOutcome(t *testing.T) {
	var calls atomic.Int32
	address := serveTCP(t, server.Options{}, func(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		calls.Add(1)
		return nil, farcall.NotFound
	})
	through := func(interceptor farcall.Interceptor) error {
		_, err := call(t.Context(), dial(t, address, client.Options{Interceptors: []farcall.Interceptor{interceptor}}), "x")
		return err
	}
	err := through(func(context.Context, farcall.Stream, farcall.Handler) error { return farcall.PermissionDenied })
	if farcall.CodeOf(err) != farcall.PermissionDenied || calls.Load() != 0 {
		t.Errorf("without next: %v after %d calls", err, calls.Load())
	}
	err = through(func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		return fmt.Errorf("wrapped: %w", next(ctx, stream))
	})
	var own *farcall.Error
	if !errors.As(err, &own) || own.Code != farcall.NotFound || own.Message != "wrapped: NOT_FOUND" {
		t.Errorf("wrapped: %v", err)
	}
	err = through(func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		_ = next(ctx, stream)
		return next(ctx, stream)
	})
	if farcall.CodeOf(err) != farcall.FailedPrecondition || !strings.Contains(err.Error(), "next twice") {
		t.Errorf("next twice: %v", err)
	}
	err = through(func(ctx context.Context, stream farcall.Stream, _ farcall.Handler) error {
		return stream.Receive(new(wrapperspb.StringValue))
	})
	if farcall.CodeOf(err) != farcall.FailedPrecondition {
		t.Errorf("Receive before Send: %v", err)
	}
	err = through(func(ctx context.Context, stream farcall.Stream, _ farcall.Handler) error {
		_ = stream.Send(wrapperspb.String("x"))
		return stream.Send(wrapperspb.String("y"))
	})
	if farcall.CodeOf(err) != farcall.Internal || !strings.Contains(err.Error(), "a second was sent") {
		t.Errorf("two messages: %v", err)
	}
	if err := through(func(_ context.Context, stream farcall.Stream, _ farcall.Handler) error { return stream.SendHeader() }); farcall.CodeOf(err) != farcall.FailedPrecondition {
		t.Errorf("SendHeader: %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic of an interceptor did not reach the caller")
			}
		}()
		_ = through(func(context.Context, farcall.Stream, farcall.Handler) error { panic("in the caller's goroutine") })
	}()
}
