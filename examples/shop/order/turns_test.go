// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestOneTurnAtATime(t *testing.T) {
	var (
		turns turns
		calls sync.WaitGroup
		count [2]int // each guarded by its turn alone: the race detector watches
	)
	for i := range 200 {
		calls.Go(func() {
			done, err := turns.take(context.Background(), []string{"a", "b"}[i%2])
			if err != nil {
				t.Error(err)
				return
			}
			defer done()
			count[i%2]++
		})
	}
	calls.Wait()
	if count != [2]int{100, 100} {
		t.Errorf("the turns taken are %v", count)
	}
	if len(turns.busy) != 0 {
		t.Errorf("%d turns are left over", len(turns.busy))
	}
}

func TestWaitingForATurnEndsWithTheContext(t *testing.T) {
	var turns turns
	done, err := turns.take(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := turns.take(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting in vain: %v, want %v", err, context.Canceled)
	}
	other, err := turns.take(context.Background(), "b")
	if err != nil {
		t.Errorf("another order has to wait: %v", err)
	}
	other()
	done()
	if len(turns.busy) != 0 {
		t.Errorf("%d turns are left over", len(turns.busy))
	}
}
