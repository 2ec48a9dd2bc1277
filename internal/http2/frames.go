// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"errors"
	"slices"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
)

// What the reader does with each kind of frame.

// receive handles one frame.
func (c *Conn) receive(h frame.Header, payload []byte) error {
	if c.reader.blockStream != 0 && (h.Type != frame.Continuation || h.Stream != c.reader.blockStream) {
		return connectionError(frame.ProtocolError, h.Type.String()+" in the middle of a header block")
	}
	if !c.settings.came && h.Type != frame.Settings {
		return connectionError(frame.ProtocolError, "the first frame is "+h.Type.String()+" and not SETTINGS")
	}
	switch h.Type {
	case frame.Data:
		return c.receiveData(h, payload)
	case frame.Headers:
		return c.receiveHeaders(h, payload)
	case frame.Continuation:
		return c.receiveContinuation(h, payload)
	case frame.ResetStream:
		return c.receiveReset(h, payload)
	case frame.Settings:
		return c.receiveSettings(h, payload)
	case frame.Ping:
		return c.receivePing(h, payload)
	case frame.GoAway:
		return c.receiveGoAway(h, payload)
	case frame.WindowUpdate:
		return c.receiveWindowUpdate(h, payload)
	case frame.Priority:
		if err := frame.ParsePriority(h, payload); err != nil {
			return err
		}
	case frame.PushPromise:
		return connectionError(frame.ProtocolError, "PUSH_PROMISE, which we do not take")
	}
	return c.lose(1) // PRIORITY says nothing to us, and unknown types are ignored (RFC 9113 section 5.3.2 and 5.5)
}

