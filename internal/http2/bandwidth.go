// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"slices"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// Windows that grow with what the path carries. A sender that fills its window in a round trip could do with a larger
// one. So along with credit goes a PING now and then, and the bytes that come until it is answered are what the path
// carries in a round trip: the bandwidth-delay product. When that is a good part of the window, and came faster than ever
// before (a path that is full only queues what is sent beyond its bandwidth), the window doubles, or more.
//
// On a path that is very short (within a machine, or a rack) the round trip is mostly the queue in which the PING stood, and
// small calls stand in that queue as well. So a window does not grow beyond what the fastest path carries in the shortest
// round trip that was seen, beginning with that of our first SETTINGS, when there was no queue.
//
// What is measured is bytes that were paid for by consumption, so the windows of a slow consumer do not grow; nor do they
// while a good part of the receive budget is in use: many connections whose windows grew together would use it up.

// bandwidthPing is the payload of the PING that measures.
var bandwidthPing = [8]byte{'f', 'a', 'r', 'c', 'a', 'l', 'l', '#'}

// mostUnmeasured is how many grants of credit pass without a measurement at most, after measurements that changed nothing.
const mostUnmeasured = 64

// muchFaster is by how much a measurement must beat the best before it: less is chance.
const muchFaster = 1.05

// fastest is what no path brings to one connection, in bytes per second.
const fastest = 4 << 30

// bandwidth is the measurement, as arithmetic. Guarded by the connection's mu.
type bandwidth struct {
	window  int // of a stream, as it is now
	largest int // what it may become

	trip time.Duration // the shortest time in which anything was answered; 0: nothing was yet

	measuring bool
	began     time.Time
	bytes     int     // received since then
	best      float64 // bytes per second, the highest that was measured
	skip      int     // grants that go without a measurement
	fruitless int     // how many there were after the last one
}

// due reports whether a measurement is to begin with credit that is being granted.
func (b *bandwidth) due() bool {
	if b.measuring || b.window >= b.largest {
		return false
	}
	if b.skip > 0 {
		b.skip--
		return false
	}
	return true
}

func (b *bandwidth) begin(now time.Time) { b.measuring, b.began, b.bytes = true, now, 0 }

func (b *bandwidth) received(n int) {
	if b.measuring {
		b.bytes += n
	}
}

// end takes the answer, and returns by how much the window grows, which is 0 as a rule.
func (b *bandwidth) end(now time.Time) (growth int) {
	if !b.measuring {
		return 0
	}
	b.measuring = false
	took := max(now.Sub(b.began), time.Microsecond)
	b.answered(took)
	rate := float64(b.bytes) / took.Seconds()
	largest := int(min(float64(b.largest), fastest*b.trip.Seconds()))
	window := min(max(2*b.window, 2*b.bytes), largest)
	// Credit is granted when half of a window is used up, so the other half is what can come in the round trip.
	if rate <= b.best*muchFaster || 3*b.bytes < b.window || window <= b.window {
		b.fruitless = min(2*b.fruitless+1, mostUnmeasured)
		b.skip = b.fruitless
		b.best = max(b.best, rate)
		return 0
	}
	b.best, b.fruitless = rate, 0
	growth = window - b.window
	b.window = window
	return growth
}

// answered learns from how long an answer took.
func (b *bandwidth) answered(took time.Duration) {
	if b.trip == 0 || took < b.trip {
		b.trip = max(took, time.Microsecond)
	}
}

// measure begins a measurement with the credit that is being granted, under mu, if one is due.
func (c *Conn) measure() {
	if !c.bandwidth.due() || c.options.Budget.strained() {
		return
	}
	c.bandwidth.begin(time.Now())
	start := len(c.fast)
	c.fast = frame.AppendPing(c.fast, false, bandwidthPing)
	c.appendedControl(start)
}

// bandwidthMeasured grows the windows of all streams, those to come included, and of the connection, if the measurement
// says so. It is called on the reader goroutine, so that no DATA is looked at meanwhile.
func (c *Conn) bandwidthMeasured() {
	c.mu.Lock()
	growth := c.bandwidth.end(time.Now())
	if growth == 0 || c.err != nil || c.options.Budget.strained() {
		c.bandwidth.window -= growth
		c.mu.Unlock()
		return
	}
	start := len(c.fast)
	c.fast = frame.AppendSettings(c.fast, frame.Setting{ID: frame.InitialWindowSize, Value: uint32(c.bandwidth.window)})
	c.appendedControl(start)
	streams := slices.Collect(c.streams.all())
	if more := c.bandwidth.window - c.window.target; more > 0 {
		c.window.target += more
		c.returnLocked(more)
	}
	c.mu.Unlock()
	for _, s := range streams {
		s.mu.Lock()
		s.window.grow(growth)
		s.mu.Unlock()
	}
}
