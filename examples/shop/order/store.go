// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"crypto/sha256"

	"github.com/farcall/farcall/examples/shop/internal/changes"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// Record is one order as it is kept.
type Record struct {
	Order       *shoppb.Order     // never changed; an update brings another one
	Number      int64             // given by the store: higher for later orders
	Key         string            // the customer's idempotency key, "" for none
	Fingerprint [sha256.Size]byte // of the request: the key belongs to this request alone
}

// Filter says which orders to list.
type Filter struct {
	Before   int64              // only orders with a lower number; 0: all
	Customer string             // only this customer's; "": all
	Status   shoppb.OrderStatus // only those; unspecified: all
	Most     int                // how many at most
}

// Store keeps orders. Its methods are atomic and may be called concurrently. Their errors have codes.
type Store interface {
	// Add keeps a new order and returns its record with added true. If its key is in use already it keeps nothing, and
	// returns the record that has the key.
	Add(ctx context.Context, record Record) (kept Record, added bool, err error)
	// Find returns the order with the id, or fails with NOT_FOUND.
	Find(ctx context.Context, orderID string) (Record, error)
	// Update puts a changed order in the place of the one with its id.
	Update(ctx context.Context, changed *shoppb.Order) error
	// List returns the newest orders that the filter lets through, the newest first.
	List(ctx context.Context, filter Filter) ([]Record, error)
	// Watch returns a watcher that gets the order with the id as it is, and again whenever it is updated, or fails with
	// NOT_FOUND.
	Watch(ctx context.Context, orderID string) (*changes.Watcher[*shoppb.Order], error)
	// EndWatches fails all watchers, and those that come later, with UNAVAILABLE.
	EndWatches()
}
