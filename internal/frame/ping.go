// SPDX-License-Identifier: Apache-2.0

package frame

const pingBytes = 8

// ParsePing returns the data of a PING frame (RFC 9113 section 6.7); h.Flags shows whether it is an answer.
func ParsePing(h Header, payload []byte) (data [8]byte, err error) {
	if err := wantConnection(h); err != nil {
		return data, err
	}
	if err := wantLength(h, payload, pingBytes); err != nil {
		return data, err
	}
	return [8]byte(payload), nil
}

// AppendPing appends a PING frame; ack makes it the answer to one with the same data.
func AppendPing(dst []byte, ack bool, data [8]byte) []byte {
	h := Header{Length: pingBytes, Type: Ping}
	if ack {
		h.Flags = Ack
	}
	return append(AppendHeader(dst, h), data[:]...)
}
