// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// ServerStream is a request that a server's connection has received. It implements exchange.Served.
type ServerStream struct {
	stream
	// User is the handler's own.
	User any

	// Guarded by conn.mu:
	deadline time.Time // zero for none
	hoarded  int       // bytes of header lists that count towards the connection's
	lingers  bool      // the answer is out, and the request has a moment to end
	released bool
	begun    bool  // the answer's head was sent, not counting informational ones
	accepted bool  // Accept has returned
	overdue  bool  // Overdue was called, or is about to be
	told     bool  // Ended was called, or will be behind Accept
	early    error // what Ended is told behind Accept

	counts    bool // towards the limit of streams (places.go)
	waits     bool // for a place: Accept is not called yet
	abandoned bool // it failed while it waited: Accept is never called

	inlined atomic.Bool // the reader goroutine answers it; set there, and others may answer an overdue one meanwhile
}

var _ exchange.Served = (*ServerStream)(nil)

// NewServer returns the server's end of nc. Serve begins to.
func NewServer(nc net.Conn, handler Handler, options Options) *Conn {
	c := newConn(nc, options)
	c.handler = handler
	if options.Standby != nil {
		c.inline.inliner, _ = handler.(Inliner)
		c.inline.standby = options.Standby
	}
	maxStreams := frame.Setting{ID: frame.MaxConcurrentStreams, Value: uint32(c.options.MaxConcurrentStreams)}
	c.fast = c.options.appendSettings(c.fast, maxStreams) // in front of whatever is sent before Serve
	if c.options.Tap != nil {
		c.tapSent(c.fast)
	}
	return c
}

// Serve makes the calling goroutine the reader, which handles frames until the connection ends or rests (rest.go): Serve may
// return long before the end. ended is called once, on the reader goroutine, with the reason why the connection has ended.
func (c *Conn) Serve(ended func(error)) {
	c.ended = ended
	c.reader.begin(c.options.Received)
	c.options.Received = nil // the copy is in use now
	err := c.nc.SetReadDeadline(time.Now().Add(c.options.HandshakeTimeout))
	if err == nil {
		c.mu.Lock()
		c.greeted = time.Now()
		c.flush()
		err = c.readPreface()
	}
	if err != nil {
		c.endReading(err)
		return
	}
	if c.options.Greeted != nil {
		c.options.Greeted()
	}
	c.startWatch()
	c.readLoop()
}

// readPreface takes the client's preface and first SETTINGS off the connection, within the handshake's time.
func (c *Conn) readPreface() error {
	r := &c.reader
	for checked := 0; checked < len(frame.Preface); {
		have := r.buffer.B[r.start:r.end]
		n := min(len(have), len(frame.Preface))
		if string(have[:n]) != frame.Preface[:n] {
			return connectionError(frame.ProtocolError, "the connection does not begin with the HTTP/2 preface")
		}
		if checked = n; checked < len(frame.Preface) {
			if err := c.read(true); err != nil {
				return err
			}
		}
	}
	r.start += len(frame.Preface)
	for !c.settings.came {
		if err := c.parse(); err != nil {
			return err
		}
		if c.settings.came {
			break
		}
		if err := c.read(true); err != nil {
			return err
		}
	}
	return c.nc.SetReadDeadline(time.Time{})
}

