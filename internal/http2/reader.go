// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
)

// readBuffer has room for a read behind the beginning of a frame that has not come whole.
const readBuffer = 64 << 10

// reader is the reader goroutine's own state.
type reader struct {
	decoder *hpack.Decoder
	budget  *Budget
	buffer  *buffer.Buffer // nil while a reader that is not hot waits
	start   int            // buffer.B[start:end] is read and not parsed
	end     int

	block        []byte // the fragments of a header block whose CONTINUATION is awaited
	blockStream  uint32 // 0: none
	blockFlags   frame.Flags
	blockInvalid error // HEADERS was wrong for its stream; the block must be decoded all the same

	pings    pings
	patience patience
	work     int       // since the reader has last let others run
	late     []*stream // whose consumers are to be woken at the end of the batch
	answered []*stream // a client's, to be taken out of the table then

	// A reader is hot after hotReads reads within one coolTime, and then keeps its buffer while it waits; the cooler
	// takes it out of the wait when a coolTime brought no read.
	hot    bool
	holds  atomic.Bool // buffer is set; for those who look from outside
	reads  atomic.Uint32
	seen   uint32 // the cooler's: reads when it last ran
	poked  atomic.Bool
	cooler *time.Timer
}

const (
	hotReads = 8
	coolTime = time.Second
)

