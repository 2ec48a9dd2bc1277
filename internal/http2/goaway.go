// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// The graceful end of a connection, in two steps (RFC 9113 section 6.8): the server says that it will go away without
// naming a stream, so that requests on their way are still accepted; after a round trip it names the last one, refuses
// later ones, and closes when those it accepted are answered.

type drainState uint8

const (
	drainNone   drainState = iota
	drainFirst             // GOAWAY with the highest identifier is out, and a PING behind it
	drainFinal             // GOAWAY with the last stream is out
	drainClosed            // everything is written: the client is to close
)

// drainPing is the payload of the PING whose answer ends the first step, and drainWait what ends it without one.
var drainPing = [8]byte{'f', 'a', 'r', 'c', 'a', 'l', 'l', '!'}

const drainWait = time.Second

// GoAway ends a server's connection gracefully: it returns at once, and the connection ends by itself when the accepted
// requests are answered.
func (c *Conn) GoAway() {
	c.mu.Lock()
	if c.err != nil || c.draining != drainNone {
		c.mu.Unlock()
		return
	}
	c.draining = drainFirst
	start := len(c.fast)
	c.fast = frame.AppendGoAway(c.fast, 1<<31-1, frame.NoError, "")
	c.fast = frame.AppendPing(c.fast, false, drainPing)
	if c.options.Tap != nil {
		c.tapSent(c.fast[start:])
	}
	c.drainTimer = time.AfterFunc(drainWait, c.finishDraining)
	c.flush()
}

func (c *Conn) pingAnswered(data [8]byte) {
	switch data {
	case drainPing:
		c.finishDraining()
	case bandwidthPing:
		c.bandwidthMeasured()
	}
}

// finishDraining begins the second step.
func (c *Conn) finishDraining() {
	c.mu.Lock()
	if c.err != nil || c.draining != drainFirst {
		c.mu.Unlock()
		return
	}
	c.draining = drainFinal
	start := len(c.fast)
	c.fast = frame.AppendGoAway(c.fast, c.lastStream, frame.NoError, "")
	if c.options.Tap != nil {
		c.tapSent(c.fast[start:])
	}
	c.drainedLocked()
	c.flush()
}

// drainedLocked closes a connection that is going away once its last stream has ended and everything is written: the
// writer does, or else a goroutine that ends at once, since locks are held here.
func (c *Conn) drainedLocked() {
	finished := c.draining == drainFinal || c.goingAway
	if !finished || c.streams.len() > 0 || c.places.handling > 0 || c.err != nil || c.closing {
		return
	}
	c.closing = true
	if !c.writing && len(c.fast)+len(c.bulk) == 0 {
		go c.closeDrained()
	}
}

// closeDrained ends a connection that is drained. A client closes at once. A server says that nothing more will come and
// lets its client close: bytes that arrive behind a close make the kernel throw away what it still holds for the client,
// the end of the last answer perhaps.
func (c *Conn) closeDrained() {
	c.mu.Lock()
	if c.err != nil || c.writing || !c.nothingToWrite() { // the writer comes here when it is done
		c.mu.Unlock()
		return
	}
	if c.handler == nil {
		c.mu.Unlock()
		c.Close(errDrained)
		return
	}
	c.writing = true // nobody writes any more
	c.draining = drainClosed
	c.drainTimer.Stop()
	c.drainTimer = time.AfterFunc(c.options.StallTimeout, func() { c.Close(errDrained) })
	c.mu.Unlock()
	if !c.socket.closeWrite() { // then only GOAWAY tells the client
		c.mu.Lock()
		c.drainTimer.Reset(lastWriteTime)
		c.mu.Unlock()
	}
}

var errDrained = &Error{Code: frame.NoError, Scope: ConnectionScope, Culprit: ByUs, Reason: "the connection was idle, or went away and has finished"}

// receiveGoAway takes the server's announcement: no new streams, and those it never saw fail as Unprocessed.
func (c *Conn) receiveGoAway(h frame.Header, payload []byte) error {
	last, code, debug, err := frame.ParseGoAway(h, payload)
	if err != nil {
		return err
	}
	if c.handler != nil {
		return nil // a client that goes away opens no more streams: nothing to do
	}
	reason := "the server went away before it saw the call"
	if len(debug) > 0 {
		reason += ": " + string(debug[:min(len(debug), 256)])
	}
	if code == frame.EnhanceYourCalm && string(debug) == tooManyPings && c.options.TooManyPings != nil {
		c.options.TooManyPings()
	}
	unseen := map[*stream]error{}
	c.mu.Lock()
	c.goingAway = true
	c.changedLocked()
	for s := range c.streams.all() {
		if s.id > last {
			unseen[s] = &Error{Code: code, Scope: StreamScope, Culprit: ByPeer, Reason: reason,
				Unprocessed: !s.headDone, Unsent: c.unsentStreamLocked(s)} // what it has begun to answer it has seen, whatever it says now
		}
	}
	for s, failure := range unseen {
		c.removeLocked(s, failure)
	}
	c.drainedLocked()
	c.mu.Unlock()
	for s, failure := range unseen {
		c.endStream(s, failure)
	}
	return nil
}