// acceptStream opens the stream of a request whose head was decoded, with mu held, which it releases; tooLarge is the
// decoder's complaint about its size.
func (c *Conn) acceptStream(id uint32, head exchange.Head, end bool, tooLarge error) error {
	if id%2 == 0 {
		c.mu.Unlock()
		return connectionError(frame.ProtocolError, "a client opened a stream with an even identifier")
	}
	if c.err != nil {
		c.mu.Unlock()
		return c.err
	}
	c.lastStream = id
	refusal := c.refusalLocked()
	if len(c.fast) >= fastBound {
		c.mu.Unlock()
		c.wakeLate() // before the wait
		c.mu.Lock()
		c.letDrain()
	} else {
		c.mu.Unlock()
	}
	if refusal != nil {
		return c.refuseHead(head, streamError(id, refusal.Code, refusal.Reason))
	}
	if tooLarge != nil {
		return streamError(id, frame.EnhanceYourCalm, "a header list above the limit")
	}
	declared, err := checkRequest(id, head)
	if err != nil {
		return err
	}
	if end && declared > 0 {
		return streamError(id, frame.ProtocolError, "content-length without a body")
	}
	s := serverStreams.Get().(*ServerStream)
	c.initStream(&s.stream, id)
	s.served, s.head, s.declared, s.ended, s.peerDone = s, head, declared, end, end
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return c.err
	}
	if !s.hoard(head) {
		c.mu.Unlock()
		return c.refuseHead(head, tooManyHeads(id))
	}
	s.credit.credit = c.settings.initialWindow
	c.streams.put(&s.stream)
	now := c.places.enter(s, c.options.MaxConcurrentStreams)
	c.mu.Unlock()
	c.reader.patience.useful++
	if now {
		c.accept(s)
	}
	return nil
}

func (c *Conn) refusalLocked() *Error {
	if c.draining >= drainFinal {
		return &Error{Code: frame.RefusedStream, Reason: "the server is going away"}
	}
	// Streams with an early answer are nobody's work any more, but not for nothing.
	if c.places.unanswered >= c.options.MaxConcurrentStreams || c.streams.len() >= 2*c.options.MaxConcurrentStreams {
		return &Error{Code: frame.RefusedStream, Reason: "more streams at a time than the server takes"}
	}
	return nil
}

// refuseHead returns refusal, unless there have been too many: to decode a head for nothing costs as much as it has fields.
func (c *Conn) refuseHead(head exchange.Head, refusal error) error {
	if err := c.lose(len(head.Fields) / fieldsPerPoint); err != nil {
		return err
	}
	return refusal
}

// receiveNextHead takes the trailers of a request, or a head or trailers of an answer.
func (c *Conn) receiveNextHead(s *stream, head exchange.Head, end, over bool) error {
	if s.sent != nil && !s.headDone {
		return c.receiveAnswerHead(s, head, end, over)
	}
	return c.receiveTrailers(s, head, end, over)
}

// idle reports whether the peer, or we, never opened the stream.
func (c *Conn) idle(id uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idleLocked(id)
}

func (c *Conn) idleLocked(id uint32) bool {
	if c.handler != nil {
		return id > c.lastStream || id%2 == 0
	}
	return id >= c.nextStream || id%2 == 0
}

// Request returns the request's head.
func (s *ServerStream) Request() exchange.Head { return s.head }

// Awake says that a goroutine has been woken for the stream in another way than by what it waits for here: whoever writes may
// let it append its frames first.
func (s *ServerStream) Awake() { s.conn.awake.Add(1) }

// OnReady calls f once n bytes are buffered, or the body has ended or failed: on the reader goroutine, at once on the
// caller's, or after a failure on one of its own. It takes the place of Want for one time. reading tells that it is the reader
// goroutine, which f may ask to handle the request (Inline).
func (s *ServerStream) OnReady(n int, f func(s *ServerStream, reading bool)) {
	s.on(want{bytes: n}, f, false)
}

// OnEnd calls f once the body has ended or failed, or more than length bytes have come, which is how long it should be;
// otherwise it is as OnReady. reading is what f is told if it is called at once.
func (s *ServerStream) OnEnd(length int, f func(s *ServerStream, reading bool), reading bool) {
	s.on(want{bytes: length, all: true, exact: true}, f, reading)
}

