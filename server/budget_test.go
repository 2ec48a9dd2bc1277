// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
)

// What clients have sent in part when they go away comes back to the budget, and so do their connections: requests whose
// message is not whole, requests that a handler has, and streams of which nobody takes what has come.
func TestTheBudgetComesBack(t *testing.T) {
	srv := New(Options{Logger: slog.New(slog.DiscardHandler)})
	began := make(chan struct{}, 100)
	stay := func(ctx context.Context, _ farcall.Stream) error {
		began <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	srv.Register(&farcall.Method{Path: "/t.T/Unary"}, farcall.HandleUnary(func(ctx context.Context, _ *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) {
		return nil, stay(ctx, nil)
	}))
	srv.Register(&farcall.Method{Path: "/t.T/Stream", Kind: farcall.KindBidi}, stay)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	defer func() { srv.Close(); <-served }()

	for range 5 {
		nc, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		b := frame.AppendSettings([]byte(frame.Preface))
		encoder := hpack.NewEncoder(4096)
		for _, request := range []struct {
			stream uint32
			path   string
			body   []byte
			end    bool
		}{
			{1, "/t.T/Unary", append([]byte{0, 0, 0, 0x40, 0}, make([]byte, 10_000)...), false}, // of 16 KiB
			{3, "/t.T/Unary", []byte{0, 0, 0}, false},
			{5, "/t.T/Unary", append([]byte{0, 0, 0, 0x27, 0x13, 0x0a, 0x90, 0x4e}, make([]byte, 10_000)...), true},
			{7, "/t.T/Stream", append([]byte{0, 0, 0, 0x27, 0x13, 0x0a, 0x90, 0x4e}, make([]byte, 10_000)...), false},
		} {
			block := encoder.AppendStateless(nil, []exchange.Field{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
				{Name: ":path", Value: request.path}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"}})
			b = frame.AppendHeaders(b, request.stream, block, false, frame.SmallestMaxFrame)
			b = frame.AppendData(b, request.stream, request.body, request.end)
		}
		if _, err := nc.Write(b); err != nil {
			t.Fatal(err)
		}
		<-began
		<-began
		if used := srv.budget.Used(); used == 0 {
			t.Error("nothing counts towards the budget")
		}
		nc.Close()
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		srv.mu.Lock()
		connections := len(srv.connections)
		srv.mu.Unlock()
		if connections == 0 && srv.budget.Used() == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections and %d bytes are left", connections, srv.budget.Used())
		}
	}
}
