// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// The combining writer. There is no writer goroutine: whoever appends frames while nobody writes becomes the writer, and
// takes along what others append meanwhile. (A stream that sends message after message leaves the writing to a goroutine
// that ends with the burst: see flushBurst.) A writer never blocks: what the socket does not take at once, and what is
// left after a fair share of work, goes to a goroutine that lives until the buffers are empty (drain). It inherits the
// writing flag, so that there is never a second writer.
//
// There are two buffers. Control frames, HEADERS and small messages go to fast; DATA of large messages goes to bulk,
// which is written after fast, so that small calls pass large ones. What follows DATA in bulk (trailers, RST_STREAM) goes
// to bulk as well, and trailers there are encoded without the compression table, because header blocks must reach the
// peer's decoder in the order of their encoding.
//
// Invariant: the reader never waits for room, but for a moment before it accepts another request (letDrain). Control
// frames are appended in any case; more than controlAllowance of them in an out-buffer that nobody drains ends the
// connection with ENHANCE_YOUR_CALM.
const (
	fastBound        = 128 << 10 // above it, senders wait for room
	bulkBound        = 384 << 10
	bulkShare        = 96 << 10 // of one stream, then the others' turn; a message of 64 KiB is one share with its heads
	largestFrame     = 64 << 10 // whatever the peer takes
	smallMessage     = 4 << 10  // up to here DATA goes to fast
	controlAllowance = 128 << 10
	writerRounds     = 2         // a caller writes at most so often
	writerBytes      = 256 << 10 // and so much before it hands over
	stallPiece       = 64 << 10  // of a write that waits for all of it, and must not take longer than the stall timeout
	keptBuffer       = 192 << 10 // a larger buffer is not kept once it is empty, and none where nothing happens
)

// writer is the sending part of a Conn. Guarded by Conn.mu, except that the writer owns what it has taken.
type writer struct {
	fast, bulk           []byte
	spareFast, spareBulk []byte    // what was written last, to be used again
	bulkStreams          []*stream // the streams that have bytes in bulk
	control              int       // bytes of control frames in fast
	merged               int       // bytes that were in bulk and are now in fast
	writing              bool      // somebody is the writer
	closing              bool      // the connection closes once everything is written
	taken                uint64    // bytes of fast that writers have taken, since the connection began
	taking               int       // of them, those of the last take
	unwritten            [2][]byte // the writer's: taken, and not yet written
	handedOver           bool      // the writer's: the socket has some of the last take
	room                 []*waiter // who waits for room in fast
	unstamped            []*stream // with Options.Timed, streams with frames in fast or bulk
	yielding             yielding
	corked               bool // the reader runs handlers, and writes behind the last one
	open                 openFrame
	gathering            []*stream // whose memory is open; see gather.go
	gathered             int       // credit that they have taken in advance
}

// openFrame is a DATA frame at the end of fast, which grows when its stream's next message is appended behind it: messages
// that leave together are one frame to the peer. It is not open any more once anything else was appended.
type openFrame struct {
	stream     uint32 // 0: none
	start, end int    // in fast
}

// yielding decides whether a yield before the write pays: it goes on while yields bring bytes along cheaply, stops for a
// while when they do not, and then tries again. A yield may take the longer the more it brings: with hundreds of calls in
// flight it runs a hundred of them, and to write those singly costs far more than the wait.
type yielding struct {
	skip   int // writes to go without
	misses int // yields in a row that brought nothing
}

const (
	yieldMisses  = 4
	yieldPause   = 64
	yieldTooLong = 500 * time.Microsecond // for each yieldShare that it brings
	yieldShare   = 256                    // bytes, of a small call or two
	yieldShares  = 32                     // more do not make it longer
)

func (y *yielding) wanted() bool {
	if y.skip > 0 {
		y.skip--
		return false
	}
	return true
}

