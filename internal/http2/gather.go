// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"sync/atomic"

	"github.com/farcall/farcall/internal/buffer"
)

// While somebody writes, a stream that sends small messages one after the other puts them into memory of its own, and the
// writer takes them from there when it comes by (collectLocked): a message costs no turn with the connection's lock, at which
// the senders of all its streams, its reader and its writer meet, and those of one stream are one frame.
//
// It makes no difference to anybody else. Credit for what is put there is taken in advance, and what was not used of it is
// given back. The memory is open only as long as there is a writer, who does not rest before he has looked there once more:
// no message waits for a next one. And it is closed, what is there appended, whenever something else is about to happen to
// the sending half of the stream: more data, an end, a reset, a failure, new settings.

const (
	gatherBytes = 4 << 10 // of one stream
	gatherLeast = 1 << 10 // with less credit it is not worth it

	// spareLeast is the room that encoding a small message takes at least.
	spareLeast = 512
)

// gather is that memory. One goroutine sends on a stream at a time. It fills the memory from the front; what it writes behind
// that is nobody else's until it moves filled, in state, which whoever has conn.mu sets back when it has taken what is there.
type gather struct {
	state  atomic.Uint64  // see gatherState
	buffer *buffer.Buffer // nil when there is none; see entered

	entered bool // the sender's: it has set gatherBusy

	// Guarded by conn.mu:
	open     bool // gatherOpen is set, and the stream is in conn.gathering
	reserved int  // credit that was taken in advance
}

// gatherState has in its upper half how many bytes are there; below how many there may be, and two flags.
type gatherState = uint64

const (
	gatherOpen  = 1 << 0 // messages may be put there
	gatherBusy  = 1 << 1 // the sender uses the memory: it frees it if that was closed meanwhile
	gatherLimit = 2      // the shift of the limit
	gatherFill  = 32     // the shift of what is there
)

func gatherFilled(state gatherState) int { return int(state >> gatherFill) }
func gatherMost(state gatherState) int   { return int(uint32(state) >> gatherLimit) }

// enter makes the memory the sender's to write to behind what is filled, and reports whether it is open.
func (g *gather) enter() bool {
	if g.entered {
		return g.state.Load()&gatherOpen != 0
	}
	for {
		state := g.state.Load()
		if state&gatherOpen == 0 {
			return false
		}
		if g.state.CompareAndSwap(state, state|gatherBusy) {
			g.entered = true
			return true
		}
	}
}

// leave ends what enter has begun.
func (g *gather) leave() {
	if !g.entered {
		return
	}
	g.entered = false
	for {
		state := g.state.Load()
		if g.state.CompareAndSwap(state, state&^gatherBusy) {
			if state&gatherOpen == 0 { // closed meanwhile
				g.buffer.Free()
				g.buffer = nil
			}
			return
		}
	}
}

// put adds a message, and leaves. If there is no room for it, or the memory is closed, it does not leave, and returns the
// message, which may have moved.
func (g *gather) put(message []byte) (rest []byte) {
	if len(message) == 0 || !g.enter() {
		return message
	}
	b := g.buffer.B[:cap(g.buffer.B)]
	for {
		state := g.state.Load()
		filled := gatherFilled(state)
		if state&gatherOpen == 0 || filled+len(message) > gatherMost(state) {
			return message
		}
		if at := b[filled:]; &at[0] != &message[0] { // else it was encoded into Spare, and the writer has not come by since
			message = at[:copy(at, message)]
		}
		if g.state.CompareAndSwap(state, state&^gatherBusy+uint64(len(message))<<gatherFill) {
			g.entered = false
			return nil
		}
	}
}

// Spare returns memory that the next message may be encoded into, nil if there is none. Until Send is called with it, or with
// anything else, it is the sender's; nobody else must be sending.
func (s *stream) Spare() []byte {
	g := &s.gather
	if !g.enter() {
		return nil
	}
	b := g.buffer.B[:cap(g.buffer.B)]
	if b = b[gatherFilled(g.state.Load()):]; len(b) < spareLeast {
		return nil
	}
	return b
}

