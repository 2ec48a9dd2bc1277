// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"context"

	"google.golang.org/protobuf/proto"
)

// Invoker makes calls: a client's connection, or a server's Local. Stubs are built over one.
type Invoker interface {
	// Invoke makes a unary call. request and response are typed messages or *Raw; response is filled when the error is
	// nil. The error is an *Error.
	Invoke(ctx context.Context, method *Method, request, response any) error
	// Stream makes a call of any kind: it runs body with the caller's end of the call, on the caller's goroutine, inside
	// the interceptors. The call is over when body returns; if it has not ended by then, the other end is told to stop.
	// The error is body's, as the interceptors leave it.
	Stream(ctx context.Context, method *Method, body Handler) error
}

// Registrar takes the handlers of services: a server.
type Registrar interface {
	// Register offers method through handler. A second registration of the same path panics with both places named,
	// since it is a mistake in the program's wiring.
	Register(method *Method, handler Handler)
}

// GeneratedVersion1 is named by generated code: code that needs a newer runtime than the one it is built with does not
// compile, and code older than the runtime supports does not either.
const GeneratedVersion1 = true

// InvokeUnary makes a unary call by way of via; generated stubs call it.
func InvokeUnary[Response any](ctx context.Context, via Invoker, method *Method, request proto.Message) (*Response, error) {
	response := new(Response)
	if err := via.Invoke(ctx, method, request, response); err != nil {
		return nil, err
	}
	return response, nil
}

// HandleUnary returns the Handler of a unary method; generated Register functions call it. An implementation that
// returns neither a message nor an error fails the call with INTERNAL; with both, the error wins.
func HandleUnary[Request, Response any](serve func(context.Context, *Request) (*Response, error)) Handler {
	return func(ctx context.Context, stream Stream) error {
		request := new(Request)
		if err := stream.Receive(request); err != nil {
			return err
		}
		response, err := serve(ctx, request)
		if err != nil {
			return err
		}
		if response == nil {
			return Errorf(Internal, "%s returned neither a message nor an error", stream.Method())
		}
		return stream.Send(response)
	}
}
