// SPDX-License-Identifier: Apache-2.0

// Package web is gRPC-Web and Connect for browsers and for everything that speaks plain HTTP.
//
// A request comes in as an exchange: handler.go tells by protocol.go whether it is a call, request.go reads its head, and
// the handler receives and sends by stream.go, receive.go and answer.go. cors.go lets pages of other origins in. It serves gRPC
// as well, where somebody else's HTTP/2 has taken the request.
package web

import (
	"context"
	"log/slog"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/exchange"
)

// Options configures a Handler.
type Options struct {
	// Find returns the method of a path and its handler, with the interceptors around it, or the error that says why there
	// is none.
	Find func(path string) (*farcall.Method, farcall.Handler, error)
	// Observer is told of the steps of every call; nil for none.
	Observer farcall.Observer
	// Logger is told of panics in handlers.
	Logger *slog.Logger
	// Codecs and Compressors are those that are known.
	Codecs      *codec.Table
	Compressors *compress.Table
	// Compression, MinCompressBytes and MaxReceiveBytes are as in server.Options, with no zero standing for a default.
	Compression      string
	MinCompressBytes int
	MaxReceiveBytes  int
	// LeftOut has what the calls in a protocol are answered with that is not spoken.
	LeftOut map[Protocol]error
}

// Handler serves calls. It is safe for concurrent use.
type Handler struct {
	options     Options
	acceptPost  string // what unary calls may be in
	acceptLines string // what calls with streams may be in
}

// New returns a Handler. What options refer to is complete by the first Serve.
func New(options Options) *Handler {
	return &Handler{
		options:     options,
		acceptPost:  "application/proto, application/json, application/grpc, application/grpc-web, application/grpc-web-text",
		acceptLines: "application/connect+proto, application/connect+json, application/grpc, application/grpc-web, application/grpc-web-text",
	}
}

// LeftOut returns what the calls in a protocol are answered with if it is not spoken.
func (h *Handler) LeftOut(protocol Protocol) error { return h.options.LeftOut[protocol] }

// Serve answers a request that Speaks knows. It blocks until the call is over; ctx is the request's: it ends when the
// client goes away, and lends its peer and its values.
func (h *Handler) Serve(ctx context.Context, x exchange.Served) {
	s := &stream{handler: h, x: x}
	s.head = x.Request()
	s.form, s.subtype = recognise(s.head)
	if s.form == grpcWebText {
		s.x = newTextExchange(x)
	}
	if err := s.prepare(ctx); err != nil {
		s.finish(err)
		return
	}
	unwatch := context.AfterFunc(ctx, func() { s.call.Cancel(ctx.Err()) })
	defer unwatch()
	s.serve()
}
