// SPDX-License-Identifier: Apache-2.0

// Package http2 is one HTTP/2 connection, either role: streams, flow control, settings, ping, goaway. It knows no gRPC.
//
// A caller writes its own frames (writer.go), one goroutine reads (reader.go, frames.go), and what a consumer waits for is said in
// bytes (receive.go). The server's role is in server.go, the client's in client.go; both share conn.go and stream.go.
package http2

import (
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// Options are a connection's settings. The zero value is ready.
type Options struct {
	// MaxConcurrentStreams is how many requests a server handles at a time on one connection; a reset stream holds its
	// place until its handler has ended. 0: 1,000.
	MaxConcurrentStreams int
	// MaxHeaderListBytes bounds a received header list, 32 bytes a field included (RFC 9113 section 6.5.2). 0: 64 KiB.
	MaxHeaderListBytes int
	// HeaderTableBytes is the table for header compression that we keep for each direction, as far as the peer keeps one
	// as large. 0: 4,096; negative: none.
	HeaderTableBytes int
	// MaxFrameBytes is the largest frame that we take, from 16 KiB to 1 MiB. 0: 16 KiB.
	MaxFrameBytes int
	// StreamWindow and ConnectionWindow are what the peer may send ahead of consumption, on a stream and on the
	// connection, to begin with. 0: 128 KiB and 2 MiB.
	StreamWindow, ConnectionWindow int
	// MaxWindow is what both may grow to where the path carries more in a round trip (bandwidth.go). 0: 16 MiB; negative:
	// they do not grow.
	MaxWindow int
	// HandshakeTimeout bounds the wait for the peer's preface and SETTINGS. 0: 10 s.
	HandshakeTimeout time.Duration
	// StallTimeout closes the connection when the socket has taken nothing for so long, or the peer's kernel has
	// acknowledged nothing of what was sent (on Linux). 0: 20 s.
	StallTimeout time.Duration
	// Keepalive asks a silent peer whether it is still there. Zero: never.
	Keepalive Keepalive
	// LeastPingInterval is the shortest interval at which a client's pings are welcome while nothing else passes; more
	// than a few that come sooner end the connection. 0: 5 min; negative: any.
	LeastPingInterval time.Duration
	// TooManyPings is called on the reader goroutine if the server ends the connection because of our pings. nil: nobody
	// is told.
	TooManyPings func()
	// Changed is called when a client's connection may take a stream that it did not take before, and, with takes not set,
	// when it takes none any more: it has ended, or goes away. It is called with the connection's lock held, so it must
	// not call back, and not wait for anybody who does. nil: nobody is told.
	Changed func(c *Conn, takes bool)
	// IdleTimeout ends a connection on which no stream was open for so long. 0: never.
	IdleTimeout time.Duration
	// MaxAge ends a server's connection gracefully when it is so old, a tenth more or less at random. 0: never.
	MaxAge time.Duration
	// MaxAgeGrace is how long the streams of an aged connection have to end before they are cut off. 0: as they need.
	MaxAgeGrace time.Duration
	// Measure returns how long a body is that begins as it is told, as far as that can be seen; 0 if it cannot. What it says is
	// not believed before a sixteenth of that has come, or a quarter where memory is strained. nil: nobody knows.
	Measure func(beginning []byte) int
	// Budget bounds received bytes that nobody has consumed, over the connections that share it; a part of it the header
	// lists of requests under way. nil: one of 512 MiB for this connection alone.
	Budget *Budget
	// Standby lets an Inliner answer requests on the reader goroutine. nil: it does not.
	Standby *Standby
	// Tap sees every frame and header block. nil: nobody does.
	Tap Tap
	// Timed makes streams note when their frames were sent and received (Times).
	Timed bool
	// Received is what was already read from the connection.
	Received []byte
	// Greeted is called on a server's reader goroutine when the client's preface and SETTINGS have come. nil: nobody is
	// told.
	Greeted func()
}

func (o Options) withDefaults() Options {
	if o.MaxConcurrentStreams == 0 {
		o.MaxConcurrentStreams = 1000
	}
	if o.MaxHeaderListBytes == 0 {
		o.MaxHeaderListBytes = 64 << 10
	}
	switch {
	case o.HeaderTableBytes == 0:
		o.HeaderTableBytes = defaultHeaderTable
	case o.HeaderTableBytes < 0:
		o.HeaderTableBytes = 0
	}
	o.HeaderTableBytes = min(o.HeaderTableBytes, largestHeaderTable)
	o.MaxFrameBytes = min(max(o.MaxFrameBytes, frame.SmallestMaxFrame), largestMaxFrame)
	o.StreamWindow = window(o.StreamWindow, streamWindow)
	o.ConnectionWindow = max(window(o.ConnectionWindow, connectionWindow), defaultWindow) // which SETTINGS cannot change (section 6.9.2)
	o.MaxWindow = window(o.MaxWindow, grownWindow)
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = 10 * time.Second
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = 20 * time.Second
	}
	if o.Keepalive.Timeout == 0 {
		o.Keepalive.Timeout = defaultKeepaliveTimeout
	}
	if o.LeastPingInterval == 0 {
		o.LeastPingInterval = 5 * time.Minute
	}
	if o.Budget == nil {
		o.Budget = NewBudget(512 << 20)
	}
	return o
}

