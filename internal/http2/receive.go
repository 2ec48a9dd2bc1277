// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"io"
	"time"

	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// The receiving half of a stream: the reader goroutine puts bytes in, the consumer says what it waits for and takes them.

// Want waits until n bytes are buffered; see exchange.Body.
func (s *stream) Want(ctx context.Context, n int) error {
	s.mu.Lock()
	s.settle()
	s.requireUnlocked(n)
	if err := s.wait(ctx, want{bytes: n}); err != nil {
		return err
	}
	defer s.mu.Unlock()
	switch {
	case s.buffered() >= n:
		return nil
	case s.failure != nil:
		return s.failure
	}
	return io.EOF
}

// requireUnlocked makes sure that n bytes can come, with mu, which is held, released meanwhile.
func (s *stream) requireUnlocked(n int) {
	missing := n - s.buffered()
	if missing <= 0 || s.over() {
		return
	}
	increment := s.window.require(missing)
	if increment > 0 && s.conn.options.Budget.exceeded() {
		s.refuseUnlocked()
		return
	}
	s.giveCreditUnlocked(credit{stream: increment})
}

// WantEnd waits for the end of the body; see exchange.Body.
func (s *stream) WantEnd(ctx context.Context, limit int) error {
	s.mu.Lock()
	s.settle()
	s.want = want{bytes: limit, all: true} // before mu is released: what comes meanwhile must earn credit as well
	s.giveCreditUnlocked(s.advanceBuffered(limit))
	if err := s.wait(ctx, s.want); err != nil {
		return err
	}
	defer s.mu.Unlock()
	switch {
	case s.buffered() > limit:
		return exchange.ErrTooLong
	case s.failure != nil:
		return s.failure
	}
	return nil
}

// Whole reports whether the body has ended, or failed, so that nobody waits for more of it.
func (s *stream) Whole() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over()
}

// advanceBuffered gives credit, under mu, for what came before somebody waited for the whole body.
func (s *stream) advanceBuffered(limit int) credit {
	unpaid := s.buffered() - s.window.ahead
	if unpaid <= 0 || s.over() || s.buffered() > limit {
		return credit{}
	}
	return credit{stream: s.window.advance(unpaid)}
}

// credit is what consumption earns the peer: WINDOW_UPDATE increments.
type credit struct {
	stream     int // to send now
	connection int // to return to the connection's window, which sends when enough has come together
}

// giveCreditUnlocked gives credit with mu, which is held, released meanwhile: the consumer may become the writer.
func (s *stream) giveCreditUnlocked(c credit) {
	if c != (credit{}) {
		s.mu.Unlock()
		s.conn.giveCredit(s, c)
		s.mu.Lock()
	}
}

// Buffered returns the bytes that Next can take.
func (s *stream) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffered()
}

func (s *stream) buffered() int {
	if s.in == nil {
		return 0
	}
	return len(s.in.B) - s.taken
}

// over reports, under mu, that nothing more will come.
func (s *stream) over() bool { return s.ended || s.failure != nil }

// Peek returns n buffered bytes without taking them. The slice is valid until the next call of Want, Next or Into.
func (s *stream) Peek(n int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	if n == 0 {
		return nil
	}
	s.lent = true
	return s.in.B[s.taken : s.taken+n : s.taken+n]
}

// Ready returns the bytes that are buffered, limit of them at most, without taking them. The slice is valid until the next
// call of Want, Next or Into.
func (s *stream) Ready(limit int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	n := min(s.buffered(), limit)
	if n <= 0 {
		return nil
	}
	s.lent = true
	return s.in.B[s.taken : s.taken+n : s.taken+n]
}

// Next takes n buffered bytes; see exchange.Body.
func (s *stream) Next(n int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nextUnlocked(n)
}

// nextUnlocked is Next with mu, which is held, released meanwhile if there is credit to give.
func (s *stream) nextUnlocked(n int) []byte {
	s.settle()
	if n == 0 {
		return nil
	}
	view := s.in.B[s.taken : s.taken+n : s.taken+n]
	s.taken += n
	s.lent = true
	s.giveCreditUnlocked(s.consumed(n))
	return view
}

