// SPDX-License-Identifier: Apache-2.0

// Package changes tells watchers what things have become, and never waits for one of them.
package changes

import (
	"context"
	"slices"
	"sync"

	"github.com/farcall/farcall"
)

// The limits of a Hub.
const (
	mostWatchers = 10_000
	mostPending  = 1024 // changes that a watcher has not taken
)

// Hub passes the states that things come to on to those who watch a topic, every one and in their order. A watcher that is
// too slow for that is told so, since its memory is bounded.
type Hub[State any] struct {
	mu       sync.Mutex // guards what follows, and the fields of the watchers
	watchers map[string]map[*Watcher[State]]struct{}
	count    int
	ended    bool
}

// Watcher gets the changes of one topic. It belongs to one goroutine, which closes it.
type Watcher[State any] struct {
	hub     *Hub[State]
	topic   string
	news    chan struct{} // holds one token when there is something to take, or err is set
	pending []State       // not taken yet, the first one first
	err     error         // why there is no more
}

// Watch returns a watcher of what is told from now on.
func (h *Hub[State]) Watch(topic string) (*Watcher[State], error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ended:
		return nil, errEnded()
	case h.count >= mostWatchers:
		return nil, farcall.Errorf(farcall.ResourceExhausted, "%d callers are watching, and there is room for no more", h.count)
	}
	w := &Watcher[State]{hub: h, topic: topic, news: make(chan struct{}, 1)}
	if h.watchers == nil {
		h.watchers = make(map[string]map[*Watcher[State]]struct{})
	}
	if h.watchers[topic] == nil {
		h.watchers[topic] = make(map[*Watcher[State]]struct{})
	}
	h.watchers[topic][w] = struct{}{}
	h.count++
	return w, nil
}

// Tell passes the state that a thing has come to on to those who watch one of the topics. It returns at once.
func (h *Hub[State]) Tell(state State, topics ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, topic := range topics {
		for w := range h.watchers[topic] {
			w.tellLocked(state)
		}
	}
}

// End fails all watchers, and those that come later, with UNAVAILABLE.
func (h *Hub[State]) End() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for _, watchers := range h.watchers {
		for w := range watchers {
			w.failLocked(errEnded())
		}
	}
}

func errEnded() error {
	return farcall.Errorf(farcall.Unavailable, "the service is about to end: watch again, it may be back elsewhere")
}

// Tell gives a state to this watcher alone, such as the one that it begins with.
func (w *Watcher[State]) Tell(state State) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	w.tellLocked(state)
}

func (w *Watcher[State]) tellLocked(state State) {
	switch {
	case w.err != nil:
	case len(w.pending) == mostPending:
		w.failLocked(farcall.Errorf(farcall.ResourceExhausted,
			"the watcher has fallen behind by more than %d changes: look up what it missed, and watch again", mostPending))
	default:
		w.pending = append(w.pending, state)
		w.wakeLocked()
	}
}

func (w *Watcher[State]) failLocked(err error) {
	if w.err == nil {
		w.err, w.pending = err, nil
		w.wakeLocked()
	}
}

func (w *Watcher[State]) wakeLocked() {
	select {
	case w.news <- struct{}{}:
	default: // it is awake already
	}
}

// Next waits for the next change, and returns what it has led to.
func (w *Watcher[State]) Next(ctx context.Context) (State, error) {
	for {
		state, taken, err := w.take(ctx)
		if taken || err != nil {
			return state, err
		}
		select {
		case <-w.news:
		case <-ctx.Done():
		}
	}
}

func (w *Watcher[State]) take(ctx context.Context) (state State, taken bool, err error) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return state, false, ctx.Err()
	case w.err != nil:
		return state, false, w.err
	case len(w.pending) == 0:
		return state, false, nil
	}
	state = w.pending[0]
	w.pending = slices.Delete(w.pending, 0, 1)
	return state, true, nil
}

// Close ends the watching.
func (w *Watcher[State]) Close() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	watchers := w.hub.watchers[w.topic]
	if _, watches := watchers[w]; !watches {
		return
	}
	w.hub.count--
	delete(watchers, w)
	if len(watchers) == 0 {
		delete(w.hub.watchers, w.topic)
	}
}
