// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// A request's header list stays as long as its handler works, or waits for the rest of the request. A byte on the wire can
// name a field of the compression table, and each field takes memory several times over, so a list of 64 KiB is cheap for a
// client and a thousand of them are dear for us. What a list takes beyond ordinary headers is therefore counted: each
// connection may have half as much as the largest list, and what it has beyond that comes out of a share of the receive
// budget that all connections have in common. Where that is used up, the request is refused as one that was never looked at.

const (
	ordinaryHead = 4 << 10 // of what a list takes is free
	fieldMemory  = 80      // of a field, without its text: here, and in what is made of it
	headShare    = 128     // of the Budget is for header lists
)

// headMemory returns about what a head takes beyond its remembered run, which many heads share.
func headMemory(head exchange.Head) int {
	total := 0
	for i := range head.Fields {
		total += len(head.Fields[i].Name) + len(head.Fields[i].Value) + fieldMemory
	}
	return total
}

// hoard counts a head towards the stream's connection, and reports false if there is no room. Called with c.mu held.
func (s *ServerStream) hoard(head exchange.Head) bool {
	extra := headMemory(head) - ordinaryHead
	if extra <= 0 {
		return true
	}
	c := s.conn
	if !c.options.Budget.takeHeads(c.beyond(c.heads+extra) - c.beyond(c.heads)) {
		return false
	}
	c.heads += extra
	s.hoarded += extra
	return true
}

// hoardTrailers is hoard for a request's trailers. Nobody keeps them where the handler has ended.
func (s *ServerStream) hoardTrailers(trailers exchange.Head) bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.released || s.hoard(trailers)
}

// beyond returns the part of n bytes of heads that is not the connection's own.
func (c *Conn) beyond(n int) int { return max(0, n-c.options.MaxHeaderListBytes/2) }

// giveUpHoard gives back what the stream's heads have taken. Called with c.mu held.
func (s *ServerStream) giveUpHoard() {
	if s.hoarded == 0 {
		return
	}
	c := s.conn
	c.options.Budget.heads.Add(int64(c.beyond(c.heads-s.hoarded) - c.beyond(c.heads)))
	c.heads -= s.hoarded
	s.hoarded = 0
}

// takeHeads takes n bytes of the share for header lists, and reports false if there are fewer.
func (b *Budget) takeHeads(n int) bool {
	if b.heads.Add(int64(n)) > b.limit/headShare && n > 0 {
		b.heads.Add(-int64(n))
		return false
	}
	return true
}

func tooManyHeads(stream uint32) error {
	return streamError(stream, frame.RefusedStream, "the headers of the requests under way are more than the server has room for")
}