// learn is told what a yield has brought, in bytes, and how long it took.
func (y *yielding) learn(gained int, took time.Duration) {
	tooLong := took >= yieldTooLong*time.Duration(1+min(gained/yieldShare, yieldShares-1))
	if gained > 0 && !tooLong {
		y.misses = 0
		return
	}
	if y.misses++; y.misses >= yieldMisses || tooLong {
		y.misses, y.skip = 0, yieldPause
	}
}

// appended says that a goroutine which may have been woken by the reader has appended its frames.
func (c *Conn) appended() {
	if c.awake.Load() > 0 {
		c.awake.Add(-1)
	}
}

// flush is called with mu held after an append, and releases it. It makes the caller the writer if there is none.
func (c *Conn) flush() {
	if c.writing || c.err != nil || c.nothingToWrite() {
		c.mu.Unlock()
		return
	}
	c.writing = true
	if c.socket.wrapped() {
		c.mu.Unlock()
		go c.drain() // ends when the buffers are empty or the connection fails
		return
	}
	if yields && c.awake.Load() > 0 && c.yielding.wanted() {
		before := len(c.fast) + len(c.bulk)
		c.mu.Unlock()
		start := time.Now()
		yield()
		took := time.Since(start)
		c.mu.Lock()
		c.yielding.learn(len(c.fast)+len(c.bulk)-before, took)
	}
	c.writeAsCaller()
}

// flushBurst is flush for a stream that may have more to send at once: rather than write each message on its own, the caller
// leaves the writing to a goroutine, and its next messages go along. Where that brings nothing for a while (a handler
// that sends now and then) the caller writes.
func (c *Conn) flushBurst(s *stream) {
	if c.writing && c.err == nil {
		c.gatherLocked(s)
		c.mu.Unlock()
		return
	}
	if c.err != nil || c.socket.wrapped() || c.nothingToWrite() || !yields || !s.burst.wanted() {
		c.flush()
		return
	}
	c.writing, s.waited = true, true
	c.gatherLocked(s)
	before := len(c.fast) + len(c.bulk)
	c.mu.Unlock()
	go func() { // has the writing flag; ends when the buffers are empty or the connection fails
		yield()
		c.mu.Lock()
		s.burst.learn(len(c.fast)+len(c.bulk)+c.gatheredBytes()-before, 0)
		c.write(0)
	}()
}

// writeAsCaller writes a bounded share without blocking. Called with mu held and writing set; releases mu.
func (c *Conn) writeAsCaller() { c.write(writerRounds) }

// write writes without blocking, with so many rounds and their share of bytes at most; 0: as long as there is something to
// write. What is left, and what would block, goes to drain. Called with mu held and writing set; releases mu.
func (c *Conn) write(rounds int) {
	written := 0
	for round := 0; ; round++ {
		if c.restLocked() {
			return
		}
		if rounds > 0 && (round == rounds || written >= writerBytes) {
			c.mu.Unlock()
			go c.drain() // inherits writing; ends when the buffers are empty or the connection fails
			return
		}
		fast, bulk := c.takeLocked()
		c.mu.Unlock()
		written += len(fast) + len(bulk)
		blocked, err := c.tryWrite(fast, bulk)
		if err != nil {
			c.writeFailed(err)
			return
		}
		if blocked {
			go c.drain() // inherits writing and unwritten
			return
		}
		c.mu.Lock()
	}
}

// nothingToWrite reports, under mu, that the buffers are empty and TLS has nothing of its own to send.
func (c *Conn) nothingToWrite() bool { return len(c.fast)+len(c.bulk) == 0 && !c.socket.owes() }

// restLocked gives the writer's role up, and releases mu, if there is nothing to write or nobody to write to.
func (c *Conn) restLocked() bool {
	c.collectAllLocked(true)
	if c.err == nil && !c.nothingToWrite() {
		return false
	}
	if c.err != nil { // writing stays set: nobody writes any more
		c.lastWriteLocked()
		c.mu.Unlock()
		c.nc.Close()
		return true
	}
	c.writing = false
	c.trimLocked()
	closing := c.closing
	c.mu.Unlock()
	if closing {
		c.closeDrained()
	}
	return true
}

