// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"iter"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/client"
)

// caller is a channel with one connection and the stub on it.
type caller struct {
	conn *client.Conn
	chargepb.Payments
}

func (c *caller) Close() { _ = c.conn.Close() }

func (c *caller) ChargeAnnotated(ctx context.Context, annotations []harness.Annotation, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	pairs := make([]string, 0, 2*len(annotations))
	for _, a := range annotations {
		pairs = append(pairs, a.Name, a.Value)
	}
	return c.Charge(farcall.WithMetadata(ctx, pairs...), request)
}

// streams has the forms of the harness beside the stub's, whose names they share.
type streams struct{ *caller }

func (s streams) Watch(ctx context.Context, count int, each func(*chargepb.ChargeResponse)) error {
	for event, err := range s.Payments.Watch(ctx, &chargepb.WatchRequest{Count: int64(count)}) {
		if err != nil {
			return err
		}
		each(event)
	}
	return nil
}

func repeat(request *chargepb.ChargeRequest, count int) iter.Seq2[*chargepb.ChargeRequest, error] {
	return func(yield func(*chargepb.ChargeRequest, error) bool) {
		for range count {
			if !yield(request, nil) {
				return
			}
		}
	}
}

func (s streams) Settle(ctx context.Context, request *chargepb.ChargeRequest, count int) (*chargepb.SettleResponse, error) {
	return s.Payments.Settle(ctx, repeat(request, count))
}

func (s streams) Dispute(ctx context.Context, request *chargepb.ChargeRequest, count int, each func(*chargepb.ChargeResponse)) error {
	for answer, err := range s.Payments.Dispute(ctx, repeat(request, count)) {
		if err != nil {
			return err
		}
		each(answer)
	}
	return nil
}

func (s streams) Park(ctx context.Context, request *chargepb.ChargeRequest) (leave func(), err error) {
	stream, err := farcall.OpenBidi[chargepb.ChargeRequest, chargepb.ChargeResponse](ctx, s.conn, chargepb.PaymentsDisputeMethod)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(request); err != nil {
		stream.Close()
		return nil, err
	}
	if _, err := stream.Receive(); err != nil {
		stream.Close()
		return nil, err
	}
	return stream.Close, nil
}

// The interceptors of the realistic call.

func authorize(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
	if err := harness.Authorize(stream.RequestHeader().Get); err != nil {
		return farcall.Errorf(farcall.Unauthenticated, "%v", err)
	}
	return next(ctx, stream)
}

func noteServed(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
	begin := time.Now()
	err := next(ctx, stream)
	harness.ServerBook.Note(time.Since(begin), stream.RequestHeader().Get(harness.RequestIDName), err)
	return err
}

func noteCall(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
	begin := time.Now()
	err := next(ctx, stream)
	harness.ClientBook.Note(time.Since(begin), "", err)
	return err
}

func noteAttempt(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
	begin := time.Now()
	err := next(ctx, stream)
	harness.ClientAttemptBook.Note(time.Since(begin), "", err)
	return err
}