func (s *ServerStream) on(what want, f func(*ServerStream, bool), reading bool) {
	s.mu.Lock()
	s.want = what
	if what.all {
		s.giveCreditUnlocked(s.advanceBuffered(what.bytes))
	} else {
		s.requireUnlocked(what.bytes)
	}
	s.ready = f
	if s.held > 0 && !s.satisfied() && s.conn.nearlyOutOfCredit() {
		s.relieveUnlocked()
	}
	s.unlockAndWake(reading)
}

// SetDeadline makes the connection tell the handler (Overdue) when t has passed before the answer was finished.
func (s *ServerStream) SetDeadline(t time.Time) {
	c := s.conn
	c.mu.Lock()
	if c.streams.has(&s.stream) {
		s.deadline = t
		c.scheduleLocked(t)
	}
	c.mu.Unlock()
}

// Release says that the handler has ended; it gives back the stream's place and what is buffered. It must be called once
// for each accepted stream. An answer that was not finished is reset.
func (s *ServerStream) Release() { s.release(false) }

// Recycle is Release for a stream that nobody else has, and that is not touched again.
func (s *ServerStream) Recycle() { s.release(true) }

func (s *ServerStream) release(recycle bool) {
	s.finishReceiving()
	c := s.conn
	c.mu.Lock()
	if s.released {
		c.mu.Unlock()
		return
	}
	s.released = true
	s.giveUpHoard()
	next := c.places.next()
	open := c.streams.has(&s.stream)
	unanswered := open && !s.sendEnded
	c.drainedLocked()
	if recycle && !s.told && !s.overdue {
		c.setAsideLocked(&s.stream)
	}
	c.mu.Unlock()
	if unanswered {
		s.Reset(frame.InternalError)
	}
	if next != nil {
		c.accept(next)
	}
}

// tellEnded tells the handler, once and not before Accept has returned, that the stream has failed.
func (s *ServerStream) tellEnded(err error) {
	c := s.conn
	c.mu.Lock()
	told := s.told || s.released
	s.told = true
	if !s.accepted {
		s.early = err
	}
	told = told || !s.accepted
	c.mu.Unlock()
	if !told {
		c.handler.Ended(s, err)
	}
}

// Answer sends a whole answer in one append; see exchange.Served.
func (s *ServerStream) Answer(head exchange.Head, body []byte, trailers []exchange.Field) error {
	c := s.conn
	c.mu.Lock()
	if err := s.sendable(head, exchange.Head{Fields: trailers}); err != nil {
		return err
	}
	c.appendHead(&s.stream, head, len(body) == 0 && len(trailers) == 0)
	if len(body) == 0 && len(trailers) == 0 {
		s.sendEnded = true
		s.finishLocked()
		return nil
	}
	if len(body) > 0 {
		if rest := c.appendData(&s.stream, body, len(trailers) == 0); len(rest) > 0 {
			c.flush()
			if err := c.sendRest(context.Background(), &s.stream, rest, len(trailers) == 0); err != nil {
				return err
			}
			c.mu.Lock()
			if s.failedSend != nil {
				defer c.mu.Unlock()
				return s.failedSend
			}
		}
	}
	if len(trailers) > 0 {
		c.appendTrailers(&s.stream, trailers)
	}
	s.finishLocked()
	return nil
}

// Start sends the head of the answer.
func (s *ServerStream) Start(head exchange.Head) error {
	c := s.conn
	c.mu.Lock()
	if err := s.sendable(head); err != nil {
		return err
	}
	c.appendHead(&s.stream, head, false)
	s.begun = !strings.HasPrefix(head.Get(":status"), "1") // more heads may follow an informational one
	c.appended()
	c.flush()
	return nil
}

// Begin is Start for a head behind which a Send follows at once: it leaves with that.
func (s *ServerStream) Begin(head exchange.Head) error {
	c := s.conn
	c.mu.Lock()
	if err := s.sendable(head); err != nil {
		return err
	}
	c.appendHead(&s.stream, head, false)
	s.begun = true
	c.mu.Unlock()
	return nil
}

