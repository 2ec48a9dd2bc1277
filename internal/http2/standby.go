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

// watch looks after a connection whose reader is about to run handlers, and that is not looked after.
func (s *Standby) watch(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := &c.inline
	in.mu.Lock()
	in.watched, in.idle = true, 0
	in.mu.Unlock()
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
		more = s.lookOnce()
	}
}

// lookOnce reports false if there is no connection to look after any more.
func (s *Standby) lookOnce() (more bool) {
	var stuck []stuckReader
	s.mu.Lock()
	kept := s.conns[:0]
	for _, c := range s.conns {
		reader, found, watched := c.inline.look(c)
		if found {
			stuck = append(stuck, reader)
		}
		if watched {
			kept = append(kept, c)
		}
	}
	clear(s.conns[len(kept):])
	s.conns = kept
	more = len(kept) > 0
	s.looking = more
	if !more {
		s.conns = nil
	}
	s.mu.Unlock()
	for _, reader := range stuck {
		reader.conn.takeOver(reader.run, reader.call)
	}
	return more
}

// stuckReader is the reader of a connection, and the call of Handle that it is stuck in.
type stuckReader struct {
	conn *Conn
	run  *Run
	call uint64
}

// look is called with the standby's lock held.
func (in *inline) look(c *Conn) (reader stuckReader, stuck, watched bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.calls != in.seen:
		in.seen, in.idle = in.calls, 0
		return reader, false, true
	case in.current != nil:
		return stuckReader{c, in.run, in.calls}, true, true
	case in.next < len(in.queue): // the reader is about to begin
		return reader, false, true
	}
	in.idle++
	in.watched = in.idle < standbyIdle
	return reader, false, in.watched
}
