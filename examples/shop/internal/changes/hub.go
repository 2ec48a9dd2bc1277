// SPDX-License-Identifier: Apache-2.0

// Package changes tells watchers what things have become, and never waits for one of them.
package changes

import (
	"context"
	"sync"

	"github.com/farcall/farcall"
)

// The limits of a Hub.
const (
	mostWatchers = 10_000
	mostPending  = 1024 // things that have changed and that a watcher has not taken
)

// Hub passes the states of things on to those who watch a topic. Of a thing that changes twice before a watcher has taken
// the first change, the watcher gets the second: it may be as slow as it likes, and its memory stays small.
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
	changed []string      // the names of what has changed, the first one first
	latest  map[string]State
	err     error // why there is no more
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
	w := &Watcher[State]{hub: h, topic: topic, news: make(chan struct{}, 1), latest: make(map[string]State)}
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

// Tell passes the state of the thing with the name on to those who watch one of the topics. It returns at once.
func (h *Hub[State]) Tell(name string, state State, topics ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, topic := range topics {
		for w := range h.watchers[topic] {
			w.tellLocked(name, state)
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
func (w *Watcher[State]) Tell(name string, state State) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	w.tellLocked(name, state)
}

func (w *Watcher[State]) tellLocked(name string, state State) {
	if w.err != nil {
		return
	}
	if _, waits := w.latest[name]; !waits {
		if len(w.changed) == mostPending {
			w.failLocked(farcall.Errorf(farcall.ResourceExhausted,
				"the watcher has fallen behind: more than %d things have changed since it last took one; look up what it missed, and watch again", mostPending))
			return
		}
		w.changed = append(w.changed, name)
	}
	w.latest[name] = state
	w.wakeLocked()
}

func (w *Watcher[State]) failLocked(err error) {
	if w.err == nil {
		w.err, w.changed, w.latest = err, nil, nil
		w.wakeLocked()
	}
}

func (w *Watcher[State]) wakeLocked() {
	select {
	case w.news <- struct{}{}:
	default: // it is awake already
	}
}

// Next waits until something has changed, and returns what that is now.
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
	case len(w.changed) == 0:
		return state, false, nil
	}
	name := w.changed[0]
	w.changed = w.changed[1:]
	state = w.latest[name]
	delete(w.latest, name)
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
