// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"fmt"

	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/protobuf/proto"
)

// CancelOrder cancels an order, after the money has been given back.
func (s *Service) CancelOrder(ctx context.Context, req *shoppb.CancelOrderRequest) (*shoppb.Order, error) {
	if err := checkCancel(req); err != nil {
		return nil, err
	}
	done, err := s.turns.take(ctx, req.GetOrderId())
	if err != nil {
		return nil, fmt.Errorf("waiting for another request that works on order %s: %w", req.GetOrderId(), err)
	}
	defer done()
	record, err := s.store.Find(ctx, req.GetOrderId())
	if err != nil {
		return nil, err
	}
	paymentID := ""
	switch record.Order.GetStatus() {
	case shoppb.OrderStatus_ORDER_STATUS_CANCELLED:
		return proto.CloneOf(record.Order), nil
	case shoppb.OrderStatus_ORDER_STATUS_PAID, shoppb.OrderStatus_ORDER_STATUS_AWAITING_PAYMENT:
		if paymentID, err = s.refund(ctx, record.Order, req.GetReason()); err != nil {
			return nil, err
		}
	}
	return s.finish(ctx, record.Order, shoppb.OrderStatus_ORDER_STATUS_CANCELLED, paymentID)
}

// refund gives an order's money back and returns the payment's id. An order that counts as unpaid may have been charged
// all the same, if the answer was lost: then the charge's key finds the payment, or makes sure that there never is one.
func (s *Service) refund(ctx context.Context, order *shoppb.Order, reason string) (paymentID string, err error) {
	refundContext, cancel := context.WithTimeout(ctx, s.options.PaymentTimeout)
	defer cancel()
	request := &shoppb.RefundRequest{PaymentId: order.GetPaymentId(), Reason: reason}
	if request.PaymentId == "" {
		request.ChargeKey = chargeKey(order.GetOrderId())
	}
	response, err := s.payments.Refund(refundContext, request)
	if err != nil {
		return "", s.paymentFailed(ctx, err, "order %s is not cancelled: try again", order.GetOrderId())
	}
	return response.GetPayment().GetPaymentId(), nil
}
