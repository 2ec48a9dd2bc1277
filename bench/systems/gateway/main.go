// SPDX-License-Identifier: Apache-2.0

// Command gateway is grpc-gateway as a measured edge: generated handlers that pass REST on to a gRPC server.
package main

import (
	"context"
	"net"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/systems/gateway/gatewaypb"
	"github.com/farcall/farcall/bench/systems/grpcgo/paymentspb"
)

func main() { harness.Main(system) }

var system = harness.System{
	Name:     "grpc-gateway",
	Settings: "generated handlers on net/http (HTTP/1.1 and h2c) in front of a grpc-go client; defaults, since its documentation knows nothing faster but a marshaler without protobuf's JSON",
	Modules:  []string{"github.com/grpc-ecosystem/grpc-gateway/v2", "google.golang.org/grpc", "google.golang.org/protobuf", "std"},
	Edge: func(listener net.Listener, behind string) (func(), error) {
		conn, err := grpc.NewClient("passthrough:///"+behind, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		routes := runtime.NewServeMux()
		backend := payments{paymentspb.NewPaymentsClient(conn)}
		if err := gatewaypb.RegisterEdgeHandlerClient(context.Background(), routes, backend); err != nil {
			return nil, err
		}
		server := &http.Server{Handler: routes, Protocols: harness.BothHTTP()}
		go server.Serve(listener) // ends in Close
		return func() {
			server.Close()
			conn.Close()
		}, nil
	},
}

// payments is the service behind, under the name that has the REST route.
type payments struct{ stub paymentspb.PaymentsClient }

func (p payments) Charge(ctx context.Context, request *chargepb.ChargeRequest, options ...grpc.CallOption) (*chargepb.ChargeResponse, error) {
	return p.stub.Charge(ctx, request, options...)
}
