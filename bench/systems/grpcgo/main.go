// SPDX-License-Identifier: Apache-2.0

// Command grpcgo is grpc-go as a measured system.
package main

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // answers are compressed as requests are

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/systems/grpcgo/paymentspb"
)

func main() { harness.Main(system, system.Built("with -pgo, a profile of itself", "grpc-go-pgo")) }

// system has the one setting whose documentation speaks of throughput: as many stream workers as processors.
var system = harness.System{
	Name:     "grpc-go",
	Settings: "NumStreamWorkers = GOMAXPROCS, the value that its documentation found most performant; defaults otherwise",
	Modules:  []string{"google.golang.org/grpc", "google.golang.org/protobuf"},
	Serve: func(listener net.Listener, setup harness.Setup) (func(), error) {
		options, err := serverOptions(setup)
		if err != nil {
			return nil, err
		}
		server := grpc.NewServer(options...)
		paymentspb.RegisterPaymentsServer(server, payments{})
		go server.Serve(listener) // ends in Stop
		return server.Stop, nil
	},
	Connect: func(_ context.Context, address string, setup harness.Setup) (harness.Client, error) {
		options, err := dialOptions(setup)
		if err != nil {
			return nil, err
		}
		conn, err := grpc.NewClient("passthrough:///"+address, options...)
		if err != nil {
			return nil, err
		}
		return client{conn, paymentspb.NewPaymentsClient(conn)}, nil
	},
}

func serverOptions(setup harness.Setup) ([]grpc.ServerOption, error) {
	options := []grpc.ServerOption{grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0)))}
	config, err := setup.ServerTLS()
	if err != nil {
		return nil, err
	}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	if setup.LargeMessages {
		options = append(options, grpc.MaxRecvMsgSize(harness.MaxMessageBytes))
	}
	if setup.Interceptors {
		options = append(options, grpc.ChainUnaryInterceptor(authorize, noteServed))
	}
	return options, nil
}

func dialOptions(setup harness.Setup) ([]grpc.DialOption, error) {
	config, err := setup.ClientTLS()
	if err != nil {
		return nil, err
	}
	transport := insecure.NewCredentials()
	if config != nil {
		transport = credentials.NewTLS(config)
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(transport)}
	if setup.LargeMessages {
		options = append(options, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(harness.MaxMessageBytes)))
	}
	if setup.Gzip {
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip")))
	}
	if setup.Interceptors {
		options = append(options, grpc.WithChainUnaryInterceptor(noteCall(&harness.ClientBook), noteCall(&harness.ClientAttemptBook)))
	}
	return options, nil
}

// payments is the service.
type payments struct {
	paymentspb.UnimplementedPaymentsServer
}

func (payments) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return harness.Charge(request), nil
}

func (payments) Echo(_ context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	return harness.Echo(payload), nil
}

func (payments) Watch(request *chargepb.WatchRequest, stream grpc.ServerStreamingServer[chargepb.ChargeResponse]) error {
	for range request.GetCount() {
		if err := stream.Send(harness.Event()); err != nil {
			return err
		}
	}
	return nil
}

func (payments) Settle(stream grpc.ClientStreamingServer[chargepb.ChargeRequest, chargepb.SettleResponse]) error {
	summary := new(chargepb.SettleResponse)
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return stream.SendAndClose(summary)
		} else if err != nil {
			return err
		}
		summary.Count++
	}
}

func (payments) Dispute(stream grpc.BidiStreamingServer[chargepb.ChargeRequest, chargepb.ChargeResponse]) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(harness.Charge(request)); err != nil {
			return err
		}
	}
}