// The most that Options may ask for: a frame is buffered as a whole.
const (
	defaultHeaderTable = 4096 // the protocol's own default (RFC 9113 section 6.5.2)
	largestHeaderTable = 1 << 20
	largestMaxFrame    = 1 << 20
)

// window returns what an option means.
func window(given, byDefault int) int {
	switch {
	case given == 0:
		return byDefault
	case given < 0:
		return 0
	}
	return min(given, LargestWindow)
}

// appendSettings appends the settings that we announce, the role's own first, and opens the connection's window.
func (o *Options) appendSettings(dst []byte, first frame.Setting) []byte {
	settings := []frame.Setting{first,
		{ID: frame.InitialWindowSize, Value: uint32(o.StreamWindow)},
		{ID: frame.MaxHeaderListSize, Value: uint32(o.MaxHeaderListBytes)}}
	if o.HeaderTableBytes != defaultHeaderTable {
		settings = append(settings, frame.Setting{ID: frame.HeaderTableSize, Value: uint32(o.HeaderTableBytes)})
	}
	if o.MaxFrameBytes != frame.SmallestMaxFrame {
		settings = append(settings, frame.Setting{ID: frame.MaxFrameSize, Value: uint32(o.MaxFrameBytes)})
	}
	dst = frame.AppendSettings(dst, settings...)
	if o.ConnectionWindow > defaultWindow {
		dst = frame.AppendWindowUpdate(dst, 0, uint32(o.ConnectionWindow-defaultWindow))
	}
	return dst
}

// silenceLimit is how long the peer's kernel may acknowledge nothing: a keepalive that is on must not be outlived by what
// it would have ended (grpc/proposal A18).
func (o *Options) silenceLimit() time.Duration {
	if o.Keepalive.Interval > 0 {
		return min(o.StallTimeout, o.Keepalive.Timeout)
	}
	return o.StallTimeout
}

// Tap sees what passes. Its methods are called in the order of the wire, with locks of the connection held: they must be
// quick and must not call back. Slices are valid during the call only.
type Tap interface {
	// Frame is called for each frame, when it is appended to the out-buffer or was read.
	Frame(conn *Conn, sent bool, header frame.Header, payload []byte)
	// Head is called for each header block, after it was encoded or decoded, before its Frame if sent.
	Head(conn *Conn, sent bool, stream uint32, head exchange.Head, block []byte)
}

// Budget counts the received and unconsumed bytes of the connections that share it. Above its limit credit is given
// only for what is consumed, so that one slow consumer stops only itself.
type Budget struct {
	limit int64
	used  atomic.Int64
	heads atomic.Int64 // bytes of header lists beyond what each connection may have (hoard.go)
}

// NewBudget returns a Budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used returns the bytes received and not consumed.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) exceeded() bool { return b.used.Load() > b.limit }

// strained reports that a good part of the budget is in use. With the default of 512 MiB that is 16 MiB.
func (b *Budget) strained() bool { return b.used.Load() > b.limit/32 }

// Handler serves the requests of a server's connection.
type Handler interface {
	// Accept is called on the reader goroutine when a request's head is complete. It must not block.
	Accept(s *ServerStream)
	// Ended is called once, on any goroutine, if the peer reset the stream or the connection failed before the answer was
	// finished. It must not block.
	Ended(s *ServerStream, err error)
	// Overdue is called once, on a timer's goroutine, when the time given to SetDeadline has passed before the answer was
	// finished.
	Overdue(s *ServerStream)
}
