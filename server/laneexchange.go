// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http1"
	"github.com/farcall/farcall/rest"
)

const (
	pseudoFields = 4
	usualFields  = 16 // what a request has room for at once
)

// laneExchange is a plain request as an exchange.Served. One goroutine, the lane's, reads the request and makes the answer.
type laneExchange struct {
	lane     *lane
	context  requestContext
	head     exchange.Head
	fields   [usualFields]exchange.Field
	bodiless bool // the request is HEAD
	to       destination
	found    rest.Found

	left       atomic.Int64 // bytes of the body that have not been received; the watch looks at it
	bodyBuffer              // the lane's memory at first
	late       bool         // the body was not waited for to its end
	aborted    atomic.Bool

	chunked bool // the answer is in chunks
	silent  bool // the answer has no body, whatever is sent
	whole   bool // the answer has ended
	close   bool // the connection ends with it
}

var _ exchange.Served = (*laneExchange)(nil)

// begin takes what has come of the body.
func (x *laneExchange) begin(length int64) {
	l := x.lane
	n := int(min(int64(len(l.unread())), length))
	x.in = l.unread()[:n:n]
	l.taken += n
	x.received(length - int64(n))
}

// received says how much of the body has not come yet.
func (x *laneExchange) received(left int64) {
	x.left.Store(left)
	if left == 0 {
		x.ended = io.EOF
	}
}

func (x *laneExchange) Request() exchange.Head { return x.head }

// Whole reports whether the body has ended, or failed, so that nobody waits for more of it.
func (x *laneExchange) Whole() bool { return x.ended != nil }

func (x *laneExchange) Want(ctx context.Context, n int) error {
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

func (x *laneExchange) WantEnd(ctx context.Context, limit int) error {
	if int64(x.Buffered())+x.left.Load() > int64(limit) {
		return exchange.ErrTooLong
	}
	for x.ended == nil {
		if err := x.read(ctx); err != nil {
			return err
		}
	}
	if x.ended != io.EOF {
		return x.ended
	}
	return nil
}

func (x *laneExchange) Into(ctx context.Context, dst []byte) (int, error) {
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
		n, err := x.readInto(ctx, dst[filled:])
		if filled += n; err != nil {
			return filled, err
		}
	}
}

// read adds to the buffer what one read of the body brings. It returns ctx's error if that ended; how the body ended is
// left in x.ended.
func (x *laneExchange) read(ctx context.Context) error {
	x.makeRoom()
	n, err := x.readInto(ctx, x.in[len(x.in):cap(x.in)])
	x.in = x.in[:len(x.in)+n]
	return err
}

// readInto reads some of the body, and never what comes behind it.
func (x *laneExchange) readInto(ctx context.Context, dst []byte) (int, error) {
	l, left := x.lane, x.left.Load()
	if int64(len(dst)) > left {
		dst = dst[:left]
	}
	stall := l.edge.server.options.StallTimeout
	l.setReadDeadline(time.Now().Add(stall))
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { // ends at once
		_ = l.nc.SetReadDeadline(longAgo)
		close(interrupted)
	})
	n, err := l.socket.Read(dst)
	if !stop() {
		<-interrupted
		l.readBy = longAgo
	}
	x.received(left - int64(n))
	switch {
	case err == nil || x.ended != nil:
	case n == 0 && ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded):
		x.late = true
		return 0, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.ended = farcall.Errorf(farcall.DeadlineExceeded, "the client sent nothing of the request's body for %v", stall)
	default:
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		x.ended = farcall.Errorf(farcall.Canceled, "the request's body could not be read: %w", err)
	}
	return n, nil
}

func (x *laneExchange) Trailers() []exchange.Field { return nil }

func (x *laneExchange) Answer(head exchange.Head, body []byte, trailers []exchange.Field) error {
	if len(trailers) > 0 {
		if err := x.Start(head); err != nil {
			return err
		}
		if err := x.Send(body); err != nil {
			return err
		}
		return x.Finish(trailers)
	}
	out := buffer.Get(portion(len(body)) + roomForHead)
	defer out.Free()
	if err := x.appendHead(out, head, http1.Framing{Length: len(body)}); err != nil {
		return err
	}
	if !x.silent {
		n := portion(len(body))
		out.B = append(out.B, body[:n]...)
		body = body[n:]
	}
	if err := x.write(out.B); err != nil {
		return err
	}
	for !x.silent && len(body) > 0 {
		n := portion(len(body))
		if err := x.write(body[:n]); err != nil {
			return err
		}
		body = body[n:]
	}
	x.whole = true
	return nil
}

const (
	roomForHead  = 512
	largePortion = 64 << 10
)

// portion is how much of so many bytes is written at a time, so that a peer that takes something has time for the rest.
func portion(length int) int { return min(length, largePortion) }

func (x *laneExchange) Start(head exchange.Head) error {
	out := buffer.Get(roomForHead)
	defer out.Free()
	x.chunked = true
	if err := x.appendHead(out, head, http1.Framing{Chunked: true}); err != nil {
		return err
	}
	return x.write(out.B)
}

// appendHead begins the answer. What is left of the request's body is read before, so that a client that sends first and
// reads then comes to it; too much of it ends the connection.
func (x *laneExchange) appendHead(out *buffer.Buffer, head exchange.Head, framing http1.Framing) error {
	x.drain()
	framing.Head = x.bodiless
	framing.Close = x.left.Load() > 0 || x.lane.lanes.draining.Load() || x.lane.aging.isOld()
	appended, answer, err := http1.AppendHead(out.B, head, framing, time.Now())
	if err != nil {
		return farcall.Errorf(farcall.Internal, "%w", err)
	}
	out.B, x.silent, x.close = appended, answer.Bodiless, answer.Close
	return nil
}

// drain reads the rest of the body, if that is not too much and comes soon.
func (x *laneExchange) drain() {
	if x.left.Load() == 0 || x.left.Load() > drainable || x.late {
		return
	}
	waste := buffer.Get(portion(int(x.left.Load())))
	defer waste.Free()
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	for x.ended == nil {
		if _, err := x.readInto(ctx, waste.B[:cap(waste.B)]); err != nil {
			return
		}
	}
}

func (x *laneExchange) Send(body []byte) error {
	out := buffer.Get(portion(len(body)) + roomForHead)
	defer out.Free()
	for !x.silent && len(body) > 0 {
		n := portion(len(body))
		out.B = http1.AppendChunk(out.B[:0], body[:n])
		if err := x.write(out.B); err != nil {
			return err
		}
		body = body[n:]
	}
	return nil
}

func (x *laneExchange) Finish(trailers []exchange.Field) error {
	if x.chunked && !x.silent {
		if err := x.write(http1.AppendEnd(nil, trailers)); err != nil {
			return err
		}
	}
	x.whole = true
	return nil
}

func (x *laneExchange) write(b []byte) error {
	if x.aborted.Load() {
		return farcall.Errorf(farcall.Canceled, "the answer was given up")
	}
	x.lane.setWriteDeadline()
	if _, err := x.lane.socket.Write(b); err != nil {
		x.aborted.Store(true) // some of it may have been sent
		return farcall.Errorf(farcall.Canceled, "the answer could not be sent: %w", err)
	}
	return nil
}

// reusable reports whether another request may follow.
func (x *laneExchange) reusable() bool { return x.whole && !x.close && !x.aborted.Load() }

// Abort ends the connection after the call.
func (x *laneExchange) Abort(error) { x.aborted.Store(true) }
