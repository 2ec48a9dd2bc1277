// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/payment"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// bank counts what the payment service behind it did, and loses requests and answers on demand.
type bank struct {
	shoppb.Payments
	down    func() (requestLost, answerLost bool)
	balance map[string]int  // charges less refunds, by order
	charges map[string]int  // payments that were made, by order
	held    map[string]bool // whether a payment's money is here, by payment
}

func newBank() *bank {
	return &bank{
		Payments: payment.New(payment.NewMemory(), payment.Options{}),
		down:     func() (bool, bool) { return false, false },
		balance:  make(map[string]int), charges: make(map[string]int), held: make(map[string]bool),
	}
}

func (b *bank) Charge(ctx context.Context, req *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
	requestLost, answerLost := b.down()
	if requestLost {
		return nil, farcall.Unavailable
	}
	receipt, err := b.Payments.Charge(ctx, req)
	if _, again := b.held[receipt.GetPaymentId()]; err == nil && !again {
		b.held[receipt.GetPaymentId()] = true
		b.charges[req.GetOrderId()]++
		b.balance[req.GetOrderId()]++
	}
	if answerLost {
		return nil, farcall.Unavailable
	}
	return receipt, err
}

func (b *bank) Refund(ctx context.Context, req *shoppb.RefundRequest) (*shoppb.RefundResponse, error) {
	requestLost, answerLost := b.down()
	if requestLost {
		return nil, farcall.Unavailable
	}
	refund, err := b.Payments.Refund(ctx, req)
	if paymentID := refund.GetPayment().GetPaymentId(); err == nil && b.held[paymentID] {
		b.held[paymentID] = false
		b.balance[refund.GetPayment().GetOrderId()]--
	}
	if answerLost {
		return nil, farcall.Unavailable
	}
	return refund, err
}

func TestCancellingRefunds(t *testing.T) {
	ctx, bank := context.Background(), newBank()
	s := New(NewMemory(), bank, Options{NewID: func() string { return "ord_1" }})
	if _, err := s.CreateOrder(ctx, tea("k")); err != nil || bank.balance["ord_1"] != 1 {
		t.Fatalf("the order: %v, %v", err, bank.balance)
	}
	bank.down = func() (bool, bool) { return true, false }
	if order, err := s.CancelOrder(ctx, &shoppb.CancelOrderRequest{OrderId: "ord_1"}); farcall.CodeOf(err) != farcall.Unavailable {
		t.Errorf("cancelling while the payment service is down: %v, %v; want UNAVAILABLE", order, err)
	}
	expectStatus(t, s, "ord_1", shoppb.OrderStatus_ORDER_STATUS_PAID)
	bank.down = func() (bool, bool) { return false, false }
	for range 2 { // the second time is no mistake
		order, err := s.CancelOrder(ctx, &shoppb.CancelOrderRequest{OrderId: "ord_1", Reason: "too late"})
		if err != nil || order.GetStatus() != shoppb.OrderStatus_ORDER_STATUS_CANCELLED || bank.balance["ord_1"] != 0 {
			t.Errorf("CancelOrder: %v, %v, %v", order, err, bank.balance)
		}
	}
	order, err := s.CreateOrder(ctx, tea("k"))
	if err != nil || order.GetStatus() != shoppb.OrderStatus_ORDER_STATUS_CANCELLED || bank.balance["ord_1"] != 0 {
		t.Errorf("a cancelled order that is sent again: %v, %v, %v", order, err, bank.balance)
	}
}

