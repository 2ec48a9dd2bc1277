// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
)

// Conn is one HTTP/2 connection. All methods are safe for concurrent use.
type Conn struct {
	// Set once:
	nc      net.Conn
	socket  *socket
	options Options
	peer    exchange.Peer
	handler Handler     // the server's role
	ended   func(error) // told by the reader goroutine at its end, why; nil for nobody
	done    chan struct{}

	// awake counts the goroutines that the reader has woken and that have not appended yet, about; see yield.
	awake atomic.Int32
	// doubtful is, behind a set bit, the reader's count of reads when a call was last overdue without a sign of life.
	doubtful atomic.Uint64

	// The reader goroutine's own:
	reader reader
	inline inline // and what it shares with the standby

	mu sync.Mutex // guards what follows
	writer
	encoder *hpack.Encoder
	streams table
	aside   []*stream // given back by their users; see recycle.go
	reuses  bool      // they are used again
	resting bool      // the reader's role is with a goroutine that waits; see rest.go
	err     error     // why the connection ended; set once, before done is closed

	credit    sendWindow    // what the peer lets us send on the connection
	window    receiveWindow // what we let the peer send
	bandwidth bandwidth     // and how far that may grow
	blocked   []*stream     // streams whose Send waits for credit or room, first come first
	settings  peerSettings
	// acknowledged says that the peer has taken our first SETTINGS, which were sent at greeted.
	acknowledged bool
	greeted      time.Time

	// The server's role:
	lastStream uint32 // the highest stream that the peer has opened
	places     places
	heads      int // bytes of their header lists beyond ordinary ones (hoard.go)
	early      int // streams in the table whose answer is out and whose request has not ended
	draining   drainState
	drainTimer *time.Timer // ends the present step of draining

	// The client's role:
	nextStream   uint32
	goingAway    bool          // GOAWAY has come: no new streams
	settingsCame chan struct{} // until SETTINGS has come
	resets       recentStreams // streams that we have reset: what still comes for them is dropped
	finished     recentStreams // streams that have ended well

	deadlines deadlines
	watch     watch

	sentFrames uint64 // HEADERS, and DATA that is not cut to next to nothing by the peer's windows
}

// peerSettings are the peer's, with the protocol's defaults (RFC 9113 section 6.5.2).
type peerSettings struct {
	came          bool
	maxStreams    uint32
	initialWindow int64
	maxFrame      int
	maxHeaderList uint32
}

func newConn(nc net.Conn, options Options) *Conn {
	options = options.withDefaults()
	c := &Conn{
		nc:        nc,
		socket:    newSocket(nc),
		options:   options,
		peer:      exchange.PeerOf(nc),
		done:      make(chan struct{}),
		encoder:   hpack.NewEncoder(options.HeaderTableBytes),
		credit:    sendWindow{credit: defaultWindow},
		window:    receiveWindow{target: options.ConnectionWindow, open: options.ConnectionWindow},
		bandwidth: bandwidth{window: options.StreamWindow, largest: options.MaxWindow},
		settings: peerSettings{
			maxStreams: 1<<32 - 1, initialWindow: defaultWindow, maxFrame: frame.SmallestMaxFrame, maxHeaderList: noHeaderLimit,
		},
	}
	c.reader.budget = options.Budget
	c.reader.patience = patience{left: mostPatience, filled: time.Now()}
	c.reader.decoder = hpack.NewDecoder(uint32(options.HeaderTableBytes), options.MaxHeaderListBytes)
	LimitSilence(c.socket.under, options.silenceLimit())
	return c
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns why the connection ended, nil while it lives.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Peer returns the other end.
func (c *Conn) Peer() exchange.Peer { return c.peer }

// LocalAddr returns this end's address.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// Active returns the number of open streams.
func (c *Conn) Active() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams.len()
}

// initStream makes the zero stream an open one, on the reader goroutine or with mu held. The caller sets its credit and enters it into the table.
func (c *Conn) initStream(s *stream, id uint32) {
	s.conn, s.id, s.declared = c, id, -1
	s.window = receiveWindow{target: c.bandwidth.window, open: c.openingWindow()}
}

// Close ends the connection at once: every stream fails with reason.
func (c *Conn) Close(reason error) {
	if reason == nil {
		reason = &Error{Code: frame.NoError, Scope: ConnectionScope, Culprit: ByUs, Reason: "the connection was closed on this side"}
	}
	c.fail(reason, frame.NoError)
}

