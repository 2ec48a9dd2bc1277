// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// Patience bounds what a peer may send that is allowed and brings nothing (RFC 9113 section 10.5): empty DATA, PRIORITY,
// SETTINGS and PINGs again and again, frames of unknown types, window by the byte, requests that break the protocol. Each
// such frame costs some of it. Time brings it back, and so does whatever is of use, because some of these frames go along
// with proper traffic. A peer that has used it up is told to calm down, and the connection ends.
//
// The reader goroutine's own. The clock is read only when patience has run out.
type patience struct {
	left   int
	filled time.Time // when left was last made up
	useful int       // received HEADERS and DATA since then
	sent   uint64    // Conn.sentFrames then
}

const (
	mostPatience      = 40_000
	patiencePerSecond = 1000
	patiencePerFrame  = 4 // of use, in either direction

	breachCost       = 50 // a stream that we must reset because the peer has broken the protocol
	streamsPerPoint  = 16 // SETTINGS that change the windows of all streams
	settingsPerPoint = 16
	fieldsPerPoint   = 16  // of requests that are refused
	settingBytes     = 6   // of one (RFC 9113 section 6.5.1)
	tinyData         = 256 // DATA that is cut to less than this by the peer's window brings no patience back
)

var errImpatient = connectionError(frame.EnhanceYourCalm, "too many frames that bring nothing, or requests that break the protocol")

// lose takes n off the reader's patience, and fails when there is none left.
func (c *Conn) lose(n int) error {
	p := &c.reader.patience
	if p.left -= n; p.left >= 0 {
		return nil
	}
	c.mu.Lock()
	sent := c.sentFrames
	c.mu.Unlock()
	p.fill(time.Now(), sent)
	if p.left < 0 {
		return errImpatient
	}
	return nil
}

// fill brings back what time and useful frames have earned.
func (p *patience) fill(now time.Time, sent uint64) {
	earned := now.Sub(p.filled).Seconds() * patiencePerSecond
	earned += float64(p.useful)*patiencePerFrame + float64(sent-p.sent)*patiencePerFrame
	if earned < 1 {
		return // what is a part of a point is not lost
	}
	p.left = int(min(float64(p.left)+earned, mostPatience))
	p.filled, p.useful, p.sent = now, 0, sent
}

// costOf returns what a stream costs that was reset because of the peer. Requests that are merely too many or too large are
// not the connection's fault: it may carry those of others.
func costOf(code frame.ErrorCode) int {
	if code == frame.RefusedStream || code == frame.EnhanceYourCalm {
		return 1
	}
	return breachCost
}

// The reader's work, in units of about a tenth of a microsecond. A reader that always finds more to read lets others run
// after its share, or a hundred of them would keep everybody waiting for a hundred of the scheduler's time slices.
const (
	workShare        = 2000
	dataBytesPerUnit = 1024
	headBytesPerUnit = 16
	fieldsPerUnit    = 2 // with the memory that a field is given
)

// worked counts a frame that was handled, and reports whether the reader has had its share and is to let others run.
func (r *reader) worked(h frame.Header) bool {
	r.work++
	switch h.Type {
	case frame.Data:
		r.work += h.Length / dataBytesPerUnit
	case frame.Headers, frame.Continuation, frame.Settings:
		r.work += h.Length / headBytesPerUnit
	}
	if r.work < workShare {
		return false
	}
	r.work = 0
	return true
}
