// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"

	"storj.io/drpc/drpcpool"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/systems/drpc/drpcpb"
)

type client struct {
	stub drpcpb.DRPCPaymentsClient
	pool *drpcpool.Pool[string, drpcpool.Conn]
}

var _ harness.Streamer = client{}

func (c client) Close() { c.pool.Close() }

func (c client) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return c.stub.Charge(ctx, request)
}

func (c client) Echo(ctx context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	return c.stub.Echo(ctx, payload)
}

func (c client) Watch(ctx context.Context, count int, each func(*chargepb.ChargeResponse)) error {
	stream, err := c.stub.Watch(ctx, &chargepb.WatchRequest{Count: int64(count)})
	if err != nil {
		return err
	}
	defer stream.Close()
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
	defer stream.Close()
	for range count {
		if err := stream.Send(request); err != nil {
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}

func (c client) Dispute(ctx context.Context, request *chargepb.ChargeRequest, count int, each func(*chargepb.ChargeResponse)) error {
	stream, err := c.stub.Dispute(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	sent := make(chan error, 1)
	go func() { // ends with the stream at the latest
		for range count {
			if err := stream.Send(request); err != nil {
				sent <- err
				return
			}
		}
		sent <- stream.CloseSend()
	}()
	return errors.Join(receiveAll(stream, each), <-sent)
}
