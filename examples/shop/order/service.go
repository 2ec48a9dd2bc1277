// SPDX-License-Identifier: Apache-2.0

// Package order is the shop's order service: it takes orders and has them paid.
//
// It is a Go struct with the methods of the generated interface, and it pays by calling a shoppb.Payments: a stub in the
// running shop, the payment service itself or a few lines in a test. It cannot tell them apart.
package order

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/internal/bill"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Options are the service's settings; the zero value is ready.
type Options struct {
	PaymentTimeout time.Duration    // how long one call of the payment service may take; 0: 2 s
	Log            *slog.Logger     // told why the payment service failed; nil: nobody is
	Now            func() time.Time // nil: the system's clock
	NewID          func() string    // makes an order's id; nil: "ord_" and random letters
}

// Service implements shoppb.Orders.
type Service struct {
	store    Store
	payments shoppb.Payments
	options  Options
	turns    turns
}

var _ shoppb.Orders = (*Service)(nil)

// New returns a service that keeps its orders in store and has them paid by payments.
func New(store Store, payments shoppb.Payments, options Options) *Service {
	if options.PaymentTimeout == 0 {
		options.PaymentTimeout = 2 * time.Second
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.NewID == nil {
		options.NewID = func() string { return "ord_" + strings.ToLower(rand.Text()[:16]) }
	}
	return &Service{store: store, payments: payments, options: options}
}

// CreateOrder keeps an order, has it paid, and returns it. The order is kept before it is paid, so that it is known
// whatever happens.
func (s *Service) CreateOrder(ctx context.Context, req *shoppb.CreateOrderRequest) (*shoppb.Order, error) {
	total, err := checkCreate(req)
	if err != nil {
		return nil, err
	}
	fingerprint, err := bill.Fingerprint(req)
	if err != nil {
		return nil, err
	}
	kept, added, err := s.store.Add(ctx, Record{
		Key: req.GetIdempotencyKey(), Fingerprint: fingerprint, Order: &shoppb.Order{
			OrderId: s.options.NewID(), Customer: req.GetCustomer(), Items: cloneItems(req.GetItems()),
			Total: bill.Message(total), Status: shoppb.OrderStatus_ORDER_STATUS_AWAITING_PAYMENT,
			CreateTime: timestamppb.New(s.options.Now()),
		},
	})
	if err != nil {
		return nil, err
	}
	if !added && kept.Fingerprint != fingerprint {
		return nil, farcall.Errorf(farcall.AlreadyExists,
			"the idempotency_key belongs to another order, %s: a new order needs a new key", kept.Order.GetOrderId())
	}
	return s.pay(ctx, kept.Order.GetOrderId(), req)
}

func cloneItems(items []*shoppb.LineItem) []*shoppb.LineItem {
	clones := make([]*shoppb.LineItem, len(items))
	for i, item := range items {
		clones[i] = proto.CloneOf(item)
	}
	return clones
}

// GetOrder returns one order.
func (s *Service) GetOrder(ctx context.Context, req *shoppb.GetOrderRequest) (*shoppb.Order, error) {
	if err := checkGet(req); err != nil {
		return nil, err
	}
	record, err := s.store.Find(ctx, req.GetOrderId())
	if err != nil {
		return nil, err
	}
	return proto.CloneOf(record.Order), nil
}
