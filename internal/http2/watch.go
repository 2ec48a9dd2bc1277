// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// watch is what time alone does to a connection: keepalive (keepalive.go, and doubt.go on the client), idle and maximum age
// (age.go). There is one timer, set to the earliest moment at which something may be due, and no clock is read where calls
// pass: activity is told by counters that a look finds changed. So what is said to happen after a time happens up to a
// quarter of that later.
//
// Guarded by the connection's mu.
type watch struct {
	timer *time.Timer
	at    time.Time // when the timer fires, zero if it does not

	heard  still // reads from the peer
	opened still // streams

	pinged  time.Time // when the PING was sent that has no answer yet, or with mute was left out; zero for none
	doubted bool      // it was sent because of a doubt
	mute    bool      // the doubt must do without a PING
	doubts  int       // PINGs because of a doubt since the last HEADERS or DATA came

	old time.Time // when the connection's age ends; zero for never
	cut time.Time // when what is left of an aged connection is cut off; zero for never
}

// still tells since when a number has not changed, as far as looks at it can tell.
type still struct {
	value uint64
	since time.Time
}

func (s *still) look(value uint64, now time.Time) {
	if value != s.value || s.since.IsZero() {
		s.value, s.since = value, now
	}
}

// due is what a look at the clock finds to do.
type due struct {
	now    time.Time
	next   time.Time // when to look again; zero for not at all
	goAway bool
	end    error // ends the connection
}

// again asks for a look at t.
func (d *due) again(t time.Time) {
	if d.next.IsZero() || t.Before(d.next) {
		d.next = t
	}
}

// waits reports whether limit has passed since something began, and otherwise asks for the looks that notice its end
// soon enough.
func (d *due) waits(since time.Time, limit time.Duration) (over bool) {
	if d.now.Sub(since) >= limit {
		return true
	}
	next := since.Add(limit)
	if step := d.now.Add(max(limit/4, time.Millisecond)); step.Before(next) {
		next = step
	}
	d.again(next)
	return false
}

// startWatch begins the watch, once the handshake is done.
func (c *Conn) startWatch() {
	now := time.Now()
	c.mu.Lock()
	c.startAging(now)
	c.mu.Unlock()
	c.look(now)
}

// lookBy makes sure, under mu, that the timer fires at t or before.
func (c *Conn) lookBy(t, now time.Time) {
	w := &c.watch
	if c.err != nil || !w.at.IsZero() && !t.Before(w.at) {
		return
	}
	w.at = t
	wait := max(t.Sub(now), 0)
	if w.timer == nil {
		w.timer = time.AfterFunc(wait, c.lookNow) // stopped when the connection ends
		return
	}
	w.timer.Reset(wait)
}

func (w *watch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// lookNow runs on the timer's goroutine.
func (c *Conn) lookNow() { c.look(time.Now()) }

// look does what is due, and sets the timer to the next look.
func (c *Conn) look(now time.Time) {
	d := due{now: now}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.watch.at = time.Time{}
	c.keepAlive(&d)
	c.endIdle(&d)
	c.endOld(&d)
	if !d.next.IsZero() {
		c.lookBy(d.next, now)
	}
	c.flush()
	if d.goAway {
		c.GoAway()
	}
	if d.end != nil {
		c.fail(d.end, frame.NoError)
	}
}
