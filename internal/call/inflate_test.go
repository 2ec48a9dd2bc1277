// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
)

// packed returns text as a compressed message without its prefix.
func packed(t *testing.T, c compress.Compressor, text string) []byte {
	t.Helper()
	encoded, err := proto.Marshal(wrapperspb.String(text))
	if err != nil {
		t.Fatal(err)
	}
	small, err := c.Compress(nil, encoded)
	if err != nil {
		t.Fatal(err)
	}
	return small
}

const limit = 4 << 20

func TestLargeMessagesAreDecompressed(t *testing.T) {
	for _, c := range []compress.Compressor{compress.Gzip, compress.Zstd} {
		for name, text := range map[string]string{
			"small":             "hello",
			"large":             strings.Repeat("x", 2*smallOutput),
			"of the limit":      strings.Repeat("x", limit-5),
			"large when packed": strings.Repeat(noise(smallInput), 4),
		} {
			f, got := Format{Decompressor: c}, &wrapperspb.StringValue{}
			if err := f.Decode(t.Context(), packed(t, c, text), true, limit, got); err != nil || got.GetValue() != text {
				t.Errorf("%s, %s: %d bytes, %v", c.Name(), name, len(got.GetValue()), err)
			}
			err := f.Decode(t.Context(), packed(t, c, text), true, len(text), got) // the tag and the length are too much
			if !errors.Is(err, farcall.ResourceExhausted) {
				t.Errorf("%s, %s, with too low a limit: %v", c.Name(), name, err)
			}
		}
	}
}

// noise returns text that does not become smaller.
func noise(n int) string {
	text := make([]byte, n)
	x := uint32(1)
	for i := range text {
		x = x*1664525 + 1013904223
		text[i] = 'A' + byte(x>>24)%50
	}
	return string(text)
}

func TestABombShowsInItsBeginning(t *testing.T) {
	for _, c := range []compress.Compressor{compress.Gzip, compress.Zstd} {
		f := Format{Decompressor: c}
		bomb := packed(t, c, strings.Repeat("x", 64<<20))
		if err := f.IsBomb(t.Context(), bomb[:min(TrialBytes, len(bomb))], limit); !errors.Is(err, farcall.ResourceExhausted) {
			t.Errorf("%s: a bomb: %v", c.Name(), err)
		}
		honest := packed(t, c, strings.Repeat(noise(MinTrialBytes), 8))
		if err := f.IsBomb(t.Context(), honest[:TrialBytes], limit); err != nil {
			t.Errorf("%s: a large message: %v", c.Name(), err)
		}
		if err := f.IsBomb(t.Context(), bomb[:min(TrialBytes, len(bomb))], -1); err != nil {
			t.Errorf("%s: without a limit: %v", c.Name(), err)
		}
	}
}

// TestTurns decompresses more large messages at a time than there are turns.
func TestTurns(t *testing.T) {
	var now, most atomic.Int32
	f := Format{Decompressor: counting{compress.Gzip, &now, &most}}
	message := packed(t, compress.Gzip, strings.Repeat("x", 2*smallOutput))
	var all sync.WaitGroup
	for range 8 * cap(turns) {
		all.Go(func() {
			if err := f.Decode(t.Context(), message, true, limit, &wrapperspb.StringValue{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if int(most.Load()) > cap(turns) {
		t.Errorf("%d were decompressed at a time", most.Load())
	}
}

// counting counts those who decompress to more than smallOutput.
type counting struct {
	compress.Compressor
	now, most *atomic.Int32
}

func (c counting) Decompress(dst, data []byte, limit int) ([]byte, error) {
	if limit > smallOutput {
		defer c.now.Add(-1)
		now := c.now.Add(1)
		for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
		}
		runtime.Gosched()
	}
	return c.Compressor.Decompress(dst, data, limit)
}

// TestWhoWaitsForATurn has all turns taken: a large message waits as long as its call lasts, a small one needs none.
func TestWhoWaitsForATurn(t *testing.T) {
	for range cap(turns) {
		turns <- struct{}{}
	}
	defer func() {
		for range cap(turns) {
			<-turns
		}
	}()
	f := Format{Decompressor: compress.Gzip}
	if err := f.Decode(t.Context(), packed(t, compress.Gzip, strings.Repeat("x", 2000)), true, limit, &wrapperspb.StringValue{}); err != nil {
		t.Errorf("a small message: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	large := packed(t, compress.Gzip, strings.Repeat("x", 2*smallOutput))
	if err := f.Decode(ctx, large, true, limit, &wrapperspb.StringValue{}); farcall.CodeOf(err) != farcall.Canceled {
		t.Errorf("a large message of a call that has ended: %v", err)
	}
	if err := f.IsBomb(ctx, large, limit); farcall.CodeOf(err) != farcall.Canceled {
		t.Errorf("its trial: %v", err)
	}
}
