// SPDX-License-Identifier: Apache-2.0

//go:build linux && !farcall_grpconly && !farcall_noyield

package server_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/server"
)

// TestEdgeAnswersShareWrites: answers to requests over HTTP/2 that are no gRPC leave together, as those of gRPC do, where their
// handlers return at the same time.
func TestEdgeAnswersShareWrites(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // goroutines take turns, in the order in which they yield
	const calls, rounds = 32, 8
	var entered sync.WaitGroup
	leave := make(chan chan struct{}, 1)
	_, address := serveSay(t, server.Options{}, func(_ context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		gate := <-leave
		leave <- gate
		entered.Done()
		<-gate
		return in, nil
	})
	conn := raw(t, address)
	head := exchange.Head{Fields: []exchange.Field{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
		{Name: ":path", Value: "/v1/say"}, {Name: ":authority", Value: "a"}, {Name: "content-type", Value: "application/json"}}}
	fewest := calls
	for range rounds {
		gate := make(chan struct{})
		leave <- gate
		entered.Add(calls)
		var streams []*http2.ClientStream
		for range calls {
			stream, err := conn.Open(t.Context(), head, []byte(`"a"`), true)
			if err != nil {
				t.Fatal(err)
			}
			streams = append(streams, stream)
		}
		entered.Wait()
		before := writes(t)
		close(gate)
		for _, stream := range streams {
			if err := stream.WantEnd(t.Context(), 100); err != nil {
				t.Fatal(err)
			}
			stream.Close()
		}
		fewest = min(fewest, writes(t)-before)
		<-leave
	}
	t.Logf("%d answers in %d writes", calls, fewest)
	if fewest > calls/4 {
		t.Errorf("%d answers took %d writes", calls, fewest)
	}
}

// writes returns how many times this process has called write.
func writes(t *testing.T) (count int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip(err)
	}
	var read, written, reads int
	if _, err := fmt.Sscanf(string(text), "rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d", &read, &written, &reads, &count); err != nil {
		t.Fatal(err)
	}
	return count
}
