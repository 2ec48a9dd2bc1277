// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/conformance/codec/proto3pb"
)

// Timestamps and Durations with all that may be in them: numbers of any length, fields twice, in any order, and unknown.
func TestWellKnown(t *testing.T) {
	kind := (*proto3pb.All)(nil).ProtoReflect().Type()
	fields := kind.Descriptor().Fields()
	number := fields.ByName("h_timestamp").Number()
	varint := func(number protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), v)
	}
	for _, content := range [][]byte{
		nil, varint(1, 1), varint(2, 127), append(varint(2, 128), varint(1, 1<<63)...), varint(1, ^uint64(0)), varint(2, ^uint64(0)),
		append(varint(1, 1), varint(1, 300)...), varint(3, 1), append(varint(3, 1), varint(1, 7)...), append(varint(1, 7), 0x10),
		protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte("x")), {0x88, 0x00, 5}, {0x08, 0x80}, {0x0c}, {0},
	} {
		data := protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
		for _, data := range [][]byte{data, slices.Concat(data, data), slices.Concat(data, varint(1000, 1))} {
			if message := compareDecoding(t, kind, data); message != nil {
				compareEncoding(t, message)
			}
		}
	}
}

// BenchmarkWellKnown has what well-known types cost inside of messages: those with a fast path and those without.
func BenchmarkWellKnown(b *testing.B) {
	times, wrappers := new(proto3pb.All), new(proto3pb.All)
	times.HTimestamp = &timestamppb.Timestamp{Seconds: 1767225600, Nanos: 500_000_000}
	times.HDurations = []*durationpb.Duration{{Seconds: 90}, {Nanos: 1}}
	wrappers.HWrapper = wrapperspb.String("text")
	for name, message := range map[string]*proto3pb.All{"times": times, "wrapper": wrappers} {
		data, err := proto.Marshal(message)
		if err != nil {
			b.Fatal(err)
		}
		room := make([]byte, 0, 4096)
		for _, system := range []struct {
			name   string
			encode func() error
			decode func() error
		}{
			{"farcall", func() error { _, err := codec.Append(room, message); return err }, func() error { return codec.Decode(data, new(proto3pb.All)) }},
			{"protobuf", func() error { _, err := proto.MarshalOptions{}.MarshalAppend(room, message); return err },
				func() error { return proto.Unmarshal(data, new(proto3pb.All)) }},
		} {
			for step, run := range map[string]func() error{"encode": system.encode, "decode": system.decode} {
				b.Run(name+"/"+step+"/"+system.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := run(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
