// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/conformance/codec/opaquepb"
	"github.com/farcall/farcall/conformance/codec/openpb"
	"github.com/farcall/farcall/conformance/codec/proto2pb"
	"github.com/farcall/farcall/conformance/codec/proto3pb"
)

// onion is encoded data that gets more around it.
type onion struct {
	memory   []byte
	from, to int // where the data is
}

func newOnion() *onion {
	const half = 256 << 10
	return &onion{memory: make([]byte, 2*half), from: half, to: half}
}

func (o *onion) data() []byte { return o.memory[o.from:o.to] }

// wrap makes the data a field of a message around it.
type wrap func(o *onion)

// inside is a message in a field.
func inside(number protowire.Number) wrap {
	return func(o *onion) {
		front := protowire.AppendTag(nil, number, protowire.BytesType)
		front = protowire.AppendVarint(front, uint64(o.to-o.from))
		o.from -= len(front)
		copy(o.memory[o.from:], front)
	}
}

// between is a message between the marks of a group.
func between(number protowire.Number) wrap {
	return func(o *onion) {
		front := protowire.AppendTag(nil, number, protowire.StartGroupType)
		o.from -= len(front)
		copy(o.memory[o.from:], front)
		o.to += copy(o.memory[o.to:], protowire.AppendTag(nil, number, protowire.EndGroupType))
	}
}

// after does one thing after the other: the last is the outermost.
func after(wraps ...wrap) wrap {
	return func(o *onion) {
		for _, wrap := range wraps {
			wrap(o)
		}
	}
}

// nested is level as many times around nothing.
func nested(level wrap, levels int) *onion {
	o := newOnion()
	for range levels {
		level(o)
	}
	return o
}

// As protobuf does, messages are decoded to a depth of 10,000, whatever they are in: the outermost is one of them. (Messages
// in extensions are not counted: protobuf decodes extensions when they are asked for.)
func TestDepth(t *testing.T) {
	const most = 10_000
	for name, test := range map[string]struct {
		message   proto.Message
		level     wrap
		messages  int  // in a level; a map's entries are messages as well
		outermost wrap // in the message; it may be nil
		above     int  // the messages around all levels
	}{
		"message":           {&proto3pb.All{}, inside(18), 1, nil, 1},
		"list":              {&proto3pb.All{}, inside(58), 1, nil, 1},
		"oneof":             {&proto3pb.All{}, inside(118), 1, nil, 1},
		"map":               {&proto3pb.All{}, after(inside(2), inside(92)), 2, nil, 1},
		"group":             {&proto2pb.All{}, after(inside(2), between(150)), 2, nil, 1},
		"delimited":         {&openpb.All{}, between(151), 1, nil, 1},
		"hidden":            {&opaquepb.All{}, between(151), 1, nil, 1},
		"delimited, in map": {&openpb.All{}, after(between(151), inside(2), inside(92)), 3, nil, 1},
		"without methods":   {&proto3pb.All{}, after(inside(5), inside(2), inside(1)), 3, inside(133), 2},
		"lazy":              {&opaquepb.Around{}, inside(18), 1, after(inside(2), inside(2)), 3},
	} {
		t.Run(name, func(t *testing.T) {
			limit := (most - test.above) / test.messages
			levelled := nested(test.level, limit-2)
			for levels := limit - 1; levels <= limit+1; levels++ {
				test.level(levelled)
				whole := *levelled
				if test.outermost != nil {
					test.outermost(&whole)
				}
				kind, data := test.message.ProtoReflect().Type(), whole.data()
				err, wantErr := codec.Decode(data, kind.New().Interface()), proto.Unmarshal(data, kind.New().Interface())
				if accepted := err == nil; accepted != (levels <= limit) || accepted != (wantErr == nil) {
					t.Errorf("%d levels: farcall says %v, protobuf %v", levels, err, wantErr)
				}
			}
		})
	}
}

// Groups in a field that the message does not have are skipped to the same depth.
func TestDepthOfWhatIsUnknown(t *testing.T) {
	var accepted []bool
	unknown := nested(between(999), 9_989)
	for levels := 9_990; levels <= 10_010; levels++ {
		between(999)(unknown)
		data := unknown.data()
		got, want := new(proto3pb.All), new(proto3pb.All)
		err, wantErr := codec.Decode(data, got), proto.Unmarshal(data, want)
		if (err == nil) != (wantErr == nil) || err == nil && !proto.Equal(got, want) {
			t.Errorf("%d levels: farcall says %v, protobuf %v", levels, err, wantErr)
		}
		accepted = append(accepted, err == nil)
	}
	if !slices.Contains(accepted, true) || !slices.Contains(accepted, false) {
		t.Errorf("the limit is not among what was tried: %v", accepted)
	}
}
