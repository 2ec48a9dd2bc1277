// SPDX-License-Identifier: Apache-2.0

package payment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/internal/bill"
	"github.com/farcall/farcall/examples/shop/internal/money"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// The limits of one Settle.
const (
	mostRecords    = 1_000_000
	mostMismatches = 100
)

// Settle compares a bank's records with the payments, and adds up what agrees.
func (s *Service) Settle(ctx context.Context, in iter.Seq2[*shoppb.SettleRecord, error]) (*shoppb.SettleSummary, error) {
	b := balance{service: s, seen: make(map[movement]bool), charged: make(map[string]money.Amount), refunded: make(map[string]money.Amount)}
	for record, err := range in {
		if err != nil {
			return nil, err
		}
		if b.summary.Records == mostRecords {
			return nil, farcall.Errorf(farcall.ResourceExhausted, "more than %d records: settle less at a time", mostRecords)
		}
		b.summary.Records++
		if err := b.add(ctx, record); err != nil {
			return nil, err
		}
	}
	b.summary.Charged, b.summary.Refunded = sums(b.charged), sums(b.refunded)
	return &b.summary, nil
}

// balance is a Settle at work.
type balance struct {
	service           *Service
	summary           shoppb.SettleSummary
	seen              map[movement]bool // of the records that agree
	charged, refunded map[string]money.Amount
}

// movement is money that comes once, or goes back once.
type movement struct {
	paymentID string
	status    shoppb.PaymentStatus
}

// add compares one record.
func (b *balance) add(ctx context.Context, record *shoppb.SettleRecord) error {
	reason, err := b.compare(ctx, record)
	switch {
	case err != nil:
		return err
	case reason != "":
		b.mismatch(record, reason)
		return nil
	}
	totals := b.charged
	if record.GetStatus() == shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED {
		totals = b.refunded
	}
	amount := bill.Amount(record.GetAmount())
	total := totals[amount.Currency]
	total.Currency = amount.Currency
	if total, err = total.Add(amount); err != nil {
		return farcall.Errorf(farcall.OutOfRange, "record %d: %w", b.summary.Records, err)
	}
	totals[amount.Currency] = total
	b.seen[movement{record.GetPaymentId(), record.GetStatus()}] = true
	b.summary.Matched++
	return nil
}

// compare returns what does not agree, "" if everything does. The error is the store's.
func (b *balance) compare(ctx context.Context, record *shoppb.SettleRecord) (reason string, err error) {
	if err := checkRecord(record); err != nil {
		return farcall.AsError(err).Message, nil
	}
	found, err := b.service.store.Find(ctx, record.GetPaymentId())
	if errors.Is(err, farcall.NotFound) {
		return "there is no such payment", nil
	} else if err != nil {
		return "", err
	}
	here, there := bill.Amount(found.Payment.GetAmount()), bill.Amount(record.GetAmount())
	switch {
	case here != there:
		return fmt.Sprintf("the payment is of %v, not %v", here, there), nil
	case record.GetStatus() == shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED && found.Payment.GetStatus() != record.GetStatus():
		return "the payment has not been refunded", nil
	case b.seen[movement{record.GetPaymentId(), record.GetStatus()}]:
		return "a record before says the same", nil
	}
	return "", nil
}

func (b *balance) mismatch(record *shoppb.SettleRecord, reason string) {
	if len(b.summary.Mismatches) == mostMismatches {
		b.summary.MoreMismatches++
		return
	}
	paymentID := record.GetPaymentId()
	if len(paymentID) > bill.MostTextBytes {
		paymentID = strings.ToValidUTF8(paymentID[:bill.MostTextBytes], "")
	}
	b.summary.Mismatches = append(b.summary.Mismatches,
		&shoppb.SettleMismatch{Record: b.summary.Records, PaymentId: paymentID, Reason: reason})
}

// sums returns the totals in the order of their currencies.
func sums(totals map[string]money.Amount) []*shoppb.Money {
	var all []*shoppb.Money
	for _, total := range slices.SortedFunc(maps.Values(totals), func(a, b money.Amount) int { return cmp.Compare(a.Currency, b.Currency) }) {
		all = append(all, bill.Message(total))
	}
	return all
}
