// SPDX-License-Identifier: Apache-2.0

package frame

import "encoding/binary"

const resetStreamBytes = 4

// ParseResetStream returns why the peer ends a stream at once (RFC 9113 section 6.4).
func ParseResetStream(h Header, payload []byte) (ErrorCode, error) {
	if err := wantStream(h); err != nil {
		return 0, err
	}
	if err := wantLength(h, payload, resetStreamBytes); err != nil {
		return 0, err
	}
	return ErrorCode(binary.BigEndian.Uint32(payload)), nil
}

// AppendResetStream appends a RST_STREAM frame.
func AppendResetStream(dst []byte, stream uint32, code ErrorCode) []byte {
	dst = AppendHeader(dst, Header{Length: resetStreamBytes, Type: ResetStream, Stream: stream})
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}