// fail ends the connection: a GOAWAY with code is tried if the socket takes it, and every stream fails with err.
func (c *Conn) fail(err error, code frame.ErrorCode) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.collectAllLocked(false)
	c.err = err
	never, unsent := c.unsentLocked(), c.unsent(err)
	if len(never) > 0 {
		c.fast, c.bulk = nil, nil // so that they stay unsent
	}
	for _, s := range never {
		s.failedSend = unsent
		c.streams.remove(s)
	}
	streams := c.streams
	c.streams = table{}
	c.places.abandonAll()
	c.wakeAllLocked()
	c.deadlines.stop()
	c.watch.stop()
	c.changedLocked()
	if c.drainTimer != nil {
		c.drainTimer.Stop()
	}
	debug := ""
	if code != frame.NoError {
		debug = debugText(err)
	}
	start := len(c.fast)
	c.fast = frame.AppendGoAway(c.fast, c.lastStream, code, debug)
	if c.options.Tap != nil {
		c.tapSent(c.fast[start:])
	}
	close(c.done)
	wrapped := c.socket.wrapped()
	if code != frame.NoError && (c.writing || wrapped) {
		time.AfterFunc(lastWriteTime, func() { c.nc.Close() }) // the writer sends the GOAWAY and closes; at the latest, this does
		if !c.writing {
			c.writing = true
			go c.drain() // ends within lastWriteTime
		}
		c.mu.Unlock()
	} else {
		if !c.writing && !wrapped {
			c.lastWriteLocked()
		}
		c.writing = true
		c.mu.Unlock()
		if wrapped {
			go c.nc.Close() // it may wait: TLS that is not ours says goodbye to a peer that reads nothing for 5 s
		} else {
			c.nc.Close()
		}
	}
	for _, s := range never {
		c.endStream(s, unsent)
	}
	for s := range streams.all() {
		c.endStream(s, err)
	}
}

// lastWriteTime is how long a writer at work has to send the GOAWAY that tells the peer its mistake.
const lastWriteTime = time.Second

// endStream tells a stream that is out of the table that it has failed.
func (c *Conn) endStream(s *stream, err error) {
	failed := s.fail(err)
	switch {
	case s.served == nil:
	case s.served.abandoned: // set before the stream left the table
		s.finishReceiving()
	case failed:
		s.served.tellEnded(err)
	}
}

// wakeAllLocked wakes everybody who waits to send.
func (c *Conn) wakeAllLocked() {
	for _, s := range c.blocked {
		if s.sender != nil {
			s.sender.wake()
			s.sender = nil
		}
	}
	c.blocked = nil
	c.wakeRoomLocked()
}

// resetStream ends a stream with RST_STREAM, and reports false if it has ended before.
func (c *Conn) resetStream(s *stream, code frame.ErrorCode, err error) bool {
	c.mu.Lock()
	if !c.streams.has(s) {
		c.mu.Unlock()
		return false
	}
	c.removeLocked(s, err)
	c.appendReset(s, code)
	c.flush()
	c.endStream(s, err)
	return true
}

// appendReset appends the RST_STREAM of a stream behind its DATA, with mu held. It counts as a control frame, since a
// peer can make us send as many as it likes.
func (c *Conn) appendReset(s *stream, code frame.ErrorCode) {
	c.collectLocked(s)
	c.resets.add(s.id, mostResets)
	if s.queued == 0 {
		start := len(c.fast)
		c.fast = frame.AppendResetStream(c.fast, s.id, code)
		c.appendedControl(start)
		return
	}
	start := len(c.bulk)
	c.bulk = frame.AppendResetStream(c.bulk, s.id, code)
	if c.options.Tap != nil {
		c.tapSent(c.bulk[start:])
	}
}

// removeLocked takes a stream out of the table; its sending half has ended.
func (c *Conn) removeLocked(s *stream, err error) {
	c.leaveTable(s)
	s.sendEnded = true
	s.failedSend = err
	if s.sent != nil && s.peerDone { // a reset behind a whole answer stops the request, and fails nothing (section 8.1)
		s.failedSend = errAnswered
	}
	if s.sender != nil {
		s.sender.wake()
		s.sender = nil
	}
	c.changedLocked()
	c.drainedLocked()
}

// changedLocked tells a client that a stream has left, or that there will be no new ones.
func (c *Conn) changedLocked() {
	if c.options.Changed != nil {
		c.options.Changed(c, c.err == nil && !c.goingAway)
	}
}

// leaveTable takes a stream out of the table, under mu.
func (c *Conn) leaveTable(s *stream) {
	c.collectLocked(s)
	c.streams.remove(s)
	if s.served == nil {
		return
	}
	c.places.answered(s.served)
	c.places.abandon(s.served)
	if s.served.lingers {
		s.served.lingers = false
		c.early--
	}
}

// closeIfDoneLocked takes a stream out of the table once both halves have ended.
func (c *Conn) closeIfDoneLocked(s *stream) {
	if s.sendEnded && s.peerDone && c.streams.has(s) {
		c.finished.add(s.id, mostFinished)
		s.endedWell = true
		c.leaveTable(s)
		c.changedLocked()
		c.drainedLocked()
	}
}

