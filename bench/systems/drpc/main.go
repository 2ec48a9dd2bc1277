// SPDX-License-Identifier: Apache-2.0

// Command drpc is storj.io/drpc as a measured system.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"

	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcmanager"
	"storj.io/drpc/drpcmux"
	"storj.io/drpc/drpcpool"
	"storj.io/drpc/drpcserver"
	"storj.io/drpc/drpcwire"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/systems/drpc/drpcpb"
)

func main() { harness.Main(system) }

var system = harness.System{
	Name:     "drpc",
	Settings: "its own wire format; drpcpool, which is its own, without limits, the default, since a connection carries one call at a time: a connection for each call in flight; defaults otherwise, since its documentation recommends nothing for speed",
	Modules:  []string{"storj.io/drpc", "google.golang.org/protobuf"},
	Serve: func(listener net.Listener, setup harness.Setup) (func(), error) {
		config, err := setup.ServerTLS()
		if err != nil {
			return nil, err
		}
		if config != nil {
			listener = tls.NewListener(listener, config)
		}
		mux := drpcmux.New()
		if err := drpcpb.DRPCRegisterPayments(mux, payments{}); err != nil {
			return nil, err
		}
		server := drpcserver.NewWithOptions(mux, drpcserver.Options{Manager: managerOptions(setup)})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { // ends with ctx
			defer close(done)
			_ = server.Serve(ctx, listener)
		}()
		return func() {
			stop()
			<-done
		}, nil
	},
	Connect: func(_ context.Context, address string, setup harness.Setup) (harness.Client, error) {
		config, err := setup.ClientTLS()
		if err != nil {
			return nil, err
		}
		pool := drpcpool.New[string, drpcpool.Conn](drpcpool.Options{})
		conn := pool.Get(context.Background(), address, func(ctx context.Context, address string) (drpcpool.Conn, error) {
			var transport net.Conn
			var err error
			if config == nil {
				transport, err = new(net.Dialer).DialContext(ctx, "tcp", address)
			} else {
				transport, err = (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
			}
			if err != nil {
				return nil, err
			}
			return drpcconn.NewWithOptions(transport, drpcconn.Options{Manager: managerOptions(setup)}), nil
		})
		return client{drpcpb.NewDRPCPaymentsClient(conn), pool}, nil
	},
}

func managerOptions(setup harness.Setup) (options drpcmanager.Options) {
	if setup.LargeMessages {
		options.Reader = drpcwire.ReaderOptions{MaximumBufferSize: harness.MaxMessageBytes}
	}
	return options
}

// payments is the service.
type payments struct {
	drpcpb.DRPCPaymentsUnimplementedServer
}

func (payments) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return harness.Charge(request), nil
}

func (payments) Echo(_ context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	return harness.Echo(payload), nil
}

func (payments) Watch(request *chargepb.WatchRequest, stream drpcpb.DRPCPayments_WatchStream) error {
	for range request.GetCount() {
		if err := stream.Send(harness.Event()); err != nil {
			return err
		}
	}
	return nil
}

func (payments) Settle(stream drpcpb.DRPCPayments_SettleStream) error {
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

func (payments) Dispute(stream drpcpb.DRPCPayments_DisputeStream) error {
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
