// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// allowance is by how much the build may make limits looser.
var allowance = 1

// limit is what one call may allocate on both sides together.
type limit struct{ allocations, bytes int }

// check measures what call allocates, once the connection knows it.
func (l limit) check(t *testing.T, call func() error) {
	t.Helper()
	var before, after runtime.MemStats
	const calls = 2000
	for i := range 2 * calls {
		if i == calls {
			runtime.ReadMemStats(&before)
		}
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	allocations, bytes := float64(after.Mallocs-before.Mallocs)/calls, float64(after.TotalAlloc-before.TotalAlloc)/calls
	t.Logf("%.1f allocations and %.0f bytes a call", allocations, bytes)
	if allocations > float64(l.allocations*allowance) || bytes > float64(l.bytes*allowance) {
		t.Errorf("%.1f allocations and %.0f bytes a call, at most %d and %d are expected", allocations, bytes, l.allocations, l.bytes)
	}
}

// A plain call: its messages are two allocations on each side, the message and its string, of which the client has one more
// in the request it made. The rest is the server's stream, which is its handler's context.
func TestAllocationsOfACall(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request := wrapperspb.String("hello")
	limit{9, 720}.check(t, func() error { return conn.Invoke(ctx, say, request, new(wrapperspb.StringValue)) })
}

// A call with a deadline, metadata of which a part is each call's own, and two interceptors on either end. What the caller
// makes itself is a context with a deadline (six allocations, with what waits for it) and three strings.
func TestAllocationsOfARealisticCall(t *testing.T) {
	pass := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error { return next(ctx, stream) }
	look := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		if stream.RequestHeader().Get("authorization") == "" {
			return farcall.Unauthenticated
		}
		return next(ctx, stream)
	}
	conn := dial(t, serveTCP(t, server.Options{Interceptors: []farcall.Interceptor{look, pass}}, repeat),
		client.Options{Interceptors: []farcall.Interceptor{pass, pass}})
	request := wrapperspb.String("hello")
	calls := 0
	limit{23, 2650}.check(t, func() error {
		calls++
		id := strconv.Itoa(1e9 + calls)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ctx = farcall.WithMetadata(ctx, "authorization", "Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9", "x-request-id", "req-"+id,
			"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e"+id+"-01", "tracestate", "vendor=t61rcWkgMzE", "x-tenant", "acme-eu-1",
			"x-region", "eu-central-1", "x-caller", "orders", "x-caller-version", "2026.11.3", "x-flags", "new-checkout", "x-shard", "17")
		return conn.Invoke(ctx, say, request, new(wrapperspb.StringValue))
	})
}

func BenchmarkCall(b *testing.B) {
	conn := dial(b, serveTCP(b, server.Options{}, repeat), client.Options{})
	request := wrapperspb.String("hello")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		response := new(wrapperspb.StringValue)
		for pb.Next() {
			if err := conn.Invoke(context.Background(), say, request, response); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
