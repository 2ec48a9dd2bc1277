// SPDX-License-Identifier: Apache-2.0

// Command connect is connect-go as two measured systems: with gRPC's protocol and with its own, on net/http.
package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
)

func main() { harness.Main(grpcSystem, connectSystem) }

const settings = "HTTP/2 by net/http, without TLS h2c (http.Protocols); the server's MaxConcurrentStreams raised to 4,096, so that one connection carries all calls; gzip not accepted (WithAcceptCompression), or every answer would be compressed; with gzip WithCompressMinBytes(1024); defaults otherwise"

var grpcSystem = harness.System{
	Name:     "connect-grpc",
	Settings: "gRPC protocol (WithGRPC); " + settings,
	Modules:  []string{"connectrpc.com/connect", "google.golang.org/protobuf", "std"},
	Serve:    serve,
	Connect: func(_ context.Context, address string, setup harness.Setup) (harness.Client, error) {
		return newClient(address, setup, connect.WithGRPC())
	},
}

var connectSystem = harness.System{
	Name:     "connect",
	Settings: "Connect protocol; " + settings,
	Modules:  []string{"connectrpc.com/connect", "google.golang.org/protobuf", "std"},
	Serve:    serve,
	Connect: func(_ context.Context, address string, setup harness.Setup) (harness.Client, error) {
		return newClient(address, setup)
	},
}

// The paths of the methods.
const (
	chargePath  = "/farcall.bench.v1.Payments/Charge"
	echoPath    = "/farcall.bench.v1.Payments/Echo"
	watchPath   = "/farcall.bench.v1.Payments/Watch"
	settlePath  = "/farcall.bench.v1.Payments/Settle"
	disputePath = "/farcall.bench.v1.Payments/Dispute"
)

// minCompressBytes keeps small messages from being compressed, as WithCompressMinBytes recommends.
const minCompressBytes = 1024

func serve(listener net.Listener, setup harness.Setup) (func(), error) {
	config, err := setup.ServerTLS()
	if err != nil {
		return nil, err
	}
	options := []connect.HandlerOption{connect.WithCompressMinBytes(minCompressBytes)}
	if setup.Interceptors {
		options = append(options, connect.WithInterceptors(connect.UnaryInterceptorFunc(authorize), connect.UnaryInterceptorFunc(noteServed)))
	}
	routes := http.NewServeMux()
	routes.Handle(chargePath, connect.NewUnaryHandlerSimple(chargePath, charge, options...))
	routes.Handle(echoPath, connect.NewUnaryHandlerSimple(echoPath, echo, options...))
	routes.Handle(watchPath, connect.NewServerStreamHandlerSimple(watchPath, watch, options...))
	routes.Handle(settlePath, connect.NewClientStreamHandlerSimple(settlePath, settle, options...))
	routes.Handle(disputePath, connect.NewBidiStreamHandler(disputePath, dispute, options...))
	server := &http.Server{
		Handler: routes, TLSConfig: config, Protocols: protocols(), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: harness.MaxStreams},
	}
	if config == nil {
		go server.Serve(listener) // ends in Close
	} else {
		go server.ServeTLS(listener, "", "") // likewise
	}
	return func() { server.Close() }, nil
}

// protocols returns HTTP/2 with and without TLS.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

func charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return harness.Charge(request), nil
}

func echo(_ context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	return harness.Echo(payload), nil
}

func watch(_ context.Context, request *chargepb.WatchRequest, stream *connect.ServerStream[chargepb.ChargeResponse]) error {
	for range request.GetCount() {
		if err := stream.Send(harness.Event()); err != nil {
			return err
		}
	}
	return nil
}

func settle(_ context.Context, stream *connect.ClientStream[chargepb.ChargeRequest]) (*chargepb.SettleResponse, error) {
	summary := new(chargepb.SettleResponse)
	for stream.Receive() {
		summary.Count++
	}
	return summary, stream.Err()
}

func dispute(_ context.Context, stream *connect.BidiStream[chargepb.ChargeRequest, chargepb.ChargeResponse]) error {
	for {
		request, err := stream.Receive()
		if isEnd(err) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(harness.Charge(request)); err != nil {
			return err
		}
	}
}

// The interceptors of the realistic call.

func authorize(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		if err := harness.Authorize(request.Header().Get); err != nil {
			return nil, connect.NewError(connect.CodeUnauthenticated, err)
		}
		return next(ctx, request)
	}
}

func noteServed(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		begin := time.Now()
		response, err := next(ctx, request)
		harness.ServerBook.Note(time.Since(begin), request.Header().Get(harness.RequestIDName), err)
		return response, err
	}
}

func noteCall(book *harness.Watchbook) connect.UnaryInterceptorFunc {
	return func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			begin := time.Now()
			response, err := next(ctx, request)
			book.Note(time.Since(begin), "", err)
			return response, err
		}
	}
}
