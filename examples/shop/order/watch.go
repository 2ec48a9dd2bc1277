// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"iter"

	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/protobuf/proto"
)

// WatchOrder yields the order, and yields it again whenever it has changed, until it has come to its end.
func (s *Service) WatchOrder(ctx context.Context, req *shoppb.WatchOrderRequest) iter.Seq2[*shoppb.Order, error] {
	return func(yield func(*shoppb.Order, error) bool) {
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
		for {
			order, err := watcher.Next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(proto.CloneOf(order), nil) || hasEnded(order) {
				return
			}
		}
	}
}

// hasEnded says whether nothing will become of an order any more.
func hasEnded(order *shoppb.Order) bool {
	return order.GetStatus() == shoppb.OrderStatus_ORDER_STATUS_DECLINED ||
		order.GetStatus() == shoppb.OrderStatus_ORDER_STATUS_CANCELLED
}

// EndWatches makes those who watch look for another instance of the service. It is for a server that shuts down: a watch
// does not end by itself.
func (s *Service) EndWatches() { s.store.EndWatches() }
