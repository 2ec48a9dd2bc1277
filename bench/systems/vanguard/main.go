// SPDX-License-Identifier: Apache-2.0

// Command vanguard is vanguard-go as a measured edge: it turns REST into calls of a connect-go handler, which calls a server
// with gRPC's protocol.
package main

import (
	"context"
	"net"
	"net/http"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/edgepb"
	"github.com/farcall/farcall/bench/harness"
)

func main() { harness.Main(system) }

var system = harness.System{
	Name:     "vanguard",
	Settings: "transcoder on net/http (HTTP/1.1 and h2c) in front of a connect-go handler with a connect-go client (WithGRPC, h2c); gzip off, as with all others; defaults otherwise, since its documentation recommends nothing for speed",
	Modules:  []string{"connectrpc.com/vanguard", "connectrpc.com/connect", "google.golang.org/protobuf", "std"},
	Edge: func(listener net.Listener, behind string) (func(), error) {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: protocols}
		backend := connect.NewClient[chargepb.ChargeRequest, chargepb.ChargeResponse](
			&http.Client{Transport: transport}, "http://"+behind+"/farcall.bench.v1.Payments/Charge",
			connect.WithGRPC(), connect.WithAcceptCompression("gzip", nil, nil))
		transcoder, err := vanguard.NewTranscoder([]*vanguard.Service{
			vanguard.NewServiceWithSchema(edgepb.File_edge_proto.Services().ByName("Edge"), handler(backend)),
		})
		if err != nil {
			return nil, err
		}
		server := &http.Server{Handler: transcoder, Protocols: harness.BothHTTP()}
		go server.Serve(listener) // ends in Close
		return func() {
			server.Close()
			transport.CloseIdleConnections()
		}, nil
	},
}

// handler serves Edge.Charge by a call.
func handler(backend *connect.Client[chargepb.ChargeRequest, chargepb.ChargeResponse]) http.Handler {
	const path = "/farcall.bench.edge.v1.Edge/Charge"
	return connect.NewUnaryHandlerSimple(path, func(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
		answer, err := backend.CallUnary(ctx, connect.NewRequest(request))
		if err != nil {
			return nil, err
		}
		return answer.Msg, nil
	})
}
