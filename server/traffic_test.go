// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// sizes is an interceptor that notes what a call has sent and received when it ends.
type sizes struct {
	mu    sync.Mutex // guards noted
	noted [][2]int64
}

func (s *sizes) note(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
	err := next(ctx, stream)
	sent, received := stream.Bytes()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted = append(s.noted, [2]int64{sent, received})
	return err
}

// TestInterceptorsSeeTheSizes makes a unary and a two-way call, over the wire and in this process.
func TestInterceptorsSeeTheSizes(t *testing.T) {
	double := &farcall.Method{Path: "/test.Numbers/Double", Kind: farcall.KindBidi, NewRequest: newInt, NewResponse: newInt}
	one := &farcall.Method{Path: "/test.Numbers/One", Kind: farcall.KindUnary, NewRequest: newInt, NewResponse: newInt}
	var near, far sizes
	srv := server.New(server.Options{Interceptors: []farcall.Interceptor{far.note}})
	srv.Register(one, farcall.HandleUnary(func(_ context.Context, in *wrapperspb.Int64Value) (*wrapperspb.Int64Value, error) {
		return wrapperspb.Int64(1 << 40), nil
	}))
	srv.Register(double, func(_ context.Context, stream farcall.Stream) error {
		for {
			var number wrapperspb.Int64Value
			if err := stream.Receive(&number); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if err := stream.Send(&number); err != nil {
				return err
			}
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	conn, err := client.New(listener.Addr().String(), client.Options{Interceptors: []farcall.Interceptor{near.note}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); srv.Close(); <-served })

	request, response := int64(proto.Size(wrapperspb.Int64(5))), int64(proto.Size(wrapperspb.Int64(1<<40)))
	echoed := 3 * request
	for _, via := range []farcall.Invoker{conn, srv.Local()} {
		var got wrapperspb.Int64Value
		if err := via.Invoke(t.Context(), one, wrapperspb.Int64(5), &got); err != nil {
			t.Fatal(err)
		}
		var sent, received int64
		err := via.Stream(t.Context(), double, func(_ context.Context, stream farcall.Stream) error {
			for range 3 {
				if err := stream.Send(wrapperspb.Int64(5)); err != nil {
					return err
				}
				if err := stream.Receive(&got); err != nil {
					return err
				}
			}
			if err := stream.CloseSend(); err != nil {
				return err
			}
			if err := stream.Receive(nil); err != io.EOF {
				return err
			}
			sent, received = stream.Bytes()
			return nil
		})
		if err != nil || sent != echoed || received != echoed {
			t.Errorf("the caller of a stream: %d and %d bytes, %v", sent, received, err)
		}
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := [][2]int64{{request, response}, {echoed, echoed}}; !slices.Equal(near.noted, want) {
		t.Errorf("the client's interceptor saw %v, want %v", near.noted, want)
	}
	if want := [][2]int64{{response, request}, {echoed, echoed}, {response, request}, {echoed, echoed}}; !slices.Equal(far.noted, want) {
		t.Errorf("the server's interceptor saw %v, want %v", far.noted, want)
	}
}
