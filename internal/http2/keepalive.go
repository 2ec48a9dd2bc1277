// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"errors"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// Keepalive asks a peer that has sent nothing for a while whether it is still there (grpc/proposal A8 and A9).
type Keepalive struct {
	// Interval without a byte from the peer makes us send a PING. 0: never.
	Interval time.Duration
	// Timeout without a byte after that ends the connection. 0: 20 s.
	Timeout time.Duration
	// WithoutStreams does so even if no stream is open.
	WithoutStreams bool
}

// defaultKeepaliveTimeout is how long a peer has to answer a PING.
const defaultKeepaliveTimeout = 20 * time.Second

// keepalivePing is the payload of the keepalive's PING. Any byte from the peer is as good as the answer.
var keepalivePing = [8]byte{'f', 'a', 'r', 'c', 'a', 'l', 'l', '?'}

// keepAlive sends the PING that is due, under mu, or finds that the last one was not answered.
func (c *Conn) keepAlive(d *due) {
	w, k := &c.watch, &c.options.Keepalive
	if k.Interval <= 0 && w.pinged.IsZero() {
		return
	}
	c.listen(d.now)
	if !w.pinged.IsZero() {
		if d.waits(w.pinged, k.Timeout) {
			c.unanswered(d)
		}
		if k.Interval > 0 {
			d.waits(d.now, k.Interval) // so that an answer is noticed soon, and the next wait begins
		}
		return
	}
	if k.Interval <= 0 {
		return
	}
	if c.streams.len() == 0 && !k.WithoutStreams {
		w.heard.since = d.now // the wait begins with the next stream
	}
	if !d.waits(w.heard.since, k.Interval) {
		return
	}
	c.ask(d.now)
	d.waits(w.pinged, k.Timeout)
	d.waits(d.now, k.Interval) // likewise
}

// listen notices, under mu, whether anything has come from the peer: then it is there.
func (c *Conn) listen(now time.Time) {
	w := &c.watch
	heard := w.heard.since
	w.heard.look(uint64(c.reader.reads.Load()), now)
	if w.heard.since != heard {
		w.pinged, w.doubted, w.mute = time.Time{}, false, false
	}
}

// ask sends the PING, under mu.
func (c *Conn) ask(now time.Time) {
	c.watch.pinged = now
	start := len(c.fast)
	c.fast = frame.AppendPing(c.fast, false, keepalivePing)
	c.appendedControl(start)
}

// unanswered does, under mu, what a peer's silence after a PING calls for.
func (c *Conn) unanswered(d *due) {
	w := &c.watch
	if w.mute {
		c.retire()
		return
	}
	what := " after a keepalive ping"
	if w.doubted {
		what = " after a call's deadline had passed without a sign of life, and a ping"
	}
	d.end = &Error{Scope: ConnectionScope, Culprit: ByNetwork,
		Reason: "nothing has come from " + c.peerName() + " for " + c.options.Keepalive.Timeout.String() + what}
}

// tooManyPings is the debug text of the GOAWAY that other implementations look for, word for word (grpc/proposal A8).
const tooManyPings = "too_many_pings"

// mostEarlyPings is how many pings may come sooner than Options.LeastPingInterval after the one before, while no HEADERS
// or DATA pass either way. Clients ping when they measure the bandwidth-delay product as well, but only along with data.
const mostEarlyPings = 2

// pings counts the pings that come too early. The reader goroutine's own.
type pings struct {
	last  time.Time
	early int
	sent  uint64 // Conn.sentFrames when the last one came
}

// count takes a ping in and reports false if that is one too many.
func (p *pings) count(now time.Time, sent uint64, least time.Duration) bool {
	switch {
	case sent != p.sent:
		p.early = 0
	case !p.last.IsZero() && now.Sub(p.last) < least:
		p.early++
	}
	p.last, p.sent = now, sent
	return p.early <= mostEarlyPings
}

// data forgets what was counted: the connection is in use.
func (p *pings) data() { p.early, p.last = 0, time.Time{} }

// debugText is what a GOAWAY tells the peer about err.
func debugText(err error) string {
	var failure *Error
	if errors.As(err, &failure) && failure.Reason == tooManyPings {
		return tooManyPings
	}
	return err.Error()
}
