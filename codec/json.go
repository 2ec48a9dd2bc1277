// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
)

// JSON is the JSON form of protobuf messages (protobuf.dev/programming-guides/json). Fields that are not known are
// ignored, as they are in the binary form, so that a sender may be newer than its receiver.
var JSON Codec = jsonCodec{}

type jsonCodec struct{}

func (jsonCodec) Name() string { return "json" }

func (jsonCodec) Append(dst []byte, message any) ([]byte, error) {
	switch message := message.(type) {
	case proto.Message:
		if !usable(message) {
			return dst, nilMessage(message)
		}
		encoded, err := protojson.MarshalOptions{}.MarshalAppend(dst, message)
		if err != nil {
			return dst, encodeFailure(message, err)
		}
		return encoded, nil
	case *farcall.Raw:
		return Append(dst, message)
	}
	return dst, notAMessage(message)
}

func (jsonCodec) Decode(data []byte, message any) error {
	switch message := message.(type) {
	case proto.Message:
		if !usable(message) {
			return nilMessage(message)
		}
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, message); err != nil {
			return farcall.Errorf(farcall.InvalidArgument, "the message is not the JSON of a %s: %w", message.ProtoReflect().Descriptor().FullName(), err)
		}
		return nil
	case *farcall.Raw:
		return Decode(data, message)
	}
	return notAMessage(message)
}
