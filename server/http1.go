// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// HTTPHandler is net/http's Handler, under a name that also exists where net/http is left out.
type HTTPHandler = http.Handler

// mostIdleHTTP1 is how long a connection may wait for its next request, unless Options.MaxConnectionIdle is less.
const mostIdleHTTP1 = 2 * time.Minute

// http1Server hands connections that speak HTTP/1.1 to net/http, unless they are lanes, and takes their requests back through
// exchange.
type http1Server struct {
	server   *Server
	http     *http.Server
	incoming *handover
	ages     ages
	idle     time.Duration // how long a connection may wait for its next request
	start    sync.Once
	lanes    lanes
	requests context.Context    // every request's is below it, except those of the lanes
	cut      context.CancelFunc // ends them, with close
}

func (h *http1Server) init(s *Server) {
	h.server = s
	h.incoming = &handover{connections: make(chan net.Conn), closed: make(chan struct{})}
	h.lanes.keepRoom = time.Second
	h.ages.age, h.ages.grace = s.options.MaxConnectionAge, s.options.MaxConnectionAgeGrace
	h.requests, h.cut = context.WithCancel(context.Background())
	h.idle = mostIdleHTTP1
	if most := s.options.MaxConnectionIdle; most > 0 {
		h.idle = min(h.idle, most)
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	h.http = &http.Server{
		Handler:           h,
		Protocols:         protocols,
		ReadHeaderTimeout: s.options.HandshakeTimeout,
		IdleTimeout:       h.idle,
		MaxHeaderBytes:    s.options.MaxHeaderListBytes,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return h.requests },
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return connectionContext(h.ages.withAging(ctx, nc), nc)
		},
		ConnState: h.ages.changed,
	}
}

// serve hands a connection over, and reports false if it is too late for that. net/http's own goroutine, started with the
// first one, ends in shutdown or close.
func (h *http1Server) serve(connection *greeted) bool {
	h.start.Do(func() { go func() { _ = h.http.Serve(h.incoming) }() }) // always ends with ErrServerClosed
	nc := connection.nc
	if len(connection.received) > 0 {
		nc = &replayed{Conn: nc, received: connection.received, tls: connection.tls}
	}
	h.ages.passOn(connection.aging, nc)
	return h.incoming.put(nc)
}

func (h *http1Server) shutdown(ctx context.Context) error {
	h.start.Do(func() {}) // whoever comes later finds the handover closed
	h.lanes.drain()
	h.incoming.Close()
	err := h.http.Shutdown(ctx)
	if failed := h.lanes.shutdown(ctx); err == nil {
		err = failed
	}
	return err
}

func (h *http1Server) close() {
	h.start.Do(func() {})
	h.incoming.Close()
	h.lanes.close()
	_ = h.http.Close() // of connections that are cut off
	h.cut()            // net/http tells a handler whose request has not ended only when it reads on
}

type tlsKey struct{}

// connectionContext says who the peer of a connection's requests is, and what net/http cannot see of its TLS.
func connectionContext(ctx context.Context, nc net.Conn) context.Context {
	peer := exchange.PeerOf(nc)
	if again, ok := nc.(*replayed); ok && again.tls != nil {
		ctx = context.WithValue(ctx, tlsKey{}, again.tls)
		peer.TLS = again.tls
	}
	return exchange.WithPeer(ctx, peer)
}

// ServeHTTP takes a request from net/http.
func (h *http1Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if state, ok := r.Context().Value(tlsKey{}).(*tls.ConnectionState); ok {
		r.TLS = state
	}
	if connection := agingOf(r); connection != nil {
		entered, leave := connection.enter(r)
		defer leave()
		r = entered
	}
	h.server.edge.serveHTTP(r.Context(), w, r)
}

// serveHTTP answers a request that net/http has taken: its own server for HTTP/1.1, or somebody else's.
func (e *edge) serveHTTP(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	_, grpc := wire.Subtype(r.Header.Get("Content-Type"))
	switch refusal := e.server.refusals.grpc; {
	case !grpc || r.ProtoMajor >= 2:
	case refusal == nil:
		w.Header().Set("Connection", "close")
		http.Error(w, "gRPC needs HTTP/2, and this connection speaks HTTP/1.1: does a proxy in between, or a client without HTTP/2, speak here?",
			http.StatusHTTPVersionNotSupported)
		return
	case e.server.options.HTTPHandler == nil: // gRPC has no form of its own here: it needs HTTP/2
		w.Header().Set("Connection", "close")
		http.Error(w, farcall.AsError(refusal).Message, http.StatusUnsupportedMediaType)
		return
	}
	if asksForWebSocket(r) && e.server.refusals.rest == nil && e.routes.MatchConversation(r.URL.RequestURI()) {
		e.serveWebSocket(ctx, w, r)
		return
	}
	served := newHTTP1Exchange(w, r, e.server.options.StallTimeout)
	to, found := e.destination(served.head)
	switch to {
	case toUsers:
		_ = served.controller.SetWriteDeadline(time.Time{}) // an earlier request on the connection may have set one
		e.server.options.HTTPHandler.ServeHTTP(w, r)
		return
	case toWeb: // a stream may be answered before all of it was read
		if found, ok := e.server.lookup(r.URL.Path); ok && found.method.Kind.SendsStream() {
			served.allowFullDuplex()
		}
	}
	e.serve(ctx, served, to, found)
	if served.aborted.Load() {
		panic(http.ErrAbortHandler) // net/http's way to break a connection off; it recovers it
	}
}

// handover is a listener whose connections were accepted elsewhere.
type handover struct {
	connections chan net.Conn
	closed      chan struct{}
	closing     sync.Once
}

// put reports false if nobody takes connections any more.
func (l *handover) put(nc net.Conn) bool {
	select {
	case l.connections <- nc:
		return true
	case <-l.closed:
		return false
	}
}

func (l *handover) Accept() (net.Conn, error) {
	select {
	case nc := <-l.connections:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *handover) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return nil
}

func (l *handover) Addr() net.Addr { return handoverAddress{} }

type handoverAddress struct{}

func (handoverAddress) Network() string { return "tcp" }
func (handoverAddress) String() string  { return "the server's listeners" }

// replayed is a connection whose first bytes were read already and are read again.
type replayed struct {
	net.Conn
	received []byte
	tls      *tls.ConnectionState // what net/http cannot see; nil in plaintext
}

func (r *replayed) Read(b []byte) (int, error) {
	if len(r.received) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.received)
	r.received = r.received[n:]
	return n, nil
}
