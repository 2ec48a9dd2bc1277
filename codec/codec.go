// SPDX-License-Identifier: Apache-2.0

// Package codec takes a message to bytes and back: fast generated code, protobuf as fallback.
//
// A message is a proto.Message or a *farcall.Raw, whose bytes pass untouched.
package codec

import (
	"reflect"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
)

// Size returns the length of the encoded message. It notes the lengths of inner messages in the message itself, for an
// AppendSized that follows.
func Size(message any) (int, error) {
	switch message := message.(type) {
	case proto.Message:
		if !usable(message) {
			return 0, nilMessage(message)
		}
		return proto.Size(message), nil
	case *farcall.Raw:
		if message == nil {
			return 0, nilMessage(message)
		}
		return len(message.Data), nil
	}
	return 0, notAMessage(message)
}

// Append appends the encoded message. A Raw is copied and not released.
func Append(dst []byte, message any) ([]byte, error) {
	return appendMessage(dst, message, proto.MarshalOptions{})
}

// AppendSized is Append right after Size of the same message, which nobody has changed in between; it saves measuring the
// inner messages once more.
func AppendSized(dst []byte, message any) ([]byte, error) {
	return appendMessage(dst, message, proto.MarshalOptions{UseCachedSize: true})
}

func appendMessage(dst []byte, message any, options proto.MarshalOptions) ([]byte, error) {
	switch message := message.(type) {
	case proto.Message:
		if !usable(message) {
			return dst, nilMessage(message)
		}
		encoded, err := options.MarshalAppend(dst, message)
		if err != nil {
			return dst, encodeFailure(message, err)
		}
		return encoded, nil
	case *farcall.Raw:
		if message == nil {
			return dst, nilMessage(message)
		}
		return append(dst, message.Data...), nil
	}
	return dst, notAMessage(message)
}

// Decode replaces what message holds by what data says. data stays the caller's: a message refers to copies, and a Raw
// gets a pooled copy of its own, which its Release gives back.
func Decode(data []byte, message any) error {
	switch message := message.(type) {
	case proto.Message:
		if !usable(message) {
			return nilMessage(message)
		}
		if err := proto.Unmarshal(data, message); err != nil {
			return decodeFailure(message, data, err)
		}
		return nil
	case *farcall.Raw:
		if message == nil {
			return nilMessage(message)
		}
		pooled := buffer.Get(len(data))
		pooled.B = append(pooled.B, data...)
		message.Data, message.Release = pooled.B, pooled.Free
		return nil
	}
	return notAMessage(message)
}

// usable reports whether message is more than a nil pointer, which protobuf would take for an empty message.
func usable(message proto.Message) bool { return message.ProtoReflect().IsValid() }

func nilMessage(message any) error {
	return farcall.Errorf(farcall.Internal, "a nil %T was passed as a message: pass an empty one instead", message)
}

func notAMessage(message any) error {
	switch message.(type) {
	case nil:
		return farcall.Errorf(farcall.Internal, "nil was passed as a message: pass a generated message or a *farcall.Raw")
	case farcall.Raw:
		return farcall.Errorf(farcall.Internal, "a farcall.Raw was passed as a message: pass its address, a *farcall.Raw")
	}
	if reflect.PointerTo(reflect.TypeOf(message)).Implements(reflect.TypeFor[proto.Message]()) {
		return farcall.Errorf(farcall.Internal, "a %T was passed as a message: pass its address, a *%[1]T", message)
	}
	return farcall.Errorf(farcall.Internal, "a %T was passed as a message: pass a generated message or a *farcall.Raw", message)
}

// encodeFailure makes an error of the protobuf library one of ours that names the message and, for text that is not
// UTF-8, the field.
func encodeFailure(message proto.Message, err error) error {
	reflected := message.ProtoReflect()
	name := string(reflected.Descriptor().FullName())
	if notUTF8(err) {
		if field, found := textOfMessage(reflected, 0); found {
			name += ", field " + field
		}
	}
	return farcall.Errorf(farcall.Internal, "cannot encode %s: %w", name, protobufError{err})
}

// decodeFailure is encodeFailure for data that came.
func decodeFailure(message proto.Message, data []byte, err error) error {
	descriptor := message.ProtoReflect().Descriptor()
	name := string(descriptor.FullName())
	if notUTF8(err) {
		if field, found := textOfData(descriptor, data, 0); found {
			name += ", field " + field
		}
	}
	return farcall.Errorf(farcall.Internal, "cannot decode %s: %w (do both sides have the same .proto?)", name, protobufError{err})
}

// protobufError is an error of the protobuf library without its "proto:" in front, and without the no-break spaces that
// some builds of the library put in to keep programs from comparing texts.
type protobufError struct{ error }

func (e protobufError) Error() string {
	text := strings.ReplaceAll(e.error.Error(), "\u00a0", " ")
	return strings.TrimSpace(strings.TrimPrefix(text, "proto:"))
}

func (e protobufError) Unwrap() error { return e.error }
