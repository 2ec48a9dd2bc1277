// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// made returns a service with one order, ord_1, that a payment service has charged or declined.
func made(t *testing.T, payments shoppb.Payments) *Service {
	t.Helper()
	s := New(NewMemory(), payments, Options{NewID: func() string { return "ord_1" }})
	_, _ = s.CreateOrder(t.Context(), tea("k")) // an order that is declined or waits is an order
	return s
}

// follow pulls a watch of ord_1.
func follow(ctx context.Context, s *Service) (next func() (*shoppb.Order, error, bool), stop func()) {
	return iter.Pull2(s.WatchOrder(ctx, &shoppb.WatchOrderRequest{OrderId: "ord_1"}))
}

func expectNext(t *testing.T, next func() (*shoppb.Order, error, bool), want shoppb.OrderStatus) {
	t.Helper()
	if order, err, more := next(); err != nil || !more || order.GetStatus() != want || order.GetOrderId() != "ord_1" {
		t.Errorf("the watch has %v, %v, %v; want %v", order, err, more, want)
	}
}

func cancelOrder(t *testing.T, s *Service) {
	t.Helper()
	if _, err := s.CancelOrder(t.Context(), &shoppb.CancelOrderRequest{OrderId: "ord_1"}); err != nil {
		t.Fatal(err)
	}
}

func TestWatchOrderToItsEnd(t *testing.T) {
	bank := newBank()
	bank.down = func() (bool, bool) { return true, false }
	s := made(t, bank)
	next, stop := follow(t.Context(), s)
	defer stop()
	expectNext(t, next, shoppb.OrderStatus_ORDER_STATUS_AWAITING_PAYMENT)
	bank.down = func() (bool, bool) { return false, false }
	if _, err := s.CreateOrder(t.Context(), tea("k")); err != nil {
		t.Fatal(err)
	}
	expectNext(t, next, shoppb.OrderStatus_ORDER_STATUS_PAID)
	cancelOrder(t, s)
	expectNext(t, next, shoppb.OrderStatus_ORDER_STATUS_CANCELLED)
	if order, err, more := next(); more {
		t.Errorf("after the order's end the watch has %v, %v", order, err)
	}
}

func TestASlowWatcherMissesNothing(t *testing.T) {
	bank := newBank()
	bank.down = func() (bool, bool) { return true, false }
	s := made(t, bank)
	next, stop := follow(t.Context(), s)
	defer stop()
	expectNext(t, next, shoppb.OrderStatus_ORDER_STATUS_AWAITING_PAYMENT)
	bank.down = func() (bool, bool) { return false, false }
	if _, err := s.CreateOrder(t.Context(), tea("k")); err != nil { // nobody waits for the watcher
		t.Fatal(err)
	}
	cancelOrder(t, s)
	expectNext(t, next, shoppb.OrderStatus_ORDER_STATUS_PAID)
	expectNext(t, next, shoppb.OrderStatus_ORDER_STATUS_CANCELLED)
}

func TestWatchesOfOrdersThatHaveEnded(t *testing.T) {
	cancelled := made(t, newBank())
	cancelOrder(t, cancelled)
	for want, s := range map[shoppb.OrderStatus]*Service{
		shoppb.OrderStatus_ORDER_STATUS_DECLINED:  made(t, failing(farcall.FailedPrecondition)),
		shoppb.OrderStatus_ORDER_STATUS_CANCELLED: cancelled,
	} {
		next, stop := follow(t.Context(), s)
		expectNext(t, next, want)
		if _, _, more := next(); more {
			t.Errorf("the watch goes on after %v", want)
		}
		stop()
	}
}

func TestWatchesThatFail(t *testing.T) {
	s := made(t, newBank())
	for id, want := range map[string]string{
		"":                       "INVALID_ARGUMENT: order_id: is missing",
		"ord_2":                  `NOT_FOUND: there is no order "ord_2"`,
		strings.Repeat("x", 257): "INVALID_ARGUMENT: order_id: must have at most 256 bytes, not 257",
	} {
		for order, err := range s.WatchOrder(t.Context(), &shoppb.WatchOrderRequest{OrderId: id}) {
			if order != nil || err == nil || err.Error() != want {
				t.Errorf("%q: %v, %v, want %s", id, order, err, want)
			}
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	next, stop := follow(ctx, s)
	defer stop()
	expectNext(t, next, shoppb.OrderStatus_ORDER_STATUS_PAID)
	cancel()
	if order, err, _ := next(); farcall.CodeOf(err) != farcall.Canceled {
		t.Errorf("after the caller has left: %v, %v", order, err)
	}

	next, stop = follow(t.Context(), s)
	defer stop()
	expectNext(t, next, shoppb.OrderStatus_ORDER_STATUS_PAID)
	s.EndWatches()
	if order, err, _ := next(); farcall.CodeOf(err) != farcall.Unavailable {
		t.Errorf("after the service's end: %v, %v", order, err)
	}
}
