// SPDX-License-Identifier: Apache-2.0

package frame

import "encoding/binary"

const windowUpdateBytes = 4

// ParseWindowUpdate returns the credit that a WINDOW_UPDATE frame gives its stream or the connection, 1 to 2^31-1
// (RFC 9113 section 6.9).
func ParseWindowUpdate(h Header, payload []byte) (increment uint32, err error) {
	if err := wantLength(h, payload, windowUpdateBytes); err != nil {
		return 0, err
	}
	increment = binary.BigEndian.Uint32(payload) &^ reservedBit
	if increment == 0 {
		return 0, streamError(h.Stream, ProtocolError, "WINDOW_UPDATE by 0") // the connection's if the stream is 0
	}
	return increment, nil
}

// AppendWindowUpdate appends a WINDOW_UPDATE frame; stream 0 is the connection.
func AppendWindowUpdate(dst []byte, stream, increment uint32) []byte {
	dst = AppendHeader(dst, Header{Length: windowUpdateBytes, Type: WindowUpdate, Stream: stream})
	return binary.BigEndian.AppendUint32(dst, increment&^reservedBit)
}
