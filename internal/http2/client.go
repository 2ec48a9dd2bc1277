// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// ClientStream is a request that a client's connection has sent. It implements exchange.Sent.
type ClientStream struct {
	stream
	isHEAD bool // set once

	readsBefore uint32 // how often the peer had been read from when the stream was opened; set once

	// free says that the stream has left the table and may be used again when it is given back: its user alone has it, unless
	// it is late. It is set by the reader goroutine.
	free atomic.Bool

	// Guarded by conn.mu:
	headAt uint64 // where the request's head begins in what was ever appended to fast
}

var _ exchange.Sent = (*ClientStream)(nil)

// NewClient returns the client's end of nc once the server's SETTINGS have come, which proves that it speaks HTTP/2. The
// reader goroutine that it starts ends with the connection. nc is closed if it fails.
func NewClient(ctx context.Context, nc net.Conn, options Options) (*Conn, error) {
	c := newConn(nc, options)
	c.nextStream = 1
	c.settingsCame = make(chan struct{})
	if len(c.options.Received) > 0 {
		c.reader.begin(c.options.Received)
	}
	c.mu.Lock()
	c.greeted = time.Now()
	c.fast = append(c.fast, frame.Preface...)
	c.fast = c.options.appendSettings(c.fast, frame.Setting{ID: frame.EnablePush, Value: 0})
	if c.options.Tap != nil {
		c.tapSent(c.fast[len(frame.Preface):])
	}
	c.flush()
	go c.readAsClient()
	timeout := time.NewTimer(c.options.HandshakeTimeout)
	defer timeout.Stop()
	select {
	case <-c.settingsCame:
		c.settingsCame = nil // it has done its work
		c.startWatch()
		return c, nil
	case <-c.done:
		select {
		case <-c.settingsCame: // it was a good connection, and ended since
			return c, nil
		default:
			return nil, c.Err()
		}
	case <-ctx.Done():
		c.Close(ctx.Err())
		return nil, ctx.Err()
	case <-timeout.C:
		err := &Error{Scope: ConnectionScope, Culprit: ByPeer, Reason: "the server at " + c.peerName() + " accepted the connection but sent no SETTINGS within " +
			c.options.HandshakeTimeout.String() + ": does it speak HTTP/2 without TLS, or only with TLS or only HTTP/1.1?"}
		c.Close(err)
		return nil, err
	}
}

// ErrNoSettings is among the causes where the server has closed a connection and said nothing.
var ErrNoSettings = errors.New("closed before its SETTINGS came: does the server speak HTTP/2 without TLS?")

// readAsClient is the reader goroutine. It ends with the connection, or when that rests.
func (c *Conn) readAsClient() {
	r := &c.reader
	for r.end-r.start < frame.HeaderBytes && !speaksTLS(r.read()) {
		if err := c.read(true); err != nil {
			if err == io.EOF {
				err = ErrNoSettings
			}
			c.endReading(err)
			return
		}
	}
	if err := mistakenServer(r.read(), c.peerName()); err != nil {
		c.fail(err, frame.NoError)
		c.endReading(err)
		return
	}
	c.readLoop()
}

// speaksTLS recognises the alert record with which a server that expects TLS answers a plaintext preface.
func speaksTLS(first []byte) bool { return len(first) >= 2 && first[0] == 0x15 && first[1] == 3 }

// mistakenServer recognises servers that do not speak HTTP/2 by the first bytes they send.
func mistakenServer(first []byte, name string) error {
	reason := ""
	switch {
	case bytes.HasPrefix(first, []byte("HTTP/1.")):
		reason = "the server at " + name + " speaks HTTP/1.1: is this the REST port?"
	case speaksTLS(first):
		reason = "the server at " + name + " speaks TLS: plaintext was used"
	case frame.ParseHeader(first).Type != frame.Settings:
		reason = "the server at " + name + " does not speak HTTP/2: is this the right port?"
	default:
		return nil
	}
	return &Error{Code: frame.HTTP11Required, Scope: ConnectionScope, Culprit: ByPeer, Reason: reason}
}

// Available reports whether the connection takes new streams.
func (c *Conn) Available() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.goingAway
}

// Open sends a request's head and the first bytes of its body, in one append as far as credit allows; it waits, with ctx,
// for the rest. It implements exchange.Sender, except for the type of the result.
func (c *Conn) Open(ctx context.Context, head exchange.Head, body []byte, end bool) (*ClientStream, error) {
	s, rest, err := c.Begin(ctx, head, body, end)
	if len(rest) > 0 {
		if err := c.sendRest(ctx, &s.stream, rest, end); err != nil && err != errAnswered && s.Err() == nil {
			s.Close()
			return nil, err
		}
	}
	return s, err
}

// Begin is Open without the wait for credit: it returns the rest of the body, for Send. Where there is a rest, the end was
// not sent either.
func (c *Conn) Begin(ctx context.Context, head exchange.Head, body []byte, end bool) (s *ClientStream, rest []byte, err error) {
	c.mu.Lock()
	if err = c.openable(ctx); err == nil {
		err = c.fits(head)
	}
	if err != nil {
		c.mu.Unlock()
		return nil, nil, err
	}
	c.keepLimitLocked()
	s = clientStreams.Get().(*ClientStream)
	s.isHEAD = head.Get(":method") == "HEAD"
	c.initStream(&s.stream, c.nextStream)
	s.sent = s
	s.credit.credit = c.settings.initialWindow
	c.nextStream += 2
	c.streams.put(&s.stream)
	s.headAt = c.taken + uint64(len(c.fast))
	s.readsBefore = c.reader.reads.Load()
	c.appendHead(&s.stream, head, end && len(body) == 0)
	s.sendEnded = end && len(body) == 0
	rest = c.appendData(&s.stream, body, end && len(body) > 0)
	c.appended()
	c.flush()
	return s, rest, nil
}

