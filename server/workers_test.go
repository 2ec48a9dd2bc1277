// SPDX-License-Identifier: Apache-2.0

package server

import "testing"

// resting returns how many workers wait for a call.
func (w *workers) resting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.idle)
}

// rester enters a worker that is not a goroutine, so that the test sees what it is told.
func rester(t *testing.T, w *workers) *worker {
	t.Helper()
	self := &worker{work: make(chan *stream, 1)}
	if !w.rest(self) {
		t.Fatal("a worker may not rest")
	}
	return self
}

func TestTheLastWorkerToRestIsTheFirstToWork(t *testing.T) {
	w := &workers{}
	defer w.close()
	first, second := rester(t, w), rester(t, w)
	s := &stream{}
	w.run(s)
	if got := <-second.work; got != s {
		t.Error("the call went to another")
	}
	if len(first.work) != 0 || w.resting() != 1 {
		t.Error("the first worker does not rest any more")
	}
}

func TestTrimEndsTheWorkersThatWereNotNeeded(t *testing.T) {
	w := &workers{}
	defer w.close()
	coldest, warm := rester(t, w), rester(t, w)
	w.trim() // they have come since the last trim
	if w.resting() != 2 {
		t.Fatal("workers that have only just come were ended")
	}
	w.run(&stream{}) // one is needed
	<-warm.work
	rester(t, w)
	w.trim()
	if <-coldest.work != nil || w.resting() != 1 {
		t.Error("the worker that was never needed still rests")
	}
}

func TestCloseEndsEveryWorker(t *testing.T) {
	w := &workers{}
	one, other := rester(t, w), rester(t, w)
	w.close()
	if <-one.work != nil || <-other.work != nil {
		t.Error("a worker was not told to end")
	}
	if w.rest(one) {
		t.Error("a worker rests with a closed server")
	}
}
