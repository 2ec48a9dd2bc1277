// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/farcall/farcall/conformance/paymentspb"
)

var grpcgo = side{
	name: "grpc-go",
	serve: func(listener net.Listener, s service) server {
		serving := grpcgoServer{grpc.NewServer(grpc.WaitForHandlers(true)), make(chan struct{})}
		paymentspb.RegisterPaymentsServer(serving.server, grpcgoPayments{serve: s})
		go func() {
			defer close(serving.done)
			_ = serving.server.Serve(listener)
		}()
		return serving
	},
	connect: func(address string) (client, error) {
		conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		return grpcgoClient{conn, paymentspb.NewPaymentsClient(conn)}, nil
	},
}

type grpcgoServer struct {
	server *grpc.Server
	done   chan struct{} // closed when Serve has returned
}

func (s grpcgoServer) shutdown(ctx context.Context) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.server.GracefulStop()
	}()
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s grpcgoServer) close() {
	s.server.Stop()
	<-s.done
}

type grpcgoPayments struct {
	paymentspb.UnimplementedPaymentsServer
	serve service
}

func (p grpcgoPayments) Charge(ctx context.Context, request *paymentspb.ChargeRequest) (*paymentspb.ChargeResponse, error) {
	received, _ := grpcmetadata.FromIncomingContext(ctx)
	header, trailer := grpcmetadata.MD{}, grpcmetadata.MD{}
	response, failed := p.serve(&incoming{
		ctx: ctx, request: request, metadata: metadata(received),
		addHeader:  func(key, value string) { header.Append(key, value) },
		addTrailer: func(key, value string) { trailer.Append(key, value) },
	})
	if err := grpc.SetHeader(ctx, header); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, trailer); err != nil {
		return nil, err
	}
	if failed == nil {
		return response, nil
	}
	outcome := status.New(codes.Code(failed.code), failed.message)
	if len(failed.details) > 0 {
		details := make([]protoadapt.MessageV1, len(failed.details))
		for i, detail := range failed.details {
			details[i] = protoadapt.MessageV1Of(detail)
		}
		var err error
		if outcome, err = outcome.WithDetails(details...); err != nil {
			return nil, err
		}
	}
	return nil, outcome.Err()
}

type grpcgoClient struct {
	conn *grpc.ClientConn
	stub paymentspb.PaymentsClient
}

func (c grpcgoClient) charge(ctx context.Context, request *paymentspb.ChargeRequest, pairs ...string) answer {
	var header, trailer grpcmetadata.MD
	ctx = grpcmetadata.AppendToOutgoingContext(ctx, pairs...)
	response, err := c.stub.Charge(ctx, request, grpc.Header(&header), grpc.Trailer(&trailer))
	return answer{response, metadata(header), metadata(trailer), grpcgoFailure(err)}
}

func (c grpcgoClient) call(ctx context.Context, path string) *failure {
	return grpcgoFailure(c.conn.Invoke(ctx, path, &emptypb.Empty{}, &emptypb.Empty{}))
}

func (c grpcgoClient) close() { _ = c.conn.Close() }

func grpcgoFailure(err error) *failure {
	if err == nil {
		return nil
	}
	outcome := status.Convert(err)
	failed := &failure{code: uint32(outcome.Code()), message: outcome.Message()}
	for _, detail := range outcome.Details() {
		if message, ok := detail.(proto.Message); ok {
			failed.details = append(failed.details, message)
		}
	}
	return failed
}
