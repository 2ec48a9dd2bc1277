// SPDX-License-Identifier: Apache-2.0

// Command kitex is kitex with gRPC's protocol as a measured system. It is a module of its own, and is linked with
// -ldflags=-checklinkname=0: packages that it depends on reach into the standard library, which Go 1.23 and later refuse.
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	kitexclient "github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/endpoint"
	"github.com/cloudwego/kitex/pkg/klog"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/metadata"
	kitexserver "github.com/cloudwego/kitex/server"
	"github.com/cloudwego/kitex/transport"

	"github.com/farcall/farcall/bench/harness"
)

func main() {
	klog.SetLevel(klog.LevelError) // it tells of every connection
	harness.Main(system)
}

var system = harness.System{
	Name:     "kitex",
	Settings: "gRPC protocol, netpoll and the fastpb codec, which are its own and what its generator makes; one connection (WithGRPCConnPoolSize(1)), like the others, though its documentation advises to leave that number alone; defaults otherwise",
	Modules:  []string{"github.com/cloudwego/kitex", "github.com/cloudwego/netpoll", "github.com/cloudwego/fastpb"},
	Serve: func(listener net.Listener, setup harness.Setup) (func(), error) {
		options := []kitexserver.Option{
			kitexserver.WithListener(listener), kitexserver.WithExitWaitTime(time.Millisecond),
			kitexserver.WithExitSignal(func() <-chan error { return make(chan error) }), // there is none: the conductor says when
		}
		if setup.Interceptors {
			options = append(options, kitexserver.WithMiddleware(authorize), kitexserver.WithMiddleware(noteServed))
		}
		if setup.Parked > 0 {
			options = append(options, kitexserver.WithGRPCMaxConcurrentStreams(harness.MaxStreams))
		}
		server := kitexserver.NewServer(options...)
		if err := server.RegisterService(service(), new(struct{})); err != nil {
			return nil, err
		}
		done := make(chan error, 1)
		go func() { done <- server.Run() }() // ends in Stop
		return func() {
			_ = server.Stop()
			<-done
		}, nil
	},
	Connect: func(_ context.Context, address string, setup harness.Setup) (harness.Client, error) {
		if setup.Certificates != "" || setup.Gzip {
			return nil, fmt.Errorf("this program has neither TLS nor gzip for kitex")
		}
		options := []kitexclient.Option{
			kitexclient.WithDestService("payments"), kitexclient.WithHostPorts(address), kitexclient.WithTransportProtocol(transport.GRPC),
			kitexclient.WithGRPCConnPoolSize(1),
		}
		if setup.Interceptors {
			options = append(options, kitexclient.WithMiddleware(noteCall(&harness.ClientBook)), kitexclient.WithMiddleware(noteCall(&harness.ClientAttemptBook)))
		}
		calls, err := kitexclient.NewClient(service(), options...)
		if err != nil {
			return nil, err
		}
		return client{calls}, nil
	},
}

// The middleware of the realistic call.

func firstOf(ctx context.Context) func(name string) string {
	incoming, _ := metadata.FromIncomingContext(ctx)
	return func(name string) string {
		if values := incoming.Get(name); len(values) > 0 {
			return values[0]
		}
		return ""
	}
}

func authorize(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request, response any) error {
		if err := harness.Authorize(firstOf(ctx)); err != nil {
			return err
		}
		return next(ctx, request, response)
	}
}

func noteServed(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request, response any) error {
		begin := time.Now()
		err := next(ctx, request, response)
		harness.ServerBook.Note(time.Since(begin), firstOf(ctx)(harness.RequestIDName), err)
		return err
	}
}

func noteCall(book *harness.Watchbook) endpoint.Middleware {
	return func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, request, response any) error {
			begin := time.Now()
			err := next(ctx, request, response)
			book.Note(time.Since(begin), "", err)
			return err
		}
	}
}
