// SPDX-License-Identifier: Apache-2.0

package call

import (
	"bytes"
	"context"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/wire"
)

// Format is the form that the messages of a call have on the wire. The zero value is protobuf, uncompressed.
type Format struct {
	Codec        codec.Codec         // nil: protobuf
	Protobuf     codec.Options       // for protobuf
	Compressor   compress.Compressor // of the messages that are sent; nil: none
	Decompressor compress.Compressor // of the messages that are received with the compressed flag
	// MinCompressBytes is the size from which messages are compressed.
	MinCompressBytes int
	// Longer keeps a message compressed that has become longer by it, where the head names what it has become.
	Longer bool
}

// DefaultMinCompressBytes is the size from which compressing a message pays. Below it less than half of the bytes are
// saved, a message is one packet anyway, and the time goes for nothing: BenchmarkSize in compress has the figures.
const DefaultMinCompressBytes = 1024

// Encode returns message behind its prefix, as it goes into a body, in a buffer that the caller frees: compressed if that
// is wanted, and makes it shorter. A Raw is owned by whoever sends it, so it is released here, whatever comes of it.
func (f *Format) Encode(message any, wanted bool) (*buffer.Buffer, error) {
	if raw, ok := message.(*farcall.Raw); ok && raw != nil {
		defer raw.Done()
	}
	encoded, err := f.encode(message)
	if err != nil || f.Compressor == nil || !wanted || len(encoded.B)-wire.PrefixBytes < f.MinCompressBytes {
		return encoded, err
	}
	small, err := f.compressed(encoded.B[wire.PrefixBytes:])
	if err == nil && len(small.B) >= len(encoded.B) && !f.Longer { // it was compressed already, or is noise
		small.Free()
		return encoded, nil
	}
	encoded.Free()
	return small, err
}

// EncodeInto is Encode with a place for a small message, which owned is nil for; see codec.Options.
func (f *Format) EncodeInto(place []byte, message any, wanted bool) (encoded []byte, owned *buffer.Buffer, err error) {
	_, raw := message.(*farcall.Raw)
	if raw || f.Codec != nil || f.Compressor != nil || len(place) == 0 {
		if owned, err = f.Encode(message, wanted); err != nil {
			return nil, nil, err
		}
		return owned.B, owned, nil
	}
	if encoded, owned, err = f.Protobuf.EncodeInto(place, message, wire.PrefixBytes); err != nil {
		return nil, nil, err
	}
	size := len(encoded) - wire.PrefixBytes
	if err := wire.CheckLength(size); err != nil {
		owned.Free()
		return nil, nil, err
	}
	wire.PutPrefix(encoded, size)
	return encoded, owned, nil
}

func (f *Format) encode(message any) (*buffer.Buffer, error) {
	if f.Codec != nil {
		return f.encodeOther(message)
	}
	encoded, err := f.Protobuf.Encode(message, wire.PrefixBytes)
	if err != nil {
		return nil, err
	}
	size := len(encoded.B) - wire.PrefixBytes
	if err := wire.CheckLength(size); err != nil {
		encoded.Free()
		return nil, err
	}
	wire.PutPrefix(encoded.B, size)
	return encoded, nil
}

func (f *Format) encodeOther(message any) (*buffer.Buffer, error) {
	encoded := buffer.Get(0)
	encoded.B = wire.AppendPrefix(encoded.B, 0)
	var err error
	if encoded.B, err = f.Codec.Append(encoded.B, message); err == nil {
		err = wire.CheckLength(len(encoded.B) - wire.PrefixBytes)
	}
	if err != nil {
		encoded.Free()
		return nil, err
	}
	wire.PutPrefix(encoded.B, len(encoded.B)-wire.PrefixBytes)
	return encoded, nil
}

// compressed returns data compressed, behind a prefix that says so.
func (f *Format) compressed(data []byte) (*buffer.Buffer, error) {
	small := buffer.Get(wire.PrefixBytes + len(data)/2)
	small.B = wire.AppendPrefix(small.B, 0)
	var err error
	if small.B, err = f.Compressor.Compress(small.B, data); err != nil {
		small.Free()
		return nil, farcall.Errorf(farcall.Internal, "compressing a message: %w", err)
	}
	if err := wire.CheckLength(len(small.B) - wire.PrefixBytes); err != nil {
		small.Free()
		return nil, err
	}
	wire.PutPrefix(small.B, len(small.B)-wire.PrefixBytes)
	small.B[0] = 1 // the compressed flag
	return small, nil
}

// Decode replaces what message holds by what data says. Decompressed it must not be longer than limit bytes; a large one
// may have to wait, and does so no longer than ctx lasts.
func (f *Format) Decode(ctx context.Context, data []byte, compressed bool, limit int, message any) error {
	switch {
	case !compressed:
		return f.decode(data, message)
	case f.Decompressor == nil:
		return wire.CheckCompressed(true, "")
	}
	return f.decompressed(ctx, data, limit, func(large []byte) error { return f.decode(large, message) })
}

// DecodeFresh is Decode for a message that has nothing in it yet.
func (f *Format) DecodeFresh(ctx context.Context, data []byte, compressed bool, limit int, message any) error {
	if compressed || f.Codec != nil || f.Protobuf.Alias {
		return f.Decode(ctx, data, compressed, limit, message)
	}
	return f.Protobuf.DecodeFresh(data, message)
}

func (f *Format) decode(data []byte, message any) error {
	if f.Codec != nil {
		return f.Codec.Decode(data, message)
	}
	if _, raw := message.(*farcall.Raw); f.Protobuf.Alias && !raw {
		data = bytes.Clone(data) // whose memory is used again
	}
	return f.Protobuf.Decode(data, message)
}