// Into fills dst; see exchange.Body.
func (s *stream) Into(ctx context.Context, dst []byte) (int, error) {
	s.mu.Lock()
	s.settle()
	s.filled = min(len(dst), s.buffered())
	var earned credit
	if s.filled > 0 {
		copy(dst, s.in.B[s.taken:s.taken+s.filled])
		s.taken += s.filled
		s.settle()
		earned = s.consumed(s.filled)
	}
	if s.filled < len(dst) && !s.over() {
		s.into = dst // before mu is released: what comes meanwhile belongs behind what was copied
		earned.stream += s.window.require(len(dst) - s.filled)
	}
	s.giveCreditUnlocked(earned)
	if err := s.wait(ctx, want{}); err != nil {
		return s.filled, err
	}
	defer s.mu.Unlock()
	s.into = nil
	switch {
	case s.filled == len(dst):
		return s.filled, nil
	case s.failure != nil:
		return s.filled, s.failure
	}
	return s.filled, io.EOF
}

// waitHead waits for the answer's head, for the client's role.
func (s *stream) waitHead(ctx context.Context) (exchange.Head, error) {
	s.mu.Lock()
	if err := s.wait(ctx, want{head: true}); err != nil {
		return exchange.Head{}, err
	}
	defer s.mu.Unlock()
	if !s.headDone {
		return exchange.Head{}, s.failure
	}
	return s.head, nil
}

// wait is called with mu held. It returns nil with mu held once the want is satisfied, and ctx's error without it.
func (s *stream) wait(ctx context.Context, what want) error {
	for {
		s.want = what
		if s.satisfied() {
			return nil
		}
		if s.held > 0 && s.conn.nearlyOutOfCredit() {
			s.relieveUnlocked()
			continue
		}
		w := newWaiter()
		s.waiter = w
		s.mu.Unlock()
		if !w.await(ctx) {
			s.mu.Lock()
			if s.waiter == w {
				s.waiter, s.into = nil, nil
				s.mu.Unlock()
				w.free()
				return ctx.Err()
			}
			s.mu.Unlock()
			<-w.woken // what was waited for came just now: that counts
		}
		w.free()
		s.mu.Lock()
	}
}

// satisfied reports, under mu, whether the consumer has what it waits for.
func (s *stream) satisfied() bool {
	switch {
	case s.over():
		return true
	case s.want.head:
		return s.headDone
	case s.into != nil:
		return s.filled == len(s.into)
	case s.want.all:
		return s.buffered() > s.want.bytes
	}
	return s.buffered() >= s.want.bytes
}

// settle ends, under mu, the loan of Next, and lets go of buffers that are used up.
func (s *stream) settle() {
	s.lent = false
	if s.pinned != nil {
		s.pinned.Free()
		s.pinned = nil
	}
	if s.in != nil && s.taken == len(s.in.B) {
		s.in.B, s.taken = s.in.B[:0], 0
		if s.over() {
			s.in.Free()
			s.in = nil
		}
	}
}

// consumed accounts, under mu, for n bytes that the consumer has taken.
func (s *stream) consumed(n int) (earned credit) {
	s.conn.options.Budget.used.Add(-int64(n))
	if !s.over() {
		earned.stream = s.window.consumed(n)
	}
	earned.connection = min(n, s.held)
	s.held -= earned.connection
	return earned
}

// deliver takes a DATA frame's bytes in, on the reader goroutine. padding counts for flow control only.
func (s *stream) deliver(data []byte, padding int, end, held bool) error {
	s.mu.Lock()
	if err := s.takes(len(data), padding, end); err != nil || s.failure != nil {
		s.mu.Unlock()
		s.conn.discard(len(data)+padding, held)
		return err
	}
	s.conn.options.Budget.used.Add(int64(len(data)))
	if held {
		s.held += len(data)
	}
	update := s.store(data)
	if padding > 0 {
		update += s.window.dropped(padding)
		s.conn.discard(padding, held)
	}
	if end {
		s.ended = true
	}
	if s.want.all && !end && s.buffered() <= s.want.bytes {
		update += s.window.advance(len(data))
	}
	s.unlockAndWakeLater()
	if update > 0 && !end {
		s.conn.appendStreamCredit(s, update)
	}
	return nil
}

