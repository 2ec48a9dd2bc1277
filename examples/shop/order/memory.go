// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/internal/changes"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// mostOrders bounds the memory of a Memory store.
const mostOrders = 1_000_000

// Memory is a Store that forgets everything when the process ends.
type Memory struct {
	mu      sync.Mutex     // guards what follows
	records []Record       // in the order of their numbers, which start at 1
	byID    map[string]int // places in records
	byKey   map[string]int

	// Told of every update while mu is held, so that watchers get them in their order.
	hub changes.Hub[*shoppb.Order]
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{byID: make(map[string]int), byKey: make(map[string]int)}
}

// Add implements Store.
func (m *Memory) Add(_ context.Context, record Record) (kept Record, added bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, used := m.byKey[record.Key]; used {
		return m.records[at], false, nil
	}
	if len(m.records) >= mostOrders {
		return Record{}, false, farcall.Errorf(farcall.ResourceExhausted, "the store in memory is full: it holds %d orders", mostOrders)
	}
	if record.Key != "" {
		m.byKey[record.Key] = len(m.records)
	}
	m.byID[record.Order.GetOrderId()] = len(m.records)
	record.Number = int64(len(m.records)) + 1
	m.records = append(m.records, record)
	return record, true, nil
}

// Find implements Store.
func (m *Memory) Find(_ context.Context, orderID string) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, found := m.byID[orderID]
	if !found {
		return Record{}, farcall.Errorf(farcall.NotFound, "there is no order %q", orderID)
	}
	return m.records[at], nil
}

// Update implements Store.
func (m *Memory) Update(_ context.Context, changed *shoppb.Order) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, found := m.byID[changed.GetOrderId()]
	if !found {
		return farcall.Errorf(farcall.NotFound, "there is no order %q", changed.GetOrderId())
	}
	m.records[at].Order = changed
	m.hub.Tell(changed, changed.GetOrderId())
	return nil
}

// Watch implements Store.
func (m *Memory) Watch(_ context.Context, orderID string) (*changes.Watcher[*shoppb.Order], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, found := m.byID[orderID]
	if !found {
		return nil, farcall.Errorf(farcall.NotFound, "there is no order %q", orderID)
	}
	watcher, err := m.hub.Watch(orderID)
	if err != nil {
		return nil, err
	}
	watcher.Tell(m.records[at].Order)
	return watcher, nil
}

// EndWatches implements Store.
func (m *Memory) EndWatches() { m.hub.End() }

// List implements Store.
func (m *Memory) List(_ context.Context, filter Filter) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := len(m.records)
	if filter.Before > 0 {
		from = int(min(int64(from), filter.Before-1))
	}
	var found []Record
	for at := from - 1; at >= 0 && len(found) < filter.Most; at-- {
		record := m.records[at]
		if filter.Customer != "" && record.Order.GetCustomer() != filter.Customer {
			continue
		}
		if filter.Status != shoppb.OrderStatus_ORDER_STATUS_UNSPECIFIED && record.Order.GetStatus() != filter.Status {
			continue
		}
		found = append(found, record)
	}
	return found, nil
}
