// SPDX-License-Identifier: Apache-2.0

// Command farcall is a small server whose binary is weighed: one service over gRPC.
package main

import (
	"context"
	"log"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/server"
)

type payments struct{ chargepb.UnimplementedPayments }

func (payments) Charge(context.Context, *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return &chargepb.ChargeResponse{Status: chargepb.Status_STATUS_PAID}, nil
}

func main() {
	srv := server.New(server.Options{})
	chargepb.RegisterPayments(srv, payments{})
	log.Fatal(srv.ListenAndServe("127.0.0.1:9090"))
}
