// SPDX-License-Identifier: Apache-2.0

package wire

import "encoding/binary"

// StretchBytes is how much of a body is read as one Stretch: enough that what it costs to ask the body is shared by many small
// messages, and little beside any window, since the sender gets no credit for it before it is over.
const StretchBytes = 16 << 10

// Stretch is a part of a stream's body that is there already: the whole, uncompressed messages at its beginning are read
// without asking the body for each. The zero Stretch is over.
type Stretch struct {
	bytes []byte // that are left
	taken int
}

// Begin begins with bytes that begin with a message.
func (s *Stretch) Begin(bytes []byte) { s.bytes, s.taken = bytes, 0 }

// Next returns the next message, and false where there is no whole one, or it is one that needs a second look:
// compressed, longer than limit, or no message at all. From then on it returns false: the bytes are the body's again.
func (s *Stretch) Next(limit int) (message []byte, ok bool) {
	if len(s.bytes) < PrefixBytes || s.bytes[0] != 0 {
		s.bytes = nil
		return nil, false
	}
	length := uint64(binary.BigEndian.Uint32(s.bytes[1:PrefixBytes]))
	if length > uint64(len(s.bytes)-PrefixBytes) || limit >= 0 && length > uint64(limit) {
		s.bytes = nil
		return nil, false
	}
	end := PrefixBytes + int(length)
	message, s.bytes = s.bytes[PrefixBytes:end:end], s.bytes[end:]
	s.taken += end
	return message, true
}

// End ends the stretch and returns how many bytes its messages were.
func (s *Stretch) End() (taken int) {
	taken = s.taken
	*s = Stretch{}
	return taken
}
