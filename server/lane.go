// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http1"
	"github.com/farcall/farcall/internal/nonblock"
)

const (
	laneBytes = 8 << 10               // a head that is longer is not plain
	watchTime = 20 * time.Millisecond // a call that takes longer is ended when its client goes away
	drainable = 256 << 10             // so much of a body that nobody wanted is read before the answer
	drainTime = time.Second           // how long that may take
)

// What a lane does. It becomes idle and busy by its own goroutine; drain ends it while it is idle.
const (
	laneBusy int32 = iota // some of a request has come, or it is answered
	laneIdle
	laneEnded
)

// longAgo is a deadline that makes a read or write under way fail.
var longAgo = time.Unix(1, 0)

// lane is a connection over HTTP/1.1 that has sent plain requests only. Its goroutine is the one that accepted it.
type lane struct {
	edge   *edge
	lanes  *lanes
	nc     net.Conn
	socket io.ReadWriter // reads and writes nc
	first  *greeted
	base   context.Context // has the values of its requests' contexts
	scheme string
	aging  *aging
	state  atomic.Int32

	// The goroutine's own:
	room     *buffer.Buffer // room.B[taken:] was received and not taken; nil while a request is awaited for long
	taken    int
	readBy   time.Time     // when reads fail; zero if that is not known
	writeBy  time.Time     // likewise writes
	one      [1]byte       // where to read without room
	serving  *laneExchange // what is answered
	spare    *laneExchange // for the next request: of one that was answered, and that nobody has any more; nil for none
	passedOn bool          // the connection is net/http's

	mu       sync.Mutex    // guards what follows
	current  *laneExchange // nil between requests
	calls    uint64        // how many there were
	timer    *time.Timer   // runs tick; nil before the first call
	ticking  bool          // the timer runs
	ticked   uint64        // calls when the timer last fired
	watching chan struct{} // closed when the watch for the client has ended; nil without one
	aheadOne [1]byte       // where the watch reads to
	ahead    []byte        // what it has read, of the next request; not guarded: the watch's until it has ended
}

// serveLane serves a connection until it ends or is net/http's.
func (e *edge) serveLane(first *greeted) {
	l := &lane{edge: e, lanes: &e.http1.lanes, nc: first.nc, socket: nonblock.Of(first.nc), first: first, scheme: "http"}
	peer := exchange.PeerOf(first.nc)
	if first.tls != nil {
		l.scheme, peer.TLS = "https", first.tls
	}
	l.base = exchange.WithPeer(context.Background(), peer)
	l.aging = e.http1.ages.begin(l.nc, l)
	if !l.lanes.enter(l) {
		l.aging.end()
		l.nc.Close()
		return
	}
	defer l.leave() // in a defer, because a handler may end its goroutine (runtime.Goexit)
	l.room = buffer.Get(laneBytes)
	l.room.B = append(l.room.B, first.received...)
	for {
		size, came := l.receiveHead()
		if came == nothing {
			return
		}
		var x *laneExchange
		if came == plainSoFar {
			x = l.accept(size)
		}
		if x == nil && came == plainSoFar && http1.TwoLengths(l.unread()[:size]) {
			l.refuse("400", `{"code":3,"message":"Content-Length and Transfer-Encoding in one request: which of them is right?"}`)
			return
		}
		if x == nil {
			l.passOn()
			return
		}
		if !l.answer(x) {
			return
		}
	}
}

// leave is the last thing that happens. If a handler has ended the goroutine, and its call was answered all the same,
// net/http goes on with the connection.
func (l *lane) leave() {
	if l.serving != nil && l.serving.reusable() {
		l.passOn()
	}
	l.room.Free()
	l.room = nil
	if !l.passedOn {
		l.aging.end()
		l.nc.Close()
	}
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	l.lanes.leave(l)
}

// unread is what was received and not taken.
func (l *lane) unread() []byte { return l.room.B[l.taken:] }

// arrival is what receiveHead has seen.
type arrival uint8

const (
	nothing    arrival = iota // the connection has ended, or must
	plainSoFar                // a whole head
	foreign                   // something that net/http is to judge
)

// receiveHead waits for the head of the next request, and returns its length.
func (l *lane) receiveHead() (size int, came arrival) {
	var deadline time.Time // for the whole head, from its first byte
	scanned := 0
	for {
		if len(l.unread()) == 0 && !l.await() {
			return 0, nothing
		}
		next, extent := http1.Scan(l.unread(), scanned)
		switch limit := min(laneBytes, l.edge.server.options.MaxHeaderListBytes); {
		case extent == http1.Whole && next <= limit:
			return next, plainSoFar
		case extent != http1.Partial || len(l.unread()) >= limit:
			return 0, foreign
		}
		scanned = next
		if deadline.IsZero() {
			deadline = time.Now().Add(l.edge.server.options.HandshakeTimeout)
			l.setReadDeadline(deadline)
			l.compact()
		}
		n, err := l.socket.Read(l.room.B[len(l.room.B):cap(l.room.B)])
		l.room.B = l.room.B[:len(l.room.B)+n]
		switch {
		case n > 0:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, nothing
		case err != nil: // net/http has an answer to half a head
			return 0, foreign
		}
	}
}

