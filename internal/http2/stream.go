// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// stream is what both roles share: two halves that end on their own.
//
//	            client opens: HEADERS                     server accepts: HEADERS
//	                     │                                          │
//	                     ▼                                          ▼
//	       ┌─────────── open ───────────┐             ┌─────────── open ───────────┐
//	 we send END_STREAM        peer's END_STREAM   peer's END_STREAM        we send END_STREAM
//	 (sendEnded)                    (ended)            (ended)                 (sendEnded)
//	       ▼                            ▼                 ▼                        ▼
//	half-closed (local)     half-closed (remote)   half-closed (remote)   half-closed (local)
//	       └─────────► closed ◄─────────┘                 └────────► closed ◄─────────┘
//
// RST_STREAM from either end, or the end of the connection, closes it from any state (failure). A closed stream has left
// the connection's table. (RFC 9113 section 5.1; there is no push, so nothing is ever reserved.)
//
// mu guards the receiving half, the connection's mu the sending half. Where both are held, mu is taken first.
type stream struct {
	conn   *Conn
	id     uint32
	served *ServerStream // the role's own part: one of the two is set
	sent   *ClientStream

	mu       sync.Mutex
	window   receiveWindow
	in       *buffer.Buffer // received bytes; in.B[taken:] are not consumed
	taken    int
	lent     bool           // the consumer holds a view into in from Next
	pinned   *buffer.Buffer // what in was when it was lent and had to grow
	held     int            // bytes whose connection credit waits for their consumption (budget exceeded)
	declared int64          // content-length, -1 without one
	total    int64          // bytes received, for declared
	ended    bool           // the peer's END_STREAM has come
	failure  error          // why the stream ended before its time; sticks
	head     exchange.Head  // server: the request's; client: the answer's
	headDone bool           // client: the answer's head has come; only the reader goroutine sets it
	trailers []exchange.Field

	want   want                                // what the consumer waits for
	waiter *waiter                             // the consumer, while it waits
	late   bool                                // the reader wakes the consumer when it is done with its batch
	ready  func(s *ServerStream, reading bool) // or what to call instead; server only
	into   []byte                              // where the next bytes go; into[:filled] are there
	filled int

	// Guarded by conn.mu:
	credit     sendWindow
	queued     int      // bytes in the bulk buffer that the writer has not taken
	sendEnded  bool     // END_STREAM or RST_STREAM has been appended
	peerDone   bool     // the peer's END_STREAM has been read; set before it is delivered
	endedWell  bool     // both halves have ended, and not by a reset
	waited     bool     // others may hold it: it was among the blocked, or left a burst to be written
	burst      yielding // whether it sends message after message; see flushBurst
	sender     *waiter  // a Send that waits for credit or room
	failedSend error    // failure, as the sending half sees it

	gather gather

	sentAt, receivedAt atomic.Int64 // with Options.Timed, nanoseconds of the Unix epoch
}

// want says what wakes the consumer: n buffered bytes, the head, or the end; always the end and a failure.
type want struct {
	bytes int
	head  bool
	all   bool // bytes is the limit of a whole body
	exact bool // and its length, as far as is known
}

// ID returns the stream's identifier.
func (s *stream) ID() uint32 { return s.id }

// Conn returns the stream's connection.
func (s *stream) Conn() *Conn { return s.conn }

// Peer returns the other end of the connection.
func (s *stream) Peer() exchange.Peer { return s.conn.peer }

// Times returns when the stream's first frames were handed to the socket and when the last of what has been received had
// come; zero without Options.Timed.
func (s *stream) Times() (sent, received time.Time) {
	if at := s.sentAt.Load(); at != 0 {
		sent = time.Unix(0, at)
	}
	if at := s.receivedAt.Load(); at != 0 {
		received = time.Unix(0, at)
	}
	return sent, received
}

// Trailers returns the fields after the body, once its end was seen.
func (s *stream) Trailers() []exchange.Field {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trailers
}

// Err returns why the stream ended before its time, nil if it did not.
func (s *stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Reset tells the peer to stop and ends the stream here.
func (s *stream) Reset(code frame.ErrorCode) {
	s.conn.resetStream(s, code, &Error{Code: code, Scope: StreamScope, Culprit: ByUs, Reason: "the stream was reset on this side"})
}

// waiter is a goroutine that waits. Whoever takes it out of the place where it is registered, under that place's lock,
// sends to it exactly once.
type waiter struct{ woken chan struct{} }

var waiters = sync.Pool{New: func() any { return &waiter{woken: make(chan struct{}, 1)} }}

func newWaiter() *waiter { return waiters.Get().(*waiter) }

func (w *waiter) wake() { w.woken <- struct{}{} }

// free gives the waiter back; no wake may be under way.
func (w *waiter) free() { waiters.Put(w) }

// await waits for the wake, and reports false if ctx ended first: the caller must then find out, under the lock, whether
// the waiter is still registered.
func (w *waiter) await(ctx context.Context) bool {
	done := ctx.Done()
	if done == nil {
		<-w.woken
		return true
	}
	select {
	case <-w.woken:
		return true
	case <-done:
		return false
	}
}
