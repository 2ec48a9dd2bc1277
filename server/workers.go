// SPDX-License-Identifier: Apache-2.0

package server

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// workers are the goroutines that run handlers. Calls wait in one queue, and a worker that has done a call takes the next
// without a switch of goroutines; one that finds none rests, with the stack that decoding and handlers have grown.
//
// No call waits for another's handler. Whoever leaves calls in the queue, the reader that puts one in or the worker that
// takes one out, wakes a worker for them, unless one was woken that has not looked yet:
//
// Invariant: while calls wait, waking is set.
//
// So a burst of quick calls costs a few wakes, and behind a handler that blocks there is always a worker on its way.
// Those that had nothing to do for trimTime end, and all end with the server.
type workers struct {
	mu      sync.Mutex // guards what follows
	queue   []runner   // queue[next:] wait, first come first
	next    int
	waking  bool      // a worker was woken and has not looked into the queue yet
	resting []*worker // the last to rest is the first to work: its stack is warm
	fewest  int       // the fewest that were resting since the last trim
	timer   *time.Timer
	closed  bool
}

// runner is a call: a *stream.
type runner interface{ run() }

// worker is one goroutine that rests. It is sent true to look into the queue, and false to end.
type worker struct{ look chan bool }

const (
	mostResting = 1024
	trimTime    = time.Second
	keptQueue   = 1024 // calls; a longer queue is not kept once it is empty
)

// run has a call done.
func (w *workers) run(s runner) {
	w.mu.Lock()
	if len(w.queue) == cap(w.queue) && w.next > len(w.queue)/2 { // rather than grow where calls never cease to wait
		rest := copy(w.queue, w.queue[w.next:])
		clear(w.queue[rest:])
		w.queue, w.next = w.queue[:rest], 0
	}
	w.queue = append(w.queue, s)
	waiting := len(w.queue) - w.next
	wake := w.wakeLocked()
	w.mu.Unlock()
	w.wake(wake)
	if waiting > mostWaiting {
		runtime.Gosched()
	}
}

// mostWaiting is how many calls may wait before a connection's reader, which can accept a thousand in no time, lets the
// workers go first with each that it adds. It is above what comes together when all is well.
const mostWaiting = 128

// crowd is the goroutines that were started for requests without a handler and have not begun. A reader that finds many
// lets them go first, as it does with the workers.
type crowd struct{ waiting atomic.Int32 }

// start starts a goroutine.
func (c *crowd) start(f func()) {
	waiting := c.waiting.Add(1)
	go func() { // ends with f
		c.waiting.Add(-1)
		f()
	}()
	if waiting > mostWaiting {
		runtime.Gosched()
	}
}

// wakeLocked makes sure that a worker comes to look into the queue. What it returns is for wake.
func (w *workers) wakeLocked() (wake *worker) {
	if w.waking || w.next == len(w.queue) {
		return nil
	}
	w.waking = true
	last := len(w.resting) - 1
	if last < 0 {
		return &worker{}
	}
	wake = w.resting[last]
	w.resting = w.resting[:last]
	w.fewest = min(w.fewest, last)
	return wake
}

// wake does what wakeLocked has decided, without the lock.
func (w *workers) wake(one *worker) {
	switch {
	case one == nil:
	case one.look == nil:
		go w.live() // ends when there are enough that rest, or when trim or close says so
	default:
		one.look <- true
	}
}

// live does one call after the other.
func (w *workers) live() {
	self, woken := &worker{look: make(chan bool, 1)}, true
	for {
		s, wake, rests := w.take(self, woken)
		w.wake(wake)
		woken = false
		if s != nil {
			s.run()
			continue
		}
		if !rests || !<-self.look {
			return
		}
		woken = true
	}
}

// take returns the next call. Without one it enters the worker among those that rest, unless there are enough.
func (w *workers) take(self *worker, woken bool) (s runner, wake *worker, rests bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if woken {
		w.waking = false
	}
	if w.next == len(w.queue) {
		return nil, nil, w.restLocked(self)
	}
	s = w.queue[w.next]
	w.queue[w.next] = nil
	if w.next++; w.next == len(w.queue) {
		w.queue, w.next = w.queue[:0], 0
		if cap(w.queue) > keptQueue {
			w.queue = nil
		}
	}
	return s, w.wakeLocked(), false
}

// restLocked enters a worker among those that rest, and reports false if there are enough.
func (w *workers) restLocked(self *worker) bool {
	if w.closed || len(w.resting) >= mostResting {
		return false
	}
	w.resting = append(w.resting, self)
	if len(w.resting) > 1 {
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
	w.fewest = len(w.resting)
	if len(w.resting) > 0 && !w.closed {
		w.timer.Reset(trimTime)
	}
}

// endLocked ends the n workers that have rested longest.
func (w *workers) endLocked(n int) {
	for _, unneeded := range w.resting[:n] {
		unneeded.look <- false // has room: nobody else has sent to a worker that rests
	}
	w.resting = append(w.resting[:0], w.resting[n:]...)
	clear(w.resting[len(w.resting):cap(w.resting)])
}

// close ends the workers that rest, and the others when they have done the calls that wait.
func (w *workers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.endLocked(len(w.resting))
	if w.timer != nil {
		w.timer.Stop()
	}
}
