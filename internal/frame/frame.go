// SPDX-License-Identifier: Apache-2.0

// Package frame is the HTTP/2 frames as values: parse and append, no I/O.
//
// Each frame type has a file with its Parse and its Append function. Parse functions take the header and the whole
// payload, return slices of that payload, and check what a frame alone can show to be wrong (RFC 9113 section 6); what
// depends on the state of a stream or connection is left to the engine. Append functions add a whole frame to dst.
// Neither allocates, but for dst growing and for errors.
package frame

import (
	"encoding/binary"
	"strconv"
)

// Preface is what a client sends first (RFC 9113 section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// HeaderBytes is the size of a frame's header.
const HeaderBytes = 9

// Sizes that RFC 9113 sections 4.2 and 6.9 fix.
const (
	SmallestMaxFrame = 1 << 14   // the initial and the smallest value of MaxFrameSize
	LargestMaxFrame  = 1<<24 - 1 // its largest: what the length field can say
	InitialWindow    = 1<<16 - 1 // the initial flow-control window of streams and connections
	LargestWindow    = 1<<31 - 1 // no window may be larger
	LargestStream    = 1<<31 - 1 // no stream identifier is larger
)

const reservedBit = 1 << 31 // of identifiers and increments: sent as 0, ignored on receipt

// Type is the type of a frame.
type Type uint8

// The types (RFC 9113 section 6).
const (
	Data         Type = 0x0
	Headers      Type = 0x1
	Priority     Type = 0x2
	ResetStream  Type = 0x3
	Settings     Type = 0x4
	PushPromise  Type = 0x5
	Ping         Type = 0x6
	GoAway       Type = 0x7
	WindowUpdate Type = 0x8
	Continuation Type = 0x9
)

var typeNames = [...]string{
	"DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
	"CONTINUATION",
}

// String returns the name that RFC 9113 gives the type.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "FRAME_TYPE_" + strconv.Itoa(int(t))
}

// Flags are the flags of a frame. What a bit means depends on the type.
type Flags uint8

// The flags. Ack is for SETTINGS and PING, the others for DATA, HEADERS and CONTINUATION.
const (
	EndStream   Flags = 0x1
	Ack         Flags = 0x1
	EndHeaders  Flags = 0x4
	Padded      Flags = 0x8
	HasPriority Flags = 0x20
)

// Has reports whether all of flags are set.
func (f Flags) Has(flags Flags) bool { return f&flags == flags }

// Header is the header of a frame (RFC 9113 section 4.1).
type Header struct {
	Length int // of the payload
	Type   Type
	Flags  Flags
	Stream uint32 // 0 for the connection
}

// ParseHeader returns the header at the front of b, which must hold HeaderBytes at least.
func ParseHeader(b []byte) Header {
	_ = b[HeaderBytes-1]
	return Header{
		Length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		Type:   Type(b[3]),
		Flags:  Flags(b[4]),
		Stream: binary.BigEndian.Uint32(b[5:]) &^ reservedBit,
	}
}

// AppendHeader appends a frame's header. h.Length must not be above LargestMaxFrame.
func AppendHeader(dst []byte, h Header) []byte {
	return append(dst,
		byte(h.Length>>16), byte(h.Length>>8), byte(h.Length), byte(h.Type), byte(h.Flags),
		byte(h.Stream>>24)&0x7f, byte(h.Stream>>16), byte(h.Stream>>8), byte(h.Stream))
}

// removePadding returns payload without the padding that h's flags announce, and without its length byte
// (RFC 9113 sections 6.1 and 6.2). prefix bytes after the length byte belong to the frame, not to what may be padding.
func removePadding(h Header, payload []byte, prefix int) ([]byte, error) {
	padding := 0
	if h.Flags.Has(Padded) {
		if len(payload) == 0 {
			return nil, connectionError(FrameSizeError, "a padded frame without the length of its padding")
		}
		padding, payload = int(payload[0]), payload[1:]
	}
	if len(payload) < prefix {
		return nil, connectionError(FrameSizeError, "a frame too short for its priority fields")
	}
	if padding > len(payload)-prefix {
		return nil, connectionError(ProtocolError, "more padding than the frame has room for")
	}
	return payload[:len(payload)-padding], nil
}
