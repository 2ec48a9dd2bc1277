// SPDX-License-Identifier: Apache-2.0

package buffer

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
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

// Others run while a large copy is under way, even with one processor: the copying goroutine is stopped between two pieces. The
// scheduler stops one that has run for 10 ms, so the copies become larger until one takes longer than that.
func TestLargeCopyCanBeStopped(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for size := 32 << 20; size <= 512<<20; size *= 2 {
		src, dst := make([]byte, size), make([]byte, size)
		var over atomic.Bool
		done := make(chan struct{})
		go func() {
			Copy(dst, src)
			over.Store(true)
			close(done)
		}()
		runtime.Gosched() // to the copy
		stopped := !over.Load()
		<-done
		if stopped {
			return
		}
	}
	t.Error("nobody else ran before the end of a copy")
}
