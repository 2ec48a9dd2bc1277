// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly && !race

package server_test

import (
	"context"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/server"
)

// What a call by REST may allocate in the server: the request's head (over HTTP/2, the request), the call, and what its
// messages are to the handler, two allocations each way here. Over HTTP/2 the client of this test is an engine too.
const (
	maxAllocationsHTTP1 = 5
	maxAllocationsHTTP2 = 11
)

func TestAllocationsOfAnEdgeCall(t *testing.T) {
	_, address := serveSay(t, server.Options{}, repeat)
	c := talkTo(t, address)
	request, answer := []byte(saying(`"hello"`)), make([]byte, 1024)
	checkAllocations(t, maxAllocationsHTTP1, func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(answer); err != nil || n < 7 || string(answer[n-7:n]) != `"hello"` {
			t.Fatalf("%s, %v", answer[:n], err)
		}
	})
	conn := raw(t, address)
	head := exchange.Head{Fields: []exchange.Field{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
		{Name: ":path", Value: "/v1/say"}, {Name: ":authority", Value: "a"}, {Name: "content-type", Value: "application/json"}}}
	body := []byte(`"hello"`)
	checkAllocations(t, maxAllocationsHTTP2, func() {
		stream, err := conn.Open(context.Background(), head, body, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.WantEnd(context.Background(), 100); err != nil {
			t.Fatal(err)
		}
		if got := string(stream.Next(stream.Buffered())); got != `"hello"` {
			t.Fatal(got)
		}
		stream.Close()
	})
}

func checkAllocations(t *testing.T, most float64, call func()) {
	t.Helper()
	allocations := testing.AllocsPerRun(2000, call)
	t.Logf("%v allocations a call", allocations)
	if allocations > most {
		t.Errorf("%v allocations a call, at most %v are expected", allocations, most)
	}
}
