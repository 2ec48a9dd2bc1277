// SPDX-License-Identifier: Apache-2.0

package call

import (
	"testing"
	"unsafe"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/testdata/greeterpb"
)

// The data that a message was decoded from is used again, also if strings may alias it: then it is a copy that they share.
func TestProtobufOptions(t *testing.T) {
	plain := new(Format)
	encoded, err := plain.Encode(&greeterpb.CountDownRequest{Name: "Ada", From: 3}, false)
	if err != nil {
		t.Fatal(err)
	}
	data := encoded.B[5:]
	for name, options := range map[string]codec.Options{"": {}, "singly": {Singly: true}, "alias": {Alias: true}} {
		input := append([]byte(nil), data...)
		format, got := Format{Protobuf: options}, new(greeterpb.CountDownRequest)
		if err := format.Decode(t.Context(), input, false, len(input), got); err != nil {
			t.Fatal(err)
		}
		clear(input)
		if got.GetName() != "Ada" || got.GetFrom() != 3 {
			t.Errorf("%q: the message changes with the data: %v", name, got)
		}
		if options.Alias { // text begins behind its tag and length, in the one copy
			front := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(got.GetName())), -2)), 2)
			if front[0] != 0x0a || front[1] != 3 {
				t.Errorf("text has a copy of its own: % x precedes it", front)
			}
		}
	}
}
