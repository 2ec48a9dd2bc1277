// SPDX-License-Identifier: Apache-2.0

package streams

import (
	"context"
	"io"

	"github.com/farcall/farcall"
	"google.golang.org/protobuf/proto"
)

// network is server and connection in one, with bytes between the two.
type network map[*farcall.Method]farcall.Handler

func (n network) Register(method *farcall.Method, handler farcall.Handler) { n[method] = handler }

func (n network) Invoke(ctx context.Context, method *farcall.Method, request, response any) error {
	return n.Stream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
		if err := stream.Send(request); err != nil && err != io.EOF {
			return err
		}
		return stream.Receive(response)
	})
}

func (n network) Stream(ctx context.Context, method *farcall.Method, body farcall.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	requests, responses := make(chan []byte), make(chan []byte)
	served := &end{ctx: ctx, method: method, in: requests, out: responses, outcome: new(error), over: make(chan struct{})}
	go func() {
		defer close(served.over)
		*served.outcome = n[method](ctx, served)
		close(responses)
	}()
	sent := &end{ctx: ctx, method: method, in: responses, out: requests, outcome: served.outcome, over: served.over, client: true}
	return body(ctx, sent)
}

// end is one end of a call.
type end struct {
	farcall.Stream
	ctx     context.Context
	method  *farcall.Method
	in, out chan []byte
	client  bool
	outcome *error        // of the handler, set before responses are closed
	over    chan struct{} // closed when the handler has returned
}

func (e *end) Method() *farcall.Method { return e.method }

func (e *end) Receive(message any) error {
	select {
	case data, ok := <-e.in:
		switch {
		case ok:
			return proto.Unmarshal(data, message.(proto.Message))
		case e.client && *e.outcome != nil:
			return *e.outcome
		}
		return io.EOF
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
}

func (e *end) Send(message any) error {
	data, err := proto.Marshal(message.(proto.Message))
	if err != nil {
		return err
	}
	select {
	case e.out <- data:
		return nil
	case <-e.over:
		return io.EOF
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
}

func (e *end) CloseSend() error {
	close(e.out)
	return nil
}