// await waits for the first bytes of a request. It reports false when the connection has ended, or must.
func (l *lane) await() bool {
	l.state.Store(laneIdle)
	if l.lanes.draining.Load() || l.aging.isOld() {
		return false
	}
	l.room.B, l.taken = l.room.B[:0], 0
	patience := l.edge.http1.idle
	if l.calls == 0 {
		patience = l.edge.server.options.HandshakeTimeout
	}
	first := min(patience, l.lanes.keepRoom)
	if now := time.Now(); l.readBy.Sub(now) < first/2 { // rather than with each request
		l.setReadDeadline(now.Add(first))
	}
	n, err := l.socket.Read(l.room.B[:cap(l.room.B)])
	if n == 0 && patience > first && errors.Is(err, os.ErrDeadlineExceeded) {
		l.room.Free()
		l.room, l.spare = nil, nil
		l.lanes.resting.Add(1)
		l.setReadDeadline(time.Now().Add(patience - first))
		n, _ = l.socket.Read(l.one[:])
		l.lanes.resting.Add(-1)
		l.room = buffer.Get(laneBytes)
		copy(l.room.B[:n], l.one[:n])
	}
	l.room.B = l.room.B[:n]
	return n > 0 && l.state.CompareAndSwap(laneIdle, laneBusy)
}

func (l *lane) setReadDeadline(t time.Time) {
	l.readBy = t
	_ = l.nc.SetReadDeadline(t)
}

// compact makes room for the rest of a head whose beginning came behind other requests.
func (l *lane) compact() {
	if l.taken > 0 {
		l.room.B = append(l.room.B[:0], l.unread()...)
		l.taken = 0
	}
}

// accept takes a request that is plain and of a unary call. It returns nil, and has taken nothing, for any other.
func (l *lane) accept(size int) *laneExchange {
	x := l.newExchange()
	request, plain := http1.Parse(l.unread()[:size], x.fields[:pseudoFields])
	if !plain {
		return nil
	}
	x.head.Fields = request.Fields
	copy(x.head.Fields, []exchange.Field{{Name: ":method", Value: request.Method}, {Name: ":scheme", Value: l.scheme},
		{Name: ":authority", Value: request.Host}, {Name: ":path", Value: request.Target}})
	var unary bool
	if x.to, x.found, unary = l.edge.unary(x.head); !unary {
		return nil
	}
	l.taken += size
	x.bodiless = request.Method == "HEAD"
	x.begin(request.Length)
	return x
}

// newExchange returns the exchange of the next request.
func (l *lane) newExchange() *laneExchange {
	x := l.spare
	if x == nil {
		x = &laneExchange{}
	}
	l.spare = nil
	x.lane, x.context.values = l, l.base
	return x
}

// answer serves a request, and reports whether another one may follow.
func (l *lane) answer(x *laneExchange) bool {
	l.serving = x
	func() {
		l.enterCall(x)
		defer l.leaveCall(x)
		l.edge.serve(&x.context, x, x.to, x.found)
	}()
	l.serving = nil
	if x.reusable() {
		if x.context.unseen() && l.edge.server.options.Observer == nil { // which is shown the context
			*x = laneExchange{} // what a client has sent is not kept
			l.spare = x
		}
		return true
	}
	if x.whole && (x.left.Load() > 0 || len(l.unread()) > 0) {
		letRead(l.nc)
	}
	return false
}

// passOn gives the connection to net/http, with what was received and not taken.
func (l *lane) passOn() {
	_ = l.nc.SetDeadline(time.Time{})
	received := bytes.Clone(l.unread())
	l.passedOn = l.edge.http1.serve(&greeted{nc: l.nc, received: received, tls: l.first.tls, aging: l.aging})
	if !l.passedOn && len(received) > 0 { // the server ends
		l.refuse("503", `{"code":14,"message":"the server is shutting down"}`)
	}
}

// refuse answers what is unread with a status and a google.rpc.Status. The connection ends then.
func (l *lane) refuse(status, body string) {
	head := exchange.Head{Fields: []exchange.Field{{Name: ":status", Value: status}, {Name: "content-type", Value: "application/json"}}}
	answer, _, _ := http1.AppendHead(nil, head, http1.Framing{Length: len(body), Close: true}, time.Now())
	l.setWriteDeadline()
	if _, err := l.socket.Write(append(answer, body...)); err == nil {
		letRead(l.nc)
	}
}

// setWriteDeadline gives the peer time to take something: the whole StallTimeout, and a quarter more at most, since the
// deadline is not set anew with each answer.
func (l *lane) setWriteDeadline() {
	stall := l.edge.server.options.StallTimeout
	if now := time.Now(); stall < forever && l.writeBy.Sub(now) < stall {
		l.writeBy = now.Add(stall + stall/4)
		_ = l.nc.SetWriteDeadline(l.writeBy)
	}
}
