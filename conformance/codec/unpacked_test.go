// SPDX-License-Identifier: Apache-2.0

//go:build !race

package codec_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/conformance/codec/proto2pb"
)

// Numbers that are not packed are counted before there is memory for them, as those that are. (The race detector allocates
// on its own account.)
func TestUnpackedAllocations(t *testing.T) {
	message := &proto2pb.All{CInt32: make([]int32, 1000), CDouble: make([]float64, 1000), CBytes: make([][]byte, 1000)}
	data, err := proto.MarshalOptions{AllowPartial: true}.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := codec.Decode(data, new(proto2pb.All)); err != nil {
			t.Fatal(err)
		}
	}); n > 4 {
		t.Errorf("decoding takes %v allocations", n)
	}
}
