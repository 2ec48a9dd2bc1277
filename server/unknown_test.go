// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"io"
	"net"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// proxyTo passes every call on, without a look at its messages.
func proxyTo(via farcall.Invoker) farcall.Handler {
	return func(ctx context.Context, near farcall.Stream) error {
		return via.Stream(ctx, near.Method(), func(ctx context.Context, far farcall.Stream) error {
			go pass(near, far)
			for {
				var message farcall.Raw
				if err := far.Receive(&message); err == io.EOF {
					return nil
				} else if err != nil {
					return err
				}
				if err := near.Send(&message); err != nil {
					return err
				}
			}
		})
	}
}

func pass(near, far farcall.Stream) {
	for {
		var message farcall.Raw
		if near.Receive(&message) != nil {
			_ = far.CloseSend()
			return
		}
		if far.Send(&message) != nil {
			return
		}
	}
}

func listening(t *testing.T, srv *server.Server) *client.Conn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	conn, err := client.New(listener.Addr().String(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		srv.Close()
		<-served
	})
	return conn
}

func TestAProxyOfUnknownMethods(t *testing.T) {
	double := &farcall.Method{Path: "/test.Numbers/Double", Kind: farcall.KindBidi, NewRequest: newInt, NewResponse: newInt}
	one := &farcall.Method{Path: "/test.Numbers/One", Kind: farcall.KindUnary, NewRequest: newInt, NewResponse: newInt}
	behind := server.New(server.Options{})
	behind.Register(double, func(_ context.Context, stream farcall.Stream) error {
		for {
			var number wrapperspb.Int64Value
			if err := stream.Receive(&number); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			number.Value *= 2
			if err := stream.Send(&number); err != nil {
				return err
			}
		}
	})
	behind.Register(one, farcall.HandleUnary(func(_ context.Context, in *wrapperspb.Int64Value) (*wrapperspb.Int64Value, error) {
		if in.Value < 0 {
			return nil, farcall.Errorf(farcall.OutOfRange, "%d is negative", in.Value)
		}
		return in, nil
	}))
	conn := listening(t, server.New(server.Options{Unknown: proxyTo(listening(t, behind))}))

	err := conn.Stream(t.Context(), double, func(_ context.Context, stream farcall.Stream) error {
		for i := range int64(100) {
			if err := stream.Send(wrapperspb.Int64(i)); err != nil {
				return err
			}
			var got wrapperspb.Int64Value
			if err := stream.Receive(&got); err != nil {
				return err
			}
			if got.Value != 2*i {
				t.Errorf("%d doubled is %d", i, got.Value)
			}
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		if err := stream.Receive(nil); err != io.EOF {
			return err
		}
		return nil
	})
	if err != nil {
		t.Errorf("two-way: %v", err)
	}
	var got wrapperspb.Int64Value
	if err := conn.Invoke(t.Context(), one, wrapperspb.Int64(7), &got); err != nil || got.Value != 7 {
		t.Errorf("unary: %v, %v", &got, err)
	}
	if err := conn.Invoke(t.Context(), one, wrapperspb.Int64(-7), &got); farcall.CodeOf(err) != farcall.OutOfRange {
		t.Errorf("an error: %v", err)
	}
	missing := &farcall.Method{Path: "/test.Numbers/Missing"}
	if err := conn.Invoke(t.Context(), missing, wrapperspb.Int64(1), &got); farcall.CodeOf(err) != farcall.Unimplemented {
		t.Errorf("a method that is nowhere: %v", err)
	}
}

func newInt() proto.Message { return new(wrapperspb.Int64Value) }