func TestCancellingWhatWasChargedUnknowingly(t *testing.T) {
	ctx, bank := context.Background(), newBank()
	s := New(NewMemory(), bank, Options{NewID: func() string { return "ord_1" }})
	bank.down = func() (bool, bool) { return false, true }
	if _, err := s.CreateOrder(ctx, tea("k")); farcall.CodeOf(err) != farcall.Unavailable || bank.balance["ord_1"] != 1 {
		t.Fatalf("the order: %v, %v; want UNAVAILABLE, and the money taken", err, bank.balance)
	}
	bank.down = func() (bool, bool) { return false, false }
	order, err := s.CancelOrder(ctx, &shoppb.CancelOrderRequest{OrderId: "ord_1"})
	if err != nil || order.GetStatus() != shoppb.OrderStatus_ORDER_STATUS_CANCELLED || bank.balance["ord_1"] != 0 || order.GetPaymentId() == "" {
		t.Errorf("CancelOrder: %v, %v, %v", order, err, bank.balance)
	}
}

func TestCancellingADeclinedOrder(t *testing.T) {
	ctx, bank := context.Background(), newBank()
	s := New(NewMemory(), bank, Options{NewID: func() string { return "ord_1" }})
	request := tea("k")
	request.CardToken = "tok_declined"
	if _, err := s.CreateOrder(ctx, request); farcall.CodeOf(err) != farcall.FailedPrecondition {
		t.Fatal(err)
	}
	order, err := s.CancelOrder(ctx, &shoppb.CancelOrderRequest{OrderId: "ord_1"})
	if err != nil || order.GetStatus() != shoppb.OrderStatus_ORDER_STATUS_CANCELLED {
		t.Errorf("CancelOrder: %v, %v", order, err)
	}
}

func TestCancellingAnUnknownOrder(t *testing.T) {
	s := New(NewMemory(), newBank(), Options{})
	const want = `NOT_FOUND: there is no order "ord_9"`
	if _, err := s.CancelOrder(context.Background(), &shoppb.CancelOrderRequest{OrderId: "ord_9"}); err == nil || err.Error() != want {
		t.Errorf("CancelOrder: %v, want %s", err, want)
	}
}

// TestMoneyAndOrdersAgree drives orders at random while the payment service loses requests and answers. Whatever
// happens, no order is ever charged twice, a paid order's money was taken and a cancelled order's money is back.
func TestMoneyAndOrdersAgree(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 7))
		bank := newBank()
		bank.down = func() (bool, bool) { return random.IntN(4) == 0, random.IntN(4) == 0 }
		made := 0
		s := New(NewMemory(), bank, Options{NewID: func() string { made++; return fmt.Sprintf("ord_%d", made) }})
		before := make(map[string]shoppb.OrderStatus)
		for range 100 {
			if made == 0 || random.IntN(3) > 0 {
				request := tea(fmt.Sprintf("k%d", random.IntN(10)))
				if request.IdempotencyKey > "k7" {
					request.CardToken = "tok_declined"
				}
				_, _ = s.CreateOrder(ctx, request) // what it says is compared with the store below
			} else {
				_, _ = s.CancelOrder(ctx, &shoppb.CancelOrderRequest{OrderId: fmt.Sprintf("ord_%d", 1+random.IntN(made))})
			}
			page, err := s.ListOrders(ctx, &shoppb.ListOrdersRequest{PageSize: largestPage})
			if err != nil {
				t.Fatal(err)
			}
			for _, order := range page.GetOrders() {
				charges, balance := bank.charges[order.GetOrderId()], bank.balance[order.GetOrderId()]
				if charges > 1 {
					t.Fatalf("seed %d: order %s was charged %d times", seed, order.GetOrderId(), charges)
				}
				status, wrong := order.GetStatus(), false
				switch status {
				case shoppb.OrderStatus_ORDER_STATUS_DECLINED, shoppb.OrderStatus_ORDER_STATUS_CANCELLED:
					wrong = balance != 0
				case shoppb.OrderStatus_ORDER_STATUS_PAID:
					// It may stay paid with its money given back, if the refund's answer was lost; it never becomes so.
					wrong = charges != 1 || before[order.GetOrderId()] != status && balance != 1
				}
				before[order.GetOrderId()] = status
				if wrong {
					t.Fatalf("seed %d: order %s is %v, with %d charged and %d taken", seed, order.GetOrderId(), order.GetStatus(), charges, balance)
				}
			}
		}
	}
}
