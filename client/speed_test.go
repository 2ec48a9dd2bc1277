// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// maxAllocations is what one unary call may allocate on both sides together, its messages included (two on each side:
// the message and its string, of which the client has one more in the request it made).
const maxAllocations = 14

func TestAllocationsOfACall(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request := wrapperspb.String("hello")
	allocations := testing.AllocsPerRun(2000, func() {
		if err := conn.Invoke(ctx, say, request, new(wrapperspb.StringValue)); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%v allocations a call", allocations)
	if allocations > maxAllocations {
		t.Errorf("%v allocations a call, at most %d are expected", allocations, maxAllocations)
	}
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
