// SPDX-License-Identifier: Apache-2.0

package wire

import "encoding/binary"

// StretchBytes is how much of a body is read as one Stretch: enough that what it costs to ask the body is shared by many small
// messages, and little beside any window, since the sender gets no credit for it before it is over.
const StretchBytes = 16 << 10

// Stretch is a part of a stream's body that is there already: the whole, uncompressed messages at its beginning are read
// without asking the body for each. The zero Stretch is over.
type Stretch struct {
	bytes []byte
	taken int
}

// Begin begins with bytes that begin with a message.
func (s *Stretch) Begin(bytes []byte) { s.bytes, s.taken = bytes, 0 }

// Next returns the next message, and false where there is no whole one, or it is one that needs a second look:
// compressed, longer than limit, or no message at all.
func (s *Stretch) Next(limit int) (message []byte, ok bool) {
	rest := s.bytes[s.taken:]
	if len(rest) < PrefixBytes || rest[0] != 0 {
		return nil, false
	}
	length := uint64(binary.BigEndian.Uint32(rest[1:PrefixBytes]))
	if length > uint64(len(rest)-PrefixBytes) || limit >= 0 && length > uint64(limit) {
		return nil, false
	}
	end := PrefixBytes + int(length)
	s.taken += end
	return rest[PrefixBytes:end:end], true
}

// End ends the stretch and returns how many bytes its messages were.
func (s *Stretch) End() (taken int) {
	taken = s.taken
	*s = Stretch{}
	return taken
}
