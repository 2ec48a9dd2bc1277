// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // a server that reads gzip, as farcall does

	"github.com/farcall/farcall/conformance/paymentspb"
)

// grpcgoSystem has its defaults, and gzip.
var grpcgoSystem = system{
	name: "grpc-go",
	serve: func(listener net.Listener, secure *tls.Config) (func(), error) {
		var options []grpc.ServerOption
		if secure != nil {
			options = append(options, grpc.Creds(credentials.NewTLS(secure)))
		}
		serving := grpc.NewServer(options...)
		paymentspb.RegisterPaymentsServer(serving, grpcgoPayments{})
		go func() { _ = serving.Serve(listener) }() // ends in Stop
		return serving.Stop, nil
	},
	connect: func(address string, secure *tls.Config) (caller, error) {
		transport := insecure.NewCredentials()
		if secure != nil {
			transport = credentials.NewTLS(secure)
		}
		conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(transport))
		if err != nil {
			return nil, err
		}
		return grpcgoCaller{conn, paymentspb.NewPaymentsClient(conn)}, nil
	},
}

type grpcgoPayments struct {
	paymentspb.UnimplementedPaymentsServer
}

func (grpcgoPayments) Charge(_ context.Context, request *paymentspb.ChargeRequest) (*paymentspb.ChargeResponse, error) {
	return charge(request), nil
}

func (grpcgoPayments) WatchPayments(_ *paymentspb.WatchPaymentsRequest, stream grpc.ServerStreamingServer[paymentspb.Payment]) error {
	for {
		if err := stream.Send(watched); err != nil {
			return err
		}
	}
}

func (grpcgoPayments) Settle(stream grpc.ClientStreamingServer[paymentspb.SettleRecord, paymentspb.SettleSummary]) error {
	summary := &paymentspb.SettleSummary{}
	for {
		switch _, err := stream.Recv(); err {
		case nil:
			summary.Records++
		case io.EOF:
			return stream.SendAndClose(summary)
		default:
			return err
		}
	}
}

func (grpcgoPayments) Dispute(stream grpc.BidiStreamingServer[paymentspb.DisputeMessage, paymentspb.DisputeMessage]) error {
	for {
		message, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = stream.Send(message)
		}
		if err != nil {
			return err
		}
	}
}

type grpcgoCaller struct {
	conn *grpc.ClientConn
	stub paymentspb.PaymentsClient
}

func (c grpcgoCaller) Charge(ctx context.Context) error {
	response, err := c.stub.Charge(ctx, chargeRequest())
	if err != nil {
		return err
	}
	return checkCharge(response)
}

func (c grpcgoCaller) Dispute(ctx context.Context) (conversation, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.stub.Dispute(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	return &grpcgoConversation{stream, cancel}, nil
}

func (c grpcgoCaller) Close() { c.conn.Close() }

type grpcgoConversation struct {
	stream grpc.BidiStreamingClient[paymentspb.DisputeMessage, paymentspb.DisputeMessage]
	cancel context.CancelFunc
}

func (c *grpcgoConversation) Say(text string) error {
	if err := c.stream.Send(&paymentspb.DisputeMessage{Text: text}); err != nil {
		return err
	}
	echo, err := c.stream.Recv()
	if err != nil {
		return err
	}
	return checkEcho(echo, text)
}

func (c *grpcgoConversation) Close() { c.cancel() }
