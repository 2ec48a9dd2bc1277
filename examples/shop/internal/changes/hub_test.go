// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/farcall/farcall"
)

func watch(t *testing.T, hub *Hub[int], topic string) *Watcher[int] {
	t.Helper()
	w, err := hub.Watch(topic)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func expect(t *testing.T, w *Watcher[int], want ...int) {
	t.Helper()
	for _, state := range want {
		if got, err := w.Next(t.Context()); err != nil || got != state {
			t.Errorf("Next: %d, %v, want %d", got, err, state)
		}
	}
	if len(w.pending) > 0 {
		t.Errorf("%v is left over", w.pending)
	}
}

func TestEveryChangeIsTold(t *testing.T) {
	hub := &Hub[int]{}
	all, one := watch(t, hub, ""), watch(t, hub, "a")
	one.Tell(1)
	hub.Tell(2, "", "a")
	hub.Tell(3, "", "b")
	hub.Tell(4, "", "a")
	expect(t, all, 2, 3, 4)
	expect(t, one, 1, 2, 4)
	hub.Tell(5, "a")
	expect(t, all)
	expect(t, one, 5)

	one.Close()
	one.Close()
	hub.Tell(6, "", "a")
	expect(t, one)
	all.Close()
	if hub.count != 0 || len(hub.watchers) != 0 {
		t.Errorf("%d watchers of %d topics are left over", hub.count, len(hub.watchers))
	}
}

// TestNextWaits for what others tell meanwhile: none is missed.
func TestNextWaits(t *testing.T) {
	hub := &Hub[int]{}
	const last = 1000
	var watching sync.WaitGroup
	for range 4 {
		w := watch(t, hub, "")
		watching.Go(func() {
			defer w.Close()
			for want := range last {
				if state, err := w.Next(t.Context()); err != nil || state != want {
					t.Errorf("Next: %d, %v, want %d", state, err, want)
					return
				}
			}
		})
	}
	for i := range last {
		hub.Tell(i, "")
	}
	watching.Wait()
}

func TestNextEndsWithItsContext(t *testing.T) {
	hub := &Hub[int]{}
	w := watch(t, hub, "")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() { // ends with ctx
		_, err := w.Next(ctx)
		ended <- err
	}()
	cancel(errors.New("enough"))
	if err := <-ended; err != context.Canceled {
		t.Errorf("Next: %v", err)
	}
	w.Tell(1)
	if _, err := w.Next(ctx); err != context.Canceled {
		t.Errorf("Next, with something to take: %v", err)
	}
}

func TestAWatcherThatFallsBehindIsTold(t *testing.T) {
	hub := &Hub[int]{}
	slow, quick := watch(t, hub, ""), watch(t, hub, "")
	for i := range mostPending + 1 {
		hub.Tell(i, "")
		expect(t, quick, i)
	}
	if _, err := slow.Next(t.Context()); farcall.CodeOf(err) != farcall.ResourceExhausted || slow.pending != nil {
		t.Errorf("Next: %v, want RESOURCE_EXHAUSTED", err)
	}
	hub.Tell(7, "")
	if _, err := slow.Next(t.Context()); farcall.CodeOf(err) != farcall.ResourceExhausted {
		t.Errorf("the error does not stick: %v", err)
	}
	expect(t, quick, 7)
}

func TestEnd(t *testing.T) {
	hub := &Hub[int]{}
	w := watch(t, hub, "a")
	hub.End()
	hub.Tell(1, "a")
	if _, err := w.Next(t.Context()); farcall.CodeOf(err) != farcall.Unavailable {
		t.Errorf("Next: %v, want UNAVAILABLE", err)
	}
	if _, err := hub.Watch(""); farcall.CodeOf(err) != farcall.Unavailable {
		t.Errorf("Watch: %v, want UNAVAILABLE", err)
	}
}

func TestWatchersAreBounded(t *testing.T) {
	hub := &Hub[int]{count: mostWatchers - 1}
	w := watch(t, hub, "")
	if _, err := hub.Watch(""); farcall.CodeOf(err) != farcall.ResourceExhausted {
		t.Errorf("Watch: %v, want RESOURCE_EXHAUSTED", err)
	}
	w.Close()
	watch(t, hub, "")
}
