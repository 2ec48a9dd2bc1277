// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"strconv"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// The sending half of a stream: frames are appended to the connection's buffers as credit and room allow.

// appendHead appends a header block with mu held. The block is encoded in place: HEADERS that need no CONTINUATION cost no
// copy.
func (c *Conn) appendHead(s *stream, head exchange.Head, end bool) {
	c.sentFrames++
	start := len(c.fast)
	c.fast = append(c.fast, make([]byte, frame.HeaderBytes)...)
	c.fast = c.encoder.AppendHead(c.fast, head)
	block := c.fast[start+frame.HeaderBytes:]
	if c.options.Tap != nil {
		c.options.Tap.Head(c, true, s.id, head, block)
	}
	if len(block) > c.settings.maxFrame {
		c.fast = frame.AppendHeaders(c.fast[:start], s.id, append([]byte(nil), block...), end, c.settings.maxFrame)
	} else {
		h := frame.Header{Length: len(block), Type: frame.Headers, Flags: frame.EndHeaders, Stream: s.id}
		if end {
			h.Flags |= frame.EndStream
		}
		frame.AppendHeader(c.fast[start:start], h)
	}
	if c.options.Tap != nil {
		c.tapSent(c.fast[start:])
	}
	if c.options.Timed {
		c.unstamped = append(c.unstamped, s)
	}
}

// tapSent shows the tap the frames in b.
func (c *Conn) tapSent(b []byte) {
	for len(b) > 0 {
		h := frame.ParseHeader(b)
		c.tapFrame(true, h, b[frame.HeaderBytes:frame.HeaderBytes+h.Length])
		b = b[frame.HeaderBytes+h.Length:]
	}
}

// appendTrailers appends the fields that end the stream, with mu held; with no fields, an empty DATA frame.
func (c *Conn) appendTrailers(s *stream, fields []exchange.Field) {
	c.collectLocked(s)
	if s.queued > 0 && c.encoder.OwesUpdate() {
		c.mergeBulkLocked() // the update must be in the first block that is sent, and so in fast
	}
	switch {
	case len(fields) == 0:
		c.appendData(s, nil, true)
	case s.queued > 0:
		c.sentFrames++
		start := len(c.bulk)
		block := c.encoder.AppendStateless(nil, fields)
		if c.options.Tap != nil {
			c.options.Tap.Head(c, true, s.id, exchange.Head{Fields: fields}, block)
		}
		c.bulk = frame.AppendHeaders(c.bulk, s.id, block, true, c.settings.maxFrame)
		if c.options.Tap != nil {
			c.tapSent(c.bulk[start:])
		}
	default:
		c.appendHead(s, exchange.Head{Fields: fields}, true)
	}
	s.sendEnded = true
}

// mergeBulkLocked puts what waits in bulk behind what waits in fast.
func (c *Conn) mergeBulkLocked() {
	c.fast = append(c.fast, c.bulk...)
	c.merged += len(c.bulk)
	c.bulk = c.bulk[:0]
	for _, s := range c.bulkStreams {
		s.queued = 0
	}
	c.bulkStreams = c.bulkStreams[:0]
}

// bulkRoom returns how many bytes there is room for in bulk. What was merged counts until the writer has taken it.
func (c *Conn) bulkRoom() int { return bulkBound - len(c.bulk) - c.merged }

// appendData appends as much of data as credit and room allow, with mu held, and returns the rest. The end is appended
// with the last byte.
func (c *Conn) appendData(s *stream, data []byte, end bool) (rest []byte) {
	c.collectLocked(s)
	if len(data) == 0 && !end {
		return nil
	}
	if c.credit.credit < int64(len(data)) {
		c.collectAllLocked(false) // who have taken some in advance
	}
	n := int(max(0, min(int64(len(data)), s.credit.credit, c.credit.credit)))
	if n == len(data) && n <= smallMessage && s.queued == 0 {
		c.appendSmall(s, data, end)
	} else {
		n = max(0, min(n, bulkShare-s.queued, c.bulkRoom()))
		if n == 0 && len(data) > 0 {
			return data
		}
		if s.queued == 0 {
			c.bulkStreams = append(c.bulkStreams, s)
		}
		s.queued += n
		c.bulk = c.appendFrames(c.bulk, s, data[:n], end && n == len(data))
	}
	if n == len(data) || n >= tinyData {
		c.sentFrames++
	}
	s.credit.credit -= int64(n)
	c.credit.credit -= int64(n)
	if n == len(data) && end {
		s.sendEnded = true
	}
	return data[n:]
}

