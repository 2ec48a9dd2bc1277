// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Kind says which sides of a method are streams: two bits.
type Kind uint8

// The four kinds of method.
const (
	KindUnary        Kind = 0
	KindClientStream Kind = 1
	KindServerStream Kind = 2
	KindBidi         Kind = KindClientStream | KindServerStream
)

// SendsStream reports whether the client sends any number of messages.
func (k Kind) SendsStream() bool { return k&KindClientStream != 0 }

// ReturnsStream reports whether the server returns any number of messages.
func (k Kind) ReturnsStream() bool { return k&KindServerStream != 0 }

// Idempotency is a method's idempotency_level.
type Idempotency uint8

// The levels, as google.protobuf.MethodOptions has them.
const (
	IdempotencyUnknown Idempotency = 0
	NoSideEffects      Idempotency = 1
	Idempotent         Idempotency = 2
)

// Method describes one method of a service. Generated code makes one value for each and hands out its pointer; the
// runtime treats the pointer as the method's identity and never changes the value.
type Method struct {
	Path        string // as on the wire: "/shop.v1.Payments/Charge"
	Kind        Kind
	Idempotency Idempotency

	// Descriptor leads to options and comments: REST rules and reflection read them there. It may be nil for a method
	// without a descriptor.
	Descriptor func() protoreflect.MethodDescriptor
	// NewRequest and NewResponse return an empty message of the method's types.
	NewRequest, NewResponse func() proto.Message
}

// Service returns the full name of the service: "shop.v1.Payments".
func (m *Method) Service() string {
	service, _, _ := strings.Cut(strings.TrimPrefix(m.Path, "/"), "/")
	return service
}

// Name returns the name of the method inside its service: "Charge".
func (m *Method) Name() string {
	return m.Path[strings.LastIndexByte(m.Path, '/')+1:]
}

// String returns the full name of the method: "shop.v1.Payments/Charge".
func (m *Method) String() string { return strings.TrimPrefix(m.Path, "/") }
