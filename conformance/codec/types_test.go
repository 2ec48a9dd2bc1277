// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"reflect"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/farcall/farcall/conformance/codec/hybridpb"
	"github.com/farcall/farcall/conformance/codec/opaquepb"
	"github.com/farcall/farcall/conformance/codec/openpb"
	"github.com/farcall/farcall/conformance/codec/otherpb"
	"github.com/farcall/farcall/conformance/codec/proto2pb"
	"github.com/farcall/farcall/conformance/codec/proto3pb"
	"github.com/farcall/farcall/conformance/codec/testmessages/edition2023pb"
	"github.com/farcall/farcall/conformance/codec/testmessages/edition2024pb"
	"github.com/farcall/farcall/conformance/codec/testmessages/proto2editionspb"
	testproto2pb "github.com/farcall/farcall/conformance/codec/testmessages/proto2pb"
	"github.com/farcall/farcall/conformance/codec/testmessages/proto3editionspb"
	testproto3pb "github.com/farcall/farcall/conformance/codec/testmessages/proto3pb"
)

// files have the messages that are compared.
var files = []protoreflect.FileDescriptor{
	proto2pb.File_proto2_proto, proto3pb.File_proto3_proto, openpb.File_open_proto, hybridpb.File_hybrid_proto,
	opaquepb.File_opaque_proto, otherpb.File_other_proto, edition2024pb.File_edition2024_proto,
	testproto2pb.File_google_protobuf_test_messages_proto2_proto, testproto3pb.File_google_protobuf_test_messages_proto3_proto,
	edition2023pb.File_conformance_test_protos_test_messages_edition2023_proto,
	proto2editionspb.File_editions_golden_test_messages_proto2_editions_proto,
	proto3editionspb.File_editions_golden_test_messages_proto3_editions_proto,
}

// types are the messages of files, those with fields of every kind first.
var types = func() []protoreflect.MessageType {
	var all, others []protoreflect.MessageType
	var add func(protoreflect.MessageDescriptors)
	add = func(messages protoreflect.MessageDescriptors) {
		for i := range messages.Len() {
			descriptor := messages.Get(i)
			if descriptor.IsMapEntry() {
				continue
			}
			found, err := protoregistry.GlobalTypes.FindMessageByName(descriptor.FullName())
			if err != nil {
				panic(err)
			}
			if descriptor.Fields().Len() > 50 {
				all = append(all, found)
			} else {
				others = append(others, found)
			}
			add(descriptor.Messages())
		}
	}
	for _, file := range files {
		add(file.Messages())
	}
	return append(all, others...)
}()

// Without the methods protobuf would be compared with itself.
func TestTypesHaveAFastPath(t *testing.T) {
	for _, kind := range types {
		set, ok := kind.Descriptor().(interface{ IsMessageSet() bool })
		left := ok && set.IsMessageSet()
		for i := range kind.Descriptor().Fields().Len() {
			field, ok := kind.Descriptor().Fields().Get(i).(interface{ IsLazy() bool })
			left = left || ok && field.IsLazy()
		}
		_, encodes := reflect.TypeOf(kind.New().Interface()).MethodByName("Farcall_encode")
		_, decodes := reflect.TypeOf(kind.New().Interface()).MethodByName("Farcall_decode")
		if name := kind.Descriptor().FullName(); encodes == left || decodes == left {
			t.Errorf("%s: encodes %v, decodes %v, is left to protobuf %v", name, encodes, decodes, left)
		}
	}
}
