// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
	"github.com/farcall/farcall/rest"
)

// edge is what a server speaks besides gRPC: REST over HTTP/2 (here) and over HTTP/1.1 (http1.go), and the user's own
// handler over both (handler.go). The build tag farcall_grpconly leaves them out, and net/http with them.
type edge struct {
	server *Server
	routes *rest.Router
	http1  http1
}

func (e *edge) init(s *Server) {
	e.server = s
	options := s.options
	e.routes = rest.New(rest.Options{
		Invoker: local{server: s, inherits: true}, Observer: options.Observer,
		MaxBodyBytes: options.MaxReceiveBytes, BodyTimeout: options.REST.BodyTimeout,
		Rules: options.REST.Rules, RequestHeaders: options.REST.RequestHeaders, ResponseHeaders: options.REST.ResponseHeaders,
		Compression: options.Compression, Compressors: s.compressors, MinCompressBytes: max(options.MinCompressBytes, 1), // 0 is the default
		Heartbeat: options.REST.Heartbeat,
	})
	e.http1.init(s)
}

// register adds the routes of a method's HTTP rules, if it has any.
func (e *edge) register(method *farcall.Method) error { return e.routes.Register(method) }

// edgeRequest is a request over HTTP/2 that is not gRPC.
type edgeRequest struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// accept takes a request that is not gRPC, on the connection's reader goroutine. Its own goroutine ends with it.
func (e *edge) accept(transport *http2.ServerStream) {
	request := &edgeRequest{}
	request.ctx, request.cancel = context.WithCancel(exchange.WithPeer(context.Background(), transport.Peer()))
	transport.User = request
	e.server.crowd.start(func() {
		defer transport.Release()
		defer request.cancel()
		if e.isUsers(transport) {
			e.serveUsers(request.ctx, transport)
			return
		}
		e.serve(request.ctx, transport)
	})
}

// serve answers a request that is not gRPC, whatever carries it.
func (e *edge) serve(ctx context.Context, served exchange.Served) {
	defer func() {
		if cause := recover(); cause != nil {
			e.server.logger.ErrorContext(ctx, "panic in a REST request", "path", served.Request().Get(":path"),
				"panic", cause, "stack", string(debug.Stack()))
			served.Abort(context.Canceled)
		}
	}()
	method, path := served.Request().Get(":method"), served.Request().Get(":path")
	if method == "POST" && !e.routes.Match(method, path) {
		if found, ok := (*e.server.methods.Load())[path]; ok {
			e.refuseContentType(served, found.method)
			return
		}
	}
	e.routes.Serve(ctx, served)
}

// refuseContentType answers a request for a method of gRPC that is not in gRPC (PROTOCOL-HTTP2.md, "Content-Type": 415).
// The text is plain: a client of the Connect protocol would read JSON as that protocol's error.
func (e *edge) refuseContentType(served exchange.Served, method *farcall.Method) {
	mistake := fmt.Sprintf("the content-type is %q, and %s is reached with %s: is a gRPC client meant to speak here?\n",
		clip(served.Request().Get("content-type")), method, wire.ContentType)
	head := exchange.Head{Fields: []exchange.Field{{Name: ":status", Value: "415"},
		{Name: "content-type", Value: "text/plain; charset=utf-8"}, {Name: "content-length", Value: strconv.Itoa(len(mistake))}}}
	_ = served.Answer(head, []byte(mistake), nil) // fails if the peer has gone
}

// shutdown waits for requests over HTTP/1.1, and stops waiting when ctx ends. Those over HTTP/2 are the engine's.
func (e *edge) shutdown(ctx context.Context) error { return e.http1.shutdown(ctx) }

func (e *edge) close() { e.http1.close() }

func (e *edge) serveHTTP1(connection *greeted) { e.http1.serve(connection) }
