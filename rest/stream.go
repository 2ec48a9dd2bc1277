// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
)

// serveStream makes the call of a request whose method has a stream, of requests, responses or both, and answers it.
func (c *call) serveStream(ctx context.Context) {
	defer func() { // when nobody reads the requests any more
		if c.compressed != nil {
			c.compressed.close()
		}
	}()
	requests, ctx, cancel, err := c.requests(ctx)
	if err != nil {
		c.answer(nil, farcall.Metadata{}, err)
		return
	}
	defer cancel()
	if deadline, ok := ctx.Deadline(); ok { // which ends the call, but not a Send whose client takes nothing
		late := time.AfterFunc(time.Until(deadline)+c.router.lateness, func() { c.x.Abort(context.DeadlineExceeded) })
		defer late.Stop()
	}
	ctx, outgoing := farcall.NewCall(c.outgoing(ctx))
	if !c.match.route.method.Kind.ReturnsStream() {
		response := c.newResponse()
		err := c.converse(ctx, cancel, requests, func(stream farcall.Stream) error { return stream.Receive(response) })
		c.answer(response, *outgoing.ResponseHeader(), err)
		return
	}
	l := &responses{call: c, cancel: cancel}
	defer l.release()
	if interval := c.router.options.Heartbeat; interval > 0 && c.offer.format == formatEvents && c.httpMethod != "HEAD" {
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() { defer close(stopped); l.beat(interval, stop) }()
		defer func() { close(stop); <-stopped }()
	}
	l.finish(outgoing, c.converse(ctx, cancel, requests, l.receive))
}

// requests returns the messages of the request, and the call's context. With a nil error, cancel must be called.
func (c *call) requests(ctx context.Context) (requests messages, prepared context.Context, cancel context.CancelFunc, err error) {
	if c.match.route.method.Kind.SendsStream() {
		return c.prepareMessages(ctx)
	}
	ctx, release, request, err := c.prepare(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, ended := context.WithCancel(ctx)
	return &oneMessage{request.(proto.Message)}, ctx, func() { ended(); release() }, nil
}

// messages are the messages of a request, one after the other.
type messages interface {
	// next waits for the next message. It returns io.EOF after the last.
	next(ctx context.Context) (proto.Message, error)
}

// noMessages is a stream of none.
type noMessages struct{}

func (noMessages) next(context.Context) (proto.Message, error) { return nil, io.EOF }

// oneMessage is a stream of one.
type oneMessage struct{ message proto.Message }

func (o *oneMessage) next(context.Context) (proto.Message, error) {
	message := o.message
	o.message = nil
	if message == nil {
		return nil, io.EOF
	}
	return message, nil
}

// converse makes the call: it sends what requests yield, while receive takes what comes back. It returns receive's error,
// or that of the requests, which is why the call has failed then.
func (c *call) converse(ctx context.Context, cancel context.CancelFunc, requests messages, receive func(farcall.Stream) error) error {
	method := c.match.route.method
	if only, ok := requests.(*oneMessage); ok {
		return c.router.options.Invoker.Stream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
			if err := send(stream, only.message, !method.Kind.SendsStream()); err != nil {
				return err
			}
			return receive(stream)
		})
	}
	var failure error // of the requests
	var sent chan struct{}
	over := make(chan struct{})
	err := c.router.options.Invoker.Stream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
		sent = make(chan struct{})
		go func() { // ends with the requests, or with ctx, which the end of the call cancels
			defer close(sent)
			err := c.sendAll(ctx, stream, requests)
			select {
			case <-over: // what fails then is nobody's mistake
			default:
				if failure = err; err != nil {
					cancel()
				}
			}
		}()
		defer close(over)
		return receive(stream)
	})
	cancel()
	if sent == nil { // an interceptor has ended the call
		return err
	}
	<-sent
	if failure != nil && err != nil {
		return failure
	}
	return err
}

// send sends the only message of a stream.
func send(stream farcall.Stream, message proto.Message, closes bool) error {
	if err := stream.Send(message); err != nil && err != io.EOF {
		return err
	}
	if closes {
		return nil
	}
	if err := stream.CloseSend(); err != nil && err != io.EOF {
		return err
	}
	return nil
}

// sendAll sends every message of the request. It returns nil when the call has ended, which receive will tell.
func (c *call) sendAll(ctx context.Context, stream farcall.Stream, requests messages) error {
	for {
		message, err := requests.next(ctx)
		switch {
		case err == io.EOF:
			if err := stream.CloseSend(); err != nil && err != io.EOF {
				return err
			}
			return nil
		case err != nil:
			return err
		}
		switch err := stream.Send(message); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
