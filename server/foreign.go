// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// ServeHTTP makes a Server an http.Handler inside somebody else's net/http server: gRPC (over HTTP/2 alone), gRPC-Web,
// Connect and REST are answered as ever, with the interceptors and the limits of messages. Handlers see the values of the
// request's context. What belongs to a connection (keepalive, ages, stalls in HTTP/2, the limit of headers) is that
// server's. Shutdown and Close wait for, and end, requests that have come this way too.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entered := &farcall.Call{} // stands for the request among the calls made in this process
	if !s.enterLocal(entered) {
		http.Error(w, errServerClosed.Message, http.StatusServiceUnavailable)
		return
	}
	defer s.leaveLocal(entered)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(entered, cancel)()
	if _, known := exchange.PeerFrom(ctx); !known {
		peer := exchange.Peer{TLS: r.TLS}
		if address, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			peer.Address = net.TCPAddrFromAddrPort(address)
		}
		ctx = exchange.WithPeer(ctx, peer)
	}
	s.edge.serveHTTP(ctx, w, r)
}
