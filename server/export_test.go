// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import "time"

// Lanes returns how many connections over HTTP/1.1 are read here.
func (s *Server) Lanes() int {
	lanes := &s.edge.http1.lanes
	lanes.mu.Lock()
	defer lanes.mu.Unlock()
	return len(lanes.open)
}

// WatchedLanes returns on how many of them a client is watched during a call.
func (s *Server) WatchedLanes() (count int) {
	lanes := &s.edge.http1.lanes
	lanes.mu.Lock()
	defer lanes.mu.Unlock()
	for l := range lanes.open {
		l.mu.Lock()
		if l.watching != nil {
			count++
		}
		l.mu.Unlock()
	}
	return count
}

// KeepRoomFor sets how long a lane that waits for a request keeps its buffer. It is called before the first connection.
func (s *Server) KeepRoomFor(d time.Duration) { s.edge.http1.lanes.keepRoom = d }

// RestingLanes returns how many of them wait without a buffer.
func (s *Server) RestingLanes() int { return int(s.edge.http1.lanes.resting.Load()) }

// LanesDrain reports whether answers end their connections.
func (s *Server) LanesDrain() bool { return s.edge.http1.lanes.draining.Load() }
