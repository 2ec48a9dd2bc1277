// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Zstd is the compressor of RFC 8878: smaller and faster than gzip, and known to fewer peers.
var Zstd Compressor = &zstdCompressor{}

const (
	// zstdWindow is how far back a frame refers. A receiver must be ready to keep so much of a frame, and many refuse
	// more than 8 MiB (RFC 9659 forbids it in HTTP).
	zstdWindow = 1 << 20
	// zstdExpansion is the most that zstd can be expanded: a block of 4 bytes stands for one byte, 128 Ki times. A frame
	// that announces more than that is a lie.
	zstdExpansion = 128 << 10 / 4
	// zstdSlack is room for one block more than there may be. A decoder that runs out of room has then written more than
	// it may, and is told from one that fails because the data is broken; the errors are the same.
	zstdSlack = 128<<10 + 64
	// zstdLeastRoom is the room that frames get that do not say how long they will be: less would be tried in vain.
	zstdLeastRoom = 4 << 10
)

// zstdCompressor keeps encoders and decoders, whose tables are large, for the next message. They have no goroutines of
// their own, and so may be left to the garbage collector.
type zstdCompressor struct {
	encoders sync.Pool // of *zstd.Encoder
	decoders sync.Pool // of *zstd.Decoder

	streamEncoders, streamDecoders sync.Pool // likewise, with the options of streams
}

func (z *zstdCompressor) Name() string { return "zstd" }

func (z *zstdCompressor) Compress(dst, data []byte) ([]byte, error) {
	encoder, ok := z.encoders.Get().(*zstd.Encoder)
	if !ok {
		var err error
		encoder, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true),
			zstd.WithZeroFrames(true)) // nothing is a frame too: no data at all is no zstd
		if err != nil {
			return dst, fmt.Errorf("zstd: %w", err)
		}
	}
	defer z.encoders.Put(encoder)
	return encoder.EncodeAll(data, dst), nil
}

func (z *zstdCompressor) Decompress(dst, data []byte, limit int) ([]byte, error) {
	if len(data) == 0 {
		return dst, fmt.Errorf("zstd: %w", io.ErrUnexpectedEOF)
	}
	decoder, ok := z.decoders.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true)); err != nil {
			return dst, fmt.Errorf("zstd: %w", err)
		}
	}
	defer z.decoders.Put(decoder)
	most := len(data) * zstdExpansion
	if limit >= 0 {
		most = min(most, limit)
	}
	return zstdDecode(decoder, dst, data, most)
}

// zstdDecode appends what data stands for, at most most bytes, to dst. The decoder fills the room that dst has and makes
// none itself, so memory grows by doubling, unless the frame says how much it needs.
func zstdDecode(decoder *zstd.Decoder, dst, data []byte, most int) ([]byte, error) {
	var header zstd.Header
	if err := header.Decode(data); err != nil {
		return dst, fmt.Errorf("zstd: %w", noEOF(err))
	}
	start, room := len(dst), max(zstdLeastRoom, 4*len(data))
	if header.HasFCS {
		if header.FrameContentSize > uint64(most) {
			return dst, ErrTooLarge
		}
		room = int(header.FrameContentSize)
	}
	room = min(room, most)
	dst = slices.Grow(dst, room)
	if decoded, err := decoder.DecodeAll(data, dst[:start:start+room]); err == nil {
		return decoded, nil
	}
	// There was too little room, or another frame follows and there was none for it, or the data is broken.
	for {
		room = min(room, most)
		dst = slices.Grow(dst[:start], room+zstdSlack)
		decoded, err := decoder.DecodeAll(data, dst[:start:start+room+zstdSlack])
		over := len(decoded)-start > room
		switch {
		case err == nil && !over:
			return decoded, nil
		case err != nil && !over && !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return dst[:start], fmt.Errorf("zstd: %w", noEOF(err))
		case room == most:
			return dst[:start], ErrTooLarge
		}
		room = max(2*room, zstdLeastRoom)
	}
}
