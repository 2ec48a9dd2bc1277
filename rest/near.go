// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/wire"
)

// nearby is what the Invoker of a server's own routes is besides, under the terms of Options.Raw. What comes and goes as JSON
// needs no message on its way, no copy of its bytes, and no Call.
type nearby interface {
	// InvokeNear is Invoke of a unary method, but that the metadata is passed, owned, instead of being found in ctx, and that
	// the response is returned encoded, behind room for a prefix (wire.PrefixBytes), in a buffer that the caller frees. The
	// request is a message, or a *buffer.Buffer that holds one in this form, which is the callee's from then on. header is the
	// answer's, also of a failure.
	InvokeNear(ctx context.Context, method *farcall.Method, metadata farcall.Metadata, request any) (response *buffer.Buffer, header farcall.Metadata, err error)
}

// near returns what the call is made by way of where its response is only wanted as JSON, and nil otherwise.
func (c *call) near() nearby {
	route := c.match.route
	if c.router.near == nil || route.method.Kind != farcall.KindUnary || route.answersBytes || c.offer.format == formatProtobuf {
		return nil
	}
	return c.router.near
}

// invokeNear makes the call.
func (c *call) invokeNear(ctx context.Context, near nearby, request any) (any, farcall.Metadata, error) {
	metadata := c.metadata
	if more := farcall.OutgoingMetadata(ctx); more.Len() > 0 { // which an Observer has put there
		metadata = more.Join(metadata)
	}
	c.invoking = true
	response, header, err := near.InvokeNear(ctx, c.match.route.method, metadata, request)
	c.invoking = false
	if err == nil {
		err = gone(ctx)
	}
	if err != nil {
		response.Free()
		return nil, header, err
	}
	return response, header, nil
}

// encoded makes the request of a body that is JSON and has it all: bytes, in the form that the Invoker takes.
func (c *call) encoded(in input) (any, error) {
	if c.near() == nil {
		if len(in.body) == 0 {
			return new(farcall.Raw), nil
		}
		encoded, err := c.match.route.encodeJSON(in, 0)
		if err != nil {
			return nil, err
		}
		return &farcall.Raw{Data: encoded.B, Release: encoded.Free}, nil
	}
	if len(in.body) == 0 {
		empty := buffer.Get(wire.PrefixBytes)
		empty.B = empty.B[:wire.PrefixBytes]
		return empty, nil
	}
	encoded, err := c.match.route.encodeJSON(in, wire.PrefixBytes)
	if err != nil {
		return nil, err
	}
	return encoded, nil
}
