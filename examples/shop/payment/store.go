// SPDX-License-Identifier: Apache-2.0

package payment

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/internal/changes"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Record is one payment as it is kept.
type Record struct {
	Payment     *shoppb.Payment   // never changed; nil for a key that was used up before any charge came with it
	Key         string            // the charge's idempotency key, "" for none
	Fingerprint [sha256.Size]byte // of the charge's request: the key belongs to this request alone
}

// Store keeps payments. Its methods are atomic and may be called concurrently. Their errors have codes.
type Store interface {
	// Add keeps a record, and returns it with added true. If its key is in use already it keeps nothing, and returns the
	// record that has the key.
	Add(ctx context.Context, record Record) (kept Record, added bool, err error)
	// Find returns the payment with the id, or fails with NOT_FOUND.
	Find(ctx context.Context, paymentID string) (Record, error)
	// Refund marks the payment as refunded at the time given, unless it is already, and returns it as it is now.
	Refund(ctx context.Context, paymentID string, at time.Time) (Record, error)
	// Watch returns a watcher of the payments that change from now on. With an order's id it gets those of that order alone,
	// beginning with those that there are.
	Watch(ctx context.Context, orderID string) (*changes.Watcher[*shoppb.Payment], error)
	// EndWatches fails all watchers, and those that come later, with UNAVAILABLE.
	EndWatches()
}

// mostPayments bounds the memory of a Memory store.
const mostPayments = 1_000_000

// Memory is a Store that forgets everything when the process ends.
type Memory struct {
	mu    sync.Mutex // guards what follows
	byID  map[string]Record
	byKey map[string]string // payment id, "" for a key used up
	// The ids of an order's payments.
	byOrder map[string][]string

	// Told of every change while mu is held, so that watchers get changes in their order.
	hub changes.Hub[*shoppb.Payment]
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{byID: make(map[string]Record), byKey: make(map[string]string), byOrder: make(map[string][]string)}
}

// Add implements Store.
func (m *Memory) Add(_ context.Context, record Record) (kept Record, added bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if record.Key != "" {
		if paymentID, used := m.byKey[record.Key]; used {
			if paymentID == "" {
				return Record{Key: record.Key}, false, nil
			}
			return m.byID[paymentID], false, nil
		}
	}
	if len(m.byID)+len(m.byKey) >= 2*mostPayments {
		return Record{}, false, farcall.Errorf(farcall.ResourceExhausted, "the store in memory is full")
	}
	paymentID := record.Payment.GetPaymentId()
	if record.Key != "" {
		m.byKey[record.Key] = paymentID
	}
	if record.Payment != nil {
		orderID := record.Payment.GetOrderId()
		m.byOrder[orderID] = append(m.byOrder[orderID], paymentID)
		m.keepLocked(record)
	}
	return record, true, nil
}

// Find implements Store.
func (m *Memory) Find(_ context.Context, paymentID string) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.findLocked(paymentID)
}

func (m *Memory) findLocked(paymentID string) (Record, error) {
	record, found := m.byID[paymentID]
	if !found {
		return Record{}, farcall.Errorf(farcall.NotFound, "there is no payment %q", paymentID)
	}
	return record, nil
}

// Refund implements Store.
func (m *Memory) Refund(_ context.Context, paymentID string, at time.Time) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	record, err := m.findLocked(paymentID)
	if err != nil || record.Payment.GetStatus() == shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED {
		return record, err
	}
	// Others may hold the payment as it was.
	record.Payment = proto.CloneOf(record.Payment)
	record.Payment.Status = shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED
	record.Payment.RefundTime = timestamppb.New(at)
	m.keepLocked(record)
	return record, nil
}

// keepLocked keeps the payment as it is now, and tells those who watch.
func (m *Memory) keepLocked(record Record) {
	m.byID[record.Payment.GetPaymentId()] = record
	m.hub.Tell(record.Payment, everyOrder, record.Payment.GetOrderId())
}

// everyOrder is the topic of those who watch all payments. A payment's order always has an id.
const everyOrder = ""

// Watch implements Store.
func (m *Memory) Watch(_ context.Context, orderID string) (*changes.Watcher[*shoppb.Payment], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	watcher, err := m.hub.Watch(orderID)
	if err != nil {
		return nil, err
	}
	for _, paymentID := range m.byOrder[orderID] {
		watcher.Tell(m.byID[paymentID].Payment)
	}
	return watcher, nil
}

// EndWatches implements Store.
func (m *Memory) EndWatches() { m.hub.End() }
