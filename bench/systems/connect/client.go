// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"connectrpc.com/connect"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
)

type client struct {
	transport *http.Transport
	charge    *connect.Client[chargepb.ChargeRequest, chargepb.ChargeResponse]
	echo      *connect.Client[chargepb.Payload, chargepb.Payload]
	watch     *connect.Client[chargepb.WatchRequest, chargepb.ChargeResponse]
	settle    *connect.Client[chargepb.ChargeRequest, chargepb.SettleResponse]
	dispute   *connect.Client[chargepb.ChargeRequest, chargepb.ChargeResponse]
}

func newClient(address string, setup harness.Setup, options ...connect.ClientOption) (*client, error) {
	config, err := setup.ClientTLS()
	if err != nil {
		return nil, err
	}
	base := "http://" + address
	if config != nil {
		base = "https://" + address
	}
	if setup.Gzip {
		options = append(options, connect.WithSendGzip(), connect.WithCompressMinBytes(minCompressBytes))
	} else {
		options = append(options, connect.WithAcceptCompression("gzip", nil, nil)) // or answers are compressed
	}
	if setup.Interceptors {
		options = append(options, connect.WithInterceptors(noteCall(&harness.ClientBook), noteCall(&harness.ClientAttemptBook)))
	}
	transport := &http.Transport{Protocols: protocols(), TLSClientConfig: config}
	sender := &http.Client{Transport: transport}
	return &client{
		transport: transport,
		charge:    connect.NewClient[chargepb.ChargeRequest, chargepb.ChargeResponse](sender, base+chargePath, options...),
		echo:      connect.NewClient[chargepb.Payload, chargepb.Payload](sender, base+echoPath, options...),
		watch:     connect.NewClient[chargepb.WatchRequest, chargepb.ChargeResponse](sender, base+watchPath, options...),
		settle:    connect.NewClient[chargepb.ChargeRequest, chargepb.SettleResponse](sender, base+settlePath, options...),
		dispute:   connect.NewClient[chargepb.ChargeRequest, chargepb.ChargeResponse](sender, base+disputePath, options...),
	}, nil
}

func (c *client) Close() { c.transport.CloseIdleConnections() }

func (c *client) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return c.ChargeAnnotated(ctx, nil, request)
}

func (c *client) ChargeAnnotated(ctx context.Context, annotations []harness.Annotation, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	sending := connect.NewRequest(request)
	for _, a := range annotations {
		sending.Header().Set(a.Name, a.Value)
	}
	answer, err := c.charge.CallUnary(ctx, sending)
	if err != nil {
		return nil, err
	}
	return answer.Msg, nil
}

func (c *client) Echo(ctx context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	answer, err := c.echo.CallUnary(ctx, connect.NewRequest(payload))
	if err != nil {
		return nil, err
	}
	return answer.Msg, nil
}

func (c *client) Watch(ctx context.Context, count int, each func(*chargepb.ChargeResponse)) error {
	stream, err := c.watch.CallServerStream(ctx, connect.NewRequest(&chargepb.WatchRequest{Count: int64(count)}))
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
		each(stream.Msg())
	}
	return stream.Err()
}

func (c *client) Settle(ctx context.Context, request *chargepb.ChargeRequest, count int) (*chargepb.SettleResponse, error) {
	stream := c.settle.CallClientStream(ctx)
	for range count {
		if err := stream.Send(request); err != nil {
			break // the answer says why
		}
	}
	answer, err := stream.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return answer.Msg, nil
}

func (c *client) Dispute(ctx context.Context, request *chargepb.ChargeRequest, count int, each func(*chargepb.ChargeResponse)) error {
	stream := c.dispute.CallBidiStream(ctx)
	defer stream.CloseResponse()
	go func() { // ends with the stream at the latest
		for range count {
			if err := stream.Send(request); err != nil {
				return
			}
		}
		_ = stream.CloseRequest()
	}()
	for {
		message, err := stream.Receive()
		if isEnd(err) {
			return nil
		} else if err != nil {
			return err
		}
		each(message)
	}
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) }
