// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/conformance/codec/otherpb"
	"github.com/farcall/farcall/conformance/codec/proto2pb"
	"github.com/farcall/farcall/conformance/codec/proto3pb"
)

// What a program can build and no reflection makes: nil where a message should be.
func TestNilInMessages(t *testing.T) {
	for name, message := range map[string]proto.Message{
		"list":         &proto3pb.All{CSmall: []*proto3pb.Small{nil, {Name: "x"}, nil}},
		"foreign list": &proto3pb.All{HOthers: []*otherpb.Other{nil}},
		"map":          &proto3pb.All{ETimestamp: map[int64]*timestamppb.Timestamp{1: nil}, EString: map[string]*proto3pb.All{"a": nil}},
		"oneof":        &proto3pb.All{Pick: &proto3pb.All_FSmall{}},
		"wrapper":      &proto3pb.All{Pick: (*proto3pb.All_FSmall)(nil)},
		"group":        &proto2pb.All{JGroups: []*proto2pb.All_JGroups{nil}},
	} {
		t.Run(name, func(t *testing.T) { compareEncoding(t, message) })
	}
	needy := &proto2pb.All{JNeedy: []*proto2pb.Needs{nil}}
	if compareEncoding(t, needy) != nil {
		t.Error("a nil message has all that it must have")
	}
}

// A message may be encoded by many goroutines at once; go test -race sees that nobody writes to it.
func TestConcurrentEncoding(t *testing.T) {
	r := newRandom(7)
	r.clean = true
	message := &proto3pb.All{}
	r.message(message.ProtoReflect(), 0)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if _, err := codec.Append(nil, message); err != nil {
					t.Error(err)
				}
				if size, err := codec.Size(message); err != nil || size == 0 {
					t.Error(size, err)
				}
			}
		})
	}
	group.Wait()
}

// Whatever the place for it, a message is appended whole, and what is in front of it stays.
func TestAppendToAnyRoom(t *testing.T) {
	for _, length := range []int{0, 1, 100, 2000, 5000, 40_000} {
		message := &proto3pb.All{AString: "first", AInt64: -1, ABytes: bytes.Repeat([]byte("x"), length)}
		for i := range length / 10 {
			message.CSmall = append(message.CSmall, &proto3pb.Small{Number: int32(i)})
		}
		want, err := proto.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		for _, room := range []int{0, 10, 300, 2048, len(want), len(want) + 1, len(want) + 100, 2 * len(want), 1 << 20} {
			dst := append(make([]byte, 0, 5+room), "front"...)
			got, err := codec.Append(dst, message)
			if err != nil || string(got[:5]) != "front" || !bytes.Equal(got[5:], want) {
				t.Fatalf("%d bytes in room for %d: %v, %d bytes", len(want), room, err, len(got)-5)
			}
		}
	}
}

// The data is the caller's when a message has been decoded, unless Alias has lent it.
func TestInputIsNotKept(t *testing.T) {
	r := newRandom(11)
	r.clean, r.budget = true, 200
	message := &proto3pb.All{}
	r.message(message.ProtoReflect(), 0)
	message.AString, message.ABytes = "text", []byte("bytes")
	data := compareEncoding(t, message)
	for name, options := range variants {
		input, got := bytes.Clone(data), new(proto3pb.All)
		if err := options.Decode(input, got); err != nil {
			t.Fatal(err)
		}
		clear(input)
		if kept := !proto.Equal(got, message); kept != options.Alias {
			t.Errorf("%q: the message changes with the input: %v", name, kept)
		}
	}
	// Bytes that lie among the strings are apart from them.
	got := new(proto3pb.All)
	if err := codec.Decode(data, got); err != nil {
		t.Fatal(err)
	}
	got.ABytes = append(got.ABytes, "and more"...)
	clear(got.ABytes[:cap(got.ABytes)])
	got.ABytes = message.ABytes
	if !proto.Equal(got, message) {
		t.Error("writing to bytes changes something else")
	}
}

// The strings of a small message cost one allocation, and the messages of a row a few.
func TestAllocations(t *testing.T) {
	message := &proto3pb.All{AString: strings.Repeat("text", 5)}
	for range 50 {
		message.CSmall = append(message.CSmall, &proto3pb.Small{Name: "one of fifty", Number: 7})
	}
	data, err := codec.Append(nil, message)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := codec.Decode(data, new(proto3pb.All)); err != nil {
			t.Fatal(err)
		}
	}); n > 6 {
		t.Errorf("decoding takes %v allocations", n)
	}
	room := make([]byte, 0, len(data)+512)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := codec.Append(room, message); err != nil {
			t.Fatal(err)
		}
		encoded, err := codec.Encode(message, 5)
		if err != nil {
			t.Fatal(err)
		}
		encoded.Free()
	}); n > 0 {
		t.Errorf("encoding takes %v allocations", n)
	}
}

// What optional fields point to costs one allocation for numbers and one for text; the others are the message and the text itself.
func TestOptionalAllocations(t *testing.T) {
	message := &proto2pb.All{
		ADouble: proto.Float64(1), AInt32: proto.Int32(2), AInt64: proto.Int64(3), AUint32: proto.Uint32(4), ABool: proto.Bool(true),
		BDouble: proto.Float64(5), BInt32: proto.Int32(6), BInt64: proto.Int64(7), BUint32: proto.Uint32(8), BBool: proto.Bool(false),
		AString: proto.String("text"), BString: proto.String("more text"),
	}
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
