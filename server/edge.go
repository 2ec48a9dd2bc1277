// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
	"github.com/farcall/farcall/rest"
	"github.com/farcall/farcall/web"
)

// edge is what a server speaks besides gRPC: Connect, gRPC-Web and REST over HTTP/2 (here) and over HTTP/1.1 (http1.go),
// and the user's own handler over both (handler.go). The build tag farcall_grpconly leaves them out, and net/http with them.
type edge struct {
	server  *Server
	routes  *rest.Router
	web     *web.Handler
	origins web.Origins
	pages   description
	sockets sockets
	http1   http1Server

	rulesChecked sync.Once
}

func (e *edge) init(s *Server) {
	e.server = s
	options := s.options
	e.routes = rest.New(rest.Options{
		Invoker: local{server: s, inherits: true}, Observer: options.Observer,
		MaxBodyBytes: options.MaxReceiveBytes, BodyTimeout: options.REST.BodyTimeout,
		Rules: options.REST.Rules, RequestHeaders: options.REST.RequestHeaders, ResponseHeaders: options.REST.ResponseHeaders,
		Compression: options.Compression, Compressors: s.compressors, MinCompressBytes: max(options.MinCompressBytes, 1), // 0 is the default
		MaxCompressionBytes: options.ReceiveBudgetBytes / 2,
		Heartbeat:           options.REST.Heartbeat, JSON: options.REST.JSON, ServiceJSON: options.REST.ServiceJSON, Raw: true,
		LeftOut: s.refusals.rest,
	})
	e.web = web.New(web.Options{
		Find: e.find, Observer: s.options.Observer, Logger: s.logger, Codecs: s.codecs, Compressors: s.compressors, Compression: s.options.Compression,
		MinCompressBytes: s.options.MinCompressBytes, MaxReceiveBytes: s.options.MaxReceiveBytes,
		LeftOut: map[web.Protocol]error{web.GRPC: s.refusals.grpc, web.GRPCWeb: s.refusals.grpcWeb, web.Connect: s.refusals.connect},
	})
	e.origins = web.Origins(s.options.CORS)
	e.pages.server = s
	e.http1.init(s)
}

// checkRules logs, once, which selectors of REST.Rules select nothing: one that is misspelt would leave its method without a
// route and without a word. It is no error, because the rules of a google.api.Service may be for several servers.
func (e *edge) checkRules() {
	e.rulesChecked.Do(func() {
		methods := *e.server.methods.Load()
		var useless []string
		for _, rule := range e.server.options.REST.Rules.GetRules() {
			service, method := rule.Selector, ""
			if dot := strings.LastIndexByte(rule.Selector, '.'); dot >= 0 {
				service, method = rule.Selector[:dot], rule.Selector[dot+1:]
			}
			if _, there := methods["/"+service+"/"+method]; !there {
				useless = append(useless, rule.Selector)
			}
		}
		if len(useless) > 0 {
			e.server.logger.Log(context.Background(), slog.LevelWarn, "no method is registered that these selectors of REST.Rules name", "selectors", useless)
		}
	})
}

// find returns the method of a path and its handler.
func (e *edge) find(path string) (*farcall.Method, farcall.Handler, error) {
	found, err := e.server.find(path)
	if err != nil {
		return nil, nil, err
	}
	return found.method, found.handler, nil
}

// hasService reports whether a path is below the name of a service that is registered, so that an unknown method of it is
// no stranger's.
func (s *Server) hasService(path string) bool {
	service, _, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok {
		return false
	}
	for _, known := range *s.methods.Load() {
		if known.method.Service() == service {
			return true
		}
	}
	return false
}

// register adds the routes of a method's HTTP rules, if it has any.
func (e *edge) register(method *farcall.Method) error { return e.routes.Register(method) }

// edgeRequest is a request over HTTP/2 that is not gRPC.
type edgeRequest struct {
	requestContext
	peer      exchange.PeerContext
	edge      *edge
	transport *http2.ServerStream
	alone     bool // nobody but the request's goroutine has used the transport
}

// accept takes a request that is not gRPC, on the connection's reader goroutine.
func (e *edge) accept(transport *http2.ServerStream) {
	request := &edgeRequest{edge: e, transport: transport}
	request.peer = exchange.PeerContext{Context: context.Background(), Peer: transport.Peer()}
	request.values = &request.peer
	transport.User = request
	transport.Awake()
	e.server.workers.run(request)
}

// run is the request's goroutine.
func (r *edgeRequest) run() {
	defer r.leave() // in a defer, because a handler may end its goroutine (runtime.Goexit)
	to, found := r.edge.destination(r.transport.Request())
	if to == toUsers {
		r.edge.serveUsers(r, r.transport)
		return
	}
	r.alone = to == toRoutes && found.Unary()
	r.edge.serve(r, r.transport, to, found)
}