// giveCredit sends WINDOW_UPDATEs for what a consumer has taken. The consumer may become the writer.
func (c *Conn) giveCredit(s *stream, earned credit) {
	c.mu.Lock()
	if earned.stream > 0 && c.streams.has(s) {
		c.appendWindowUpdate(s.id, earned.stream)
	}
	if earned.connection > 0 {
		c.returnLocked(earned.connection)
	}
	c.flush()
}

// appendStreamCredit is giveCredit for the reader, who flushes at the end of its batch.
func (c *Conn) appendStreamCredit(s *stream, increment int) {
	c.mu.Lock()
	if c.streams.has(s) {
		c.appendWindowUpdate(s.id, increment)
	}
	c.mu.Unlock()
}

// discard returns n bytes to the connection's window that were received and are dropped, if their credit was held back.
func (c *Conn) discard(n int, held bool) {
	if held {
		c.mu.Lock()
		c.returnLocked(n)
		c.mu.Unlock()
	}
}

// nearlyOutOfCredit reports that the peer may not even send one more of its largest frames.
func (c *Conn) nearlyOutOfCredit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.window.open < c.options.MaxFrameBytes
}

// relieveAll relieves every stream that needs it.
func (c *Conn) relieveAll() {
	c.mu.Lock()
	streams := slices.Collect(c.streams.all())
	c.mu.Unlock()
	for _, s := range streams {
		s.relieve()
	}
}

func (c *Conn) returnLocked(n int) {
	if increment := c.window.consumed(n); increment > 0 {
		c.appendWindowUpdate(0, increment)
	}
}

func (c *Conn) appendWindowUpdate(stream uint32, increment int) {
	start := len(c.fast)
	c.fast = frame.AppendWindowUpdate(c.fast, stream, uint32(increment))
	c.appendedControl(start)
	c.measure()
}

// appendedControl accounts for a control frame at c.fast[start:].
func (c *Conn) appendedControl(start int) {
	c.control += len(c.fast) - start
	if c.options.Tap != nil {
		c.tapFrame(true, frame.ParseHeader(c.fast[start:]), c.fast[start+frame.HeaderBytes:])
	}
}

func (c *Conn) tapFrame(sent bool, h frame.Header, payload []byte) {
	if c.options.Tap != nil {
		c.options.Tap.Frame(c, sent, h, payload)
	}
}

// recentStreams remembers streams that have left the table, the last ones. It grows as far as it is used.
type recentStreams struct {
	ids    []uint32
	next   int
	newest uint32 // the highest of them all
}

// Late frames for a stream that we reset come for a round trip; what comes for one that has ended well is a breach, and
// need not be told from other breaches for long.
const (
	mostResets   = 1024
	mostFinished = 64
)

func (r *recentStreams) add(id uint32, most int) {
	r.newest = max(r.newest, id)
	if len(r.ids) < most {
		r.ids = append(r.ids, id)
		return
	}
	r.ids[r.next] = id
	r.next = (r.next + 1) % most
}

func (r *recentStreams) has(id uint32) bool { return id <= r.newest && slices.Contains(r.ids, id) }

// deadlines is the one coarse timer of a server's connection. Guarded by the connection's mu.
type deadlines struct {
	timer *time.Timer
	at    time.Time // when the timer fires, zero if it does not
}

func (d *deadlines) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// scheduleLocked makes sure that the timer fires at t or before.
func (c *Conn) scheduleLocked(t time.Time) {
	if c.err != nil || !c.deadlines.at.IsZero() && !t.Before(c.deadlines.at) {
		return
	}
	c.deadlines.at = t
	wait := max(time.Until(t), 0)
	if c.deadlines.timer == nil {
		c.deadlines.timer = time.AfterFunc(wait, c.expire)
		return
	}
	c.deadlines.timer.Reset(wait)
}

// expire runs on the timer's goroutine: it tells the handler of overdue streams and sets the timer to the next.
func (c *Conn) expire() {
	now := time.Now()
	var overdue []*ServerStream
	var answered []*stream
	var next time.Time
	c.mu.Lock()
	c.deadlines.at = time.Time{}
	for s := range c.streams.all() {
		if s.served == nil || s.served.deadline.IsZero() {
			continue
		}
		if !s.served.deadline.After(now) {
			s.served.deadline = time.Time{}
			if s.sendEnded {
				answered = append(answered, s)
			} else {
				s.served.overdue = true
				overdue = append(overdue, s.served)
			}
		} else if next.IsZero() || s.served.deadline.Before(next) {
			next = s.served.deadline
		}
	}
	if !next.IsZero() {
		c.scheduleLocked(next)
	}
	for _, s := range answered {
		c.stopRequestLocked(s)
	}
	c.flush()
	for _, s := range overdue {
		c.handler.Overdue(s)
	}
}

// yield lets goroutines run that the reader has just woken, so that one write takes their frames along.
func yield() { runtime.Gosched() }