// unlockAndWakeLater releases mu and leaves it to the end of the batch to wake the consumer: it finds more then, and neither it nor
// those of other streams meet the reader at each frame. What OnReady was given is called at once. It is for the reader goroutine.
func (s *stream) unlockAndWakeLater() {
	if s.conn.options.Timed { // the consumer may come to wait only later
		s.receivedAt.Store(time.Now().UnixNano())
	}
	if s.ready != nil {
		s.unlockAndWake(true)
		return
	}
	late := s.waiter != nil && !s.late && s.satisfied()
	s.late = s.late || late
	s.mu.Unlock()
	if late {
		s.conn.reader.late = append(s.conn.reader.late, s)
	}
}

// wakeLate wakes whom unlockAndWakeLater has left waiting, and closes what they wait for the end of. The reader goroutine calls it
// at the end of a batch, and before it may have to wait; it has no stream in its hands then.
func (c *Conn) wakeLate() {
	if len(c.reader.answered) > 0 {
		c.mu.Lock()
		c.closeAnsweredLocked()
		c.mu.Unlock()
	}
	for _, s := range c.reader.late {
		s.mu.Lock()
		s.late = false
		s.unlockAndWake(false) // the batch may be over
	}
	clear(c.reader.late)
	c.reader.late = c.reader.late[:0]
}

// deaf reports, under mu, whether late frames are dropped without a complaint: those for what we reset, or the peer did
// (RFC 9113 section 5.1). A request with an early answer is another matter: it must be right until it is told to stop, and
// to its last frame, which may be looked at when its consumer has gone.
func (s *stream) deaf() bool {
	return s.failure != nil && s.failure != errAnsweredEarly && s.failure != errClosed
}

// takes checks, under mu, a DATA frame that has come, and takes it off the credit.
func (s *stream) takes(data, padding int, end bool) error {
	switch {
	case s.deaf():
		return nil
	case s.ended:
		return streamError(s.id, frame.StreamClosed, "DATA after END_STREAM")
	case s.sent != nil && !s.headDone:
		return streamError(s.id, frame.ProtocolError, "DATA before HEADERS")
	case !s.window.received(data + padding):
		return streamError(s.id, frame.FlowControlError, "more DATA than the stream's window allows")
	}
	s.total += int64(data)
	if s.declared >= 0 && (s.total > s.declared || end && s.total != s.declared) {
		return streamError(s.id, frame.ProtocolError, "DATA disagrees with content-length")
	}
	return nil
}

// store puts data, under mu, where the consumer wants it, and returns the credit to give for what went straight there.
func (s *stream) store(data []byte) (increment int) {
	if s.into != nil && s.filled < len(s.into) {
		n := copy(s.into[s.filled:], data)
		s.filled += n
		data = data[n:]
		s.conn.options.Budget.used.Add(-int64(n))
		increment = s.window.consumed(n)
		if held := min(n, s.held); held > 0 {
			s.held -= held
			s.conn.discard(held, true)
		}
	}
	if len(data) == 0 {
		return increment
	}
	s.makeRoom(len(data))
	s.in.B = append(s.in.B, data...)
	return increment
}

// makeRoom makes room for n more bytes, under mu. The buffer grows with bytes received: it doubles, or takes the size
// that is expected once a sixteenth of that is there, or a quarter where memory is strained. It does not grow beyond what the
// peer may send.
func (s *stream) makeRoom(n int) {
	if s.in == nil {
		s.in, s.taken = buffer.Get(n), 0
		return
	}
	if cap(s.in.B)-len(s.in.B) >= n {
		return
	}
	unread := s.buffered()
	need := unread + n
	if !s.lent && s.taken >= cap(s.in.B)/2 {
		s.in.B, s.taken = s.in.B[:copy(s.in.B, s.in.B[s.taken:])], 0
		if cap(s.in.B) >= need {
			return
		}
	}
	size := min(2*need, need+max(s.window.open, 0))
	trust := 16
	if s.conn.options.Budget.strained() {
		trust = 4
	}
	if expected := s.expected(need); expected > need && expected/trust <= need {
		size = expected
	}
	larger := buffer.Get(size)
	larger.B = larger.B[:unread]
	buffer.Copy(larger.B, s.in.B[s.taken:])
	old := s.in
	s.in, s.taken = larger, 0
	if s.lent && s.pinned == nil {
		s.pinned = old
		return
	}
	old.Free()
}

