// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"

	kitexclient "github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/metadata"
	"github.com/cloudwego/kitex/pkg/streaming"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
)

type client struct {
	calls kitexclient.Client
}

var (
	_ harness.Annotator = client{}
	_ harness.Echoer    = client{}
	_ harness.Streamer  = client{}
)

func (c client) Close() {
	if closer, ok := c.calls.(io.Closer); ok {
		_ = closer.Close()
	}
}

func (c client) call(ctx context.Context, method string, request, response proto.Message) error {
	return c.calls.Call(ctx, method, &argument{fast(request)}, &argument{fast(response)})
}

func (c client) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	response := new(chargepb.ChargeResponse)
	return response, c.call(ctx, "Charge", request, response)
}

func (c client) ChargeAnnotated(ctx context.Context, annotations []harness.Annotation, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	pairs := make([]string, 0, 2*len(annotations))
	for _, a := range annotations {
		pairs = append(pairs, a.Name, a.Value)
	}
	return c.Charge(metadata.AppendToOutgoingContext(ctx, pairs...), request)
}

func (c client) Echo(ctx context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	back := new(chargepb.Payload)
	return back, c.call(ctx, "Echo", payload, back)
}

func (c client) open(ctx context.Context, method string) (streaming.Stream, error) {
	opener, ok := c.calls.(kitexclient.Streaming)
	if !ok {
		return nil, errors.New("kitex's client has no streams")
	}
	var opened streaming.Result
	err := opener.Stream(ctx, method, nil, &opened)
	return opened.Stream, err
}

func (c client) Watch(ctx context.Context, count int, each func(*chargepb.ChargeResponse)) error {
	stream, err := c.open(ctx, "Watch")
	if err != nil {
		return err
	}
	if err := errors.Join(stream.SendMsg(&chargepb.WatchRequest{Count: int64(count)}), stream.Close()); err != nil {
		return err
	}
	return receiveAll(stream, each)
}

// receiveAll takes messages until the stream's good end.
func receiveAll(stream streaming.Stream, each func(*chargepb.ChargeResponse)) error {
	for {
		message := new(chargepb.ChargeResponse)
		if err := stream.RecvMsg(message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		each(message)
	}
}

func (c client) Settle(ctx context.Context, request *chargepb.ChargeRequest, count int) (*chargepb.SettleResponse, error) {
	stream, err := c.open(ctx, "Settle")
	if err != nil {
		return nil, err
	}
	for range count {
		if err := stream.SendMsg(request); err != nil {
			return nil, err
		}
	}
	if err := stream.Close(); err != nil {
		return nil, err
	}
	summary := new(chargepb.SettleResponse)
	return summary, stream.RecvMsg(summary)
}

func (c client) Dispute(ctx context.Context, request *chargepb.ChargeRequest, count int, each func(*chargepb.ChargeResponse)) error {
	stream, err := c.open(ctx, "Dispute")
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() { // ends with the stream at the latest
		for range count {
			if err := stream.SendMsg(request); err != nil {
				sent <- err
				return
			}
		}
		sent <- stream.Close()
	}()
	return errors.Join(receiveAll(stream, each), <-sent)
}
