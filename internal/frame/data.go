// SPDX-License-Identifier: Apache-2.0

package frame

// ParseData returns the data of a DATA frame without its padding (RFC 9113 section 6.1). Flow control counts the whole
// payload, padding and all.
func ParseData(h Header, payload []byte) (data []byte, err error) {
	if err := wantStream(h); err != nil {
		return nil, err
	}
	return removePadding(h, payload, 0)
}

// AppendData appends a DATA frame, with END_STREAM if end is set. The caller keeps data within the peer's MaxFrameSize
// and within the windows.
func AppendData(dst []byte, stream uint32, data []byte, end bool) []byte {
	h := Header{Length: len(data), Type: Data, Stream: stream}
	if end {
		h.Flags = EndStream
	}
	return append(AppendHeader(dst, h), data...)
}
