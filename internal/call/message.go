// SPDX-License-Identifier: Apache-2.0

package call

import (
	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/wire"
)

// Encode returns message behind its prefix, as it goes into a body, in a buffer that the caller frees. A Raw is owned by
// whoever sends it, so it is released here, whatever comes of it.
func Encode(message any) (*buffer.Buffer, error) {
	if raw, ok := message.(*farcall.Raw); ok && raw != nil {
		defer raw.Done()
	}
	size, err := codec.Size(message)
	if err != nil {
		return nil, err
	}
	if err := wire.CheckLength(size); err != nil {
		return nil, err
	}
	encoded := buffer.Get(wire.PrefixBytes + size)
	encoded.B = wire.AppendPrefix(encoded.B, size)
	encoded.B, err = codec.AppendSized(encoded.B, message)
	if err != nil {
		encoded.Free()
		return nil, err
	}
	if have := len(encoded.B) - wire.PrefixBytes; have != size { // a prefix that lies would break every later message
		encoded.Free()
		return nil, farcall.Errorf(farcall.Internal, "a %T was changed by another goroutine while it was encoded", message)
	}
	return encoded, nil
}
