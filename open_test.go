// SPDX-License-Identifier: Apache-2.0

package farcall_test

import (
	"context"
	"io"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
)

// around is an Invoker of one interceptor around a stream that ends at once.
type around struct {
	farcall.Invoker
	interceptor farcall.Interceptor
}

func (a around) Stream(ctx context.Context, _ *farcall.Method, body farcall.Handler) error {
	return a.interceptor(ctx, ending{}, body)
}

type ending struct{ farcall.Stream }

func (ending) Receive(any) error { return io.EOF }

// raised returns what f panics with.
func raised(f func()) (cause any) {
	defer func() { cause = recover() }()
	f()
	return nil
}

// An interceptor of an Open form runs on a goroutine of the library, where a panic would end the program.
func TestAPanicOfAnInterceptorIsTheCallers(t *testing.T) {
	method := &farcall.Method{Path: "/test.S/M", Kind: farcall.KindBidi}
	before := around{interceptor: func(context.Context, farcall.Stream, farcall.Handler) error { panic("before next") }}
	if got := raised(func() {
		_, _ = farcall.OpenBidi[wrapperspb.StringValue, wrapperspb.StringValue](t.Context(), before, method)
	}); got != "before next" {
		t.Errorf("Open raised %v", got)
	}
	after := around{interceptor: func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		_ = next(ctx, stream)
		panic("after next")
	}}
	stream, err := farcall.OpenBidi[wrapperspb.StringValue, wrapperspb.StringValue](t.Context(), after, method)
	if err != nil {
		t.Fatal(err)
	}
	if got := raised(func() { _, _ = stream.Receive() }); got != "after next" {
		t.Errorf("Receive raised %v", got)
	}
}
