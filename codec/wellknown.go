// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Timestamp and Duration are in more messages than any other message that is generated elsewhere. They have the same two
// fields, and get by without google.golang.org/protobuf unless they have others.

// plain reports whether a message has no fields but its own.
func plain(message proto.Message) bool { return len(message.ProtoReflect().GetUnknown()) == 0 }

// moment writes the seconds and nanos of a Timestamp or Duration in front of i.
func (e *Encoder) moment(i int, seconds int64, nanos int32) int {
	i = e.Room(i)
	if nanos != 0 {
		i = e.Tag(e.Varint(i, uint64(nanos)), 0x10)
	}
	if seconds != 0 {
		i = e.Tag(e.Varint(i, uint64(seconds)), 0x08)
	}
	return e.Room(i)
}

// sizeMoment returns the length of a Timestamp or Duration.
func sizeMoment(seconds int64, nanos int32) (n int) {
	if nanos != 0 {
		n += 1 + SizeVarint(uint64(nanos))
	}
	if seconds != 0 {
		n += 1 + SizeVarint(uint64(seconds))
	}
	return n
}

// encodeWellKnown writes a message in front of i if it is one of those.
func (e *Encoder) encodeWellKnown(i int, message proto.Message) (begin int, ok bool) {
	switch message := message.(type) {
	case *timestamppb.Timestamp:
		if plain(message) {
			return e.moment(i, message.GetSeconds(), message.GetNanos()), true
		}
	case *durationpb.Duration:
		if plain(message) {
			return e.moment(i, message.GetSeconds(), message.GetNanos()), true
		}
	}
	return i, false
}

// sizeWellKnown returns the length of a message if it is one of those.
func sizeWellKnown(message proto.Message) (n int, ok bool) {
	switch message := message.(type) {
	case *timestamppb.Timestamp:
		if plain(message) {
			return sizeMoment(message.GetSeconds(), message.GetNanos()), true
		}
	case *durationpb.Duration:
		if plain(message) {
			return sizeMoment(message.GetSeconds(), message.GetNanos()), true
		}
	}
	return 0, false
}

// decodeOther merges what is there from i to end into a message that has no fast path. The message has been entered.
func (d *Decoder) decodeOther(message proto.Message, i, end int) int {
	switch known := message.(type) {
	case *timestamppb.Timestamp:
		return d.moment(message, &known.Seconds, &known.Nanos, i, end)
	case *durationpb.Duration:
		return d.moment(message, &known.Seconds, &known.Nanos, i, end)
	}
	return d.protobuf(message, i, end)
}

// moment decodes a Timestamp or Duration. From the first field on that is not one of their own it is protobuf's.
func (d *Decoder) moment(message proto.Message, seconds *int64, nanos *int32, i, end int) int {
	for i < end {
		tag, v, next := d.Head(i, end)
		switch tag {
		case 0x08:
			*seconds = int64(v)
		case 0x10:
			*nanos = int32(v)
		default:
			return d.protobuf(message, i, end)
		}
		i = next
	}
	return i
}
