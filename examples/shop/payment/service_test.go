// SPDX-License-Identifier: Apache-2.0

package payment

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// newService numbers its payments and stands still in time.
func newService() *Service {
	var mu sync.Mutex
	made := 0
	return New(NewMemory(), Options{
		Now: func() time.Time { return noon },
		NewID: func() string {
			mu.Lock()
			defer mu.Unlock()
			made++
			return fmt.Sprintf("pay_%d", made)
		},
	})
}

func charge(key string) *shoppb.ChargeRequest {
	return &shoppb.ChargeRequest{IdempotencyKey: key, OrderId: "ord_1", CardToken: "tok_visa_4242",
		Amount: &shoppb.Money{CurrencyCode: "EUR", Units: 28, Nanos: 500_000_000}}
}

func TestChargeThenGetThenRefund(t *testing.T) {
	s, ctx := newService(), context.Background()
	receipt, err := s.Charge(ctx, charge("k"))
	if err != nil {
		t.Fatal(err)
	}
	want := &shoppb.ChargeResponse{PaymentId: "pay_1", Amount: charge("").Amount,
		Status: shoppb.PaymentStatus_PAYMENT_STATUS_CHARGED, CreateTimeMs: noon.UnixMilli()}
	if !proto.Equal(receipt, want) {
		t.Errorf("the receipt is %v, want %v", receipt, want)
	}
	before, err := s.GetPayment(ctx, &shoppb.GetPaymentRequest{PaymentId: "pay_1"})
	if err != nil || before.GetOrderId() != "ord_1" || before.GetRefundTime() != nil {
		t.Errorf("GetPayment: %v, %v", before, err)
	}
	for range 2 { // the second time is no mistake
		refund, err := s.Refund(ctx, &shoppb.RefundRequest{PaymentId: "pay_1"})
		if err != nil || refund.GetPayment().GetStatus() != shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED {
			t.Errorf("Refund: %v, %v", refund, err)
		}
	}
	after, err := s.GetPayment(ctx, &shoppb.GetPaymentRequest{PaymentId: "pay_1"})
	if err != nil || after.GetStatus() != shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED || !after.GetRefundTime().AsTime().Equal(noon) {
		t.Errorf("GetPayment after the refund: %v, %v", after, err)
	}
	if before.GetStatus() != shoppb.PaymentStatus_PAYMENT_STATUS_CHARGED {
		t.Error("the refund changed a payment that was handed out before")
	}
}

func TestAKeyIsChargedOnce(t *testing.T) {
	s, ctx := newService(), context.Background()
	const callers = 50
	ids := make([]string, callers)
	var calls sync.WaitGroup
	for i := range callers {
		calls.Go(func() {
			receipt, err := s.Charge(ctx, charge("k"))
			if err != nil {
				t.Error(err)
			}
			ids[i] = receipt.GetPaymentId()
		})
	}
	calls.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("one key made the payments %s and %s", ids[0], id)
		}
	}
	other := charge("k")
	other.Amount.Units++
	if receipt, err := s.Charge(ctx, other); farcall.CodeOf(err) != farcall.AlreadyExists || !strings.Contains(err.Error(), ids[0]) {
		t.Errorf("another charge with the key: %v, %v; want ALREADY_EXISTS naming %s", receipt, err, ids[0])
	}
}

func TestWithoutAKeyEveryChargeIsItsOwn(t *testing.T) {
	s, ctx := newService(), context.Background()
	first, err1 := s.Charge(ctx, charge(""))
	second, err2 := s.Charge(ctx, charge(""))
	if err1 != nil || err2 != nil || first.GetPaymentId() == second.GetPaymentId() {
		t.Errorf("two charges: %v, %v and %v, %v", first, err1, second, err2)
	}
}

func TestADeclinedCard(t *testing.T) {
	s, ctx := newService(), context.Background()
	request := charge("k")
	request.CardToken = "tok_declined"
	receipt, err := s.Charge(ctx, request)
	if farcall.CodeOf(err) != farcall.FailedPrecondition {
		t.Fatalf("a declined card: %v, %v; want FAILED_PRECONDITION", receipt, err)
	}
	if info, ok := farcall.Detail[*errdetails.ErrorInfo](err); !ok || info.Reason != "CARD_DECLINED" {
		t.Errorf("the error's detail is %v, want CARD_DECLINED", info)
	}
	if payment, err := s.GetPayment(ctx, &shoppb.GetPaymentRequest{PaymentId: "pay_1"}); farcall.CodeOf(err) != farcall.NotFound {
		t.Errorf("a declined card left the payment %v, %v", payment, err)
	}
	if _, err := s.Charge(ctx, charge("k")); err != nil {
		t.Errorf("the key of a declined charge cannot be used with another card: %v", err)
	}
}

