// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
)

// Invoke makes a unary call. Without interceptors nothing stands between the stub and the stream, which is recycled.
func (c *Conn) Invoke(ctx context.Context, method *farcall.Method, request, response any) error {
	if err := call.CheckUnary(method); err != nil {
		release(request)
		return err
	}
	if c.options.Protocol != GRPC {
		return c.webInvoke(ctx, method, request, response)
	}
	outgoing, err := call.Claim(ctx)
	if err != nil {
		release(request)
		return err
	}
	ctx, tap := call.Begin(ctx, c.options.Observer, method, farcall.SideClient)
	if len(c.options.Interceptors) > 0 {
		s := &stream{}
		s.init(ctx, c, method, outgoing, tap)
		return s.intercepted(request, response)
	}
	s := streams.Get().(*stream)
	s.init(ctx, c, method, outgoing, tap)
	if err = s.send(request); err == nil {
		err = s.receive(response)
	}
	err = s.end(err)
	s.recycle()
	return err
}

// streams are recycled where no interceptor can keep one.
var streams = sync.Pool{New: func() any { return new(stream) }}

// release gives a Raw back that will not be sent.
func release(request any) {
	if raw, ok := request.(*farcall.Raw); ok && raw != nil {
		raw.Done()
	}
}

// intercepted runs a unary call with the interceptors around it.
func (s *stream) intercepted(request, response any) error {
	defer func() {
		if !s.leave() { // nobody has taken the request
			release(request)
		}
	}()
	return s.runInside(s, func(ctx context.Context, wrapped farcall.Stream) error {
		if err := s.enter(ctx, s.method); err != nil {
			return err
		}
		s.ctx = &s.body
		if err := wrapped.Send(request); err != nil {
			return err
		}
		return wrapped.Receive(response)
	})
}
