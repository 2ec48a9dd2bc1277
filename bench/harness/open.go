// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"cmp"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// An open loop offers calls at a rate of their own, whether the earlier ones have been answered or not, as independent
// users do. A call's latency counts from the moment it was due, not from the moment a worker was free for it, so a system
// that stalls pays for everything that would have been asked meanwhile (coordinated omission).

const (
	// openWorkers is how many calls may be in flight; those above it wait, and the wait is theirs.
	openWorkers = 1024
	// openGrace is how long after the end answers may still come. What has none by then counts as answered then, which
	// flatters a system that is overloaded, but not by much.
	openGrace = time.Second
	// openTick is how long the pacer sleeps at least, so that it does not take a processor for itself.
	openTick = 50 * time.Microsecond
)

// schedule returns when calls are due: the first at once, then a Poisson process, the same for the same seed, so that all
// systems in a round get the same bursts.
func schedule(rate float64, lasting time.Duration, seed uint64) []time.Duration {
	random := rand.New(rand.NewPCG(seed, 0x6661722063616c6c))
	due := make([]time.Duration, 0, int(rate*lasting.Seconds()*1.1)+16)
	for at := 0.0; at < lasting.Seconds(); at += random.ExpFloat64() / rate {
		due = append(due, time.Duration(at*float64(time.Second)))
	}
	return due
}

// openRun is one run of an open loop.
type openRun struct {
	begin   time.Time
	due     chan time.Duration // calls that a worker is to make now; the pacer closes it
	stop    atomic.Bool        // the grace has passed: what is left in due is not made any more
	units   atomic.Int64
	once    sync.Once // guards failure until all workers have ended
	failure error
}

// runOpen returns once every call that was due has been answered or given up.
func runOpen(clients []Client, l Load, order Command) (Report, error) {
	operations, err := prepareAll(clients, l, openWorkers)
	if err != nil {
		return Report{}, err
	}
	moments := schedule(order.Rate, order.Lasting, order.Seed)
	r := &openRun{due: make(chan time.Duration, len(moments))} // the pacer never waits for workers
	latencies, lateness := newRecorder(), newRecorder()
	before, err := ownUsage()
	if err != nil {
		return Report{}, err
	}
	r.begin = time.Now()
	var workers sync.WaitGroup
	for i := range operations {
		workers.Go(func() { r.serve(operations[i], latencies.of(i)) })
	}
	grace := time.AfterFunc(order.Lasting+openGrace, func() { r.stop.Store(true) })
	defer grace.Stop()
	paced := r.pace(moments, lateness.of(0))
	workers.Wait()
	took := time.Since(r.begin)
	after, err := ownUsage()
	if err = cmp.Or(r.failure, paced, err); err != nil {
		return Report{}, err
	}
	return Report{
		Usage: after.Since(before), Units: r.units.Load(), Took: took, Offered: int64(len(moments)),
		Latencies: latencies.latencies(), Lateness: lateness.latencies(),
	}, nil
}

// pace hands out each call when it is due. It sleeps in the kernel: the runtime's timers are a millisecond coarse when
// nothing else keeps a processor awake.
func (r *openRun) pace(moments []time.Duration, lateness *shard) error {
	defer close(r.due)
	for next := 0; next < len(moments); {
		now := time.Since(r.begin)
		for ; next < len(moments) && moments[next] <= now; next++ {
			if err := lateness.record(now - moments[next]); err != nil {
				return err
			}
			r.due <- moments[next]
		}
		if next < len(moments) {
			pause := syscall.NsecToTimespec(int64(max(moments[next]-now, openTick)))
			_ = syscall.Nanosleep(&pause, nil) // an interruption only makes the next look earlier
		}
	}
	return nil
}

// serve makes calls until no more are due.
func (r *openRun) serve(operation operation, latencies *shard) {
	for moment := range r.due {
		if !r.stop.Load() {
			done, err := operation()
			if err != nil {
				r.once.Do(func() { r.failure = err })
				r.stop.Store(true)
			}
			r.units.Add(int64(done))
		}
		if err := latencies.record(time.Since(r.begin) - moment); err != nil {
			r.once.Do(func() { r.failure = err })
		}
	}
}
