// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"runtime"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/conformance/codec/proto3pb"
)

// deep makes the goroutine's stack large: the next garbage collection makes it small again.
//
//go:noinline
func deep(frames int) byte {
	var frame [1024]byte
	if frames > 0 {
		frame[frames] = deep(frames - 1)
	}
	return frame[frames/2]
}

// What is encoded and decoded lies on the stack, which moves when it grows, and when a garbage collection makes it smaller: at
// any call, also at those that the race detector and checkptr put into compiled code. Nothing may still point to where it was.
func TestTheStackMoves(t *testing.T) {
	message := &proto3pb.All{ABytes: bytes.Repeat([]byte("x"), 3000), AString: "first"} // more than its first buffer holds
	want, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	end := time.Now().Add(2 * time.Second)
	for range 8 {
		group.Go(func() {
			var into proto3pb.All
			for time.Now().Before(end) && !t.Failed() {
				deep(60)
				for range 4 {
					encoded, err := codec.Encode(message, 5)
					if err != nil || !bytes.Equal(encoded.B[5:], want) {
						t.Errorf("Encode: %v, %d bytes, want %d", err, len(encoded.B)-5, len(want))
						return
					}
					encoded.Free()
					if err := codec.Decode(want, &into); err != nil || len(into.ABytes) != 3000 {
						t.Errorf("Decode: %v, %d bytes", err, len(into.ABytes))
					}
				}
			}
		})
	}
	group.Go(func() {
		for time.Now().Before(end) {
			runtime.GC()
		}
	})
	group.Wait()
}
