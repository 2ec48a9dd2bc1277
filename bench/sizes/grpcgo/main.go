// SPDX-License-Identifier: Apache-2.0

// Command grpcgo is a small server whose binary is weighed: one service on grpc-go.
package main

import (
	"context"
	"log"
	"net"

	"google.golang.org/grpc"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/systems/grpcgo/paymentspb"
)

type payments struct {
	paymentspb.UnimplementedPaymentsServer
}

func (payments) Charge(context.Context, *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return &chargepb.ChargeResponse{Status: chargepb.Status_STATUS_PAID}, nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:9090")
	if err != nil {
		log.Fatal(err)
	}
	srv := grpc.NewServer()
	paymentspb.RegisterPaymentsServer(srv, payments{})
	log.Fatal(srv.Serve(listener))
}
