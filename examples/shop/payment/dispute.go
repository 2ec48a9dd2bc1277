// SPDX-License-Identifier: Apache-2.0

package payment

import (
	"context"
	"fmt"
	"iter"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/internal/bill"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/protobuf/proto"
)

// mostPleas is how often a customer may write without evidence before the dispute is rejected.
const mostPleas = 3

// Dispute answers each of a customer's messages, until the dispute is decided.
func (s *Service) Dispute(ctx context.Context, in iter.Seq2[*shoppb.DisputeMessage, error]) iter.Seq2[*shoppb.DisputeMessage, error] {
	return func(yield func(*shoppb.DisputeMessage, error) bool) {
		d := dispute{service: s}
		for said, err := range in {
			if err != nil {
				yield(nil, err)
				return
			}
			answer, err := d.hear(ctx, said)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(answer, nil) || answer.GetStatus() != shoppb.DisputeStatus_DISPUTE_STATUS_OPEN {
				return
			}
		}
		if d.payment == nil {
			yield(nil, farcall.Errorf(farcall.InvalidArgument, "the dispute has no message: the first one names the payment"))
			return
		}
		yield(d.decide(shoppb.DisputeStatus_DISPUTE_STATUS_WITHDRAWN, "You have no more to say, so the dispute is withdrawn."), nil)
	}
}

// dispute is a conversation about one payment. It belongs to the goroutine that ranges it.
type dispute struct {
	service *Service
	payment *shoppb.Payment // nil until the first message
	pleas   int
}

// hear returns the answer to a customer's message.
func (d *dispute) hear(ctx context.Context, said *shoppb.DisputeMessage) (*shoppb.DisputeMessage, error) {
	if err := checkDispute(said, d.payment); err != nil {
		return nil, err
	}
	if d.payment == nil {
		if err := d.open(ctx, said.GetPaymentId()); err != nil {
			return nil, err
		}
	}
	switch {
	case said.GetStatus() == shoppb.DisputeStatus_DISPUTE_STATUS_WITHDRAWN:
		return d.decide(shoppb.DisputeStatus_DISPUTE_STATUS_WITHDRAWN, "The dispute is withdrawn."), nil
	case said.GetEvidence() != "":
		record, err := d.service.store.Refund(ctx, d.payment.GetPaymentId(), d.service.now())
		if err != nil {
			return nil, err
		}
		d.payment = record.Payment
		return d.decide(shoppb.DisputeStatus_DISPUTE_STATUS_REFUNDED,
			fmt.Sprintf("%v are on their way back to your card.", bill.Amount(d.payment.GetAmount()))), nil
	}
	if d.pleas++; d.pleas == mostPleas {
		return d.decide(shoppb.DisputeStatus_DISPUTE_STATUS_REJECTED, "Without evidence the dispute is rejected."), nil
	}
	return &shoppb.DisputeMessage{PaymentId: d.payment.GetPaymentId(), Status: shoppb.DisputeStatus_DISPUTE_STATUS_OPEN,
		Text: fmt.Sprintf("What proves that the %v for order %s are yours? Send a number or a photo's address as evidence.",
			bill.Amount(d.payment.GetAmount()), d.payment.GetOrderId())}, nil
}

// open begins the dispute.
func (d *dispute) open(ctx context.Context, paymentID string) error {
	record, err := d.service.store.Find(ctx, paymentID)
	switch {
	case err != nil:
		return err
	case record.Payment.GetStatus() == shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED:
		return farcall.Errorf(farcall.FailedPrecondition, "payment %s is refunded already: there is nothing to dispute", paymentID)
	}
	d.payment = record.Payment
	return nil
}

// decide returns the last answer.
func (d *dispute) decide(status shoppb.DisputeStatus, text string) *shoppb.DisputeMessage {
	return &shoppb.DisputeMessage{PaymentId: d.payment.GetPaymentId(), Status: status, Text: text, Payment: proto.CloneOf(d.payment)}
}
