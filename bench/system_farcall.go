// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"

	"github.com/farcall/farcall/bench/chargepb"
	farcallclient "github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

var farcallSystem = system{
	name:     "farcall",
	settings: "defaults",
	serve: func(listener net.Listener) (func(), error) {
		serving := server.New(server.Options{})
		chargepb.RegisterPayments(serving, farcallPayments{})
		done := make(chan struct{})
		go func() { // ends after Close
			defer close(done)
			_ = serving.Serve(listener)
		}()
		return func() {
			_ = serving.Close()
			<-done
		}, nil
	},
	connect: func(_ context.Context, address string) (client, error) {
		conn, err := farcallclient.New(address, farcallclient.Options{})
		if err != nil {
			return nil, err
		}
		return farcallClient{conn, chargepb.NewPaymentsStub(conn)}, nil
	},
}

type farcallPayments struct{}

func (farcallPayments) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return charge(request), nil
}

type farcallClient struct {
	conn *farcallclient.Conn
	chargepb.Payments
}

func (c farcallClient) Close() { _ = c.conn.Close() }
