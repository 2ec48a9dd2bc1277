// SPDX-License-Identifier: Apache-2.0

// Package call is the call pipeline that client and Local share: interceptors, deadline, claiming the Call, the error
// boundary, the tap.
package call

import (
	"context"

	"github.com/farcall/farcall"
)

// Interceptors returns a list of one's own without nil entries, so that nobody changes it under running calls.
func Interceptors(given []farcall.Interceptor) []farcall.Interceptor {
	var kept []farcall.Interceptor
	for _, interceptor := range given {
		if interceptor != nil {
			kept = append(kept, interceptor)
		}
	}
	return kept
}

// Wrap returns handler with the interceptors around it, the first outermost. A server wraps each method once, when it is
// registered. Without interceptors it returns handler as it is.
func Wrap(interceptors []farcall.Interceptor, handler farcall.Handler) farcall.Handler {
	for i := len(interceptors) - 1; i >= 0; i-- {
		interceptor, next := interceptors[i], handler
		handler = func(ctx context.Context, stream farcall.Stream) error {
			return interceptor(ctx, stream, next)
		}
	}
	return handler
}

// Run runs handler with the interceptors around it. It is for a client, whose innermost handler is the call itself: what
// would be made for each call is made for the inner interceptors alone.
func Run(ctx context.Context, interceptors []farcall.Interceptor, stream farcall.Stream, handler farcall.Handler) error {
	if len(interceptors) == 0 {
		return handler(ctx, stream)
	}
	return interceptors[0](ctx, stream, Wrap(interceptors[1:], handler))
}