// Send sends bytes of the answer's body. It waits for room and credit, and ends when the stream does.
func (s *ServerStream) Send(body []byte) error {
	if len(body) > 0 {
		if body = s.gather.put(body); body == nil {
			return nil
		}
	}
	defer s.gather.leave() // body may be in its memory
	c := s.conn
	c.mu.Lock()
	if err := s.sendableBehindHead(); err != nil {
		return err
	}
	rest := c.appendData(&s.stream, body, false)
	c.appended()
	c.flushBurst(&s.stream)
	if len(rest) == 0 {
		return nil
	}
	return c.sendRest(context.Background(), &s.stream, rest, false)
}

// Finish ends the answer.
func (s *ServerStream) Finish(trailers []exchange.Field) error {
	s.conn.mu.Lock()
	if err := s.sendableBehindHead(exchange.Head{Fields: trailers}); err != nil {
		return err
	}
	s.conn.appendTrailers(&s.stream, trailers)
	s.finishLocked()
	return nil
}

// sendable waits for room with conn.mu held; heads is what will be sent. With an error it has released conn.mu.
func (s *ServerStream) sendable(heads ...exchange.Head) error {
	err := s.conn.sendableLocked(&s.stream)
	if err == nil {
		if err = s.conn.awaitRoom(context.Background()); err == nil {
			err = s.conn.sendableLocked(&s.stream)
		}
	}
	for i := 0; i < len(heads) && err == nil; i++ {
		err = s.conn.fits(heads[i])
	}
	if err != nil {
		s.conn.mu.Unlock()
	}
	return err
}

var errNoHead = &Error{Scope: StreamScope, Culprit: ByUs, Reason: "sending what belongs behind the answer's head, which was not sent: did Start fail?"}

// sendableBehindHead is sendable for what must not be the first of an answer (RFC 9113 section 8.1).
func (s *ServerStream) sendableBehindHead(heads ...exchange.Head) error {
	err := s.sendable(heads...)
	if err == nil && !s.begun {
		s.conn.mu.Unlock()
		return errNoHead
	}
	return err
}

// finishLocked is called with conn.mu held when END_STREAM has been appended, and releases it. A request whose body has
// not ended is told to stop (RFC 9113 section 8.1).
func (s *ServerStream) finishLocked() {
	c := s.conn
	s.deadline = time.Time{}
	c.places.answered(s)
	c.closeIfDoneLocked(&s.stream)
	early := c.streams.has(&s.stream)
	switch {
	case early && c.early >= mostEarly:
		c.stopRequestLocked(&s.stream)
	case early: // a reset right behind the answer makes some clients lose it, so the request has a moment to end
		c.early++
		s.lingers = true
		s.deadline = time.Now().Add(earlyAnswerTime)
		c.scheduleLocked(s.deadline)
	}
	c.appended()
	if s.inlined.Load() && c.corked && len(c.fast) < corkedBytes {
		c.mu.Unlock()
	} else {
		c.flush()
	}
	if early {
		s.fail(errAnsweredEarly)
	}
}

// earlyAnswerTime is how long a client may go on sending a request that has its answer, without credit for more, before it
// is told to stop.
const earlyAnswerTime = time.Second

// mostEarly is how many such requests there may be on a connection. Those above it are told to stop at once.
const mostEarly = 100

var errAnsweredEarly = &Error{Code: frame.NoError, Scope: StreamScope, Culprit: ByUs, Reason: "the request was answered before its end"}

// stopRequestLocked tells the peer that the rest of its request is not wanted.
func (c *Conn) stopRequestLocked(s *stream) {
	c.leaveTable(s)
	c.appendReset(s, frame.NoError)
	c.drainedLocked()
}

// Abort gives the answer up; see exchange.Served.
func (s *ServerStream) Abort(reason error) {
	code := frame.InternalError
	if errors.Is(reason, context.Canceled) || errors.Is(reason, context.DeadlineExceeded) {
		code = frame.Cancel
	}
	s.Reset(code)
}
