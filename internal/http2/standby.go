// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"sync"
	"time"
)

// Standby looks after readers that run handlers (inline.go), of all connections that share it: it takes over from one that has
// been in the same handler for two looks. It looks only while there are any.
type Standby struct {
	mu      sync.Mutex // guards what follows
	conns   []*Conn
	looking bool
}

// StandbyTime is between two looks.
const StandbyTime = time.Millisecond

// standbyIdle is how many looks without a new call there are before a connection is not looked after any more.
const standbyIdle = 16

// watch looks after a connection whose reader is about to run handlers.
func (s *Standby) watch(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.inline.watched {
		return
	}
	c.inline.watched, c.inline.idle = true, 0
	s.conns = append(s.conns, c)
	if !s.looking {
		s.looking = true
		go s.look() // ends when there is no connection to look after
	}
}

// look looks after the connections.
func (s *Standby) look() {
	for more := true; more; {
		time.Sleep(StandbyTime)
		var stuck []stuckReader
		s.mu.Lock()
		kept := s.conns[:0]
		for _, c := range s.conns {
			if reader, found := c.inline.look(c); found {
				stuck = append(stuck, reader)
			}
			if c.inline.watched = c.inline.idle < standbyIdle; c.inline.watched {
				kept = append(kept, c)
			}
		}
		clear(s.conns[len(kept):])
		s.conns = kept
		more = len(kept) > 0
		s.looking = more
		s.mu.Unlock()
		for _, reader := range stuck {
			reader.conn.takeOver(reader.run, reader.call)
		}
	}
}

// stuckReader is the reader of a connection, and the call of Handle that it is stuck in.
type stuckReader struct {
	conn *Conn
	run  *Run
	call uint64
}

// look is called with the standby's lock held.
func (in *inline) look(c *Conn) (reader stuckReader, stuck bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.calls != in.seen {
		in.seen, in.idle = in.calls, 0
		return reader, false
	}
	in.idle++
	return stuckReader{c, in.run, in.calls}, in.current != nil
}
