// SPDX-License-Identifier: Apache-2.0

package http2

import "slices"

// A server's places. A stream holds one from Accept until its handler has ended, so that a client which resets its streams
// does not get more work done at a time than one which waits (CVE-2023-44487). The client counts otherwise: a stream that is
// answered, or reset, counts no more (RFC 9113 section 5.1.2). So a client that keeps to the limit may open a stream while
// every place is still held, by a handler that is about to return or takes no notice of a reset. Such a stream waits for a
// place, and is not refused; there are no more of them than the limit allows, and one that is reset meanwhile costs nothing.

// places are the server's role in counting. Guarded by the connection's mu.
type places struct {
	handling   int             // accepted streams whose handler has not ended
	unanswered int             // streams in the table whose answer is not out: what the limit is for
	queue      []*ServerStream // of them, those that wait for a place
}

// enter counts a new stream, under mu, and reports whether there is a place for it now.
func (p *places) enter(s *ServerStream, most int) bool {
	p.unanswered++
	s.counts = true
	if p.handling < most {
		p.handling++
		return true
	}
	s.waits = true
	p.queue = append(p.queue, s)
	return false
}

// answered is told, under mu, that a stream is answered or has left the table.
func (p *places) answered(s *ServerStream) {
	if s.counts {
		s.counts = false
		p.unanswered--
	}
}

// abandon takes a stream that has failed out of the queue, under mu.
func (p *places) abandon(s *ServerStream) {
	if !s.waits {
		return
	}
	s.waits, s.abandoned = false, true
	s.giveUpHoard()
	if at := slices.Index(p.queue, s); at >= 0 {
		p.queue = slices.Delete(p.queue, at, at+1)
	}
}

// abandonAll is abandon for a connection that has ended.
func (p *places) abandonAll() {
	queue := p.queue
	p.queue = nil
	for _, s := range queue {
		p.abandon(s)
	}
}

// next is told, under mu, that a handler has ended. It returns the stream that has its place now, nil if none waits.
func (p *places) next() *ServerStream {
	p.handling--
	if len(p.queue) == 0 {
		return nil
	}
	s := p.queue[0]
	p.queue = slices.Delete(p.queue, 0, 1)
	p.handling++
	s.waits = false
	s.waited = true // it is not used again: who accepts it is not the reader
	return s
}

// accept gives a stream that has a place to the handler: on the reader goroutine, or on that of the handler that had the
// place before.
func (c *Conn) accept(s *ServerStream) {
	c.handler.Accept(s)
	c.mu.Lock()
	s.accepted = true
	early := s.early
	c.mu.Unlock()
	if early != nil {
		c.handler.Ended(s, early)
	}
}
