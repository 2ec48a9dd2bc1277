// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"math/rand/v2"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// The end of connections that are idle, or old. A server says so first, by GoAway, since requests may be on their way; a
// client just closes, since nobody but itself can begin something.

// endIdle ends, under mu, a connection on which no stream was open for Options.IdleTimeout.
func (c *Conn) endIdle(d *due) {
	limit := c.options.IdleTimeout
	if limit <= 0 || c.draining != drainNone {
		return
	}
	w := &c.watch
	w.opened.look(uint64(c.lastStream)+uint64(c.nextStream), d.now) // one of the two moves
	if c.streams.len() > 0 || c.places.handling > 0 {
		w.opened.since = d.now
	}
	if !d.waits(w.opened.since, limit) {
		return
	}
	if c.handler != nil {
		d.goAway = true
		return
	}
	c.goingAway = true // in the same critical section as the look at the streams: whoever opens one now gets another connection
	c.changedLocked()
	c.drainedLocked()
}

// ageJitter spreads the ends of connections that began together, after a restart for instance: each one's age ends up to
// a tenth before or after Options.MaxAge.
const ageJitter = 10

// startAging sets, under mu, the time at which the connection will be old.
func (c *Conn) startAging(now time.Time) {
	age := c.options.MaxAge
	if age <= 0 {
		return
	}
	spread := max(age/ageJitter, 1)
	c.watch.old = now.Add(age - spread + rand.N(2*spread))
}

// endOld begins, under mu, the end of a connection that is old, and cuts it off when its grace is over.
func (c *Conn) endOld(d *due) {
	w := &c.watch
	if !w.old.IsZero() {
		if d.now.Before(w.old) {
			d.again(w.old)
			return
		}
		w.old = time.Time{}
		d.goAway = true
		if grace := c.options.MaxAgeGrace; grace > 0 {
			w.cut = d.now.Add(grace)
		}
	}
	switch {
	case w.cut.IsZero():
	case d.now.Before(w.cut):
		d.again(w.cut)
	default:
		d.end = &Error{Code: frame.NoError, Scope: ConnectionScope, Culprit: ByUs,
			Reason: "the connection was older than it may be, and its calls did not end within " + c.options.MaxAgeGrace.String()}
	}
}
