// SPDX-License-Identifier: Apache-2.0

package buffer

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

func TestCopyInPieces(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, 1000, piece - 1, piece, piece + 1, 3 * piece, 5*piece + 77} {
		src := make([]byte, size)
		_, _ = random.Read(src)
		dst := bytes.Repeat([]byte{7}, size+10)
		Copy(dst, src)
		if !bytes.Equal(dst[:size], src) || !bytes.Equal(dst[size:], bytes.Repeat([]byte{7}, 10)) {
			t.Errorf("%d bytes were not copied as they are", size)
		}
		clone := Clone(src)
		if !bytes.Equal(clone, src) || (clone == nil) != (size == 0) {
			t.Errorf("the clone of %d bytes has others", size)
		}
		if size > 0 {
			before := src[size-1]
			clone[size-1]++ // it is its owner's
			if src[size-1] != before {
				t.Errorf("the clone of %d bytes shares their memory", size)
			}
		}
		clone = append(clone, 1, 2, 3)
		if !bytes.Equal(clone[size:], []byte{1, 2, 3}) {
			t.Errorf("the clone of %d bytes does not grow", size)
		}
	}
}

func TestCloneIsOneAllocation(t *testing.T) {
	for _, size := range []int{100, 4 * piece} {
		src := make([]byte, size)
		if allocations := testing.AllocsPerRun(10, func() { cloned = Clone(src) }); allocations != 1 {
			t.Errorf("to clone %d bytes took %v allocations", size, allocations)
		}
	}
}

var cloned []byte

// The collector stops all goroutines without waiting for the end of a large copy.
func TestLargeCopyCanBeStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures time")
	}
	src, dst := make([]byte, 96<<20), make([]byte, 96<<20)
	Copy(dst, src) // the kernel provides the memory
	began := time.Now()
	Copy(dst, src)
	whole := time.Since(began)
	var best time.Duration
	for range 10 {
		started := make(chan struct{})
		done := make(chan struct{})
		go func() {
			close(started)
			Copy(dst, src)
			close(done)
		}()
		<-started
		runtime.Gosched()
		began := time.Now()
		var m runtime.MemStats
		runtime.ReadMemStats(&m) // stops the world
		took := time.Since(began)
		select {
		case <-done: // too late
			continue
		default:
		}
		if best == 0 || took < best {
			best = took
		}
		<-done
	}
	if best == 0 {
		t.Skip("no copy was under way")
	}
	if best > whole/2 {
		t.Errorf("to stop a copy that takes %v took %v", whole, best)
	}
}
