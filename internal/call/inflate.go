// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/buffer"
)

// Decompression is where a peer's bytes become a thousand times as many. What comes out is bounded by the limit of a
// message, but a hundred messages at a time would take a hundred times that, and a hundred time slices of the scheduler.
// So a message that becomes large waits for its turn: as many are decompressed at a time as there are processors, each in
// memory that the next one uses again. And of a message that is large already, a piece is tried before the rest is waited
// for (IsBomb).

const (
	smallInput  = 64 << 10  // compressed; a larger message waits for its turn
	smallOutput = 256 << 10 // decompressed; a larger one turns out to be one, and then waits

	// TrialBytes is what IsBomb is given of a message that has more than MinTrialBytes.
	TrialBytes    = 16 << 10
	MinTrialBytes = 64 << 10
)

var (
	turns     = make(chan struct{}, runtime.GOMAXPROCS(0))
	scratches sync.Pool // of *scratch
)

// scratch is memory to decompress into, of any size up to maxScratch.
type scratch struct{ b []byte }

const maxScratch = 16 << 20

// decompressed calls use with what data becomes, which is valid until use returns. It waits for its turn no longer than
// ctx lasts.
func (f *Format) decompressed(ctx context.Context, data []byte, limit int, use func(large []byte) error) error {
	if len(data) <= smallInput {
		small := buffer.Get(min(2*len(data), smallOutput))
		defer small.Free()
		first := smallOutput
		if limit >= 0 {
			first = min(first, limit)
		}
		var err error
		small.B, err = f.Decompressor.Decompress(small.B, data, first)
		if err == nil {
			return use(small.B)
		}
		if !errors.Is(err, compress.ErrTooLarge) || first == limit {
			return explain(err, limit)
		}
	}
	return takeTurn(ctx, func(into *scratch) error {
		large, err := f.Decompressor.Decompress(into.b[:0], data, limit)
		if cap(large) <= maxScratch {
			into.b = large
		}
		if err != nil {
			return explain(err, limit)
		}
		return use(large)
	})
}

// takeTurn calls do when it is its turn.
func takeTurn(ctx context.Context, do func(*scratch) error) error {
	select {
	case turns <- struct{}{}:
	case <-ctx.Done():
		return Outcome(ctx.Err())
	}
	defer func() { <-turns }()
	into, ok := scratches.Get().(*scratch)
	if !ok {
		into = &scratch{}
	}
	defer scratches.Put(into)
	return do(into)
}

// IsBomb returns an error if beginning, the first bytes of a compressed message, alone become more than limit bytes.
func (f *Format) IsBomb(ctx context.Context, beginning []byte, limit int) error {
	if f.Decompressor == nil || limit < 0 {
		return nil
	}
	return takeTurn(ctx, func(into *scratch) error {
		large, err := f.Decompressor.Decompress(into.b[:0], beginning, limit)
		if cap(large) <= maxScratch {
			into.b = large
		}
		if errors.Is(err, compress.ErrTooLarge) {
			return explain(err, limit)
		}
		return nil // what else is wrong with it is that it ends too early
	})
}

// explain returns the error for a message that could not be decompressed.
func explain(err error, limit int) error {
	if errors.Is(err, compress.ErrTooLarge) {
		return farcall.Errorf(farcall.ResourceExhausted,
			"received a message of more than %d bytes once it is decompressed, which is the limit: raise Options.MaxReceiveBytes, or send less at a time", limit)
	}
	return farcall.Errorf(farcall.Internal, "decompressing a message: %w", err)
}
