// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// lanes are the connections over HTTP/1.1 on which there were only plain requests: unary calls by REST and Connect. Each is
// read and answered on its own goroutine (lane.go), and handed to net/http for good with the first request that is
// anything else, of which nothing has been taken then.
type lanes struct {
	keepRoom time.Duration // a lane that waits longer for a request has no buffer
	draining atomic.Bool   // answers end their connections
	resting  atomic.Int32  // lanes without a buffer

	mu    sync.Mutex // guards what follows
	open  map[*lane]struct{}
	over  bool          // nobody enters any more
	empty chan struct{} // closed when nobody is left and nobody enters; made by drain
}

// enter reports false if it is too late for newcomers.
func (s *lanes) enter(l *lane) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	if s.open == nil {
		s.open = make(map[*lane]struct{})
	}
	s.open[l] = struct{}{}
	return true
}

func (s *lanes) leave(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, in := s.open[l]; !in {
		return
	}
	delete(s.open, l)
	if s.over && len(s.open) == 0 {
		close(s.empty)
	}
}

// drain lets nobody in any more, closes the connections that wait for a request, and makes the others end with the
// answer under way. It returns what is closed when the last has ended.
func (s *lanes) drain() (empty <-chan struct{}) {
	s.draining.Store(true)
	s.mu.Lock()
	if !s.over {
		s.over, s.empty = true, make(chan struct{})
		if len(s.open) == 0 {
			close(s.empty)
		}
	}
	var idle []net.Conn
	for l := range s.open {
		if l.state.CompareAndSwap(laneIdle, laneEnded) {
			idle = append(idle, l.nc)
		}
	}
	s.mu.Unlock()
	for _, nc := range idle {
		nc.Close()
	}
	return s.empty
}

// shutdown drains, and waits until the last connection has ended, or ctx has.
func (s *lanes) shutdown(ctx context.Context) error {
	empty := s.drain()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close cuts everybody off.
func (s *lanes) close() {
	s.drain()
	s.mu.Lock()
	open := make([]*lane, 0, len(s.open))
	for l := range s.open {
		open = append(open, l)
	}
	s.mu.Unlock()
	for _, l := range open {
		l.nc.Close()
		l.cancel()
	}
}
