// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// pay has an unpaid order paid, and returns what became of it. Of several requests for one order the first one pays;
// the others wait and find it paid.
func (s *Service) pay(ctx context.Context, orderID string, req *shoppb.CreateOrderRequest) (*shoppb.Order, error) {
	done, err := s.turns.take(ctx, orderID)
	if err != nil {
		return nil, fmt.Errorf("waiting for another request that pays order %s: %w", orderID, err)
	}
	defer done()
	record, err := s.store.Find(ctx, orderID)
	if err != nil {
		return nil, err
	}
	switch record.Order.GetStatus() {
	case shoppb.OrderStatus_ORDER_STATUS_AWAITING_PAYMENT:
		return s.charge(ctx, record.Order, req)
	case shoppb.OrderStatus_ORDER_STATUS_DECLINED:
		return nil, declined(orderID)
	}
	return proto.CloneOf(record.Order), nil
}

// charge makes the call that this example is about.
func (s *Service) charge(ctx context.Context, order *shoppb.Order, req *shoppb.CreateOrderRequest) (*shoppb.Order, error) {
	chargeContext, cancel := context.WithTimeout(ctx, s.options.PaymentTimeout)
	defer cancel()
	receipt, err := s.payments.Charge(chargeContext, &shoppb.ChargeRequest{
		IdempotencyKey: chargeKey(order.GetOrderId()),
		OrderId:        order.GetOrderId(),
		CardToken:      req.GetCardToken(),
		Amount:         order.GetTotal(),
		Items:          order.GetItems(),
	})
	switch {
	case givenUp(receipt, err):
		// An earlier try to cancel did its work at the payment service, but the answer was lost.
		return s.finish(ctx, order, shoppb.OrderStatus_ORDER_STATUS_CANCELLED, receipt.GetPaymentId())
	case errors.Is(err, farcall.FailedPrecondition):
		if _, err := s.finish(ctx, order, shoppb.OrderStatus_ORDER_STATUS_DECLINED, ""); err != nil {
			return nil, err
		}
		return nil, declined(order.GetOrderId())
	}
	if err == nil && receipt.GetPaymentId() == "" {
		err = farcall.Errorf(farcall.Internal, "the receipt has no payment_id")
	}
	if err != nil {
		advice := "send the same order with the same idempotency_key again"
		if req.GetIdempotencyKey() == "" {
			advice = "cancel it before you order again, since it has no idempotency_key"
		}
		return nil, s.paymentFailed(ctx, err, "order %s is kept, but not paid: %s", order.GetOrderId(), advice)
	}
	return s.finish(ctx, order, shoppb.OrderStatus_ORDER_STATUS_PAID, receipt.GetPaymentId())
}

// givenUp says whether a Charge has found its money given back already, or its key used up by a refund.
func givenUp(receipt *shoppb.ChargeResponse, err error) bool {
	if err == nil {
		return receipt.GetStatus() == shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED
	}
	info, ok := farcall.Detail[*errdetails.ErrorInfo](err)
	return ok && info.GetReason() == "CHARGE_GIVEN_UP"
}

// chargeKey is the idempotency key of the one charge that an order ever has: whoever sends it, and however often, the
// money is taken once.
func chargeKey(orderID string) string { return "order/" + orderID }

// finish keeps what became of an order, also if whoever asked for it has gone meanwhile, and returns the order.
func (s *Service) finish(ctx context.Context, order *shoppb.Order, status shoppb.OrderStatus, paymentID string) (*shoppb.Order, error) {
	changed := proto.CloneOf(order)
	changed.Status = status
	if paymentID != "" {
		changed.PaymentId = paymentID
	}
	if err := s.store.Update(context.WithoutCancel(ctx), changed); err != nil {
		return nil, err
	}
	return proto.CloneOf(changed), nil
}

func declined(orderID string) error {
	return farcall.NewError(farcall.FailedPrecondition,
		fmt.Sprintf("order %s was not paid: the bank declined the card; order again with another card", orderID),
		&errdetails.ErrorInfo{Reason: "CARD_DECLINED", Domain: "orders.shop", Metadata: map[string]string{"order_id": orderID}})
}

// paymentFailed returns what the customer is told where the payment service gave no usable answer, and logs what it
// said. ctx is the customer's own: if that has ended, there is nobody left to try again.
func (s *Service) paymentFailed(ctx context.Context, err error, format string, arguments ...any) error {
	message := fmt.Sprintf(format, arguments...)
	s.options.Log.WarnContext(ctx, "the payment service failed", "error", err, "consequence", message)
	switch code := farcall.CodeOf(err); {
	case ctx.Err() != nil:
		return farcall.Errorf(farcall.CodeOf(ctx.Err()), "%s: %w", message, ctx.Err())
	case code == farcall.Unavailable, code == farcall.DeadlineExceeded, code == farcall.Canceled,
		code == farcall.Aborted, code == farcall.ResourceExhausted:
		return farcall.NewError(farcall.Unavailable, "the payment service cannot be reached; "+message,
			&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	}
	return farcall.Errorf(farcall.Internal, "the payment service failed; %s", message)
}
