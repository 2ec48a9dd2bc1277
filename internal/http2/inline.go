// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"sync"
	"time"
)

// Short handlers run on the reader goroutine. To give a call a goroutine wakes a processor, often another one, that works for
// some microseconds on what the reader has in its caches; where handlers take no longer than that it costs more than they do.
// So a handler may have a request answered by the reader itself, at the end of the batch that was read (Inline), and the answers of
// a batch leave in one write.
//
// Nothing else waits for a handler that turns out not to be short: Standby notices a reader that is stuck in one, and has
// another goroutine read on. The one that was the reader ends with the handler.

// Inliner is a Handler that answers requests on the reader goroutine.
type Inliner interface {
	// Handle answers a request for which Inline has reported true, and releases it.
	Handle(s *ServerStream, run *Run)
	// Detach gives such a request a goroutine: the reader does not come to it.
	Detach(s *ServerStream)
	// Stuck is told that Handle has not returned for a while, and that nobody waits for it any more. It must not block.
	Stuck(s *ServerStream)
}

// Run is a reader's turn at handlers: the clock, which is read once between two of them, and what its thread has used.
type Run struct {
	now    time.Duration // when the batch began, or the handler before ended
	began  time.Duration // the batch
	looked time.Duration // when its thread had used that:
	used   threadUsage
}

// begin starts the clock for a batch.
func (r *Run) begin() {
	r.now = Clock()
	r.began, r.looked = r.now, r.now
	r.used, _ = ownThread()
}

// Clock is monotonic time since the program began.
func Clock() time.Duration { return time.Since(programBegan) }

var programBegan = time.Now()

// Took reads the clock, and returns the time since it was read before.
func (r *Run) Took() time.Duration {
	before := r.now
	r.now = Clock()
	return r.now - before
}

// Now returns the time of the last look at the clock.
func (r *Run) Now() time.Duration { return r.now }

// Preempted reports whether a handler took so long because the kernel had other work for the processor, and not because it
// waited or worked. Where the kernel does not tell it is false.
func (r *Run) Preempted(took time.Duration) bool {
	used, ok := ownThread()
	idle := r.now - r.looked - (used.cpu - r.used.cpu)
	preempted := ok && used.thread == r.used.thread && used.sleeps == r.used.sleeps && idle >= took/2
	r.looked, r.used = r.now, used
	return preempted
}

const (
	inlineTime  = 2 * time.Millisecond // for handlers in a batch; those that are left have goroutines then
	inlineGap   = 5 * time.Millisecond // between batches: a reader with less to do leaves handlers to others
	mostInline  = 128                  // of a batch: a client that resets what it opens would pile up a thousand
	corkedBytes = 32 << 10             // of answers that wait for the end of the batch
)

// inline is what a connection knows of handlers on its reader goroutine.
type inline struct {
	inliner Inliner // nil: none run there
	standby *Standby
	last    time.Duration // the reader's: when it was last asked with nothing in the queue

	mu      sync.Mutex      // guards what follows
	queue   []*ServerStream // queue[next:] wait for the end of the batch
	next    int
	run     *Run          // of the present reader: one that finds another's here has lost its role
	current *ServerStream // which Handle has
	calls   uint64        // of Handle, that began
	watched bool          // by the standby: as long as there is a queue, and for some looks more
	seen    uint64        // calls at the last look
	idle    int           // looks in a row that found no queue and no new call
}

// Inline has the request answered by Handle on the reader goroutine, when the batch that is being read was parsed. It is called there
// (OnReady). It reports false where that is not to be had, since the connection has too little to do.
func (s *ServerStream) Inline() bool {
	in := &s.conn.inline
	if in.inliner == nil {
		return false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.queue) >= mostInline {
		return false
	}
	if len(in.queue) == 0 {
		now := Clock()
		gap := now - in.last
		in.last = now
		if gap > inlineGap {
			return false
		}
	}
	s.inlined.Store(true)
	in.queue = append(in.queue, s)
	return true
}

// begin takes the next request out of the queue for the reader whose run it is. Whoever is not the reader any more is told so.
func (in *inline) begin(run *Run) (next *ServerStream, lost bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.run != run {
		return nil, true
	}
	if in.current = nil; in.next == len(in.queue) {
		in.queue, in.next = in.queue[:0], 0
		return nil, false
	}
	next = in.queue[in.next]
	in.queue[in.next] = nil
	in.next++
	in.calls++
	in.current = next
	return next, false
}

// takeLocked takes the rest of the queue out of it.
func (in *inline) takeLocked() []*ServerStream {
	rest := in.queue[in.next:]
	in.queue, in.next = nil, 0
	return rest
}

// handleInline handles the requests that a batch has left for the reader, which it is called by. It reports true if somebody
// else has become the reader meanwhile.
func (c *Conn) handleInline() (lost bool) {
	in := &c.inline
	if in.inliner == nil {
		return false
	}
	in.mu.Lock()
	if len(in.queue) == 0 {
		in.mu.Unlock()
		return false
	}
	if in.run == nil {
		in.run = new(Run)
	}
	run, watched := in.run, in.watched
	in.mu.Unlock()
	if !watched {
		in.standby.watch(c)
	}
	c.wakeLate()
	c.mu.Lock()
	c.corked = true
	c.mu.Unlock()
	run.begin()
	returned := false
	defer func() { // in a defer, because a handler may end its goroutine (runtime.Goexit, t.FailNow)
		if !returned {
			c.takeOver(run, 0)
		}
	}()
	for run.now-run.began < inlineTime {
		s, lost := in.begin(run)
		if s == nil {
			returned = true
			return lost
		}
		in.inliner.Handle(s, run)
	}
	returned = true
	return c.detachInline(run)
}

// detachInline gives what waits for the reader, whose run it is, goroutines of its own. Without a run it is called by the reader,
// who runs no handlers now.
func (c *Conn) detachInline(run *Run) (lost bool) {
	in := &c.inline
	in.mu.Lock()
	if run != nil && in.run != run {
		in.mu.Unlock()
		return true
	}
	in.current = nil
	rest := in.takeLocked()
	in.mu.Unlock()
	for _, s := range rest {
		in.inliner.Detach(s)
	}
	return false
}

// takeOver makes another goroutine the reader in the place of the one whose run it is, unless that has returned from the call
// in which it is stuck. 0: it will not return from any.
func (c *Conn) takeOver(run *Run, stuck uint64) {
	in := &c.inline
	in.mu.Lock()
	if in.run != run || stuck > 0 && (in.calls != stuck || in.current == nil) {
		in.mu.Unlock()
		return
	}
	if stuck > 0 {
		in.inliner.Stuck(in.current)
	}
	in.run, in.current = nil, nil
	rest := in.takeLocked()
	in.mu.Unlock()
	go c.resume(rest) // ends as the reader before would have
}

// resume is the goroutine of a new reader. It does all that takes time, because the standby has other connections too.
func (c *Conn) resume(rest []*ServerStream) {
	for _, s := range rest {
		c.inline.inliner.Detach(s)
	}
	c.mu.Lock()
	c.corked = false
	c.flush()
	c.readLoop()
}

// trim lets go of what a reader does not need that waits.
func (in *inline) trim() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.next == len(in.queue) {
		in.queue, in.next, in.run = nil, 0, nil
	}
}