// lastWriteLocked tries to send what was queued before the connection failed, the GOAWAY last. The socket is closed next,
// so nothing is waited for, but by the writer of a wrapped connection, who cannot try: it releases mu and has lastWriteTime.
func (c *Conn) lastWriteLocked() {
	fast, bulk := c.takeLocked()
	c.fast, c.bulk = nil, nil
	last := append(fast, bulk...)
	if c.socket.wrapped() {
		c.mu.Unlock()
		if c.nc.SetWriteDeadline(time.Now().Add(lastWriteTime)) == nil {
			_, _ = c.nc.Write(last)
		}
		c.mu.Lock()
		return
	}
	if blocked, err := c.tryWrite(last, nil); err == nil && !blocked {
		c.socket.sayGoodbye()
	}
}

// takeLocked hands what is queued to the writer, and wakes who waited for that.
func (c *Conn) takeLocked() (fast, bulk []byte) {
	fast, bulk = c.fast, c.bulk
	c.taken, c.taking, c.handedOver = c.taken+uint64(len(fast)), len(fast), false
	c.fast, c.bulk = c.spareFast[:0], c.spareBulk[:0]
	c.spareFast, c.spareBulk = fast, bulk
	if cap(fast) > keptBuffer {
		c.spareFast = nil
	}
	if cap(bulk) > bulkBound+keptBuffer {
		c.spareBulk = nil
	}
	c.control, c.merged, c.open = 0, 0, openFrame{}
	c.stampLocked()
	for _, s := range c.bulkStreams {
		s.queued = 0
	}
	c.bulkStreams = c.bulkStreams[:0]
	c.wakeRoomLocked()
	c.wakeBlockedLocked()
	return fast, bulk
}

func (c *Conn) wakeRoomLocked() {
	for _, w := range c.room {
		w.wake()
	}
	c.room = c.room[:0]
}

// tryWrite seals and writes without blocking, and leaves in unwritten what the socket did not take.
func (c *Conn) tryWrite(fast, bulk []byte) (blocked bool, err error) {
	if fast, bulk, err = c.socket.seal(fast, bulk); err != nil {
		return false, err
	}
	for i, part := range [...][]byte{fast, bulk} {
		if len(part) == 0 {
			continue
		}
		n, err := c.socket.tryWrite(part)
		c.handedOver = c.handedOver || n > 0
		if err != nil {
			return false, err
		}
		if n < len(part) {
			c.unwritten[0] = part[n:]
			if i == 0 {
				c.unwritten[1] = bulk
			}
			return true, nil
		}
	}
	return false, nil
}

// drain is the writer that may block: it writes until the buffers are empty or the connection has failed.
func (c *Conn) drain() {
	for {
		for i, part := range c.unwritten {
			c.unwritten[i] = nil
			if err := c.blockingWrite(part); err != nil {
				c.writeFailed(err)
				return
			}
		}
		c.mu.Lock()
		if c.restLocked() {
			return
		}
		fast, bulk := c.takeLocked()
		c.mu.Unlock()
		var err error
		if c.unwritten[0], c.unwritten[1], err = c.socket.seal(fast, bulk); err != nil {
			c.writeFailed(err)
			return
		}
	}
}

// blockingWrite writes all of part, and waits only for what the socket does not take at once. It fails when the peer has taken
// nothing for the stall timeout.
func (c *Conn) blockingWrite(part []byte) error {
	waits := c.socket.wrapped()
	for len(part) > 0 {
		n, err := 0, error(nil)
		if !waits {
			n, err = c.socket.tryWrite(part)
			waits = n < len(part)
		} else if err = c.socket.under.SetWriteDeadline(time.Now().Add(c.options.StallTimeout)); err == nil {
			n, err = c.socket.write(part)
		}
		c.handedOver = c.handedOver || n > 0
		if err != nil && !(n > 0 && errors.Is(err, os.ErrDeadlineExceeded)) { // slow is not stalled
			return err
		}
		part = part[n:]
	}
	if !waits {
		return nil
	}
	return c.socket.under.SetWriteDeadline(time.Time{})
}

