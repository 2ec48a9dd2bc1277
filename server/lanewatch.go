// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"errors"
	"os"
	"time"
)

// A handler's context ends when its client goes away. To notice that, somebody must read from the connection, and nobody
// does while the lane's goroutine serves the call. Most calls are over before it would matter: so a timer looks now and
// then, and reads during a call that it finds for the second time.

// enterCall makes x the call that the watch is for.
func (l *lane) enterCall(x *laneExchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = x
	l.calls++
	switch {
	case l.timer == nil:
		l.timer = time.AfterFunc(watchTime, l.tick)
	case !l.ticking:
		l.timer.Reset(watchTime)
	}
	l.ticking = true
}

// leaveCall ends the call's context, and the watch: what that has read is the beginning of the next request.
func (l *lane) leaveCall(x *laneExchange) {
	l.mu.Lock()
	watching := l.watching
	l.current, l.watching = nil, nil
	if watching != nil {
		l.setReadDeadline(longAgo)
	}
	l.mu.Unlock()
	if watching != nil {
		<-watching
		l.room.B, l.taken = append(l.room.B[:0], l.ahead...), 0 // the watch begins only where nothing else was received
	}
	x.context.cancel()
}

// cancel ends the context of the call under way.
func (l *lane) cancel() {
	l.mu.Lock()
	defer l.mu.Unlock() // or x could be another request's by then
	if l.current != nil {
		l.current.context.cancel()
	}
}

// tick runs on the timer's goroutine, as long as there are calls. A watch that it begins ends with the call.
func (l *lane) tick() {
	l.mu.Lock()
	x := l.current
	if x == nil {
		l.ticking = false
		l.mu.Unlock()
		return
	}
	if l.ticked != l.calls || x.left.Load() > 0 || len(l.unread()) > 0 { // another reads, or would
		l.ticked = l.calls
		l.timer.Reset(watchTime)
		l.mu.Unlock()
		return
	}
	l.ticking = false
	watching := make(chan struct{})
	l.watching = watching
	l.setReadDeadline(time.Time{})
	l.mu.Unlock()
	n, err := l.socket.Read(l.aheadOne[:])
	l.ahead = l.aheadOne[:n]
	if n == 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
		x.context.cancel()
	}
	close(watching)
}
