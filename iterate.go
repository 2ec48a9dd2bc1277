// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
)

// The iterator forms of the streaming methods, which generated code calls: the caller's here, the handler's in handle.go.
//
// A call starts when its result is ranged, runs on that goroutine, and is over when the loop is: leaving the loop, or a
// panic in its body, resets the stream with CANCEL.

// errLeft is the outcome that interceptors and the server see of a call whose caller left the loop.
var errLeft = &Error{Code: Canceled, Message: "the caller left the loop"}

// errEmptyMessage is for a nil message in a stream.
func errEmptyMessage(method *Method, who string) error {
	return Errorf(Internal, "%s: %s yielded neither a message nor an error", method, who)
}

// once makes a result single use: a second range yields an error instead of making the call again.
func once[Message any](method *Method, call func(yield func(*Message, error) bool)) iter.Seq2[*Message, error] {
	var used atomic.Bool
	return func(yield func(*Message, error) bool) {
		if used.Swap(true) {
			yield(nil, Errorf(FailedPrecondition, "the result of %s was ranged a second time: a range is a call, and it must not be repeated silently; call the method again", method))
			return
		}
		call(yield)
	}
}

// freshly returns the stream's Receive for messages that have nothing in them yet: ours does not empty them first.
func freshly(stream Stream) (receive func(message any) error) {
	if fresh, ok := stream.(interface{ ReceiveFresh(message any) error }); ok {
		return fresh.ReceiveFresh
	}
	return stream.Receive // what an interceptor has put around ours has no other
}

// receiveAll yields what the stream receives until its end, and returns how that was: nil, the failure, or errLeft.
func receiveAll[Message any](stream Stream, yield func(*Message, error) bool) error {
	receive := freshly(stream)
	for {
		message := new(Message)
		switch err := receive(message); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case !yield(message, nil):
			return errLeft
		}
	}
}

// InvokeServerStream makes a call of a server-streaming method by way of via; generated stubs call it. The error is
// yielded once, last, with a nil message.
func InvokeServerStream[Response any](ctx context.Context, via Invoker, method *Method, request proto.Message) iter.Seq2[*Response, error] {
	return once(method, func(yield func(*Response, error) bool) {
		left := false
		err := via.Stream(ctx, method, func(_ context.Context, stream Stream) error {
			if err := stream.Send(request); err != nil && err != io.EOF {
				return err
			}
			err := receiveAll(stream, yield)
			left = err == errLeft
			return err
		})
		if err != nil && !left {
			yield(nil, err)
		}
	})
}

// InvokeClientStream makes a call of a client-streaming method by way of via; generated stubs call it. It ranges in on
// the caller's goroutine, so that the end of the call is noticed at in's next yield. With a Feed in ctx it does as
// InvokeBidi does, so that the end is noticed at once.
func InvokeClientStream[Request, Response any](ctx context.Context, via Invoker, method *Method, in iter.Seq2[*Request, error]) (*Response, error) {
	if in == nil {
		return nil, errNoInput(method)
	}
	feed := claimFeed(ctx)
	defer feed.end() // also of a call that fails before its body runs
	response := new(Response)
	var err error
	if feed != nil {
		err = converse(ctx, via, method, in, func(stream Stream) error { return stream.Receive(response) })
	} else {
		err = via.Stream(ctx, method, func(_ context.Context, stream Stream) error {
			if err := sendAll(ctx, method, stream, in); err != nil {
				return err
			}
			return stream.Receive(response)
		})
	}
	if err != nil {
		return nil, err
	}
	return response, nil
}

func errNoInput(method *Method) error {
	return Errorf(InvalidArgument, "%s: the messages to send are a nil iterator", method)
}

// sendAll sends what in yields, then half-closes. It stops without an error when the other end has ended the call, or ctx,
// which is the caller's, has: Receive says how. An in that returned because ctx ended has not told all, and the server must
// not believe that it did.
func sendAll[Message any](ctx context.Context, method *Method, stream Stream, in iter.Seq2[*Message, error]) error {
	for message, err := range in {
		if err != nil {
			return inputError(method, err)
		}
		if message == nil {
			return errEmptyMessage(method, "the iterator to send")
		}
		switch err := stream.Send(message); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := stream.CloseSend(); err != nil && err != io.EOF {
		return err
	}
	return nil
}

// inputError is the error of a call whose input failed: it wraps in's error and has its code.
func inputError(method *Method, err error) error {
	return Errorf(CodeOf(err), "%s: the iterator to send failed: %w", method, err)
}

// InvokeBidi makes a call of a two-way method by way of via; generated stubs call it. in is ranged on a goroutine of its
// own. When the call ends, in's next yield returns false; nobody waits for it, so in must be finite, or end by a context
// that its author cancels; a Feed does by itself.
func InvokeBidi[Request, Response any](ctx context.Context, via Invoker, method *Method, in iter.Seq2[*Request, error]) iter.Seq2[*Response, error] {
	return once(method, func(yield func(*Response, error) bool) {
		if in == nil {
			yield(nil, errNoInput(method))
			return
		}
		feed := claimFeed(ctx)
		defer feed.end()
		left := false
		err := converse(ctx, via, method, in, func(stream Stream) error {
			err := receiveAll(stream, yield)
			left = err == errLeft
			return err
		})
		if err != nil && !left {
			yield(nil, err)
		}
	})
}

// converse makes a call with receive, while a goroutine of its own sends what in yields.
func converse[Request any](ctx context.Context, via Invoker, method *Method, in iter.Seq2[*Request, error], receive func(Stream) error) error {
	input := &input{ended: make(chan struct{})}
	calling, cancel := context.WithCancel(ctx)
	defer cancel()
	err := via.Stream(calling, method, func(_ context.Context, stream Stream) error {
		go func() { // ends when in does: at the latest with its first yield after the call's end
			defer input.end(cancel)
			input.err = sendAll(ctx, method, stream, in)
			input.returned = true
		}()
		err := receive(stream)
		if failure := input.failure(); failure != nil && err != errLeft {
			return failure
		}
		return err
	})
	input.raise()
	return err
}

// input is how the input of such a call ended. Its fields are written by the input's goroutine before ended is closed.
type input struct {
	ended    chan struct{}
	err      error
	returned bool // without a panic
	panicked any
}

// end runs deferred on the input's goroutine. An input that failed cancels the call.
func (i *input) end(cancel context.CancelFunc) {
	if !i.returned {
		i.panicked = recover()
		if i.panicked == nil { // runtime.Goexit
			i.err = Errorf(Internal, "the iterator to send ended its goroutine")
		}
	}
	failed := i.err != nil || i.panicked != nil
	close(i.ended)
	if failed {
		cancel()
	}
}

// failure returns how the input failed, nil if it did not or is still at work.
func (i *input) failure() error {
	select {
	case <-i.ended:
		if i.panicked != nil {
			return Errorf(Internal, "panic in the iterator to send")
		}
		return i.err
	default:
		return nil
	}
}

// raise panics again, on the goroutine that ranges the result, with what the input panicked with.
func (i *input) raise() {
	select {
	case <-i.ended:
		if i.panicked != nil {
			panic(i.panicked)
		}
	default:
	}
}
