// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"context"
	"io"
	"iter"
	"sync"
)

// Feed is input for a two-way or client-streaming call that is written by other goroutines:
//
//	ctx, feed := farcall.NewFeed[pb.DisputeMessage](ctx)
//	go func() { defer feed.Close(nil); feed.Send(ctx, opening) }()
//	for answer, err := range payments.Dispute(ctx, feed.All()) { … }
//
// The end of the call made with the context that NewFeed returned ends the feed: nobody who sends is left waiting.
type Feed[Message any] struct {
	messages chan *Message
	closed   chan struct{} // closed by Close
	ended    chan struct{} // closed when nobody takes messages any more
	context  context.Context

	closing, ending sync.Once
	err             error // what Close was given; set before closed is closed
}

// feedKey finds, in a call's context, the function that ends its feed.
type feedKey struct{}

// NewFeed returns a feed, and the context for the one call that it is for.
func NewFeed[Message any](ctx context.Context) (context.Context, *Feed[Message]) {
	feed := &Feed[Message]{
		messages: make(chan *Message), closed: make(chan struct{}), ended: make(chan struct{}), context: ctx,
	}
	return context.WithValue(ctx, feedKey{}, feed.end), feed
}

// endFeed ends the feed that a call's context carries, if there is one.
func endFeed(ctx context.Context) {
	if end, ok := ctx.Value(feedKey{}).(func()); ok {
		end()
	}
}

func (f *Feed[Message]) end() { f.ending.Do(func() { close(f.ended) }) }

// Send waits until the call takes the message. It returns io.EOF when the call has ended, FAILED_PRECONDITION after Close,
// and ctx's error if that ends first.
func (f *Feed[Message]) Send(ctx context.Context, message *Message) error {
	select {
	case <-f.closed:
		return Errorf(FailedPrecondition, "Send on a Feed after Close")
	case <-f.ended:
		return io.EOF
	default:
	}
	select {
	case f.messages <- message:
		return nil
	case <-f.closed:
		return Errorf(FailedPrecondition, "Send on a Feed after Close")
	case <-f.ended:
		return io.EOF
	case <-ctx.Done():
		return AsError(ctx.Err())
	}
}

// Close ends the input: with nil it was complete, with an error the call is reset and fails with it. It may be called
// twice; the first counts.
func (f *Feed[Message]) Close(err error) {
	f.closing.Do(func() {
		f.err = err
		close(f.closed)
	})
}

// All is the iterator to give to the call. It can be ranged once.
func (f *Feed[Message]) All() iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		defer f.end()
		for {
			select {
			case message := <-f.messages:
				if !yield(message, nil) {
					return
				}
			case <-f.closed:
				if f.err != nil {
					yield(nil, f.err)
				}
				return
			case <-f.ended:
				return
			case <-f.context.Done():
				yield(nil, AsError(f.context.Err()))
				return
			}
		}
	}
}
