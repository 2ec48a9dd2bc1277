// SPDX-License-Identifier: Apache-2.0

package frame

import "encoding/binary"

// ParseHeaders returns the field block, or its first fragment, of a HEADERS frame without padding and priority
// (RFC 9113 section 6.2). Where the error is a stream's, the block is returned as well: it must be decoded in any case,
// or the compression state would differ from the peer's.
func ParseHeaders(h Header, payload []byte) (block []byte, err error) {
	if err := wantStream(h); err != nil {
		return nil, err
	}
	prefix := 0
	if h.Flags.Has(HasPriority) {
		prefix = priorityBytes
	}
	block, err = removePadding(h, payload, prefix)
	if err != nil || prefix == 0 {
		return block, err
	}
	return block[prefix:], checkDependency(h.Stream, block)
}

// AppendHeaders appends a field block as one HEADERS frame and as many CONTINUATION frames as maxFrame, the largest
// payload that the peer takes, makes necessary. END_STREAM is set if end is set. A maxFrame outside of what RFC 9113
// allows counts as the nearest that is within.
func AppendHeaders(dst []byte, stream uint32, block []byte, end bool, maxFrame int) []byte {
	maxFrame = min(max(maxFrame, SmallestMaxFrame), LargestMaxFrame)
	h := Header{Type: Headers, Stream: stream}
	if end {
		h.Flags = EndStream
	}
	for len(block) > maxFrame {
		h.Length = maxFrame
		dst = append(AppendHeader(dst, h), block[:maxFrame]...)
		block = block[maxFrame:]
		h.Type, h.Flags = Continuation, 0
	}
	h.Length = len(block)
	h.Flags |= EndHeaders
	return append(AppendHeader(dst, h), block...)
}

// ParseContinuation returns the fragment of a field block that a CONTINUATION frame carries (RFC 9113 section 6.10).
func ParseContinuation(h Header, payload []byte) (block []byte, err error) {
	if err := wantStream(h); err != nil {
		return nil, err
	}
	return payload, nil
}

const priorityBytes = 5 // dependency and weight

// ParsePriority checks a PRIORITY frame, which has no other effect (RFC 9113 sections 5.3.2 and 6.3).
func ParsePriority(h Header, payload []byte) error {
	if err := wantStream(h); err != nil {
		return err
	}
	if len(payload) != priorityBytes {
		return streamError(h.Stream, FrameSizeError, "PRIORITY of other than 5 bytes")
	}
	return checkDependency(h.Stream, payload)
}

// checkDependency checks the priority fields at the front of fields. They are deprecated, but a stream that depends on
// itself has always been a stream error (RFC 7540 section 5.3.1).
func checkDependency(stream uint32, fields []byte) error {
	if binary.BigEndian.Uint32(fields)&^reservedBit == stream {
		return streamError(stream, ProtocolError, "the stream's priority depends on itself")
	}
	return nil
}
