// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"sync"
)

// turns lets one request at a time work on an order, so that a repeated order waits for the first one's payment and
// cancelling never overtakes paying. The zero value is ready.
type turns struct {
	mu   sync.Mutex // guards busy
	busy map[string]*turn
}

type turn struct {
	free    chan struct{} // holds one token while nobody works on the order
	holders int           // who has the turn or waits for it; guarded by turns.mu
}

// take waits until the order is free, or until ctx ends. done must be called when the work is over.
func (t *turns) take(ctx context.Context, orderID string) (done func(), err error) {
	t.mu.Lock()
	if t.busy == nil {
		t.busy = make(map[string]*turn)
	}
	mine := t.busy[orderID]
	if mine == nil {
		mine = &turn{free: make(chan struct{}, 1)}
		mine.free <- struct{}{}
		t.busy[orderID] = mine
	}
	mine.holders++
	t.mu.Unlock()

	select {
	case <-mine.free:
		return func() {
			mine.free <- struct{}{}
			t.leave(orderID, mine)
		}, nil
	case <-ctx.Done():
		t.leave(orderID, mine)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(orderID string, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine.holders--
	if mine.holders == 0 {
		delete(t.busy, orderID)
	}
}
