// SPDX-License-Identifier: Apache-2.0

package systemtest

import (
	"context"
	"net"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/server"
)

// GRPC is a server for the tests of edges that have none of their own.
var GRPC = harness.System{Name: "a gRPC server", Serve: func(listener net.Listener, _ harness.Setup) (func(), error) {
	serving := server.New(server.Options{})
	chargepb.RegisterPayments(serving, payments{})
	go serving.Serve(listener) // ends in Close
	return func() { _ = serving.Close() }, nil
}}

type payments struct{ chargepb.UnimplementedPayments }

func (payments) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return harness.Charge(request), nil
}
