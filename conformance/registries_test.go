// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall/internal/pb/healthv1"
	"github.com/farcall/farcall/internal/pb/reflectionv1"
	"github.com/farcall/farcall/internal/pb/reflectionv1alpha"
)

// That this binary starts at all proves that our standard services and grpc-go's can be linked together: a file that both
// put in protobuf's global registry panics at init. The bodies compare what the two say of the same protocol.
func TestStandardServicesAreThoseOfGRPCGo(t *testing.T) {
	for _, pair := range []struct{ ours, theirs protoreflect.FileDescriptor }{
		{healthv1.File_grpc_health_v1_health_proto, grpc_health_v1.File_grpc_health_v1_health_proto},
		{reflectionv1.File_grpc_reflection_v1_reflection_proto, grpc_reflection_v1.File_grpc_reflection_v1_reflection_proto},
		{
			reflectionv1alpha.File_grpc_reflection_v1alpha_reflection_proto,
			grpc_reflection_v1alpha.File_grpc_reflection_v1alpha_reflection_proto,
		},
	} {
		t.Run(pair.theirs.Path(), func(t *testing.T) {
			ours, theirs := onlyTheProtocol(pair.ours), onlyTheProtocol(pair.theirs)
			if ours != theirs {
				t.Errorf("ours:\n%s\ngrpc-go's:\n%s", ours, theirs)
			}
		})
	}
}

// onlyTheProtocol returns a file as text without its options, which say where generated code goes.
func onlyTheProtocol(file protoreflect.FileDescriptor) string {
	described := protodesc.ToFileDescriptorProto(file)
	described.Options = nil
	return prototext.MarshalOptions{Multiline: true}.Format(described)
}
