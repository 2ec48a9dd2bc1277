// SPDX-License-Identifier: Apache-2.0

// Package payment is the shop's payment service: it takes money from cards and gives it back.
//
// Nothing in it knows of a network: it is a Go struct with the methods of the generated interface.
package payment

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/internal/bill"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The reasons in the google.rpc.ErrorInfo of a failed Charge; callers tell by them what a FAILED_PRECONDITION means.
const (
	reasonDeclined = "CARD_DECLINED"
	reasonGivenUp  = "CHARGE_GIVEN_UP"
)

// Options are the service's settings; the zero value is ready.
type Options struct {
	Now   func() time.Time // nil: the system's clock
	NewID func() string    // makes a payment's id; nil: "pay_" and random letters
}

// Service implements shoppb.Payments.
type Service struct {
	store Store
	now   func() time.Time
	newID func() string
}

var _ shoppb.Payments = (*Service)(nil)

// New returns a service that keeps its payments in store.
func New(store Store, options Options) *Service {
	s := &Service{store: store, now: options.Now, newID: options.NewID}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = func() string { return "pay_" + strings.ToLower(rand.Text()[:16]) }
	}
	return s
}

// Charge takes the amount from the card, once for each idempotency key.
func (s *Service) Charge(ctx context.Context, req *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
	if err := checkCharge(req); err != nil {
		return nil, err
	}
	if declines(req.GetCardToken()) {
		return nil, farcall.NewError(farcall.FailedPrecondition, "the bank declined the card",
			&errdetails.ErrorInfo{Reason: reasonDeclined, Domain: "payments.shop"})
	}
	fingerprint, err := bill.Fingerprint(req)
	if err != nil {
		return nil, err
	}
	record := Record{Key: req.GetIdempotencyKey(), Fingerprint: fingerprint, Payment: &shoppb.Payment{
		PaymentId: s.newID(), OrderId: req.GetOrderId(), Amount: bill.Message(bill.Amount(req.GetAmount())),
		Status: shoppb.PaymentStatus_PAYMENT_STATUS_CHARGED, CreateTime: timestamppb.New(s.now()),
	}}
	kept, added, err := s.store.Add(ctx, record)
	switch {
	case err != nil:
		return nil, err
	case kept.Payment == nil:
		return nil, farcall.NewError(farcall.FailedPrecondition,
			"the idempotency key was used up by a refund: this charge was given up before it came",
			&errdetails.ErrorInfo{Reason: reasonGivenUp, Domain: "payments.shop"})
	case !added && kept.Fingerprint != fingerprint:
		return nil, farcall.Errorf(farcall.AlreadyExists,
			"the idempotency key belongs to another charge, %s: a new charge needs a new key", kept.Payment.GetPaymentId())
	}
	return &shoppb.ChargeResponse{
		PaymentId: kept.Payment.GetPaymentId(), Amount: bill.Message(bill.Amount(kept.Payment.GetAmount())),
		Status: kept.Payment.GetStatus(), CreateTimeMs: kept.Payment.GetCreateTime().AsTime().UnixMilli(),
	}, nil
}

// declines is the bank.
func declines(cardToken string) bool { return strings.HasPrefix(cardToken, "tok_declined") }

// Refund gives the whole amount of a payment back, once.
func (s *Service) Refund(ctx context.Context, req *shoppb.RefundRequest) (*shoppb.RefundResponse, error) {
	if err := checkRefund(req); err != nil {
		return nil, err
	}
	paymentID := req.GetPaymentId()
	if paymentID == "" {
		// Whoever comes first, this or the charge, gets the key; the other one finds it taken.
		kept, _, err := s.store.Add(ctx, Record{Key: req.GetChargeKey()})
		if err != nil {
			return nil, err
		}
		if kept.Payment == nil {
			return &shoppb.RefundResponse{}, nil
		}
		paymentID = kept.Payment.GetPaymentId()
	}
	record, err := s.store.Refund(ctx, paymentID, s.now())
	if err != nil {
		return nil, err
	}
	return &shoppb.RefundResponse{Payment: proto.CloneOf(record.Payment)}, nil
}

// GetPayment returns what is known of a payment.
func (s *Service) GetPayment(ctx context.Context, req *shoppb.GetPaymentRequest) (*shoppb.Payment, error) {
	if err := checkGet(req); err != nil {
		return nil, err
	}
	record, err := s.store.Find(ctx, req.GetPaymentId())
	if err != nil {
		return nil, err
	}
	return proto.CloneOf(record.Payment), nil
}
