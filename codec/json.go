// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/transcode"
)

// JSON is the JSON form of protobuf messages (protobuf.dev/programming-guides/json). Fields that are not known are
// ignored, as they are in the binary form, so that a sender may be newer than its receiver.
var JSON Codec = jsonCodec{}

// jsonCodec converts from and to a message's bytes, which the generated code takes from there.
type jsonCodec struct{}

var convert = transcode.Options{DiscardUnknown: true}

func (jsonCodec) Name() string { return "json" }

func (jsonCodec) Append(dst []byte, message any) ([]byte, error) {
	switch message := message.(type) {
	case proto.Message:
		encoded, err := Encode(message, 0)
		if err != nil {
			return dst, err
		}
		defer encoded.Free()
		written, err := transcode.New(message.ProtoReflect().Descriptor(), convert).AppendJSON(dst, encoded.B)
		if err != nil {
			return dst, farcall.Errorf(farcall.Internal, "%w", err)
		}
		return written, nil
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
		descriptor := message.ProtoReflect().Descriptor()
		encoded := buffer.Get(len(data))
		defer encoded.Free()
		var err error
		if encoded.B, err = transcode.New(descriptor, convert).AppendMessage(encoded.B, data); err != nil {
			return farcall.Errorf(farcall.InvalidArgument, "the message is not the JSON of a %s: %w", descriptor.FullName(), err)
		}
		return Decode(encoded.B, message)
	case *farcall.Raw:
		return Decode(data, message)
	}
	return notAMessage(message)
}