func TestRefundByKey(t *testing.T) {
	ctx := context.Background()
	t.Run("after the charge", func(t *testing.T) {
		s := newService()
		if _, err := s.Charge(ctx, charge("k")); err != nil {
			t.Fatal(err)
		}
		refund, err := s.Refund(ctx, &shoppb.RefundRequest{ChargeKey: "k"})
		if err != nil || refund.GetPayment().GetPaymentId() != "pay_1" ||
			refund.GetPayment().GetStatus() != shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED {
			t.Errorf("the refund is %v, %v", refund, err)
		}
	})
	t.Run("before the charge", func(t *testing.T) {
		s := newService()
		for range 2 {
			if refund, err := s.Refund(ctx, &shoppb.RefundRequest{ChargeKey: "k"}); err != nil || refund.GetPayment() != nil {
				t.Errorf("the refund is %v, %v; want no payment and no error", refund, err)
			}
		}
		if receipt, err := s.Charge(ctx, charge("k")); farcall.CodeOf(err) != farcall.FailedPrecondition {
			t.Errorf("the charge that came late: %v, %v; want FAILED_PRECONDITION", receipt, err)
		}
	})
}

func TestBadRequests(t *testing.T) {
	s, ctx := newService(), context.Background()
	change := func(f func(*shoppb.ChargeRequest)) error {
		request := charge("k")
		f(request)
		_, err := s.Charge(ctx, request)
		return err
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"nothing at all":  {change(func(r *shoppb.ChargeRequest) { proto.Reset(r) }), "order_id: is missing (and 2 more)"},
		"no card":         {change(func(r *shoppb.ChargeRequest) { r.CardToken = "" }), "card_token: is missing: name the card that pays, such as tok_visa_4242"},
		"a card's number": {change(func(r *shoppb.ChargeRequest) { r.CardToken = "4242424242424242" }), "card_token: must be the bank's token for a card, such as tok_visa_4242"},
		"no amount":       {change(func(r *shoppb.ChargeRequest) { r.Amount = nil }), "amount: is missing"},
		"nothing":         {change(func(r *shoppb.ChargeRequest) { r.Amount.Units, r.Amount.Nanos = 0, 0 }), "amount: must be more than nothing, not 0.00 EUR"},
		"less":            {change(func(r *shoppb.ChargeRequest) { r.Amount.Units, r.Amount.Nanos = -1, 0 }), "amount: must be more than nothing, not -1.00 EUR"},
		"bad currency":    {change(func(r *shoppb.ChargeRequest) { r.Amount.CurrencyCode = "€" }), `amount: a currency is three capital letters, such as EUR, not "€"`},
		"other items": {change(func(r *shoppb.ChargeRequest) {
			r.Items = []*shoppb.LineItem{{Sku: "TEA", Quantity: 2, UnitPrice: &shoppb.Money{CurrencyCode: "EUR", Units: 14}}}
		}), "amount: must be what the items cost together, 28.00 EUR, not 28.50 EUR"},
		"long key": {change(func(r *shoppb.ChargeRequest) { r.IdempotencyKey = strings.Repeat("k", 257) }), "idempotency_key: must have at most 256 bytes, not 257"},
		"refund of nothing": {func() error { _, err := s.Refund(ctx, &shoppb.RefundRequest{}); return err }(),
			"payment_id: is missing"},
		"refund of two": {func() error {
			_, err := s.Refund(ctx, &shoppb.RefundRequest{PaymentId: "p", ChargeKey: "k"})
			return err
		}(), "charge_key: must be left out where payment_id is given"},
		"get nothing": {func() error { _, err := s.GetPayment(ctx, &shoppb.GetPaymentRequest{}); return err }(),
			"payment_id: is missing"},
	} {
		if want := "INVALID_ARGUMENT: " + test.want; test.err == nil || test.err.Error() != want {
			t.Errorf("%s: %v\nwant %s", name, test.err, want)
		}
		if detail, ok := farcall.Detail[*errdetails.BadRequest](test.err); !ok || len(detail.FieldViolations) == 0 {
			t.Errorf("%s: the error has no BadRequest detail", name)
		}
	}
}

func TestUnknownPayments(t *testing.T) {
	s, ctx := newService(), context.Background()
	const want = `NOT_FOUND: there is no payment "pay_9"`
	if _, err := s.GetPayment(ctx, &shoppb.GetPaymentRequest{PaymentId: "pay_9"}); err == nil || err.Error() != want {
		t.Errorf("GetPayment: %v, want %s", err, want)
	}
	if _, err := s.Refund(ctx, &shoppb.RefundRequest{PaymentId: "pay_9"}); err == nil || err.Error() != want {
		t.Errorf("Refund: %v, want %s", err, want)
	}
}

func TestIDsAreRandom(t *testing.T) {
	s := New(NewMemory(), Options{})
	first, err1 := s.Charge(context.Background(), charge(""))
	second, err2 := s.Charge(context.Background(), charge(""))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if first.GetPaymentId() == second.GetPaymentId() || !strings.HasPrefix(first.GetPaymentId(), "pay_") {
		t.Errorf("the ids are %q and %q", first.GetPaymentId(), second.GetPaymentId())
	}
}
