// SPDX-License-Identifier: Apache-2.0

// Package codec takes a message to bytes and back: fast generated code, protobuf as fallback.
//
// A message is a proto.Message or a *farcall.Raw, whose bytes pass untouched.
package codec

import (
	"reflect"
	"strings"
	"unsafe"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/fallback"
)

// Options change how messages are encoded and decoded. The zero value is what the functions of this package do.
type Options struct {
	// Deterministic writes maps in the order of their keys, so that one program gives equal messages equal bytes.
	Deterministic bool

	// Singly makes every decoded string a copy of its own. Otherwise the strings of a message share pieces of memory, of
	// up to 32 KiB each, and one string that is kept keeps those around it: set it to keep a few strings of large messages
	// for long.
	Singly bool

	// Alias lets decoded strings and bytes refer to the data instead of copies: it must never change again.
	Alias bool
}

// Size returns the length of the encoded message.
func Size(message any) (int, error) {
	switch message := message.(type) {
	case generated:
		if isNil(message) {
			return 0, nilMessage(message)
		}
		return message.Farcall_size(), nil
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

// Append appends the encoded message. A Raw is copied and not released. All of dst's memory, to its capacity, may be used
// meanwhile.
func Append(dst []byte, message any) ([]byte, error) { return Options{}.Append(dst, message) }

// Decode replaces what message holds by what data says. data stays the caller's: a message refers to copies, and a Raw
// gets a pooled copy of its own, which its Release gives back.
func Decode(data []byte, message any) error { return Options{}.Decode(data, message) }

// Append appends the encoded message. A Raw is copied and not released. All of dst's memory, to its capacity, may be used
// meanwhile.
func (o Options) Append(dst []byte, message any) ([]byte, error) {
	if message, ok := message.(generated); ok && !isNil(message) {
		if encoded, ok := appendGenerated(dst, message, o.Deterministic); ok {
			return encoded, nil
		}
	}
	return o.appendSlowly(dst, message)
}

// appendSlowly appends what is not generated, and cannot be encoded otherwise.
func (o Options) appendSlowly(dst []byte, message any) ([]byte, error) {
	switch message := message.(type) {
	case proto.Message:
		if !usable(message) {
			return dst, nilMessage(message)
		}
		encoded, err := appendProtobuf(dst, message, proto.MarshalOptions{Deterministic: o.Deterministic})
		if _, fast := message.(generated); fast && err == nil {
			fallback.Report(message)
		}
		return encoded, err
	case *farcall.Raw:
		if message == nil {
			return dst, nilMessage(message)
		}
		return append(dst, message.Data...), nil
	}
	return dst, notAMessage(message)
}

func appendProtobuf(dst []byte, message proto.Message, options proto.MarshalOptions) ([]byte, error) {
	encoded, err := options.MarshalAppend(dst, message)
	if err != nil {
		return dst, encodeFailure(message, err)
	}
	return encoded, nil
}

// Encode returns the encoded message behind front bytes, which are the caller's to fill, in a buffer that the caller
// frees. It is for the packages of this module that put a prefix there.
func Encode(message any, front int) (*buffer.Buffer, error) { return Options{}.Encode(message, front) }

// Encode returns the encoded message behind front bytes, which are the caller's to fill, in a buffer that the caller
// frees. It is for the packages of this module that put a prefix there.
func (o Options) Encode(message any, front int) (*buffer.Buffer, error) {
	if fast, ok := message.(generated); ok && !isNil(fast) {
		encoded, ok := encodeGenerated(fast, front, o.Deterministic)
		if ok {
			return encoded, nil
		}
		encoded.Free()
	}
	size, err := Size(message)
	if err != nil {
		return nil, err
	}
	encoded := buffer.Get(front + size)
	switch message := message.(type) {
	case proto.Message:
		encoded.B, err = appendProtobuf(encoded.B[:front], message, proto.MarshalOptions{UseCachedSize: true, Deterministic: o.Deterministic})
	case *farcall.Raw:
		encoded.B = encoded.B[:front+len(message.Data)]
		buffer.Copy(encoded.B[front:], message.Data)
	}
	if err != nil {
		encoded.Free()
		return nil, err
	}
	return encoded, nil
}

// EncodeInto is Encode with a place for a small message: encoded is at its beginning if there was enough of it, as a rule a
// few hundred bytes more than the message has. Otherwise it is in owned, which the caller frees. All of the place may be used
// meanwhile.
func (o Options) EncodeInto(place []byte, message any, front int) (encoded []byte, owned *buffer.Buffer, err error) {
	if fast, ok := message.(generated); ok && len(place) >= 2*room && !isNil(fast) {
		encoded, owned, ok := placeGenerated(place, fast, front, o.Deterministic)
		if ok {
			return encoded, owned, nil
		}
		owned.Free()
	}
	if owned, err = o.Encode(message, front); err != nil {
		return nil, nil, err
	}
	return owned.B, owned, nil
}

// Decode replaces what message holds by what data says. data stays the caller's unless Alias is set: a message refers to
// copies, and a Raw gets a pooled copy of its own, which its Release gives back.
func (o Options) Decode(data []byte, message any) error {
	if message, ok := message.(generated); ok && !isNil(message) {
		return decodeGenerated(data, message, o)
	}
	switch message := message.(type) {
	case proto.Message:
		if !usable(message) {
			return nilMessage(message)
		}
		return decodeProtobuf(data, message)
	case *farcall.Raw:
		if message == nil {
			return nilMessage(message)
		}
		pooled := buffer.Get(len(data))
		pooled.B = pooled.B[:len(data)]
		buffer.Copy(pooled.B, data)
		message.Data, message.Release = pooled.B, pooled.Free
		return nil
	}
	return notAMessage(message)
}

// DecodeFresh is Decode for a message that has nothing in it yet: a generated one need not be emptied.
func (o Options) DecodeFresh(data []byte, message any) error {
	if message, ok := message.(generated); ok && !isNil(message) {
		return decodeFresh(data, message, o)
	}
	return o.Decode(data, message)
}

func decodeProtobuf(data []byte, message proto.Message) error {
	if err := proto.Unmarshal(data, message); err != nil {
		return decodeFailure(message, data, err)
	}
	return nil
}

// isNil reports whether message is a nil pointer: generated messages are pointers.
func isNil(message generated) bool { return (*[2]unsafe.Pointer)(unsafe.Pointer(&message))[1] == nil }

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
