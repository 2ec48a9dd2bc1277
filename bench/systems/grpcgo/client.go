// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/systems/grpcgo/paymentspb"
)

type client struct {
	conn *grpc.ClientConn
	stub paymentspb.PaymentsClient
}

func (c client) Close() { c.conn.Close() }

func (c client) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return c.stub.Charge(ctx, request)
}

func (c client) ChargeAnnotated(ctx context.Context, annotations []harness.Annotation, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	pairs := make([]string, 0, 2*len(annotations))
	for _, a := range annotations {
		pairs = append(pairs, a.Name, a.Value)
	}
	return c.stub.Charge(metadata.AppendToOutgoingContext(ctx, pairs...), request)
}

func (c client) Echo(ctx context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	return c.stub.Echo(ctx, payload)
}

func (c client) Watch(ctx context.Context, count int, each func(*chargepb.ChargeResponse)) error {
	stream, err := c.stub.Watch(ctx, &chargepb.WatchRequest{Count: int64(count)})
	if err != nil {
		return err
	}
	return receiveAll(stream, each)
}

// receiveAll takes messages until the stream's good end.
func receiveAll(stream interface {
	Recv() (*chargepb.ChargeResponse, error)
}, each func(*chargepb.ChargeResponse)) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		each(message)
	}
}

func (c client) Settle(ctx context.Context, request *chargepb.ChargeRequest, count int) (*chargepb.SettleResponse, error) {
	stream, err := c.stub.Settle(ctx)
	if err != nil {
		return nil, err
	}
	for range count {
		if err := stream.Send(request); err != nil {
			break // the answer says why
		}
	}
	return stream.CloseAndRecv()
}

func (c client) Dispute(ctx context.Context, request *chargepb.ChargeRequest, count int, each func(*chargepb.ChargeResponse)) error {
	stream, err := c.stub.Dispute(ctx)
	if err != nil {
		return err
	}
	go func() { // ends with the stream at the latest
		for range count {
			if err := stream.Send(request); err != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	return receiveAll(stream, each)
}

func (c client) Park(ctx context.Context, request *chargepb.ChargeRequest) (leave func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.stub.Dispute(ctx)
	if err == nil {
		err = stream.Send(request)
	}
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return cancel, nil
}

// The interceptors of the realistic call.

// firstOf returns a lookup in a call's metadata.
func firstOf(ctx context.Context) func(name string) string {
	return func(name string) string {
		if values := metadata.ValueFromIncomingContext(ctx, name); len(values) > 0 {
			return values[0]
		}
		return ""
	}
}

func authorize(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := harness.Authorize(firstOf(ctx)); err != nil {
		return nil, status.Error(codes.Unauthenticated, err.Error())
	}
	return next(ctx, request)
}

func noteServed(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	begin := time.Now()
	response, err := next(ctx, request)
	harness.ServerBook.Note(time.Since(begin), firstOf(ctx)(harness.RequestIDName), err)
	return response, err
}

func noteCall(book *harness.Watchbook) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, response any, conn *grpc.ClientConn, next grpc.UnaryInvoker, options ...grpc.CallOption) error {
		begin := time.Now()
		err := next(ctx, method, request, response, conn, options...)
		book.Note(time.Since(begin), "", err)
		return err
	}
}