// expected returns, under mu, how many bytes the consumer will have when there is what it waits for, as far as is known: 0 if
// it is not. There are have of them.
func (s *stream) expected(have int) int {
	length := 0
	switch measure := s.conn.options.Measure; {
	case !s.want.all || s.want.exact:
		return s.want.bytes
	case int64(have) < s.total: // the beginning is gone
	case s.declared > 0:
		length = int(s.declared)
	case measure != nil:
		length = measure(s.in.B[s.taken:])
	}
	if length > s.want.bytes {
		return 0
	}
	return length
}

// unlockAndWake releases mu and wakes the consumer if it has what it waits for. reading tells that this is the reader goroutine, in the
// middle of a batch.
func (s *stream) unlockAndWake(reading bool) {
	if s.conn.options.Timed { // the consumer may come to wait only later
		s.receivedAt.Store(time.Now().UnixNano())
	}
	if (s.waiter == nil && s.ready == nil) || !s.satisfied() {
		s.mu.Unlock()
		return
	}
	w, ready := s.waiter, s.ready
	s.waiter, s.ready = nil, nil
	s.mu.Unlock()
	s.conn.awake.Add(1)
	if w != nil {
		w.wake()
	}
	if ready != nil {
		ready(s.served, reading)
	}
}

// fail ends the receiving half with err and wakes whoever waits on it. It reports false if the stream was over.
func (s *stream) fail(err error) bool {
	s.mu.Lock()
	if s.failure != nil {
		s.mu.Unlock()
		return false
	}
	if s.ended && s.sent != nil { // the whole answer is here: a later reset takes nothing from it
		s.mu.Unlock()
		return false
	}
	s.failure = err
	ready := s.ready
	s.ready = nil
	s.unlockAndWake(false)
	if ready != nil {
		go ready(s.served, false) // whoever fails the stream may hold locks that this takes
	}
	return true
}

// finishReceiving gives everything back that the receiving half holds. The consumer has gone.
func (s *stream) finishReceiving() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finishReceivingUnlocked()
}

// finishReceivingUnlocked is it with mu, which is held, released meanwhile if there is credit to give.
func (s *stream) finishReceivingUnlocked() {
	if s.failure == nil && !s.ended {
		s.failure = errClosed
		if w := s.waiter; w != nil { // somebody waits all the same: whoever ends the stream next finds it over, and wakes nobody
			s.waiter = nil
			w.wake()
		}
	}
	if unread := s.buffered(); unread > 0 {
		s.taken += unread
		s.giveCreditUnlocked(s.consumed(unread))
	}
	s.settle()
}

var errClosed = &Error{Code: frame.Cancel, Scope: StreamScope, Culprit: ByUs, Reason: "the stream was closed"}

// relieveUnlocked is for a stream whose consumer waits, and consumes nothing before more has come, while the connection's
// credit runs out because of what is held back: that would be for good. The credit is given back if there is room in the
// budget again, or else the stream is refused. mu, which is held, is released meanwhile.
func (s *stream) relieveUnlocked() {
	if s.conn.options.Budget.exceeded() {
		s.refuseUnlocked()
		return
	}
	returned := s.held
	s.held = 0
	s.giveCreditUnlocked(credit{connection: returned})
}

// relieve relieves the stream if that is needed.
func (s *stream) relieve() {
	s.mu.Lock()
	if s.held > 0 && (s.waiter != nil || s.ready != nil) && !s.satisfied() {
		s.relieveUnlocked()
	}
	s.mu.Unlock()
}

// refuseUnlocked ends a stream that would need more memory than is left, with mu, which is held, released meanwhile.
func (s *stream) refuseUnlocked() {
	s.mu.Unlock()
	s.conn.resetStream(s, frame.EnhanceYourCalm, &Error{Code: frame.EnhanceYourCalm, Scope: StreamScope, Culprit: ByUs,
		Reason: "the budget for received bytes is used up, and more are needed before any can be consumed"})
	s.mu.Lock()
}
