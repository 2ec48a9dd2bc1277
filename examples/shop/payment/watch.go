// SPDX-License-Identifier: Apache-2.0

package payment

import (
	"context"
	"iter"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/protobuf/proto"
)

// WatchPayments yields payments as they change, until the caller leaves.
func (s *Service) WatchPayments(ctx context.Context, req *shoppb.WatchPaymentsRequest) iter.Seq2[*shoppb.Payment, error] {
	return func(yield func(*shoppb.Payment, error) bool) {
		if err := checkWatch(req); err != nil {
			yield(nil, err)
			return
		}
		watcher, err := s.store.Watch(ctx, req.GetOrderId())
		if err != nil {
			yield(nil, err)
			return
		}
		defer watcher.Close()
		if err := sayBegun(ctx); err != nil {
			yield(nil, err)
			return
		}
		for {
			payment, err := watcher.Next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(proto.CloneOf(payment), nil) {
				return
			}
		}
	}
}

// sayBegun sends the response's header before there is a message, so that the caller knows when to begin with what it
// wants to watch. Where the struct is called without a server, ctx may hold the incoming call of somebody else.
func sayBegun(ctx context.Context) error {
	call := farcall.IncomingCall(ctx)
	if call == nil || call.Method() != shoppb.PaymentsWatchPaymentsMethod {
		return nil
	}
	return call.SendHeader()
}

// EndWatches makes those who watch look for another instance of the service. It is for a server that shuts down: a watch
// does not end by itself.
func (s *Service) EndWatches() { s.store.EndWatches() }
