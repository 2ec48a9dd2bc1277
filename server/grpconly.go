// SPDX-License-Identifier: Apache-2.0

//go:build farcall_grpconly

package server

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
)

// HTTPHandler has no value in a program that was built with the tag farcall_grpconly: it serves gRPC alone.
type HTTPHandler interface{ leftOutByFarcallGRPCOnly() }

// REST has no settings in such a program. A compiler says so, rather than that routes be missing.
type REST struct{}

// TLS is what UseTLS returns. A compiler says so of a *tls.Config, which to take here would be to link crypto/tls into every program.
type TLS interface{ fromUseTLS() securer }

// UseTLS makes a server speak TLS by config. nil is plaintext.
func UseTLS(config *tls.Config) TLS {
	if config == nil {
		return nil
	}
	return newTLSServer(config)
}

func (s *tlsServer) fromUseTLS() securer { return s }

// newSecurer returns nil for plaintext.
func newSecurer(how TLS) securer {
	if how == nil {
		return nil
	}
	return how.fromUseTLS()
}

const grpcOnlyText = "This server speaks gRPC over HTTP/2 only: it was built with the tag farcall_grpconly.\n"

// edge turns everything away that is not gRPC.
type edge struct{}

type edgeRequest struct{ cancel context.CancelFunc }

// aging is of connections over HTTP/1.1, of which there are none here.
type aging struct{}

func (e *edge) init(*Server) {}

func (e *edge) register(*farcall.Method) error { return nil }

// accept answers on a goroutine of its own, since the reader's must not wait; it ends with the answer.
func (e *edge) accept(transport *http2.ServerStream) {
	transport.User = &edgeRequest{cancel: func() {}}
	go func() {
		defer transport.Release()
		head := exchange.Head{Fields: []exchange.Field{{Name: ":status", Value: "415"}, {Name: "content-type", Value: "text/plain"}}}
		_ = transport.Answer(head, []byte(grpcOnlyText), nil)
	}()
}

func (e *edge) shutdown(context.Context) error { return nil }

func (e *edge) close() {}

func (e *edge) checkRules() {}

func (e *edge) serveHTTP1(connection *greeted) {
	defer connection.nc.Close()
	if connection.nc.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = connection.nc.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" + grpcOnlyText))
	}
}
