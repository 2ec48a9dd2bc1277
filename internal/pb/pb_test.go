// SPDX-License-Identifier: Apache-2.0

package pb_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/farcall/farcall/internal/pb/healthv1"
	"github.com/farcall/farcall/internal/pb/reflectionv1"
	"github.com/farcall/farcall/internal/pb/reflectionv1alpha"
)

var files = map[string]protoreflect.FileDescriptor{
	"grpc/health/v1/health.proto":              healthv1.File_grpc_health_v1_health_proto,
	"grpc/reflection/v1/reflection.proto":      reflectionv1.File_grpc_reflection_v1_reflection_proto,
	"grpc/reflection/v1alpha/reflection.proto": reflectionv1alpha.File_grpc_reflection_v1alpha_reflection_proto,
}

// A file in the global registry could not be linked together with grpc-go's.
func TestFilesAndTypesAreNotInTheGlobalRegistries(t *testing.T) {
	for path, file := range files {
		if file.Path() != path {
			t.Errorf("the file of %s calls itself %s", path, file.Path())
		}
		if _, err := protoregistry.GlobalFiles.FindFileByPath(path); !errors.Is(err, protoregistry.NotFound) {
			t.Errorf("%s is in protoregistry.GlobalFiles", path)
		}
		messages := file.Messages()
		if messages.Len() == 0 {
			t.Errorf("%s has no messages", path)
		}
		for i := range messages.Len() {
			name := messages.Get(i).FullName()
			if _, err := protoregistry.GlobalTypes.FindMessageByName(name); !errors.Is(err, protoregistry.NotFound) {
				t.Errorf("%s is in protoregistry.GlobalTypes", name)
			}
		}
	}
}

// Version 1 differs from version 1 alpha by nothing but the package, so that one implementation serves both.
func TestReflectionVersionsHaveTheSameWireFormat(t *testing.T) {
	inPackageV1 := func(file protoreflect.FileDescriptor) string {
		described := protodesc.ToFileDescriptorProto(file)
		described.Name, described.Options = nil, nil
		return strings.ReplaceAll(prototext.MarshalOptions{}.Format(described), string(file.Package()), "grpc.reflection.v1")
	}
	v1 := inPackageV1(reflectionv1.File_grpc_reflection_v1_reflection_proto)
	alpha := inPackageV1(reflectionv1alpha.File_grpc_reflection_v1alpha_reflection_proto)
	if v1 != alpha {
		t.Errorf("the two versions differ:\n%s\n%s", v1, alpha)
	}
}
