// SPDX-License-Identifier: Apache-2.0

// Package reflection is a standard service, registered like anybody's: it tells clients such as grpcurl what services and
// messages the server has (gRPC server reflection, v1 and v1alpha).
//
//	reflection.Register(srv)
//
// It describes the methods that are registered, whenever that was, the files that declare them and all that those import.
// A message that may be packed in an Any, such as an error's detail, is found among all files linked into the program.
// A server that strangers reach may not want to tell all that: it does not register this service.
package reflection

import (
	"context"
	"io"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/pb/reflectionv1"
	"github.com/farcall/farcall/internal/pb/reflectionv1alpha"
)

// Host is what reflection needs of a server; *server.Server is one.
type Host interface {
	farcall.Registrar
	// Methods returns the methods registered so far.
	Methods() []*farcall.Method
}

// The one method of each version.
var (
	methodV1 = &farcall.Method{
		Path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		Kind: farcall.KindBidi,
		Descriptor: func() protoreflect.MethodDescriptor {
			return methodOf(reflectionv1.File_grpc_reflection_v1_reflection_proto)
		},
		NewRequest:  func() proto.Message { return new(reflectionv1.ServerReflectionRequest) },
		NewResponse: func() proto.Message { return new(reflectionv1.ServerReflectionResponse) },
	}
	methodV1Alpha = &farcall.Method{
		Path: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
		Kind: farcall.KindBidi,
		Descriptor: func() protoreflect.MethodDescriptor {
			return methodOf(reflectionv1alpha.File_grpc_reflection_v1alpha_reflection_proto)
		},
		NewRequest:  func() proto.Message { return new(reflectionv1alpha.ServerReflectionRequest) },
		NewResponse: func() proto.Message { return new(reflectionv1alpha.ServerReflectionResponse) },
	}
)

func methodOf(file protoreflect.FileDescriptor) protoreflect.MethodDescriptor {
	return file.Services().ByName("ServerReflection").Methods().ByName("ServerReflectionInfo")
}

// Register offers both versions of the reflection service on a server.
func Register(on Host) {
	index := &index{host: on}
	on.Register(methodV1, func(_ context.Context, stream farcall.Stream) error {
		return serve(index, stream)
	})
	on.Register(methodV1Alpha, func(_ context.Context, stream farcall.Stream) error {
		return serve(index, alphaStream{stream})
	})
}

// serve answers one stream's questions in their order.
func serve(index *index, stream farcall.Stream) error {
	conversation := conversation{index: index, sent: map[string]bool{}}
	for {
		request := new(reflectionv1.ServerReflectionRequest)
		if err := stream.Receive(request); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(conversation.answer(request)); err != nil {
			return err
		}
	}
}

// alphaStream lets the code of v1 serve a stream of v1alpha. It translates by way of the encoding, which both share.
type alphaStream struct{ farcall.Stream }

func (s alphaStream) Receive(message any) error {
	alpha := new(reflectionv1alpha.ServerReflectionRequest)
	if err := s.Stream.Receive(alpha); err != nil {
		return err
	}
	return translate(alpha, message.(proto.Message))
}

func (s alphaStream) Send(message any) error {
	alpha := new(reflectionv1alpha.ServerReflectionResponse)
	if err := translate(message.(proto.Message), alpha); err != nil {
		return err
	}
	return s.Stream.Send(alpha)
}

func translate(from, to proto.Message) error {
	encoded, err := proto.Marshal(from)
	if err != nil {
		return err
	}
	return proto.Unmarshal(encoded, to)
}
