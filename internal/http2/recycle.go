// SPDX-License-Identifier: Apache-2.0

package http2

import "sync"

// Streams that have ended well are used again where their user says that nobody else has them: a stream is the largest
// allocation of a small call.
//
// Besides the user, the reader goroutine may have one in its hands, until it has handled the frame that it is at. So what
// is given back is set aside first, and the reader hands it on between two batches, when it holds none. A client's stream whose
// answer came whole is its user's alone when he is woken (closeAnsweredLocked), and needs none of that. Streams that others
// may have seen, because they failed, were overdue or waited to send, are left to the garbage collector.

var (
	clientStreams = sync.Pool{New: func() any { return new(ClientStream) }}
	serverStreams = sync.Pool{New: func() any { return new(ServerStream) }}
)

// reusableLocked reports whether a stream may be used again when its user has given it back.
func (c *Conn) reusableLocked(s *stream) bool {
	return c.reuses && s.endedWell && s.queued == 0 && !s.waited && c.err == nil && !c.options.Timed
}

// setAsideLocked takes a stream that its user has given back, if it may be used again.
func (c *Conn) setAsideLocked(s *stream) {
	if c.reusableLocked(s) {
		c.aside = append(c.aside, s)
	}
}

// closeAnsweredLocked takes the streams of a client out of the table whose answers were whole in what the reader has handled,
// all at a time, so that those who made the calls need not lock the connection once more to do it. The reader calls it, with
// no stream in its hands, before it wakes them: the streams are theirs alone then.
func (c *Conn) closeAnsweredLocked() {
	for _, s := range c.reader.answered {
		if c.streams.has(s) { // else its user was faster
			c.closeIfDoneLocked(s)
			s.sent.free.Store(c.reusableLocked(s))
		}
	}
	clear(c.reader.answered)
	c.reader.answered = c.reader.answered[:0]
}

// reuseLocked hands on the streams that were set aside. The reader goroutine calls it when it holds no stream. Only a
// connection that is hot reuses streams, so that an idle one holds none.
func (c *Conn) reuseLocked() {
	c.reuses = c.reader.hot
	for _, s := range c.aside {
		if s.served != nil {
			served := s.served
			*served = ServerStream{}
			serverStreams.Put(served)
		} else {
			sent := s.sent
			*sent = ClientStream{}
			clientStreams.Put(sent)
		}
	}
	clear(c.aside)
	c.aside = c.aside[:0]
}

// stopReusing lets go of the streams and buffers that a connection holds which is not hot any more.
func (c *Conn) stopReusing() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reuses, c.aside = false, nil
	if !c.writing && c.nothingToWrite() {
		c.dropBuffersLocked()
	}
}

// Recycle is Close for a stream that nobody else has, and that is not touched again: one goroutine alone has used it.
func (s *ClientStream) Recycle() {
	s.mu.Lock()
	if !s.ended || s.failure != nil {
		s.mu.Unlock()
		s.Close()
		return
	}
	s.finishReceivingUnlocked()
	free := s.free.Load() && !s.late // or the reader comes back to it
	s.mu.Unlock()
	if free {
		*s = ClientStream{}
		clientStreams.Put(s)
		return
	}
	c := s.conn
	c.mu.Lock()
	c.closeIfDoneLocked(&s.stream)
	open := c.streams.has(&s.stream)
	c.setAsideLocked(&s.stream)
	c.mu.Unlock()
	if open { // the answer came before the request's end
		s.Close()
	}
}
