// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// http1Exchange is a net/http request as an exchange.Served. One goroutine reads the request, one makes the answer.
type http1Exchange struct {
	w          http.ResponseWriter
	r          *http.Request
	controller *http.ResponseController
	stall      time.Duration // how long the peer may send or take nothing
	fullDuplex bool          // the answer may begin before the request has ended

	head exchange.Head
	bodyBuffer
	aborted atomic.Bool
}

var _ exchange.Served = (*http1Exchange)(nil)

func newHTTP1Exchange(w http.ResponseWriter, r *http.Request, stall time.Duration) *http1Exchange {
	x := &http1Exchange{w: w, r: r, controller: http.NewResponseController(w), stall: stall}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	x.head.Fields = []exchange.Field{{Name: ":method", Value: r.Method}, {Name: ":scheme", Value: scheme},
		{Name: ":authority", Value: r.Host}, {Name: ":path", Value: r.URL.RequestURI()}}
	x.head.Fields = appendHeader(x.head.Fields, r.Header)
	return x
}

func appendHeader(fields []exchange.Field, header http.Header) []exchange.Field {
	for name, values := range header {
		for _, value := range values {
			fields = append(fields, exchange.Field{Name: strings.ToLower(name), Value: value})
		}
	}
	return fields
}

func (x *http1Exchange) Request() exchange.Head { return x.head }

func (x *http1Exchange) Want(ctx context.Context, n int) error {
	for x.Buffered() < n {
		if x.ended != nil {
			return x.ended
		}
		if err := x.read(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (x *http1Exchange) WantEnd(ctx context.Context, limit int) error {
	if x.r.ContentLength > int64(limit) && x.taken == 0 {
		return exchange.ErrTooLong
	}
	for x.ended == nil {
		if x.Buffered() > limit {
			return exchange.ErrTooLong
		}
		if err := x.read(ctx); err != nil {
			return err
		}
	}
	switch {
	case x.ended != io.EOF:
		return x.ended
	case x.Buffered() > limit:
		return exchange.ErrTooLong
	}
	return nil
}

func (x *http1Exchange) Into(ctx context.Context, dst []byte) (int, error) {
	filled := 0
	for {
		n := copy(dst[filled:], x.in[x.taken:])
		x.taken += n
		if filled += n; filled == len(dst) {
			return filled, nil
		}
		if x.ended != nil {
			return filled, x.ended
		}
		if err := x.read(ctx); err != nil {
			return filled, err
		}
	}
}

// read adds to the buffer what one read of the body brings. It returns ctx's error if that ended; how the body ended is
// left in x.ended.
func (x *http1Exchange) read(ctx context.Context) error {
	if x.taken == len(x.in) {
		x.in, x.taken = x.in[:0], 0
	}
	x.makeRoom()
	if x.stall < forever {
		_ = x.controller.SetReadDeadline(time.Now().Add(x.stall))
	}
	stop := context.AfterFunc(ctx, func() { _ = x.controller.SetReadDeadline(time.Unix(1, 0)) })
	n, err := x.r.Body.Read(x.in[len(x.in):cap(x.in)])
	if !stop() && ctx.Err() != nil && err != nil && err != io.EOF {
		return ctx.Err()
	}
	x.in = x.in[:len(x.in)+n]
	switch {
	case err == io.EOF:
		x.ended = io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.ended = farcall.Errorf(farcall.DeadlineExceeded, "the client sent nothing of the request's body for %v", x.stall)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(net.Error)):
		x.ended = farcall.Errorf(farcall.Canceled, "the request's body could not be read: %w", err)
	case err != nil: // broken chunks
		x.ended = farcall.Errorf(farcall.InvalidArgument, "the request's body is malformed: %w", err)
	}
	if x.ended != nil {
		// net/http goes on reading to notice when the client goes away, and must not take a deadline for that.
		_ = x.controller.SetReadDeadline(time.Time{})
	}
	return nil
}

func (x *http1Exchange) Trailers() []exchange.Field { return appendHeader(nil, x.r.Trailer) }

func (x *http1Exchange) Answer(head exchange.Head, body []byte, trailers []exchange.Field) error {
	if len(trailers) == 0 {
		x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	if err := x.writeHead(head); err != nil {
		return err
	}
	if err := x.write(body); err != nil {
		return err
	}
	return x.Finish(trailers)
}

func (x *http1Exchange) Start(head exchange.Head) error {
	x.allowFullDuplex() // or net/http would read the rest of the body first
	if err := x.writeHead(head); err != nil {
		return err
	}
	return x.controller.Flush()
}

// allowFullDuplex lets the answer begin before the request has ended.
func (x *http1Exchange) allowFullDuplex() {
	if x.controller.EnableFullDuplex() == nil && x.r.ProtoMajor == 1 {
		x.fullDuplex = true
	}
}

func (x *http1Exchange) Send(body []byte) error {
	if err := x.write(body); err != nil {
		return err
	}
	return x.controller.Flush()
}

func (x *http1Exchange) Finish(trailers []exchange.Field) error {
	for _, field := range trailers {
		x.w.Header().Add(http.TrailerPrefix+field.Name, field.Value)
	}
	x.extendWriteDeadline() // net/http writes the rest when its handler returns
	return nil
}

func (x *http1Exchange) Abort(error) { x.aborted.Store(true) }

func (x *http1Exchange) writeHead(head exchange.Head) error {
	status, err := strconv.Atoi(head.Get(":status"))
	if err != nil || status < 200 || status > 999 {
		return farcall.Errorf(farcall.Internal, "an answer with :status %q", head.Get(":status"))
	}
	header := x.w.Header()
	for field := range head.All {
		switch {
		case field.Name == "content-length":
			header.Set(field.Name, field.Value)
		case !strings.HasPrefix(field.Name, ":"):
			header.Add(field.Name, field.Value)
		}
	}
	if x.fullDuplex && x.ended != io.EOF && x.r.ContentLength != 0 {
		// net/http reads the rest of the request when its handler has returned, and may then still be reading when the next
		// request on the connection is to be read: there must be none.
		header.Set("Connection", "close")
	}
	if agingOf(x.r).isOld() {
		header.Set("Connection", "close")
	}
	x.extendWriteDeadline()
	x.w.WriteHeader(status)
	return nil
}

// write writes in portions, so that a peer that takes something has time for the rest.
func (x *http1Exchange) write(body []byte) error {
	const portion = 64 << 10
	for len(body) > 0 {
		if x.aborted.Load() {
			return farcall.Errorf(farcall.Canceled, "the answer was given up")
		}
		n := min(len(body), portion)
		x.extendWriteDeadline()
		if _, err := x.w.Write(body[:n]); err != nil {
			return farcall.Errorf(farcall.Canceled, "the answer could not be sent: %w", err)
		}
		body = body[n:]
	}
	return nil
}

func (x *http1Exchange) extendWriteDeadline() {
	if x.stall < forever {
		_ = x.controller.SetWriteDeadline(time.Now().Add(x.stall))
	}
}
