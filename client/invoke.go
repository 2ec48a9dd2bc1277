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
	err = s.exchange(s, request, response)
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

// intercepted runs the call with the interceptors around it. What they make of ctx is what the call is opened with.
func (s *stream) intercepted(request, response any) (err error) {
	ran := false
	defer func() { // in a defer, because an interceptor may panic
		if !ran {
			release(request)
		}
		err = s.end(err)
	}()
	innermost := func(ctx context.Context, wrapped farcall.Stream) error {
		if ran {
			return farcall.Errorf(farcall.FailedPrecondition, "an interceptor has called next twice for %s: a call runs once", s.method)
		}
		ran = true
		s.ctx = ctx
		return s.exchange(wrapped, request, response)
	}
	return call.Wrap(s.conn.options.Interceptors, innermost)(s.ctx, s)
}

// exchange is what a unary call does with its stream, as seen through what interceptors have wrapped around it.
func (s *stream) exchange(wrapped farcall.Stream, request, response any) error {
	if err := wrapped.Send(request); err != nil {
		return err
	}
	return wrapped.Receive(response)
}
