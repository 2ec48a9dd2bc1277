// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"errors"
	"net"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/farcall/farcall"
	farcallclient "github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/paymentspb"
	farcallserver "github.com/farcall/farcall/server"
)

var sides = []side{ours, grpcgo}

var ours = side{
	name: "farcall",
	serve: func(listener net.Listener, s service) server {
		serving := &ourServer{server: farcallserver.New(farcallserver.Options{}), done: make(chan struct{})}
		paymentspb.RegisterPayments(serving.server, ourPayments{serve: s})
		go func() {
			defer close(serving.done)
			_ = serving.server.Serve(listener)
		}()
		return serving
	},
	connect: func(address string) (client, error) {
		conn, err := farcallclient.New(address, farcallclient.Options{})
		if err != nil {
			return nil, err
		}
		return ourClient{conn, paymentspb.NewPaymentsStub(conn)}, nil
	},
}

type ourServer struct {
	server *farcallserver.Server
	done   chan struct{} // closed when Serve has returned
}

func (s *ourServer) shutdown(ctx context.Context) error { return s.server.Shutdown(ctx) }

func (s *ourServer) close() {
	_ = s.server.Close()
	<-s.done
}

type ourPayments struct {
	paymentspb.UnimplementedPayments
	serve service
}

func (p ourPayments) Charge(ctx context.Context, request *paymentspb.ChargeRequest) (*paymentspb.ChargeResponse, error) {
	call := farcall.IncomingCall(ctx)
	response, failed := p.serve(&incoming{
		ctx: ctx, request: request, metadata: neutral(*call.RequestHeader()),
		addHeader: call.ResponseHeader().Add, addTrailer: call.ResponseTrailer().Add,
	})
	if failed != nil {
		return nil, farcall.NewError(farcall.Code(failed.code), failed.message, failed.details...)
	}
	return response, nil
}

type ourClient struct {
	conn *farcallclient.Conn
	stub paymentspb.Payments
}

func (c ourClient) charge(ctx context.Context, request *paymentspb.ChargeRequest, pairs ...string) answer {
	ctx, call := farcall.NewCall(farcall.WithMetadata(ctx, pairs...))
	response, err := c.stub.Charge(ctx, request)
	return answer{response, neutral(*call.ResponseHeader()), neutral(*call.ResponseTrailer()), ourFailure(err)}
}

func (c ourClient) call(ctx context.Context, path string) *failure {
	empty := func() proto.Message { return new(emptypb.Empty) }
	method := &farcall.Method{Path: path, NewRequest: empty, NewResponse: empty}
	return ourFailure(c.conn.Invoke(ctx, method, &emptypb.Empty{}, &emptypb.Empty{}))
}

func (c ourClient) close() { _ = c.conn.Close() }

func neutral(from farcall.Metadata) metadata {
	all := metadata{}
	for key, value := range from.All() {
		all[key] = append(all[key], value)
	}
	return all
}

func ourFailure(err error) *failure {
	if err == nil {
		return nil
	}
	var failed *farcall.Error
	if !errors.As(err, &failed) {
		panic("an error left the library that is no *farcall.Error: " + err.Error())
	}
	result := &failure{code: uint32(failed.Code), message: failed.Message}
	for _, packed := range failed.Details {
		detail, err := packed.UnmarshalNew()
		if err != nil {
			panic(err)
		}
		result.details = append(result.details, detail)
	}
	return result
}
