// SPDX-License-Identifier: Apache-2.0

// Command farcall is farcall as a measured system.
package main

import (
	"context"
	"iter"
	"net"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/edgepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

func main() {
	harness.Main(system,
		system.Built("with -tags farcall_noyield", "farcall-noyield"),
		system.Built("with -pgo, a profile of itself", "farcall-pgo"))
}

var system = harness.System{
	Name:     "farcall",
	Settings: "MaxConnections 1, so that one connection carries all calls; with parked streams MaxConcurrentStreams 4,096; defaults otherwise",
	Modules:  []string{"google.golang.org/protobuf"},
	Serve: func(listener net.Listener, setup harness.Setup) (func(), error) {
		options, err := serverOptions(setup)
		if err != nil {
			return nil, err
		}
		serving := server.New(options)
		chargepb.RegisterPayments(serving, payments{})
		return serve(serving, listener), nil
	},
	Connect: func(_ context.Context, address string, setup harness.Setup) (harness.Client, error) {
		caller, err := connect(address, setup)
		if err != nil {
			return nil, err
		}
		return streams{caller}, nil
	},
	Edge: func(listener net.Listener, behind string) (func(), error) {
		backend, err := connect(behind, harness.Setup{})
		if err != nil {
			return nil, err
		}
		serving := server.New(server.Options{})
		edgepb.RegisterEdge(serving, edge{backend})
		stop := serve(serving, listener)
		return func() {
			stop()
			backend.Close()
		}, nil
	},
}

// serve returns a function that ends the server and waits until it has ended.
func serve(serving *server.Server, listener net.Listener) (stop func()) {
	done := make(chan struct{})
	go func() { // ends after Close
		defer close(done)
		_ = serving.Serve(listener)
	}()
	return func() {
		_ = serving.Close()
		<-done
	}
}

func serverOptions(setup harness.Setup) (options server.Options, err error) {
	options.TLS, err = setup.ServerTLS()
	if setup.LargeMessages {
		options.MaxReceiveBytes = harness.MaxMessageBytes
	}
	if setup.Parked > 0 {
		options.MaxConcurrentStreams = harness.MaxStreams
	}
	if setup.Interceptors {
		options.Interceptors = []farcall.Interceptor{authorize, noteServed}
	}
	return options, err
}

func connect(address string, setup harness.Setup) (*caller, error) {
	options := client.Options{MaxConnections: 1}
	var err error
	if options.TLS, err = setup.ClientTLS(); err != nil {
		return nil, err
	}
	if setup.LargeMessages {
		options.MaxReceiveBytes = harness.MaxMessageBytes
	}
	if setup.Gzip {
		options.Compression = "gzip"
	}
	if setup.Interceptors {
		options.Interceptors = []farcall.Interceptor{noteCall, noteAttempt}
	}
	conn, err := client.New(address, options)
	if err != nil {
		return nil, err
	}
	return &caller{conn, chargepb.NewPaymentsStub(conn)}, nil
}

// payments is the service.
type payments struct{}

func (payments) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return harness.Charge(request), nil
}

func (payments) Echo(_ context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	return harness.Echo(payload), nil
}

func (payments) Watch(_ context.Context, request *chargepb.WatchRequest) iter.Seq2[*chargepb.ChargeResponse, error] {
	return func(yield func(*chargepb.ChargeResponse, error) bool) {
		for range request.GetCount() {
			if !yield(harness.Event(), nil) {
				return
			}
		}
	}
}

func (payments) Settle(_ context.Context, in iter.Seq2[*chargepb.ChargeRequest, error]) (*chargepb.SettleResponse, error) {
	summary := new(chargepb.SettleResponse)
	for _, err := range in {
		if err != nil {
			return nil, err
		}
		summary.Count++
	}
	return summary, nil
}

func (payments) Dispute(_ context.Context, in iter.Seq2[*chargepb.ChargeRequest, error]) iter.Seq2[*chargepb.ChargeResponse, error] {
	return func(yield func(*chargepb.ChargeResponse, error) bool) {
		for request, err := range in {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(harness.Charge(request), nil) {
				return
			}
		}
	}
}

// edge passes on what it gets.
type edge struct{ behind chargepb.Payments }

func (e edge) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return e.behind.Charge(ctx, request)
}