// writeFailed ends the connection after a failed write. Where a server has gone, its last answers may still be there to be
// read: the reader ends a client's connection when it comes to their end, or lastWriteTime does.
func (c *Conn) writeFailed(err error) {
	failure := &Error{Code: frame.NoError, Scope: ConnectionScope, Culprit: ByNetwork, Reason: "writing to " + c.peerName() + " failed", Cause: err}
	c.mu.Lock()
	if !c.handedOver {
		c.taken -= uint64(c.taking)
	}
	c.collectAllLocked(false)
	c.fast, c.bulk = nil, nil // writing stays set: nobody writes any more
	lingers := c.handler == nil && c.err == nil && !errors.Is(err, os.ErrDeadlineExceeded)
	if !lingers {
		c.mu.Unlock()
		c.fail(failure, frame.NoError)
		return
	}
	c.goingAway = true
	c.changedLocked()
	time.AfterFunc(lastWriteTime, func() { c.fail(failure, frame.NoError) })
	unsent, never := c.unsent(failure), c.unsentLocked()
	for _, s := range never {
		c.removeLocked(s, unsent)
	}
	c.mu.Unlock()
	for _, s := range never {
		c.endStream(s, unsent)
	}
}

// unsentLocked returns a client's streams of which the socket has nothing.
func (c *Conn) unsentLocked() (never []*stream) {
	for s := range c.streams.all() {
		if c.unsentStreamLocked(s) {
			never = append(never, s)
		}
	}
	return never
}

func (c *Conn) unsentStreamLocked(s *stream) bool { return s.sent != nil && s.sent.headAt >= c.taken }

// stampLocked notes, for streams that ask, that their frames are being handed to the socket: before the write, since the
// peer may have answered when that returns.
func (c *Conn) stampLocked() {
	if len(c.unstamped) == 0 {
		return
	}
	now := time.Now().UnixNano()
	for _, s := range c.unstamped {
		s.sentAt.CompareAndSwap(0, now)
	}
	clear(c.unstamped)
	c.unstamped = c.unstamped[:0]
}

// awaitRoom waits, with mu held, until fast has room for another sender's frames; with ctx's error it returns without
// room, and with the connection's if that ends first.
func (c *Conn) awaitRoom(ctx context.Context) error {
	for c.err == nil && len(c.fast) >= fastBound {
		w := newWaiter()
		c.room = append(c.room, w)
		c.mu.Unlock()
		woken := w.await(ctx)
		c.mu.Lock()
		if !woken {
			if !c.leaveRoomLocked(w) {
				<-w.woken
			}
			w.free()
			return ctx.Err()
		}
		w.free()
	}
	return c.err
}

// drainPause is how long a reader waits for room at most. Two ends of which each waits for the other to read would wait for
// ever; this way they go on.
const drainPause = 100 * time.Millisecond

// letDrain makes the reader wait for a moment, where there is no room for answers, before it accepts a request that wants
// one more: a client that asks faster than it reads piles up handlers that wait. Called with mu held, which it releases.
func (c *Conn) letDrain() {
	c.flush()
	c.detachInline(nil) // each request of a batch may have to wait here
	ctx, cancel := context.WithTimeout(context.Background(), drainPause)
	defer cancel()
	c.mu.Lock()
	_ = c.awaitRoom(ctx) // without room it goes on as well
	c.mu.Unlock()
}

func (c *Conn) leaveRoomLocked(w *waiter) bool {
	for i, other := range c.room {
		if other == w {
			c.room = append(c.room[:i], c.room[i+1:]...)
			return true
		}
	}
	return false
}
