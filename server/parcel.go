// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/wire"
)

// parcel is a message on its way between two ends in this process. It has one owner, who unpacks or drops it.
type parcel struct {
	encoded *buffer.Buffer // behind its prefix, as it would go into a body; nil if the message is shared
	shared  proto.Message
	size    int // encoded, without the prefix

	protobuf codec.Options
}

// pack takes a message from its sender; a Raw is released, and a buffer, which holds a message behind room for a prefix, kept. Encoding it makes both ends' messages their own, and finds what
// would be wrong with it on the way to a wire.
func (s *Server) pack(message any) (parcel, error) {
	if shared, ok := message.(proto.Message); ok && s.options.ShareLocalMessages {
		size, err := codec.Size(shared)
		if err != nil {
			return parcel{}, call.Outcome(err)
		}
		return parcel{shared: shared, size: size}, nil
	}
	if encoded, ok := message.(*buffer.Buffer); ok {
		size := len(encoded.B) - wire.PrefixBytes
		wire.PutPrefix(encoded.B, size)
		return parcel{encoded: encoded, size: size, protobuf: s.options.Protobuf}, nil
	}
	format := call.Format{Protobuf: s.options.Protobuf}
	encoded, err := format.Encode(message, false)
	if err != nil {
		return parcel{}, call.Outcome(err)
	}
	return parcel{encoded: encoded, size: len(encoded.B) - wire.PrefixBytes, protobuf: s.options.Protobuf}, nil
}

// unpack fills message, of which there may be limit bytes.
func (p *parcel) unpack(limit int, message any) error {
	defer p.drop()
	switch {
	case p.size > limit:
		return wire.TooLarge(p.size, limit)
	case p.shared != nil:
		return share(p.shared, message)
	}
	format := call.Format{Protobuf: p.protobuf}
	return call.Outcome(format.Decode(context.Background(), p.encoded.B[wire.PrefixBytes:], false, limit, message))
}

// bytes unpacks the message as pack takes it: encoded, behind a prefix, in a buffer that is the caller's.
func (p *parcel) bytes() (*buffer.Buffer, error) {
	if p.shared == nil {
		encoded := p.encoded
		p.encoded = nil
		return encoded, nil
	}
	defer p.drop()
	format := call.Format{Protobuf: p.protobuf}
	encoded, err := format.Encode(p.shared, false)
	return encoded, call.Outcome(err)
}

// drop gives a parcel back that nobody unpacks.
func (p *parcel) drop() {
	p.encoded.Free()
	p.encoded, p.shared = nil, nil
}

// share fills a message with what is in another, by way of bytes only if they are of different types.
func share(from proto.Message, into any) error {
	to, ok := into.(proto.Message)
	if !ok || !to.ProtoReflect().IsValid() || to.ProtoReflect().Descriptor() != from.ProtoReflect().Descriptor() {
		encoded, err := codec.Append(nil, from)
		if err == nil {
			err = codec.Decode(encoded, into)
		}
		return call.Outcome(err)
	}
	proto.Reset(to)
	target := to.ProtoReflect()
	from.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		target.Set(field, value)
		return true
	})
	target.SetUnknown(from.ProtoReflect().GetUnknown())
	return nil
}
