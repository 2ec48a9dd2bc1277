// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"context"
	"io"
	"iter"
	"sync"
	"sync/atomic"
)

// Feed is input for a two-way or client-streaming call that is written by other goroutines:
//
//	ctx, feed := farcall.NewFeed[pb.DisputeMessage](ctx)
//	go func() { defer feed.Close(nil); feed.Send(ctx, opening) }()
//	for answer, err := range payments.Dispute(ctx, feed.All()) { … }
//
// The end of the call ends its feed, and an idle feed does not hold up the end of the call: nobody is left waiting.
type Feed[Message any] struct {
	messages chan *Message
	feeding
}

// feeding is what a call knows of its feed, whatever the messages are.
type feeding struct {
	context context.Context
	closed  chan struct{} // closed by Close
	ended   chan struct{} // closed when nobody takes messages any more
	claimed atomic.Bool   // a call has taken it from its context
	begun   atomic.Bool   // All was ranged

	closing, ending sync.Once
	err             error // what Close was given; set before closed is closed
}

// feedKey finds, in a call's context, its *feeding.
type feedKey struct{}

// NewFeed returns a feed, and the context for the one call that it is for: the first one with a stream of requests that is
// made with it.
func NewFeed[Message any](ctx context.Context) (context.Context, *Feed[Message]) {
	feed := &Feed[Message]{messages: make(chan *Message)}
	feed.context, feed.closed, feed.ended = ctx, make(chan struct{}), make(chan struct{})
	return context.WithValue(ctx, feedKey{}, &feed.feeding), feed
}

// claimFeed returns the feed that a call's context carries, nil if there is none or an earlier call has it: a call made in
// the middle of another one must not end that one's feed.
func claimFeed(ctx context.Context) *feeding {
	feed, ok := ctx.Value(feedKey{}).(*feeding)
	if !ok || feed.claimed.Swap(true) {
		return nil
	}
	return feed
}

// end is the end of the feed's call.
func (f *feeding) end() {
	if f != nil {
		f.ending.Do(func() { close(f.ended) })
	}
}

func (f *feeding) over() bool {
	select {
	case <-f.ended:
		return true
	default:
		return false
	}
}

// Send waits until the call takes the message. It returns io.EOF when the call has ended, FAILED_PRECONDITION after Close,
// and ctx's error if that ends first.
func (f *Feed[Message]) Send(ctx context.Context, message *Message) error {
	select {
	case <-f.closed:
		return errFeedClosed
	case <-f.ended:
		return io.EOF
	default:
	}
	select {
	case f.messages <- message:
		return nil
	case <-f.closed:
		return errFeedClosed
	case <-f.ended:
		return io.EOF
	case <-ctx.Done():
		return AsError(ctx.Err())
	}
}

var errFeedClosed = &Error{Code: FailedPrecondition, Message: "Send on a Feed after Close"}

// Close ends the input: with nil it was complete, with an error the call is reset and fails with it. It may be called
// twice; the first counts.
func (f *Feed[Message]) Close(err error) {
	f.closing.Do(func() {
		f.err = err
		close(f.closed)
	})
}

// All is the iterator to give to the call. A second range, and one after the call, yield FAILED_PRECONDITION.
func (f *Feed[Message]) All() iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		if f.begun.Swap(true) || f.over() {
			yield(nil, Errorf(FailedPrecondition, "a Feed was ranged a second time, or its context was used for another call before: it is for one call"))
			return
		}
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
