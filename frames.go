// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"net"
	"time"
)

// FrameObserver is shown what crosses a client's or a server's HTTP/2 connections, for teaching and for finding faults.
// It is called on the goroutine that reads or writes the connection, some of it under the connection's lock: it must be
// quick, must call nothing of this library, and must be safe for concurrent use.
type FrameObserver interface {
	// Frame is called for each frame, in the order of the wire for each direction.
	Frame(event FrameEvent)
	// HeaderBlock is called for each header block, encoded or decoded.
	HeaderBlock(event HeaderBlockEvent)
}

// FrameEvent is one HTTP/2 frame (RFC 9113 section 4).
type FrameEvent struct {
	Local, Remote net.Addr // the connection's ends
	Sent          bool     // false: received
	Stream        uint32   // 0: the connection itself
	Type          string   // "HEADERS", "DATA", …
	Flags         uint8
	Payload       []byte // valid during the call only
	Time          time.Time
}

// HeaderBlockEvent is one header block (RFC 7541): its bytes, and the fields that they say.
type HeaderBlockEvent struct {
	Local, Remote net.Addr
	Sent          bool
	Stream        uint32
	Fields        []HeaderField // the caller's to keep
	Block         []byte        // valid during the call only
	Time          time.Time
}

// HeaderField is one line of a header block. The names of HTTP's own fields start with ":".
type HeaderField struct {
	Name, Value string
}
