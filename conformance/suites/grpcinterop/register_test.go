// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"io"
	"iter"

	"github.com/farcall/farcall"
)

const service = "/grpc.testing.TestService/"

// register offers the services on a server.
func register(on farcall.Registrar, s *testService) {
	on.Register(method(service+"EmptyCall", farcall.KindUnary), farcall.HandleUnary(s.EmptyCall))
	on.Register(method(service+"UnaryCall", farcall.KindUnary), farcall.HandleUnary(s.UnaryCall))
	on.Register(method(service+"StreamingOutputCall", farcall.KindServerStream), serverStream(s.StreamingOutputCall))
	on.Register(method(service+"StreamingInputCall", farcall.KindClientStream), clientStream(s.StreamingInputCall))
	on.Register(method(service+"FullDuplexCall", farcall.KindBidi), bidi(s.FullDuplexCall))
	on.Register(method(service+"HalfDuplexCall", farcall.KindBidi), bidi(s.HalfDuplexCall))
	on.Register(reportMethod, serverStream(s.load.StreamCoreMetrics))
}

func method(path string, kind farcall.Kind) *farcall.Method {
	return &farcall.Method{Path: path, Kind: kind}
}

func serverStream[Request, Response any](serve func(context.Context, *Request) iter.Seq2[*Response, error]) farcall.Handler {
	return func(ctx context.Context, stream farcall.Stream) error {
		request := new(Request)
		if err := stream.Receive(request); err != nil {
			return err
		}
		return respond(stream, serve(ctx, request))
	}
}

func clientStream[Request, Response any](serve func(context.Context, iter.Seq2[*Request, error]) (*Response, error)) farcall.Handler {
	return func(ctx context.Context, stream farcall.Stream) error {
		response, err := serve(ctx, requests[Request](stream))
		if err != nil {
			return err
		}
		return stream.Send(response)
	}
}

func bidi[Request, Response any](serve func(context.Context, iter.Seq2[*Request, error]) iter.Seq2[*Response, error]) farcall.Handler {
	return func(ctx context.Context, stream farcall.Stream) error {
		return respond(stream, serve(ctx, requests[Request](stream)))
	}
}

func requests[Request any](stream farcall.Stream) iter.Seq2[*Request, error] {
	return func(yield func(*Request, error) bool) {
		for {
			request := new(Request)
			switch err := stream.Receive(request); {
			case err == io.EOF:
				return
			case err != nil:
				yield(nil, err)
				return
			case !yield(request, nil):
				return
			}
		}
	}
}

func respond[Response any](stream farcall.Stream, responses iter.Seq2[*Response, error]) error {
	for response, err := range responses {
		if err != nil {
			return err
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
	return nil
}
