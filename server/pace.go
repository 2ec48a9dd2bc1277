// SPDX-License-Identifier: Apache-2.0

package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/http2"
)

// pace tells whether a method's handlers are quick: whether they take so little that the goroutine that reads the connection answers
// their calls itself (http2.Inliner), which spares waking another. Nobody says so; it is measured. A method begins with
// goroutines of its own, and is quick once a number of calls in a row were. One that keeps the reader has goroutines again
// for a while, which doubles where that happens again and again.
type pace struct {
	quick atomic.Bool
	inRow atomic.Int32 // calls with goroutines of their own that were quick, since one was not

	mu     sync.Mutex    // guards what follows
	since  time.Duration // when it became quick
	paused time.Duration // until when it is not
	pauses int           // in a row
	debt   time.Duration // for which calls have kept the reader, less what was forgiven since
	paid   time.Duration // when debt was last looked at
}

const (
	quickTime  = 30 * time.Microsecond // a quick call takes less
	quickCalls = 32                    // so many in a row make a method quick

	slowTime = 100 * time.Microsecond // a call that takes longer keeps the reader
	mostSlow = 2 * http2.StandbyTime  // and no longer than this, since another reads then
	mostDebt = 10 * time.Millisecond  // of slow calls, before the method pauses
	patience = 50                     // a method may keep its readers for one in so many parts of the time

	firstPause = 10 * time.Millisecond
	mostPauses = 13                     // doublings: to more than a minute
	shortTime  = 100 * time.Millisecond // a method that was quick for less has a longer pause next time, and else a shorter one
	stuckPause = 10 * time.Millisecond  // while it is not known yet what keeps the reader
)

// tried is told what a call with a goroutine of its own took until its handler returned, at now.
func (p *pace) tried(took, now time.Duration) {
	if took >= quickTime {
		p.inRow.Store(0)
		return
	}
	if p.inRow.Add(1) < quickCalls {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inRow.Store(0); now >= p.paused && !p.quick.Load() {
		p.since = now
		p.quick.Store(true)
	}
}

// kept is told that a call has kept the reader for more than slowTime, until now.
func (p *pace) kept(took, now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.debt = max(p.debt-(now-p.paid)/patience, 0) + min(took, mostSlow)
	if p.paid = now; p.debt <= mostDebt {
		return
	}
	if now-p.since < shortTime {
		p.pauses = min(p.pauses+1, mostPauses)
	} else {
		p.pauses = max(p.pauses-1, 0)
	}
	p.pauseLocked(now + firstPause<<p.pauses)
	p.debt = 0
}

// stuck is told that a call keeps the reader.
func (p *pace) stuck(now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pauseLocked(now + stuckPause)
}

func (p *pace) pauseLocked(until time.Duration) {
	p.paused = max(p.paused, until)
	p.quick.Store(false)
	p.inRow.Store(0)
}

var _ http2.Inliner = acceptor{}

// Handle answers a call on the reader goroutine.
func (a acceptor) Handle(transport *http2.ServerStream, run *http2.Run) {
	s := transport.User.(*stream)
	s.run()
	if took := run.Took(); took > slowTime && !run.Preempted(took) {
		s.method.pace.kept(took, run.Now())
	}
}

// Detach gives a call that was to be answered on the reader goroutine one of its own.
func (a acceptor) Detach(transport *http2.ServerStream) {
	a.server.workers.run(transport.User.(*stream))
}

// Stuck is told that a call keeps the reader.
func (a acceptor) Stuck(transport *http2.ServerStream) {
	transport.User.(*stream).method.pace.stuck(http2.Clock())
}
