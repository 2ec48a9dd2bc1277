// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"context"
	"io"
	"iter"
)

// HandleServerStream returns the Handler of a server-streaming method; generated Register functions call it. A nil
// iterator and a nil message without an error are INTERNAL; with a message and an error the error wins.
func HandleServerStream[Request, Response any](serve func(context.Context, *Request) iter.Seq2[*Response, error]) Handler {
	return func(ctx context.Context, stream Stream) error {
		request := new(Request)
		if err := stream.Receive(request); err != nil {
			return err
		}
		return respondAll(stream, serve(ctx, request))
	}
}

// HandleClientStream returns the Handler of a client-streaming method; generated Register functions call it.
func HandleClientStream[Request, Response any](serve func(context.Context, iter.Seq2[*Request, error]) (*Response, error)) Handler {
	return func(ctx context.Context, stream Stream) error {
		response, err := serve(ctx, requests[Request](stream))
		if err != nil {
			return err
		}
		if response == nil {
			return Errorf(Internal, "%s returned neither a message nor an error", stream.Method())
		}
		return stream.Send(response)
	}
}

// HandleBidi returns the Handler of a two-way method; generated Register functions call it.
func HandleBidi[Request, Response any](serve func(context.Context, iter.Seq2[*Request, error]) iter.Seq2[*Response, error]) Handler {
	return func(ctx context.Context, stream Stream) error {
		return respondAll(stream, serve(ctx, requests[Request](stream)))
	}
}

// requests yields what the client sends. An error (decoding, size, the call's end) is yielded once, last, and again by a
// later range; a range that was left goes on where it stopped.
func requests[Request any](stream Stream) iter.Seq2[*Request, error] {
	return func(yield func(*Request, error) bool) {
		receive := freshly(stream)
		for {
			request := new(Request)
			switch err := receive(request); {
			case err == io.EOF:
				return
			case err != nil:
				yield(nil, err)
				return
			case !yield(request, nil):
				return
			}
		}
	}
}

// respondAll sends what a handler yields and returns the call's outcome.
func respondAll[Response any](stream Stream, responses iter.Seq2[*Response, error]) error {
	if responses == nil {
		return Errorf(Internal, "%s returned a nil iterator", stream.Method())
	}
	for response, err := range responses {
		if err != nil {
			return err
		}
		if response == nil {
			return errEmptyMessage(stream.Method(), "the handler")
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
	return nil
}
