// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
)

// linesHead begins the answers that are streams.
var linesHead = &exchange.Fixed{Fields: []exchange.Field{
	{Name: ":status", Value: "200"},
	{Name: "content-type", Value: "application/x-ndjson"},
}}

// errSeen ends the call of a HEAD request: there is a message, and nobody wants it.
var errSeen = &farcall.Error{Code: farcall.Canceled, Message: "HEAD wants no messages"}

// lines is the answer of a call that returns a stream: newline-delimited JSON, each message a line that is flushed as it
// comes. A call that fails before its first message is answered as a unary one is, with the status that its code has;
// later a last line tells of it, {"error":{"code":…,"message":…,"details":…}}, since the status is on its way already.
//
// It belongs to the goroutine of Serve, on which the Invoker runs the call.
type lines struct {
	call    *call
	started bool // the head has been sent
	seen    bool // HEAD has its answer
	count   int  // of messages
}

// serveLines makes the call of a request whose method returns a stream, and answers it.
func (c *call) serveLines(ctx context.Context) {
	ctx, cancel, request, err := c.prepare(ctx)
	if err != nil {
		c.answer(nil, nil, err)
		return
	}
	defer cancel()
	if deadline, ok := ctx.Deadline(); ok { // which ends the call, but not a Send whose client takes nothing
		late := time.AfterFunc(time.Until(deadline)+c.router.lateness, func() { c.x.Abort(context.DeadlineExceeded) })
		defer late.Stop()
	}
	l := &lines{call: c}
	ctx, outgoing := farcall.NewCall(ctx)
	err = c.router.options.Invoker.Stream(ctx, c.match.route.method, func(_ context.Context, stream farcall.Stream) error {
		if err := stream.Send(request); err != nil && err != io.EOF {
			return err
		}
		return l.receive(stream)
	})
	if l.seen {
		err = nil
	}
	if err == nil && !l.started { // no message at all
		err = l.start(*outgoing.ResponseHeader())
	}
	if !l.started {
		c.answer(nil, outgoing, err)
		return
	}
	l.end(err)
}

// receive writes what the stream receives, until its end.
func (l *lines) receive(stream farcall.Stream) error {
	for {
		response := l.call.match.route.method.NewResponse()
		switch err := stream.Receive(response); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if !l.started {
			if err := l.start(*stream.ResponseHeader()); err != nil {
				return err
			}
		}
		if l.call.httpMethod == "HEAD" {
			l.seen = true
			return errSeen
		}
		if err := l.write(response); err != nil {
			return err
		}
	}
}

// start sends the head of the answer. After an error that is not the exchange's another answer can still be made.
func (l *lines) start(header farcall.Metadata) error {
	fields, err := appendMetadata(nil, header)
	if err != nil {
		return err
	}
	l.started = true
	return l.call.x.Start(exchange.Head{Fixed: linesHead, Fields: fields})
}

// write sends a message as a line.
func (l *lines) write(response proto.Message) error {
	line := buffer.Get(512)
	defer line.Free()
	var err error
	if line.B, err = l.call.match.route.appendResponse(line.B, response); err != nil {
		return farcall.Errorf(farcall.Internal, "the response: %w", err)
	}
	line.B = append(line.B, '\n')
	if err := l.call.x.Send(line.B); err != nil {
		return err
	}
	l.count++
	l.call.step(farcall.StepAnswer, l.count, len(line.B), nil)
	return nil
}

// end ends an answer that has been started.
func (l *lines) end(failure error) {
	line := buffer.Get(512)
	defer line.Free()
	var err error
	if failure != nil && l.call.httpMethod != "HEAD" {
		line.B = append(line.B, `{"error":`...)
		line.B = appendStatus(line.B, farcall.AsError(failure))
		line.B = append(line.B, "}\n"...)
		err = l.call.x.Send(line.B)
	}
	if err == nil {
		err = l.call.x.Finish(nil)
	}
	if err != nil { // the client has gone: what failed first says more
		l.call.x.Abort(err)
		if failure == nil {
			failure = err
		}
	}
	l.call.step(farcall.StepAnswer, 0, len(line.B), failure)
}