// appendSmall appends a small message to fast: to the stream's open frame if it has one with room, else in one of its own.
// With a tap, which sees each frame when it is appended, there is none.
func (c *Conn) appendSmall(s *stream, data []byte, end bool) {
	if o := &c.open; o.stream == s.id && o.end == len(c.fast) {
		if length := o.end - o.start - frame.HeaderBytes + len(data); length <= c.settings.maxFrame {
			c.fast = append(c.fast, data...)
			h := frame.Header{Length: length, Type: frame.Data, Stream: s.id}
			if end {
				h.Flags = frame.EndStream
			}
			frame.AppendHeader(c.fast[o.start:o.start], h)
			o.end = len(c.fast)
			return
		}
	}
	start := len(c.fast)
	c.fast = c.appendFrames(c.fast, s, data, end)
	if len(data) <= c.settings.maxFrame && !end && c.options.Tap == nil {
		c.open = openFrame{stream: s.id, start: start, end: len(c.fast)}
	}
}

// appendFrames appends data in frames that the peer takes.
func (c *Conn) appendFrames(dst []byte, s *stream, data []byte, end bool) []byte {
	for {
		n := min(len(data), c.settings.maxFrame)
		start := len(dst)
		dst = frame.AppendData(dst, s.id, data[:n], end && n == len(data))
		if c.options.Tap != nil {
			c.tapSent(dst[start:])
		}
		if data = data[n:]; len(data) == 0 {
			return dst
		}
	}
}

// sendRest appends the rest of data as credit and room come, or until ctx ends or the stream fails. Others get their turn
// between the shares.
func (c *Conn) sendRest(ctx context.Context, s *stream, data []byte, end bool) error {
	c.mu.Lock()
	for {
		if err := c.sendableLocked(s); err != nil {
			c.wakeBlockedLocked() // what s may have been woken for is for others now
			c.mu.Unlock()
			return err
		}
		before := len(data)
		data = c.appendData(s, data, end)
		if len(data) == 0 {
			c.flush()
			return nil
		}
		w := newWaiter()
		s.sender, s.waited = w, true
		c.blocked = append(c.blocked, s)
		if len(data) < before {
			c.flush()
		} else {
			c.mu.Unlock()
		}
		if woken := w.await(ctx); !woken {
			c.mu.Lock()
			if s.sender == w {
				s.sender = nil
				c.leaveBlockedLocked(s)
			} else {
				<-w.woken
				c.wakeBlockedLocked() // what s was woken for is for others now
			}
			err := c.stuckLocked(s, len(data), ctx.Err())
			c.mu.Unlock()
			w.free()
			return err
		}
		w.free()
		c.mu.Lock()
	}
}

// stuckLocked returns the error of a sender whose context has ended with so many bytes unsent: what they wait for.
func (c *Conn) stuckLocked(s *stream, left int, ended error) error {
	reason := "the connection takes no more of them: does " + c.peerName() + " read?"
	switch {
	case s.credit.credit <= 0:
		reason = c.peerName() + " lets no more of them come (flow control): does its handler read?"
	case c.credit.credit <= 0:
		reason = c.peerName() + " lets no more come on the connection (flow control): do the handlers of other calls read?"
	}
	return &Error{Scope: StreamScope, Culprit: ByPeer, Reason: strconv.Itoa(left) + " bytes are still to be sent, and " + reason, Cause: ended}
}

// sendableLocked returns why the stream cannot send any more, nil if it can.
func (c *Conn) sendableLocked(s *stream) error {
	switch {
	case s.failedSend != nil:
		return s.failedSend
	case c.err != nil:
		return c.err
	case s.sent != nil && s.peerDone:
		return errAnswered
	case s.sendEnded:
		return &Error{Code: frame.StreamClosed, Scope: StreamScope, Culprit: ByUs, Reason: "sending on a stream after its end"}
	}
	return nil
}

// wakeBlockedLocked wakes those blocked senders, first come first, for whom there is credit and room now.
func (c *Conn) wakeBlockedLocked() {
	if len(c.blocked) == 0 {
		return
	}
	available := min(c.credit.credit, int64(c.bulkRoom()))
	kept := c.blocked[:0]
	for _, s := range c.blocked {
		share := min(s.credit.credit, int64(bulkShare-s.queued), available)
		switch {
		case s.sender == nil: // gone meanwhile
		case share > 0:
			available -= share
			s.sender.wake()
			s.sender = nil
		default:
			kept = append(kept, s)
		}
	}
	clear(c.blocked[len(kept):])
	c.blocked = kept
}

func (c *Conn) leaveBlockedLocked(s *stream) {
	for i, other := range c.blocked {
		if other == s {
			c.blocked = append(c.blocked[:i], c.blocked[i+1:]...)
			return
		}
	}
}
