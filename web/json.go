// SPDX-License-Identifier: Apache-2.0

package web

import (
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/transcode"
)

// findCodec returns the codec of a content subtype. JSON is converted from and to a message's bytes, which the generated code
// takes from there; what is accepted is what codec.JSON accepts.
func (h *Handler) findCodec(subtype string) (codec.Codec, bool) {
	found, known := h.options.Codecs.Find(subtype)
	if found == codec.JSON {
		return jsonCodec{}, true
	}
	return found, known
}

type jsonCodec struct{}

func (jsonCodec) Name() string { return "json" }

// convert has fields that a sender may know already, and this receiver does not yet, ignored as they are in the binary form.
var convert = transcode.Options{DiscardUnknown: true}

func (jsonCodec) Append(dst []byte, message any) ([]byte, error) {
	typed, ok := message.(proto.Message)
	if !ok {
		return codec.JSON.Append(dst, message)
	}
	encoded, err := codec.Encode(typed, 0)
	if err != nil {
		return dst, err
	}
	defer encoded.Free()
	written, err := transcode.New(typed.ProtoReflect().Descriptor(), convert).AppendJSON(dst, encoded.B)
	if err != nil {
		return dst, farcall.Errorf(farcall.Internal, "%w", err)
	}
	return written, nil
}

func (jsonCodec) Decode(data []byte, message any) error {
	typed, ok := message.(proto.Message)
	if !ok {
		return codec.JSON.Decode(data, message)
	}
	descriptor := typed.ProtoReflect().Descriptor()
	encoded := buffer.Get(len(data))
	defer encoded.Free()
	var err error
	if encoded.B, err = transcode.New(descriptor, convert).AppendMessage(encoded.B, data); err != nil {
		return farcall.Errorf(farcall.InvalidArgument, "the message is not the JSON of a %s: %w", descriptor.FullName(), err)
	}
	return codec.Decode(encoded.B, typed)
}
