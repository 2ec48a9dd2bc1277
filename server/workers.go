// SPDX-License-Identifier: Apache-2.0

package server

import (
	"sync"
	"time"
)

// workers are the goroutines that run handlers. A goroutine that has done a call rests and takes another, so that its
// stack, which decoding and the handler have grown, is not grown again for each call: that was a fifth of a small call's
// cost. Those that had nothing to do for trimTime end, and all end with the server.
type workers struct {
	mu     sync.Mutex // guards what follows
	idle   []*worker  // the last to rest is the first to work: its stack is warm
	fewest int        // the fewest that were idle since the last trim
	timer  *time.Timer
	closed bool
}

// worker is one goroutine. nil work ends it.
type worker struct{ work chan *stream }

const (
	mostIdle = 1024
	trimTime = time.Second
)

// run gives a call to a goroutine that rests, or to a new one.
func (w *workers) run(s *stream) {
	w.mu.Lock()
	last := len(w.idle) - 1
	if last < 0 {
		w.mu.Unlock()
		go w.live(s) // ends in rest, or when trim or close says so
		return
	}
	resting := w.idle[last]
	w.idle = w.idle[:last]
	w.fewest = min(w.fewest, last)
	w.mu.Unlock()
	resting.work <- s
}

// live does one call after the other.
func (w *workers) live(s *stream) {
	self := &worker{work: make(chan *stream, 1)}
	for s != nil {
		s.run()
		if !w.rest(self) {
			return
		}
		s = <-self.work
	}
}

// rest enters a worker among those that wait for a call, and reports false if there are enough.
func (w *workers) rest(self *worker) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.idle) >= mostIdle {
		return false
	}
	w.idle = append(w.idle, self)
	if len(w.idle) > 1 {
		return true
	}
	w.fewest = 0
	if w.timer == nil {
		w.timer = time.AfterFunc(trimTime, w.trim)
	} else {
		w.timer.Reset(trimTime)
	}
	return true
}

// trim runs on the timer's goroutine, as long as workers rest: it ends those that were not needed since it last ran.
func (w *workers) trim() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLocked(w.fewest)
	w.fewest = len(w.idle)
	if len(w.idle) > 0 && !w.closed {
		w.timer.Reset(trimTime)
	}
}

// endLocked ends the n workers that have rested longest.
func (w *workers) endLocked(n int) {
	for _, unneeded := range w.idle[:n] {
		unneeded.work <- nil // has room: a worker that rests has no work
	}
	w.idle = append(w.idle[:0], w.idle[n:]...)
	clear(w.idle[len(w.idle):cap(w.idle)])
}

// close ends the workers that rest, and the others when they have done their call.
func (w *workers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.endLocked(len(w.idle))
	if w.timer != nil {
		w.timer.Stop()
	}
}
