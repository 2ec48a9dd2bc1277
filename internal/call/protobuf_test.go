// SPDX-License-Identifier: Apache-2.0

package call

import (
	"bytes"
	"strings"
	"testing"
	"unsafe"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
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
		fresh := new(greeterpb.CountDownRequest)
		if err := format.DecodeFresh(t.Context(), input, false, len(input), fresh); err != nil {
			t.Fatal(err)
		}
		clear(input)
		if !proto.Equal(got, fresh) {
			t.Errorf("%q: DecodeFresh makes %v, and Decode %v", name, fresh, got)
		}
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

// Wherever EncodeInto puts a message, it is what Encode returns, and the place is used where there is enough of it.
func TestEncodeInto(t *testing.T) {
	format := new(Format)
	for name, message := range map[string]any{
		"small":         &greeterpb.CountDownRequest{Name: "Ada", From: 3},
		"empty":         &greeterpb.CountDownRequest{},
		"large":         &greeterpb.CountDownRequest{Name: strings.Repeat("x", 100_000)},
		"not UTF-8":     &greeterpb.CountDownRequest{Name: "\xff"},
		"nil":           (*greeterpb.CountDownRequest)(nil),
		"not generated": wrapperspb.String("hi"),
		"raw":           &farcall.Raw{Data: []byte("abc")},
	} {
		for _, room := range []int{0, 10, 255, 256, 300, 4608, 200_000} {
			place := make([]byte, room)
			want, wantErr := format.Encode(message, true)
			got, owned, err := format.EncodeInto(place, message, true)
			if (err == nil) != (wantErr == nil) {
				t.Errorf("%s into %d bytes: %v, want %v", name, room, err, wantErr)
			}
			if err != nil {
				continue
			}
			if !bytes.Equal(got, want.B) {
				t.Errorf("%s into %d bytes: %d bytes that are wrong", name, room, len(got))
			}
			placed := room > 0 && &got[0] == &place[0]
			if placed == (owned != nil) || placed != (name == "small" && room >= 300 || name == "empty" && room >= 256) {
				t.Errorf("%s into %d bytes: it is in the place: %v, or in a buffer: %v", name, room, placed, owned != nil)
			}
			want.Free()
			owned.Free()
		}
	}
	small, place := &greeterpb.CountDownRequest{Name: "Ada", From: 3}, make([]byte, 1024)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := format.EncodeInto(place, small, true); err != nil {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
