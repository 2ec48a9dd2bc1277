// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
)

// Codec is another form of messages than protobuf's binary one, named by the content subtype: application/grpc+json. It
// is safe for concurrent use. A *farcall.Raw holds a message in the form of its call's codec.
type Codec interface {
	// Name is the content subtype: "json".
	Name() string
	// Append appends the encoded message.
	Append(dst []byte, message any) ([]byte, error)
	// Decode replaces what message holds by what data says. data stays the caller's.
	Decode(data []byte, message any) error
}

// Table is the codecs that an end knows besides protobuf.
type Table struct{ known []Codec }

// NewTable returns a Table of JSON and more. A later one of the same name takes the place of an earlier one.
func NewTable(more ...Codec) *Table {
	t := &Table{known: []Codec{JSON}}
	for _, codec := range more {
		if codec != nil {
			t.known = append([]Codec{codec}, t.known...)
		}
	}
	return t
}

// Find returns the codec of a content subtype and whether it is known; it is nil for protobuf ("" and "proto").
func (t *Table) Find(subtype string) (Codec, bool) {
	if subtype == "" || subtype == "proto" {
		return nil, true
	}
	for _, codec := range t.known {
		if codec.Name() == subtype {
			return codec, true
		}
	}
	return nil, false
}

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