// leave is the last thing that happens to a request.
func (r *edgeRequest) leave() {
	r.cancel()
	transport := r.transport
	r.transport = nil // whoever keeps the context keeps no stream that another request has by then
	if r.alone {
		transport.Recycle()
	} else {
		transport.Release()
	}
}

// destination is who answers a request that is not gRPC.
type destination uint8

const (
	toRoutes    destination = iota // REST, which also has the answer where there is nothing
	toWeb                          // Connect and gRPC-Web
	toPreflight                    // the question whether a page may call
	toPages                        // what describes the routes
	toUsers                        // the user's own http.Handler
)

// destination decides by the head alone. The exact path of a method is a call's, whatever a route with wildcards makes of
// it. Calls of what is unknown here may be the user's, and so may those in protocols that are left out: another server of
// these protocols can be his handler. found is for the routes to serve it.
func (e *edge) destination(head exchange.Head) (to destination, found rest.Found) {
	method, target := head.Get(":method"), head.Get(":path")
	path, _, _ := strings.Cut(target, "?")
	_, known := e.server.lookup(path)
	refusals := &e.server.refusals
	routes := refusals.rest == nil
	found = e.routes.Find(method, target)
	users, routed := e.server.options.HTTPHandler != nil, routes && found.Routed()
	if asked, ok := web.Preflight(head); ok && len(e.origins.Origins) > 0 {
		pages := refusals.connect == nil || refusals.grpcWeb == nil
		if known && pages || routes && e.routes.Match(asked, target) {
			return toPreflight, found
		}
	}
	protocol, called := web.Speaks(head, known)
	if called && e.web.LeftOut(protocol) == nil && (known || !routed && (!users || e.server.hasService(path))) {
		return toWeb, found
	}
	if routed {
		return toRoutes, found
	}
	_, page := e.pages.find(method, target)
	switch {
	case page && routes:
		return toPages, found
	case users:
		return toUsers, found
	case known || called: // which says how it is called, and in what
		return toWeb, found
	}
	return toRoutes, found
}

// unary decides where a request goes, and reports whether it is a unary call by REST or by Connect.
func (e *edge) unary(head exchange.Head) (to destination, found rest.Found, unary bool) {
	if _, grpc := wire.Subtype(head.Get("content-type")); grpc {
		return toUsers, found, false
	}
	switch to, found = e.destination(head); to {
	case toRoutes:
		unary = found.Unary()
	case toWeb:
		path, _, _ := strings.Cut(head.Get(":path"), "?")
		called, known := e.server.lookup(path)
		unary = known && called.method.Kind == farcall.KindUnary && web.Single(head)
	}
	return to, found, unary
}

// serve answers a request that is neither gRPC over our HTTP/2 nor the user's, whatever carries it.
func (e *edge) serve(ctx context.Context, served exchange.Served, to destination, found rest.Found) {
	defer func() {
		if cause := recover(); cause != nil {
			e.server.logger.ErrorContext(ctx, "panic in a request", "path", served.Request().Get(":path"),
				"panic", cause, "stack", string(debug.Stack()))
			served.Abort(context.Canceled)
		}
	}()
	switch to {
	case toPreflight:
		_ = e.origins.AnswerPreflight(served) // fails if the peer has gone
	case toWeb:
		e.web.Serve(ctx, e.origins.Open(served))
	case toPages:
		if page, ok := e.pages.find(served.Request().Get(":method"), served.Request().Get(":path")); ok {
			_ = page.answer(e.origins.Open(served)) // fails if the peer has gone
		}
	default:
		e.routes.ServeFound(ctx, e.origins.Open(served), found)
	}
}

// shutdown waits for requests over HTTP/1.1 and for WebSockets, and stops waiting when ctx ends. Those over HTTP/2 are the
// engine's.
func (e *edge) shutdown(ctx context.Context) error {
	err := e.http1.shutdown(ctx)
	if failed := e.sockets.shutdown(ctx); err == nil {
		err = failed
	}
	return err
}

func (e *edge) close() {
	e.http1.close()
	e.sockets.close()
}

// serveHTTP1 takes a connection over HTTP/1.1. It returns when somebody else has it, or it has ended.
func (e *edge) serveHTTP1(connection *greeted) {
	if !e.server.options.NetHTTP1 {
		e.serveLane(connection)
		return
	}
	connection.aging = e.http1.ages.begin(connection.nc, nil)
	if !e.http1.serve(connection) {
		connection.aging.end()
		connection.nc.Close()
	}
}