// keepLimitLocked makes sure that the HEADERS of a new stream does not overtake the end of one whose place it takes: what
// ends a stream behind its DATA waits in bulk, and to the peer the stream is open until that has come (RFC 9113 section
// 5.1.2).
func (c *Conn) keepLimitLocked() {
	most := uint64(c.settings.maxStreams)
	if uint64(c.streams.len()+len(c.bulkStreams)) < most {
		return
	}
	open := uint64(c.streams.len())
	for _, s := range c.bulkStreams {
		if !c.streams.has(s) {
			open++
		}
	}
	if open >= most {
		c.mergeBulkLocked()
	}
}

// openable waits for room, with mu held, and returns why no stream can be opened.
func (c *Conn) openable(ctx context.Context) error {
	if err := c.awaitRoom(ctx); err != nil {
		if c.err != nil {
			return c.unsent(c.err)
		}
		return err
	}
	switch {
	case c.goingAway:
		return &Error{Scope: ConnectionScope, Culprit: ByPeer, Unprocessed: true, Unsent: true, Reason: "the server is going away and takes no new calls on this connection"}
	case uint32(c.streams.len()) >= c.settings.maxStreams:
		return ErrStreamLimit
	case c.nextStream > frame.LargestStream:
		c.goingAway = true // so that it ends with its last call (RFC 9113 section 5.1.1)
		c.drainedLocked()
		return &Error{Scope: ConnectionScope, Culprit: ByUs, Unprocessed: true, Unsent: true, Reason: "the connection's stream identifiers are used up"}
	}
	return nil
}

// unsent returns the connection's failure as that of a request which was never sent.
func (c *Conn) unsent(err error) error {
	return &Error{Scope: ConnectionScope, Culprit: ByNetwork, Unprocessed: true, Unsent: true, Reason: "the connection has ended", Cause: err}
}

// receiveAnswerHead takes the head of an answer, on the reader goroutine. over is what peerDoneLocked has reported.
func (c *Conn) receiveAnswerHead(s *stream, head exchange.Head, end, over bool) error {
	seen, err := checkHead(s.id, head)
	if err != nil {
		return err
	}
	status := head.Get(":status")
	if seen&(seenMethod|seenScheme|seenPath|seenAuthority) != 0 || !validStatus(status) {
		return streamError(s.id, frame.ProtocolError, "an answer without a proper :status")
	}
	if strings.HasPrefix(status, "1") {
		if end {
			return streamError(s.id, frame.ProtocolError, "an informational answer "+strconv.Quote(status)+" that ends the stream")
		}
		return c.lose(1)
	}
	declared, err := contentLength(s.id, head, seen)
	if err != nil {
		return err
	}
	if s.sent.isHEAD || status == "204" || status == "304" { // the length of what is not sent (RFC 9113 section 8.1.1)
		declared = -1
	}
	if end && declared > 0 {
		return streamError(s.id, frame.ProtocolError, "content-length without a body")
	}
	s.mu.Lock()
	s.head, s.headDone, s.declared = head, true, declared
	if end {
		s.ended = true
	}
	s.unlockAndWakeLater()
	if end {
		c.peerEnded(s, over)
	}
	c.reader.patience.useful++
	return nil
}

// Answer takes an answer that WantEnd has waited for: its head, its body as Next returns it, and its trailers. It fails as Head
// does where there is no head.
func (s *ClientStream) Answer() (head exchange.Head, body []byte, trailers []exchange.Field, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.headDone {
		return exchange.Head{}, nil, nil, s.failure
	}
	return s.head, s.nextUnlocked(s.buffered()), s.trailers, nil
}

// Head waits for the answer's head.
func (s *ClientStream) Head(ctx context.Context) (exchange.Head, error) { return s.waitHead(ctx) }

// Send sends bytes of the request's body; see exchange.Sent.
func (s *ClientStream) Send(ctx context.Context, body []byte, end bool) error {
	c := s.conn
	err := ctx.Err() // after a cancel nothing is sent, least of all an end that looks like a good one
	if err == nil && !end && len(body) > 0 {
		if body = s.gather.put(body); body == nil {
			return nil
		}
	}
	defer s.gather.leave() // body may be in its memory
	c.mu.Lock()
	if err == nil {
		err = c.sendableLocked(&s.stream)
	}
	if err == nil {
		err = c.awaitRoom(ctx)
	}
	if err == nil {
		err = c.sendableLocked(&s.stream)
	}
	if err != nil {
		c.mu.Unlock()
		return answeredEOF(err)
	}
	rest := c.appendData(&s.stream, body, end)
	s.endedSendingLocked()
	c.appended()
	c.flushBurst(&s.stream)
	if len(rest) == 0 {
		return nil
	}
	return answeredEOF(c.sendRest(ctx, &s.stream, rest, end))
}

func answeredEOF(err error) error {
	if err == errAnswered {
		return io.EOF
	}
	return err
}

// endedSendingLocked closes the stream if the answer has ended as well.
func (s *ClientStream) endedSendingLocked() { s.conn.closeIfDoneLocked(&s.stream) }

// Close ends the use of the stream. If the answer has not ended the peer is told to stop.
func (s *ClientStream) Close() {
	c := s.conn
	c.mu.Lock()
	c.closeIfDoneLocked(&s.stream)
	open := c.streams.has(&s.stream)
	c.mu.Unlock()
	if open {
		s.Reset(frame.Cancel)
	}
	s.finishReceiving()
}