// free returns the room to read into.
func (r *reader) free() []byte {
	if r.buffer != nil && r.start == r.end && len(r.buffer.B) > readBuffer { // it was for a large frame
		r.buffer.Free()
		r.buffer = nil
	}
	if r.buffer == nil {
		r.buffer = buffer.Get(readBuffer)
		r.buffer.B = r.buffer.B[:readBuffer]
		r.holds.Store(true)
		r.start, r.end = 0, 0
	}
	if r.start == r.end {
		r.start, r.end = 0, 0
	} else if len(r.buffer.B)-r.end < frame.SmallestMaxFrame+frame.HeaderBytes {
		r.end = copy(r.buffer.B, r.buffer.B[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.buffer.B) { // the beginning of a frame that is larger than the buffer
		r.buffer.B = r.buffer.B[:r.end]
		r.buffer.Grow(r.end)
		r.buffer.B = r.buffer.B[:cap(r.buffer.B)]
	}
	return r.buffer.B[r.end:]
}

// read returns what is read and not parsed.
func (r *reader) read() []byte {
	if r.buffer == nil {
		return nil
	}
	return r.buffer.B[r.start:r.end]
}

// begin takes over what was already read from the connection.
func (r *reader) begin(received []byte) {
	size := max(len(received), readBuffer)
	r.buffer = buffer.Get(size)
	r.buffer.B = r.buffer.B[:size]
	r.holds.Store(true)
	r.end = copy(r.buffer.B, received)
}

// rest lets the buffer go before a wait, unless it is in use or the reader is hot and there is memory enough.
func (r *reader) rest() {
	if r.buffer != nil && (!r.hot || r.budget.strained()) && r.start == r.end {
		r.buffer.Free()
		r.buffer = nil
		r.holds.Store(false)
	}
}

// read waits for bytes from the peer. Without wait it returns errWouldBlock if there are none. It may return without any
// when the reader has cooled.
func (c *Conn) read(wait bool) error {
	r := &c.reader
	var n int
	var err error
	if c.socket.wrapped() {
		n, err = c.nc.Read(r.free())
	} else {
		n, err = c.socket.read(r, wait)
	}
	switch {
	case n > 0:
		r.end += n
		if reads := r.reads.Add(1); !r.hot && !c.socket.wrapped() && reads%hotReads == 0 && c.settings.came {
			c.heat()
		}
		return nil
	case err == nil:
		return io.ErrNoProgress
	case errors.Is(err, os.ErrDeadlineExceeded) && r.poked.Swap(false):
		r.hot = false
		return c.nc.SetReadDeadline(time.Time{})
	}
	return err
}

// heat makes the reader hot and starts the cooler. Not during the handshake, whose deadline the cooler would take away.
func (c *Conn) heat() {
	r := &c.reader
	r.hot = true
	if r.cooler == nil {
		r.cooler = time.AfterFunc(time.Hour, c.cool) // cool uses the field, so it is set before the timer can run
	}
	r.cooler.Reset(coolTime)
}

// cool runs on the timer's goroutine. If nothing was read for a coolTime it takes the reader out of its wait, so that it
// lets its buffer go; else it comes again.
func (c *Conn) cool() {
	r := &c.reader
	select {
	case <-c.done:
		return
	default:
	}
	if reads := r.reads.Load(); reads != r.seen {
		r.seen = reads
		r.cooler.Reset(coolTime)
		return
	}
	c.stopReusing()
	r.poked.Store(true)
	c.nc.SetReadDeadline(time.Unix(1, 0))
}

// readLoop handles what was read, and reads on until the connection ends or rests. The calling goroutine is the reader.
func (c *Conn) readLoop() {
	for {
		if err := c.parse(); err != nil {
			c.wakeLate()
			c.endReading(err)
			return
		}
		if c.handleInline() {
			return // the end of the connection is another's
		}
		c.endBatch()
		switch err := c.read(c.reader.hot); err {
		case nil:
			c.forgetAwake()
		case errWouldBlock:
			c.rest()
			return
		default:
			c.endReading(err)
			return
		}
	}
}

// endReading is the reader goroutine's last act.
func (c *Conn) endReading(err error) {
	c.detachInline(nil) // what came in front of the mistake
	c.failReading(err)
	if r := &c.reader; r.buffer != nil {
		r.buffer.Free()
		r.buffer = nil
	}
	if c.ended != nil {
		c.ended(c.Err())
	}
}

// forgetAwake takes a part of those off who were woken and have not appended: some never do, and more of them will by the
// next read. All of them would be too many, since a reader with much to read comes back before they have run.
func (c *Conn) forgetAwake() {
	if awake := c.awake.Load(); awake > 0 {
		c.awake.Add(-(awake + 7) / 8)
	}
}

// failReading ends the connection for what went wrong with reading or with what was read.
func (c *Conn) failReading(err error) {
	if breach := (*frame.Error)(nil); errors.As(err, &breach) {
		c.fail(&Error{Code: breach.Code, Scope: ConnectionScope, Culprit: ByPeer, Reason: breach.Reason}, breach.Code)
		return
	}
	c.mu.Lock()
	drained := c.draining == drainClosed
	c.mu.Unlock()
	if drained {
		c.fail(errDrained, frame.NoError)
		return
	}
	reason := "reading from " + c.peerName() + " failed"
	if err == io.EOF {
		reason, err = "the connection was closed by "+c.peerName(), io.ErrUnexpectedEOF
	}
	c.fail(&Error{Scope: ConnectionScope, Culprit: ByNetwork, Reason: reason, Cause: err}, frame.NoError)
}

func (c *Conn) peerName() string {
	if c.peer.Address == nil {
		return "the peer"
	}
	return c.peer.Address.String()
}

// endBatch flushes the control frames that answer a batch, and refuses a peer that makes us queue too many.
func (c *Conn) endBatch() {
	c.wakeLate()
	c.mu.Lock()
	c.corked = false
	c.reuseLocked()
	if c.control > controlAllowance {
		c.mu.Unlock()
		c.failReading(connectionError(frame.EnhanceYourCalm, "more control frames to answer than the connection takes away"))
		return
	}
	c.flush()
}

// parse handles every whole frame that was read. Errors of one stream are answered here; what it returns ends the
// connection.
func (c *Conn) parse() error {
	r := &c.reader
	for r.end-r.start >= frame.HeaderBytes {
		b := r.buffer.B[r.start:r.end]
		h := frame.ParseHeader(b)
		if h.Length > c.options.MaxFrameBytes {
			return connectionError(frame.FrameSizeError, "a frame larger than "+strconv.Itoa(c.options.MaxFrameBytes)+" bytes")
		}
		if len(b) < frame.HeaderBytes+h.Length {
			return nil
		}
		r.start += frame.HeaderBytes + h.Length
		payload := b[frame.HeaderBytes : frame.HeaderBytes+h.Length]
		c.tapFrame(false, h, payload)
		if err := c.receive(h, payload); err != nil {
			breach := (*frame.Error)(nil)
			if !errors.As(err, &breach) || breach.Stream == 0 {
				return err
			}
			if c.idle(breach.Stream) { // which must not be reset (RFC 9113 section 6.4)
				return connectionError(breach.Code, breach.Reason)
			}
			c.refuse(breach)
			if err := c.lose(costOf(breach.Code)); err != nil {
				return err
			}
		}
		if r.worked(h) {
			c.wakeLate()
			yield()
		}
	}
	return nil
}

// refuse answers the peer's error in one stream with RST_STREAM.
func (c *Conn) refuse(breach *frame.Error) {
	err := &Error{Code: breach.Code, Scope: StreamScope, Culprit: ByPeer, Reason: breach.Reason}
	c.mu.Lock()
	s := c.streams.get(breach.Stream)
	c.mu.Unlock()
	if s != nil && c.resetStream(s, breach.Code, err) {
		return
	}
	c.mu.Lock() // there is no such stream, or it has just ended
	defer c.mu.Unlock()
	if c.resets.has(breach.Stream) {
		return // by a reset, which is not followed by another
	}
	if len(c.bulk) > 0 { // of a stream that has just ended, perhaps: a reset must not overtake it
		c.mergeBulkLocked()
	}
	start := len(c.fast)
	c.fast = frame.AppendResetStream(c.fast, breach.Stream, breach.Code)
	c.appendedControl(start)
	c.resets.add(breach.Stream, mostResets)
}
