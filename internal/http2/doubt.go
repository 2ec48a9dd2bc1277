// SPDX-License-Identifier: Apache-2.0

package http2

import "time"

// Doubt is a client's keepalive ping ahead of time, and without a keepalive: a call whose deadline has passed, with nothing
// at all from the server since it was sent, says that the connection may be dead. What TCP has sent is acknowledged by
// whatever stands in between, a load balancer for instance whose other side is gone, and calls would fail by their
// deadlines for as long as it likes. So the server is asked, and has Keepalive.Timeout to show that it is there.
//
// A server whose handlers are merely slow answers the ping. It may count pings, though, and end a connection with more than
// two of them while it sends nothing else (grpc/proposal A8). From then on there is no ping: a connection on which nothing
// comes for Keepalive.Timeout takes no new calls, and those under way keep it.

// mostDoubtPings is how many PINGs a server may get because of doubts before it sends something else.
const mostDoubtPings = mostEarlyPings

// Overdue says that the stream's answer did not come in time. It reports whether nothing at all has come from the server
// since the stream was opened.
func (s *ClientStream) Overdue() (silent bool) {
	c := s.conn
	if c.reader.reads.Load() != s.readsBefore {
		return false
	}
	c.mu.Lock()
	c.doubt(time.Now())
	c.flush()
	return true
}

// Doubtful reports whether a call was overdue on the connection without a sign of life from the server, and there was none
// since: others are to be preferred.
func (c *Conn) Doubtful() bool {
	at := c.doubtful.Load()
	return at != 0 && uint32(at) == c.reader.reads.Load()
}

// doubt asks the server, under mu, unless it was asked already.
func (c *Conn) doubt(now time.Time) {
	w, k := &c.watch, &c.options.Keepalive
	if c.err != nil {
		return
	}
	c.listen(now)
	c.doubtful.Store(1<<32 | uint64(c.reader.reads.Load()))
	if !w.pinged.IsZero() {
		return
	}
	switch {
	case w.doubts < mostDoubtPings:
		w.doubts++
		w.doubted = true
		c.ask(now)
	case k.Interval > 0:
		return // the keepalive will find out
	default:
		w.pinged, w.mute = now, true
	}
	d := due{now: now}
	d.waits(w.pinged, k.Timeout)
	c.lookBy(d.next, now)
}

// retire lets, under mu, no new streams begin on a connection, which ends with its last one.
func (c *Conn) retire() {
	c.watch.pinged, c.watch.mute = time.Time{}, false
	c.goingAway = true
	c.changedLocked()
	c.drainedLocked()
}
