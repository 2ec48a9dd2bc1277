// SPDX-License-Identifier: Apache-2.0

package frame

import "encoding/binary"

const goAwayBytes = 8 // before the debug data

// ParseGoAway returns what a GOAWAY frame says (RFC 9113 section 6.8): the last stream that was or may yet be
// processed, why, and text for people, which is a slice of payload.
func ParseGoAway(h Header, payload []byte) (lastStream uint32, code ErrorCode, debug []byte, err error) {
	if err := wantConnection(h); err != nil {
		return 0, 0, nil, err
	}
	if len(payload) < goAwayBytes {
		return 0, 0, nil, connectionError(FrameSizeError, "GOAWAY shorter than 8 bytes")
	}
	return binary.BigEndian.Uint32(payload) &^ reservedBit, ErrorCode(binary.BigEndian.Uint32(payload[4:])),
		payload[goAwayBytes:], nil
}

// AppendGoAway appends a GOAWAY frame. Debug data beyond what every peer takes in one frame is left out.
func AppendGoAway(dst []byte, lastStream uint32, code ErrorCode, debug string) []byte {
	debug = debug[:min(len(debug), SmallestMaxFrame-goAwayBytes)]
	dst = AppendHeader(dst, Header{Length: goAwayBytes + len(debug), Type: GoAway})
	dst = binary.BigEndian.AppendUint32(dst, lastStream&^reservedBit)
	dst = binary.BigEndian.AppendUint32(dst, uint32(code))
	return append(dst, debug...)
}
