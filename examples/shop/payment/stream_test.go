// SPDX-License-Identifier: Apache-2.0

package payment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// pay charges an order and returns the payment's id.
func pay(t *testing.T, s *Service, orderID string, units int64, currency string) string {
	t.Helper()
	request := charge("")
	request.OrderId, request.Amount = orderID, &shoppb.Money{CurrencyCode: currency, Units: units, Nanos: 10_000_000}
	receipt, err := s.Charge(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return receipt.GetPaymentId()
}

func refund(t *testing.T, s *Service, paymentID string) {
	t.Helper()
	if _, err := s.Refund(t.Context(), &shoppb.RefundRequest{PaymentId: paymentID}); err != nil {
		t.Fatal(err)
	}
}

// TestWatchPayments pulls two watches, of one order and of all.
func TestWatchPayments(t *testing.T) {
	s := newService()
	pay(t, s, "ord_1", 1, "EUR")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	one, stop := iter.Pull2(s.WatchPayments(ctx, &shoppb.WatchPaymentsRequest{OrderId: "ord_1"}))
	defer stop()
	expect := func(next func() (*shoppb.Payment, error, bool), want string) {
		t.Helper()
		payment, err, _ := next()
		if got := fmt.Sprint(payment.GetPaymentId(), " ", payment.GetStatus()); err != nil || got != want {
			t.Errorf("the watch has %s, %v; want %s", got, err, want)
		}
	}
	expect(one, "pay_1 PAYMENT_STATUS_CHARGED")

	all, err := s.store.Watch(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	pay(t, s, "ord_2", 2, "EUR")
	pay(t, s, "ord_1", 3, "EUR")
	refund(t, s, "pay_1")
	refund(t, s, "pay_1") // changes nothing
	refund(t, s, "pay_3")
	expect(one, "pay_3 PAYMENT_STATUS_CHARGED") // a slow watcher misses nothing
	expect(one, "pay_1 PAYMENT_STATUS_REFUNDED")
	expect(one, "pay_3 PAYMENT_STATUS_REFUNDED")
	everything := func() (*shoppb.Payment, error, bool) { payment, err := all.Next(ctx); return payment, err, true }
	expect(everything, "pay_2 PAYMENT_STATUS_CHARGED")
	expect(everything, "pay_3 PAYMENT_STATUS_CHARGED")
	expect(everything, "pay_1 PAYMENT_STATUS_REFUNDED")
	expect(everything, "pay_3 PAYMENT_STATUS_REFUNDED")

	cancel()
	if payment, err, _ := one(); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller has left: %v, %v", payment, err)
	}
	s.EndWatches()
	for payment, err := range s.WatchPayments(t.Context(), &shoppb.WatchPaymentsRequest{}) {
		if farcall.CodeOf(err) != farcall.Unavailable {
			t.Errorf("after the service's end: %v, %v", payment, err)
		}
	}
	for payment, err := range s.WatchPayments(t.Context(), &shoppb.WatchPaymentsRequest{OrderId: strings.Repeat("x", 257)}) {
		if farcall.CodeOf(err) != farcall.InvalidArgument {
			t.Errorf("of an id that is too long: %v, %v", payment, err)
		}
	}
}

// each yields messages, and then the error unless it is nil.
func each[Message any](err error, messages ...*Message) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for _, message := range messages {
			if !yield(message, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// record is a line of the bank's, with one hundredth more than the units.
func record(paymentID string, status shoppb.PaymentStatus, units int64, currency string) *shoppb.SettleRecord {
	return &shoppb.SettleRecord{PaymentId: paymentID, Status: status,
		Amount: &shoppb.Money{CurrencyCode: currency, Units: units, Nanos: 10_000_000}}
}

const (
	came     = shoppb.PaymentStatus_PAYMENT_STATUS_CHARGED
	wentBack = shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED
)

func TestSettle(t *testing.T) {
	s := newService()
	for i, currency := range []string{"EUR", "USD", "EUR"} {
		pay(t, s, "ord_1", int64(i)+1, currency)
	}
	refund(t, s, "pay_3")
	mixed := record("pay_1", came, 1, "EUR")
	mixed.Amount.Nanos = -1
	summary, err := s.Settle(t.Context(), each(nil,
		record("pay_1", came, 1, "EUR"),
		record("pay_2", came, 2, "USD"),
		record("pay_3", came, 3, "EUR"),
		record("pay_3", wentBack, 3, "EUR"),
		record("pay_1", came, 1, "EUR"),
		record("pay_1", wentBack, 1, "EUR"),
		record("pay_2", came, 3, "USD"),
		record("pay_2", came, 2, "EUR"),
		record("pay_9", came, 2, "EUR"),
		record("pay_1", 0, 1, "EUR"),
		record("pay_1", came, -5, "EUR"),
		mixed,
		&shoppb.SettleRecord{PaymentId: strings.Repeat("ü", 200), Status: came},
	))
	want := &shoppb.SettleSummary{}
	if err := prototext.Unmarshal([]byte(`
		records: 13  matched: 4
		charged: {currency_code: "EUR" units: 4 nanos: 20000000}
		charged: {currency_code: "USD" units: 2 nanos: 10000000}
		refunded: {currency_code: "EUR" units: 3 nanos: 10000000}
		mismatches: {record: 5 payment_id: "pay_1" reason: "a record before says the same"}
		mismatches: {record: 6 payment_id: "pay_1" reason: "the payment has not been refunded"}
		mismatches: {record: 7 payment_id: "pay_2" reason: "the payment is of 2.01 USD, not 3.01 USD"}
		mismatches: {record: 8 payment_id: "pay_2" reason: "the payment is of 2.01 USD, not 2.01 EUR"}
		mismatches: {record: 9 payment_id: "pay_9" reason: "there is no such payment"}
		mismatches: {record: 10 payment_id: "pay_1" reason: "status: must say whether the money came or went back, which PAYMENT_STATUS_UNSPECIFIED does not"}
		mismatches: {record: 11 payment_id: "pay_1" reason: "amount: units and nanos have different signs: -5 and 10000000"}
		mismatches: {record: 12 payment_id: "pay_1" reason: "amount: units and nanos have different signs: 1 and -1"}
		mismatches: {record: 13 payment_id: "`+strings.Repeat("ü", 128)+`" reason: "payment_id: must have at most 256 bytes, not 400 (and 1 more)"}
	`), want); err != nil {
		t.Fatal(err)
	}
	if err != nil || !proto.Equal(summary, want) {
		t.Errorf("the summary is %v\n%v\nwant %v", summary, err, want)
	}

	if summary, err := s.Settle(t.Context(), each[shoppb.SettleRecord](nil)); err != nil || !proto.Equal(summary, &shoppb.SettleSummary{}) {
		t.Errorf("of nothing: %v, %v", summary, err)
	}
	failure := farcall.Errorf(farcall.DataLoss, "the rest is lost")
	if summary, err := s.Settle(t.Context(), each(failure, record("pay_1", came, 1, "EUR"))); summary != nil || !errors.Is(err, farcall.DataLoss) {
		t.Errorf("of records that end with an error: %v, %v", summary, err)
	}
}

func TestMismatchesAreBounded(t *testing.T) {
	records := make([]*shoppb.SettleRecord, mostMismatches+7)
	for i := range records {
		records[i] = record("pay_9", came, 1, "EUR")
	}
	summary, err := newService().Settle(t.Context(), each(nil, records...))
	if err != nil || len(summary.GetMismatches()) != mostMismatches || summary.GetMoreMismatches() != 7 {
		t.Errorf("%d mismatches and %d more, %v", len(summary.GetMismatches()), summary.GetMoreMismatches(), err)
	}
}

// said is what a customer says, in prototext.
func said(t *testing.T, texts ...string) (messages []*shoppb.DisputeMessage) {
	t.Helper()
	for _, text := range texts {
		message := &shoppb.DisputeMessage{}
		if err := prototext.Unmarshal([]byte(text), message); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, message)
	}
	return messages
}

func TestDispute(t *testing.T) {
	const opening = `payment_id: "pay_1" text: "I have sent it back"`
	for _, test := range []struct {
		name string
		said []string
		want string // the statuses of the answers, and the error
		paid shoppb.PaymentStatus
	}{
		{"evidence at once", []string{`payment_id: "pay_1" evidence: "parcel 7"`, opening}, "REFUNDED", wentBack},
		{"evidence when asked", []string{opening, `evidence: "parcel 7"`}, "OPEN REFUNDED", wentBack},
		{"evidence at last", []string{opening, `text: "please"`, `evidence: "parcel 7"`}, "OPEN OPEN REFUNDED", wentBack},
		{"no evidence", []string{opening, `text: "please"`, `text: "please!"`, `evidence: "too late"`}, "OPEN OPEN REJECTED", came},
		{"withdrawn", []string{opening, `status: DISPUTE_STATUS_WITHDRAWN`, `evidence: "x"`}, "OPEN WITHDRAWN", came},
		{"no more to say", []string{opening}, "OPEN WITHDRAWN", came},
		{"nothing", nil, "INVALID_ARGUMENT: the dispute has no message: the first one names the payment", came},
		{"no payment", []string{`text: "give it back"`}, "INVALID_ARGUMENT: payment_id: is missing in the first message", came},
		{"another payment", []string{opening, `payment_id: "pay_2"`}, "OPEN INVALID_ARGUMENT: payment_id: must be pay_1 as in the first message, or left out", came},
		{"the service's word", []string{opening, `status: DISPUTE_STATUS_REFUNDED`}, "OPEN INVALID_ARGUMENT: status: is for the service to say; a customer can only withdraw", came},
		{"unknown payment", []string{`payment_id: "pay_9"`}, `NOT_FOUND: there is no payment "pay_9"`, came},
		{"refunded already", []string{`payment_id: "pay_2"`}, "FAILED_PRECONDITION: payment pay_2 is refunded already: there is nothing to dispute", came},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newService()
			pay(t, s, "ord_1", 1, "EUR")
			refund(t, s, pay(t, s, "ord_1", 2, "EUR"))
			var got []string
			for answer, err := range s.Dispute(t.Context(), each(nil, said(t, test.said...)...)) {
				if err != nil {
					got = append(got, err.Error())
					continue
				}
				status := strings.TrimPrefix(answer.GetStatus().String(), "DISPUTE_STATUS_")
				got = append(got, status)
				if answer.GetPaymentId() != "pay_1" || answer.GetText() == "" || (answer.GetPayment() == nil) != (status == "OPEN") {
					t.Errorf("an answer is %v", answer)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("the answers are %s\nwant %s", strings.Join(got, " "), test.want)
			}
			if payment, err := s.GetPayment(t.Context(), &shoppb.GetPaymentRequest{PaymentId: "pay_1"}); err != nil || payment.GetStatus() != test.paid {
				t.Errorf("the payment is %v, %v", payment, err)
			}
		})
	}
	for answer, err := range newService().Dispute(t.Context(), each[shoppb.DisputeMessage](io.ErrUnexpectedEOF)) {
		if err != io.ErrUnexpectedEOF {
			t.Errorf("of a conversation that breaks off: %v, %v", answer, err)
		}
	}
}
