// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"runtime"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/farcall/farcall/bench/chargepb"
)

// grpcgoSystem has the one setting whose documentation speaks of throughput: as many stream workers as processors.
var grpcgoSystem = system{
	name:     "grpc-go",
	settings: "NumStreamWorkers = GOMAXPROCS, the value that its documentation found most performant; defaults otherwise",
	serve: func(listener net.Listener) (func(), error) {
		server := grpc.NewServer(grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0))))
		chargepb.RegisterPaymentsServer(server, grpcgoPayments{})
		go server.Serve(listener) // ends in Stop
		return server.Stop, nil
	},
	connect: func(ctx context.Context, address string) (client, error) {
		conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		return grpcgoClient{conn, chargepb.NewPaymentsClient(conn)}, nil
	},
}

type grpcgoPayments struct {
	chargepb.UnimplementedPaymentsServer
}

func (grpcgoPayments) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return charge(request), nil
}

type grpcgoClient struct {
	conn *grpc.ClientConn
	stub chargepb.PaymentsClient
}

func (c grpcgoClient) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return c.stub.Charge(ctx, request)
}

func (c grpcgoClient) Close() { c.conn.Close() }