func (c *Conn) receiveData(h frame.Header, payload []byte) error {
	data, err := frame.ParseData(h, payload)
	if err != nil {
		return err
	}
	held := c.options.Budget.exceeded()
	if len(data) > 0 {
		c.reader.pings.data()
		c.reader.patience.useful++
	} else if !h.Flags.Has(frame.EndStream) {
		if err := c.lose(1); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.watch.doubts = 0
	if !c.window.received(len(payload)) {
		c.mu.Unlock()
		return connectionError(frame.FlowControlError, "more DATA than the connection's window allows")
	}
	if !held {
		c.returnLocked(len(payload))
	}
	c.bandwidth.received(len(payload))
	low := c.window.open < c.options.MaxFrameBytes
	if low && c.window.open+len(payload) >= c.options.MaxFrameBytes { // not before: who begins to wait later looks for itself
		defer c.relieveAll()
	}
	s := c.streams.get(h.Stream)
	ours := s != nil || c.resets.has(h.Stream)
	end := h.Flags.Has(frame.EndStream)
	answered, over := false, false
	if s != nil && end {
		over = c.peerDoneLocked(s)
		answered = s.sent != nil || over // else whoever ends the answer ends the stream
	}
	c.mu.Unlock()
	if s == nil {
		c.discard(len(payload), held)
		if ours {
			return nil
		}
		return c.unknownStream(h, frame.StreamClosed)
	}
	if err := s.deliver(data, len(payload)-len(data), end, held); err != nil {
		return err
	}
	if answered {
		c.peerEnded(s, over)
	}
	if low {
		s.relieve()
	}
	return nil
}

// unknownStream is the error for a frame on a stream that is not in the table: idle, or closed (RFC 9113 section 5.1).
func (c *Conn) unknownStream(h frame.Header, closed frame.ErrorCode) error {
	if c.idle(h.Stream) {
		return connectionError(frame.ProtocolError, h.Type.String()+" on a stream that was never opened")
	}
	return streamError(h.Stream, closed, h.Type.String()+" on a closed stream")
}

// peerDoneLocked is called when the peer's END_STREAM was read. It reports whether our half had ended before.
func (c *Conn) peerDoneLocked(s *stream) (over bool) {
	s.peerDone = true
	c.collectLocked(s) // a client that goes on to send is told
	return s.sendEnded
}

// peerEnded is called when the peer's END_STREAM was delivered. over is what peerDoneLocked has reported.
func (c *Conn) peerEnded(s *stream, over bool) {
	if over && s.sent != nil {
		c.reader.answered = append(c.reader.answered, s) // see wakeLate
		return
	}
	c.mu.Lock()
	if s.sent != nil && s.sender != nil { // the server did not wait for all of the request
		s.sender.wake()
		s.sender = nil
	}
	c.closeIfDoneLocked(s)
	c.mu.Unlock()
}

func (c *Conn) receiveHeaders(h frame.Header, payload []byte) error {
	block, err := frame.ParseHeaders(h, payload)
	if err != nil {
		if breach := (*frame.Error)(nil); !errors.As(err, &breach) || breach.Stream == 0 {
			return err
		}
	}
	if !h.Flags.Has(frame.EndHeaders) {
		r := &c.reader
		r.block = append(r.block[:0], block...)
		r.blockStream, r.blockFlags, r.blockInvalid = h.Stream, h.Flags, err
		return nil
	}
	return c.receiveBlock(h.Stream, h.Flags.Has(frame.EndStream), block, err)
}

func (c *Conn) receiveContinuation(h frame.Header, payload []byte) error {
	r := &c.reader
	if r.blockStream == 0 {
		return connectionError(frame.ProtocolError, "CONTINUATION without HEADERS")
	}
	fragment, err := frame.ParseContinuation(h, payload)
	if err != nil {
		return err
	}
	// An encoded list is hardly ever longer than the list, and fragments that bring nothing are an attack.
	if len(r.block)+len(fragment) > c.options.MaxHeaderListBytes || len(fragment) == 0 && !h.Flags.Has(frame.EndHeaders) {
		return connectionError(frame.EnhanceYourCalm, "a header block above the limit, or empty CONTINUATION")
	}
	r.block = append(r.block, fragment...)
	if !h.Flags.Has(frame.EndHeaders) {
		return nil
	}
	stream := r.blockStream
	r.blockStream = 0
	return c.receiveBlock(stream, r.blockFlags.Has(frame.EndStream), r.block, r.blockInvalid)
}

// largeBlock is the size of a header block from which on its decoding may have to wait for its turn (internal/hpack).
const largeBlock = 1 << 10

// receiveBlock decodes a header block, which keeps the table in step whatever becomes of it, and hands the head on.
func (c *Conn) receiveBlock(id uint32, end bool, block []byte, invalid error) error {
	if len(block) > largeBlock {
		c.wakeLate() // it may have to wait for its turn
	}
	head, err := c.reader.decoder.Decode(block)
	if err != nil && err != hpack.ErrListTooLarge {
		return &frame.Error{Code: frame.CompressionError, Reason: err.Error()}
	}
	c.reader.work += len(head.Fields) / fieldsPerUnit
	c.reader.pings.data()
	if c.options.Tap != nil {
		c.options.Tap.Head(c, false, id, head, block)
	}
	c.mu.Lock()
	c.watch.doubts = 0
	if invalid != nil {
		if c.handler != nil && id%2 == 1 {
			c.lastStream = max(c.lastStream, id) // it has opened the stream
		}
		c.mu.Unlock()
		return invalid
	}
	s := c.streams.get(id)
	if s == nil && c.handler != nil && c.idleLocked(id) {
		return c.acceptStream(id, head, end, err)
	}
	ours := s != nil || c.resets.has(id)
	over := s != nil && end && c.peerDoneLocked(s)
	c.mu.Unlock()
	if s != nil && err == nil {
		return c.receiveNextHead(s, head, end, over)
	}
	if s != nil {
		return streamError(id, frame.EnhanceYourCalm, "a header list above the limit")
	}
	if ours {
		return nil
	}
	return c.lateHead(id)
}

// lateHead is the error for HEADERS on a stream that is not in the table and that we did not reset. A server's whole
// connection fails by it: the stream has ended, or was passed over by a higher one (RFC 9113 section 5.1 and 5.1.1).
func (c *Conn) lateHead(id uint32) error {
	if c.handler == nil {
		return c.unknownStream(frame.Header{Type: frame.Headers, Stream: id}, frame.StreamClosed)
	}
	c.mu.Lock()
	finished := c.finished.has(id)
	c.mu.Unlock()
	if finished {
		return connectionError(frame.StreamClosed, "HEADERS on a stream that has ended")
	}
	return connectionError(frame.ProtocolError, "a stream was opened with a lower identifier than one before it")
}

// receiveTrailers ends the receiving half of a stream. over is what peerDoneLocked has reported.
func (c *Conn) receiveTrailers(s *stream, head exchange.Head, end, over bool) error {
	fields, invalid := checkTrailers(s.id, head)
	s.mu.Lock()
	if s.deaf() {
		s.mu.Unlock()
		if end {
			c.peerEnded(s, over)
		}
		return nil
	}
	var err error
	switch {
	case s.ended:
		err = streamError(s.id, frame.StreamClosed, "HEADERS after END_STREAM")
	case !end:
		err = streamError(s.id, frame.ProtocolError, "a second HEADERS without END_STREAM")
	case invalid != nil:
		err = invalid
	case s.served != nil && !s.served.hoardTrailers(head):
		err = tooManyHeads(s.id)
	case s.declared >= 0 && s.total != s.declared:
		err = streamError(s.id, frame.ProtocolError, "DATA disagrees with content-length")
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	if s.failure == nil {
		s.trailers, s.ended = fields, true
	}
	s.unlockAndWakeLater()
	c.peerEnded(s, over)
	c.reader.patience.useful++
	return nil
}

func (c *Conn) receiveReset(h frame.Header, payload []byte) error {
	code, err := frame.ParseResetStream(h, payload)
	if err == nil {
		err = c.lose(1)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	s := c.streams.get(h.Stream)
	if s == nil {
		c.mu.Unlock()
		if c.idle(h.Stream) {
			return c.unknownStream(h, frame.ProtocolError)
		}
		return nil
	}
	failure := &Error{Code: code, Scope: StreamScope, Culprit: ByPeer, Unprocessed: code == frame.RefusedStream && !s.headDone,
		Reason: "the stream was reset by the peer"}
	c.removeLocked(s, failure)
	c.mu.Unlock()
	c.endStream(s, failure)
	return nil
}

func (c *Conn) receiveWindowUpdate(h frame.Header, payload []byte) error {
	increment, err := frame.ParseWindowUpdate(h, payload)
	if err == nil {
		err = c.lose(1)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.Stream == 0 {
		c.collectAllLocked(false) // so that nothing of the window is taken in advance
		if !c.credit.add(int64(increment)) {
			return connectionError(frame.FlowControlError, "the connection's window above 2^31-1")
		}
		c.wakeBlockedLocked()
		return nil
	}
	s := c.streams.get(h.Stream)
	if s == nil {
		if c.idleLocked(h.Stream) {
			return connectionError(frame.ProtocolError, "WINDOW_UPDATE on a stream that was never opened")
		}
		return nil // a closed stream: it crossed with the end (RFC 9113 section 6.9)
	}
	c.collectLocked(s)
	if !s.credit.add(int64(increment)) {
		return streamError(h.Stream, frame.FlowControlError, "the stream's window above 2^31-1")
	}
	c.wakeBlockedLocked()
	return nil
}

func (c *Conn) receiveSettings(h frame.Header, payload []byte) error {
	points := 1
	var err error
	if h.Flags.Has(frame.Ack) {
		if err = frame.ParseSettings(h, payload, nil); err == nil {
			c.settingsAcknowledged()
		}
	} else {
		points, err = c.takeSettings(h, payload)
	}
	if err != nil {
		return err
	}
	return c.lose(points)
}

// takeSettings applies the peer's settings, and returns how much patience that costs.
func (c *Conn) takeSettings(h frame.Header, payload []byte) (points int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.collectAllLocked(false)
	before, streams := c.settings.initialWindow, c.settings.maxStreams
	if err := frame.ParseSettings(h, payload, c.applySetting); err != nil {
		return 0, err
	}
	points = 1 + len(payload)/settingBytes/settingsPerPoint
	if delta := c.settings.initialWindow - before; delta != 0 {
		points += c.streams.len() / streamsPerPoint
		if err := c.resizeWindows(delta); err != nil {
			return 0, err
		}
	}
	c.mergeBulkLocked() // what was made under the old settings leaves before the acknowledgement
	if !c.settings.came {
		c.settings.came = true
		if c.settingsCame != nil {
			close(c.settingsCame)
		}
	}
	if c.settings.maxStreams > streams {
		c.changedLocked()
	}
	c.wakeBlockedLocked()
	start := len(c.fast)
	c.fast = frame.AppendSettingsAck(c.fast)
	c.appendedControl(start)
	return points, nil
}

// settingsAcknowledged is called on the reader goroutine when the peer has taken our settings. If their window is smaller
// than the protocol's default, the peer has just taken the difference off the streams that were there (RFC 9113 section
// 6.9.2), and had that much before.
func (c *Conn) settingsAcknowledged() {
	c.mu.Lock()
	difference := c.openingWindow() - c.options.StreamWindow
	first := !c.acknowledged
	c.acknowledged = true
	if first {
		c.bandwidth.answered(time.Since(c.greeted))
	}
	var streams []*stream
	if first && difference > 0 {
		streams = slices.Collect(c.streams.all())
	}
	c.mu.Unlock()
	for _, s := range streams {
		s.mu.Lock()
		s.window.open -= difference
		s.mu.Unlock()
	}
}

// openingWindow returns what the peer may send on a stream that is opened now, under mu or on the reader goroutine.
func (c *Conn) openingWindow() int {
	if !c.acknowledged {
		return max(c.bandwidth.window, defaultWindow)
	}
	return c.bandwidth.window
}

// applySetting takes one of the peer's settings, under mu.
func (c *Conn) applySetting(setting frame.Setting) error {
	switch setting.ID {
	case frame.EnablePush:
		if c.handler == nil && setting.Value != 0 { // a server has nothing to enable (RFC 9113 section 6.5.2)
			return connectionError(frame.ProtocolError, "a server's ENABLE_PUSH")
		}
	case frame.HeaderTableSize:
		c.encoder.SetPeerLimit(setting.Value)
	case frame.MaxConcurrentStreams:
		c.settings.maxStreams = setting.Value
	case frame.InitialWindowSize:
		c.settings.initialWindow = int64(setting.Value)
	case frame.MaxFrameSize:
		c.settings.maxFrame = min(int(setting.Value), largestFrame)
	case frame.MaxHeaderListSize:
		c.settings.maxHeaderList = setting.Value
	}
	return nil
}

// resizeWindows changes the windows of all streams, under mu: once for each SETTINGS, which may have thousands.
func (c *Conn) resizeWindows(delta int64) error {
	for s := range c.streams.all() {
		if !s.credit.add(delta) {
			return connectionError(frame.FlowControlError, "INITIAL_WINDOW_SIZE makes a window larger than 2^31-1")
		}
	}
	return nil
}

func (c *Conn) receivePing(h frame.Header, payload []byte) error {
	data, err := frame.ParsePing(h, payload)
	if err == nil {
		err = c.lose(1)
	}
	if err != nil {
		return err
	}
	if h.Flags.Has(frame.Ack) {
		c.pingAnswered(data)
		return nil
	}
	c.mu.Lock()
	if c.handler != nil && !c.reader.pings.count(time.Now(), c.sentFrames, c.options.LeastPingInterval) {
		c.mu.Unlock()
		return connectionError(frame.EnhanceYourCalm, tooManyPings)
	}
	start := len(c.fast)
	c.fast = frame.AppendPing(c.fast, true, data)
	c.appendedControl(start)
	c.mu.Unlock()
	return nil
}
