// SPDX-License-Identifier: Apache-2.0

package server

import (
	"runtime"
	"sync"
	"testing"
)

// atRest returns how many workers wait for a call.
func (w *workers) atRest() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.resting)
}

// rester enters a worker that is not a goroutine, so that the test sees what it is told.
func rester(t *testing.T, w *workers) *worker {
	t.Helper()
	self := &worker{look: make(chan bool, 1)}
	if s, wake, rests := w.take(self, false); s != nil || wake != nil || !rests {
		t.Fatal("a worker may not rest")
	}
	return self
}

type runnerFunc func()

func (f runnerFunc) run() { f() }

func (w *worker) told() (look, told bool) {
	select {
	case look = <-w.look:
		return look, true
	default:
		return false, false
	}
}

func TestTheLastWorkerToRestIsTheFirstToWork(t *testing.T) {
	w := &workers{}
	defer w.close()
	first, second := rester(t, w), rester(t, w)
	s := &stream{}
	w.run(s)
	if look, _ := second.told(); !look {
		t.Error("the call went to another")
	}
	if _, told := first.told(); told || w.atRest() != 1 {
		t.Error("the first worker does not rest any more")
	}
	if got, wake, _ := w.take(second, true); got != s || wake != nil {
		t.Errorf("the woken worker finds %p and wakes %v, want %p and nobody", got, wake, s)
	}
}

// TestABurstWakesOneWorkerAtATime is what the queue is for; and a worker that leaves calls behind sees to it that another
// comes for them, because its own may block.
func TestABurstWakesOneWorkerAtATime(t *testing.T) {
	w := &workers{}
	defer w.close()
	third, second, first := rester(t, w), rester(t, w), rester(t, w)
	calls := []*stream{{}, {}, {}}
	for _, s := range calls {
		w.run(s)
	}
	if w.atRest() != 2 {
		t.Fatalf("%d workers rest, one was to be woken", w.atRest())
	}
	if look, _ := first.told(); !look {
		t.Fatal("no worker was woken")
	}
	got, wake, _ := w.take(first, true)
	if got != calls[0] || wake != second {
		t.Error("the first worker takes another call than the first, or leaves the rest to nobody")
	}
	got, wake, _ = w.take(first, false) // its call was quick; the second worker has not looked yet
	if got != calls[1] || wake != nil {
		t.Error("with a worker on its way another one was woken")
	}
	got, wake, _ = w.take(second, true)
	if got != calls[2] || wake != nil || w.atRest() != 1 {
		t.Error("the last call wakes a worker for nothing")
	}
	if s, _, rests := w.take(first, false); s != nil || !rests {
		t.Error("with no call left the worker does not rest")
	}
	if _, told := third.told(); told {
		t.Error("a worker was woken for nothing")
	}
}

// TestTheQueueIsBoundedByWhatWaits lets calls wait at all times, so that the queue is never empty.
func TestTheQueueIsBoundedByWhatWaits(t *testing.T) {
	w := &workers{}
	defer w.close()
	self := rester(t, w)
	var want []*stream
	add := func() {
		want = append(want, &stream{})
		w.run(want[len(want)-1])
	}
	for range 10 {
		add()
	}
	for range 10_000 {
		add()
		if got, _, _ := w.take(self, false); got != want[0] {
			t.Fatal("calls are not done in their order")
		}
		want = want[1:]
	}
	if cap(w.queue) > 100 {
		t.Errorf("with 10 calls waiting the queue has room for %d", cap(w.queue))
	}
}

func TestTrimEndsTheWorkersThatWereNotNeeded(t *testing.T) {
	w := &workers{}
	defer w.close()
	coldest, warm := rester(t, w), rester(t, w)
	w.trim() // they have come since the last trim
	if w.atRest() != 2 {
		t.Fatal("workers that have only just come were ended")
	}
	w.run(&stream{}) // one is needed
	<-warm.look
	w.take(warm, true)
	w.take(warm, false)
	w.trim()
	if look, told := coldest.told(); look || !told || w.atRest() != 1 {
		t.Error("the worker that was never needed still rests")
	}
}

func TestCloseEndsEveryWorker(t *testing.T) {
	w := &workers{}
	one, other := rester(t, w), rester(t, w)
	w.close()
	if <-one.look || <-other.look {
		t.Error("a worker was not told to end")
	}
	if _, _, rests := w.take(one, false); rests {
		t.Error("a worker rests with a closed server")
	}
}

// TestNoCallWaitsForAnothersHandler keeps a pool busy from many sides with handlers that all wait for each other: it
// ends only if each of them runs.
func TestNoCallWaitsForAnothersHandler(t *testing.T) {
	const readers, burst = 4, 50
	w := &workers{}
	defer w.close()
	for range 20 {
		var all, done sync.WaitGroup
		all.Add(readers * burst)
		done.Add(readers * burst)
		for range readers {
			go func() {
				for range burst {
					w.run(runnerFunc(func() {
						all.Done()
						all.Wait()
						done.Done()
					}))
				}
			}()
		}
		done.Wait()
	}
}

// alone makes this process's goroutines take turns on one processor, so that they run in the order in which they yield.
func alone(t *testing.T) {
	t.Helper()
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// TestAFloodOfCallsDoesNotPileUp adds calls faster than workers do them, as a connection's reader can.
func TestAFloodOfCallsDoesNotPileUp(t *testing.T) {
	alone(t)
	w := &workers{}
	defer w.close()
	const flood = 100 * mostWaiting
	var done sync.WaitGroup
	done.Add(flood)
	most := 0
	for range flood {
		w.run(runnerFunc(done.Done))
		w.mu.Lock()
		most = max(most, len(w.queue)-w.next)
		w.mu.Unlock()
	}
	done.Wait()
	if most > 4*mostWaiting {
		t.Errorf("%d calls waited at a time", most)
	}
}

func TestAFloodOfRefusalsDoesNotPileUp(t *testing.T) {
	alone(t)
	var c crowd
	const flood = 100 * mostWaiting
	var done sync.WaitGroup
	done.Add(flood)
	most := int32(0)
	for range flood {
		c.start(done.Done)
		most = max(most, c.waiting.Load())
	}
	done.Wait()
	if most > 4*mostWaiting || c.waiting.Load() != 0 {
		t.Errorf("%d goroutines waited at a time, %d do in the end", most, c.waiting.Load())
	}
}