// gatherLocked opens the stream's memory on behalf of its sender, with mu held: there is a writer.
func (c *Conn) gatherLocked(s *stream) {
	g := &s.gather
	if g.open || s.queued > 0 || s.sendEnded || s.failedSend != nil || len(c.blocked) > 0 {
		return
	}
	most := c.gatherCredit(s)
	if most < gatherLeast {
		return
	}
	if g.buffer == nil {
		g.buffer = buffer.Get(most + spareLeast)
	}
	c.reserve(s, most)
	state := gatherState(gatherOpen | most<<gatherLimit)
	if g.entered {
		state |= gatherBusy
	}
	g.state.Store(state)
	g.open, s.waited = true, true
	c.gathering = append(c.gathering, s)
}

// gatherCredit returns how much credit can be taken for the stream in advance. What is gathered counts as if it was in fast.
func (c *Conn) gatherCredit(s *stream) int {
	room := min(gatherBytes, fastBound-len(c.fast)-c.gathered)
	if b := s.gather.buffer; b != nil {
		room = min(room, cap(b.B)-spareLeast)
	}
	return max(0, int(min(int64(room), s.credit.credit, c.credit.credit)))
}

// reserve takes credit in advance, and gives it back with n < 0.
func (c *Conn) reserve(s *stream, n int) {
	s.gather.reserved += n
	c.gathered += n
	s.credit.credit -= int64(n)
	c.credit.credit -= int64(n)
}

// collectLocked appends what the stream has gathered, with mu held, and closes its memory.
func (c *Conn) collectLocked(s *stream) {
	if s.gather.open {
		c.takeGathered(s, false)
		for i, other := range c.gathering {
			if other == s {
				last := len(c.gathering) - 1
				c.gathering[i], c.gathering[last] = c.gathering[last], nil
				c.gathering = c.gathering[:last]
				break
			}
		}
		c.wakeBlockedLocked()
	}
}

// collectAllLocked appends what all streams have gathered. With reopen, which is for a writer, those that had something go on
// to gather, and the others' memory is closed.
func (c *Conn) collectAllLocked(reopen bool) {
	if len(c.gathering) == 0 {
		return
	}
	kept := c.gathering[:0]
	for _, s := range c.gathering {
		if c.takeGathered(s, reopen) {
			kept = append(kept, s)
		}
	}
	clear(c.gathering[len(kept):])
	c.gathering = kept
	c.wakeBlockedLocked() // for whom there may be credit again
}

// gatheredBytes returns how much is waiting to be collected.
func (c *Conn) gatheredBytes() (bytes int) {
	for _, s := range c.gathering {
		bytes += gatherFilled(s.gather.state.Load())
	}
	return bytes
}

// takeGathered appends what the stream has gathered, and reports whether it goes on to gather.
func (c *Conn) takeGathered(s *stream, reopen bool) bool {
	g := &s.gather
	for taken := 0; ; {
		state := g.state.Load()
		if filled := gatherFilled(state); filled > taken {
			c.sentFrames++
			c.appendSmall(s, g.buffer.B[taken:filled:cap(g.buffer.B)], false)
			taken = filled
		}
		next := state & gatherBusy
		unused, more := g.reserved-taken, 0
		if reopen && taken > 0 && len(c.blocked) == 0 {
			c.reserve(s, -unused)
			if more = c.gatherCredit(s); more < gatherLeast {
				more = 0
			}
			c.reserve(s, unused)
		}
		if more > 0 {
			next |= gatherState(gatherOpen | more<<gatherLimit)
		}
		if !g.state.CompareAndSwap(state, next) {
			continue // there is more
		}
		c.reserve(s, -unused)
		g.reserved -= taken
		c.gathered -= taken
		if more > 0 {
			c.reserve(s, more)
			return true
		}
		g.open = false
		if next&gatherBusy == 0 {
			g.buffer.Free()
			g.buffer = nil
		}
		return false
	}
}
