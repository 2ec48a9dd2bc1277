// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"context"
	"io"
	"iter"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// grpcGoEcho is what echoing does, on a server of grpc-go.
func grpcGoEcho(_ any, stream grpc.ServerStream) error {
	name, _ := grpc.MethodFromServerStream(stream)
	last := new(rulespb.Item)
	for {
		message := new(rulespb.Item)
		err := stream.RecvMsg(message)
		switch {
		case err == io.EOF && strings.HasSuffix(name, "/Talk"):
			return nil
		case err == io.EOF:
			return stream.SendMsg(last)
		case err != nil:
			return err
		}
		last = message
		if strings.HasSuffix(name, "/Talk") {
			if err := stream.SendMsg(message); err != nil {
				return err
			}
		}
	}
}

// grpcGoStub makes the calls with a client of grpc-go.
type grpcGoStub struct{ conn *grpc.ClientConn }

func (g grpcGoStub) Get(ctx context.Context, request *rulespb.Item) (*rulespb.Item, error) {
	response := new(rulespb.Item)
	return response, g.conn.Invoke(ctx, rulespb.RulesGetMethod.Path, request, response)
}

func (g grpcGoStub) Collect(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := g.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, rulespb.RulesCollectMethod.Path)
	if err != nil {
		return nil, err
	}
	for message, err := range in {
		if err != nil {
			return nil, err
		}
		if stream.SendMsg(message) != nil {
			break // RecvMsg says why
		}
	}
	_ = stream.CloseSend()
	response := new(rulespb.Item)
	return response, stream.RecvMsg(response)
}

func (g grpcGoStub) List(ctx context.Context, request *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	return g.stream(ctx, rulespb.RulesListMethod.Path, &grpc.StreamDesc{ServerStreams: true}, items(request))
}

func (g grpcGoStub) Talk(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
	return g.stream(ctx, rulespb.RulesTalkMethod.Path, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, in)
}

func (g grpcGoStub) stream(ctx context.Context, method string, kind *grpc.StreamDesc, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := g.conn.NewStream(ctx, kind, method)
		if err != nil {
			yield(nil, err)
			return
		}
		var sending sync.WaitGroup
		defer sending.Wait()
		sending.Go(func() {
			for message, err := range in {
				if err != nil || stream.SendMsg(message) != nil { // RecvMsg says why
					return
				}
			}
			_ = stream.CloseSend()
		})
		for {
			response := new(rulespb.Item)
			if err := stream.RecvMsg(response); err != nil {
				if err != io.EOF {
					yield(nil, err)
				}
				return
			}
			if !yield(response, nil) {
				return
			}
		}
	}
}

// Servers of grpc-go are replaced, or end connections because of their age, and our client loses no call.
func TestNoCallIsLostToServersOfGRPCGo(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		g := &generations{socket: listen(t)}
		options := []grpc.ServerOption{
			grpc.UnknownServiceHandler(grpcGoEcho),
			grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 300 * time.Millisecond}),
		}
		if s.server != nil {
			options = append(options, grpc.Creds(credentials.NewTLS(s.server)))
		}
		next := func() *grpc.Server {
			file, err := g.socket.(*net.TCPListener).File()
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			listener, err := net.FileListener(file)
			if err != nil {
				t.Fatal(err)
			}
			srv := grpc.NewServer(options...)
			g.ended.Go(func() { _ = srv.Serve(listener) })
			return srv
		}
		current := next()
		rules, _ := s.dial(t, g.socket.Addr().String(), client.Options{Backoff: client.Backoff{First: time.Millisecond, Longest: time.Millisecond}})
		replace(t, rules, func() {
			last := current
			current = next()
			last.GracefulStop()
		})
		current.Stop()
		g.ended.Wait()
	})
}

// Our servers are replaced, and clients of grpc-go lose no call.
func TestNoCallOfGRPCGoIsLost(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		g := &generations{socket: listen(t)}
		current := g.next(t, s, echoing)
		secure := insecure.NewCredentials()
		if s.client != nil {
			secure = credentials.NewTLS(s.client)
		}
		conn, err := grpc.NewClient(g.socket.Addr().String(), grpc.WithTransportCredentials(secure))
		if err != nil {
			t.Fatal(err)
		}
		replace(t, grpcGoStub{conn}, func() {
			last := current
			current = g.next(t, s, echoing)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := last.Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
		conn.Close()
		current.Close()
		g.ended.Wait()
	})
}
