// SPDX-License-Identifier: Apache-2.0

package protobuf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/conformance/codec/testmessages/conformancepb"
	_ "github.com/farcall/farcall/conformance/codec/testmessages/edition2023pb"
	_ "github.com/farcall/farcall/conformance/codec/testmessages/proto2editionspb"
	_ "github.com/farcall/farcall/conformance/codec/testmessages/proto2pb"
	_ "github.com/farcall/farcall/conformance/codec/testmessages/proto3editionspb"
	_ "github.com/farcall/farcall/conformance/codec/testmessages/proto3pb"
	"github.com/farcall/farcall/transcode"
)

// asTestee names the environment variable that makes the test binary the program that is judged: "farcall", or "protobuf"
// for what it is compared with.
const asTestee = "FARCALL_CODEC_TESTEE"

func TestMain(m *testing.M) {
	if system := os.Getenv(asTestee); system != "" {
		if err := serve(systems[system], os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// system takes messages from one form to another.
type system struct {
	fromBinary func([]byte, proto.Message) error
	binary     func(proto.Message) ([]byte, error)
	// Of JSON farcall makes bytes and the other way around, with no message in between.
	fromJSON func(text []byte, kind protoreflect.MessageDescriptor, discardUnknown bool) (binary []byte, err error)
	json     func(binary []byte, kind protoreflect.MessageDescriptor) ([]byte, error)
}

var systems = map[string]system{
	"farcall": {
		fromBinary: func(data []byte, message proto.Message) error { return codec.Decode(data, message) },
		binary:     func(message proto.Message) ([]byte, error) { return codec.Append(nil, message) },
		fromJSON: func(text []byte, kind protoreflect.MessageDescriptor, discardUnknown bool) ([]byte, error) {
			return transcode.New(kind, transcode.Options{DiscardUnknown: discardUnknown}).AppendMessage(nil, text)
		},
		json: func(data []byte, kind protoreflect.MessageDescriptor) ([]byte, error) {
			return transcode.New(kind, transcode.Options{}).AppendJSON(nil, data)
		},
	},
	"protobuf": {
		fromBinary: proto.Unmarshal,
		binary:     proto.Marshal,
		fromJSON: func(text []byte, kind protoreflect.MessageDescriptor, discardUnknown bool) ([]byte, error) {
			message := newMessage(kind)
			if err := (protojson.UnmarshalOptions{DiscardUnknown: discardUnknown}).Unmarshal(text, message); err != nil {
				return nil, err
			}
			return proto.Marshal(message)
		},
		json: func(data []byte, kind protoreflect.MessageDescriptor) ([]byte, error) {
			message := newMessage(kind)
			if err := proto.Unmarshal(data, message); err != nil {
				return nil, err
			}
			return protojson.Marshal(message)
		},
	},
}

func newMessage(kind protoreflect.MessageDescriptor) proto.Message {
	found, err := protoregistry.GlobalTypes.FindMessageByName(kind.FullName())
	if err != nil {
		panic(err)
	}
	return found.New().Interface()
}

// serve answers the runner's requests until there are no more. Each message is behind its length.
func serve(s system, in io.Reader, out io.Writer) error {
	reader := bufio.NewReader(in)
	for {
		var length uint32
		if err := binary.Read(reader, binary.LittleEndian, &length); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		data := make([]byte, length)
		if _, err := io.ReadFull(reader, data); err != nil {
			return err
		}
		request := new(conformancepb.ConformanceRequest)
		if err := proto.Unmarshal(data, request); err != nil {
			return err
		}
		encoded, err := proto.Marshal(s.answer(request))
		if err != nil {
			return err
		}
		if _, err := out.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(encoded))), encoded...)); err != nil {
			return err
		}
	}
}

// answer does what the request asks for, as far as it concerns the binary form and JSON: text is nobody's here.
func (s system) answer(request *conformancepb.ConformanceRequest) *conformancepb.ConformanceResponse {
	response := &conformancepb.ConformanceResponse{}
	skipped := func(why string) *conformancepb.ConformanceResponse {
		response.Result = &conformancepb.ConformanceResponse_Skipped{Skipped: why}
		return response
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(request.GetMessageType()))
	if err != nil {
		return skipped(err.Error())
	}
	message := kind.New().Interface()
	var data []byte
	switch input := request.Payload.(type) {
	case *conformancepb.ConformanceRequest_ProtobufPayload:
		data = input.ProtobufPayload
		err = s.fromBinary(data, message)
	case *conformancepb.ConformanceRequest_JsonPayload:
		ignoring := request.GetTestCategory() == conformancepb.TestCategory_JSON_IGNORE_UNKNOWN_PARSING_TEST
		if data, err = s.fromJSON([]byte(input.JsonPayload), kind.Descriptor(), ignoring); err == nil {
			err = s.fromBinary(data, message)
		}
	default:
		return skipped("it is neither binary nor JSON")
	}
	if err != nil {
		response.Result = &conformancepb.ConformanceResponse_ParseError{ParseError: err.Error()}
		return response
	}
	var encoded []byte
	switch request.GetRequestedOutputFormat() {
	case conformancepb.WireFormat_PROTOBUF:
		if encoded, err = s.binary(message); err == nil {
			response.Result = &conformancepb.ConformanceResponse_ProtobufPayload{ProtobufPayload: encoded}
		}
	case conformancepb.WireFormat_JSON:
		if encoded, err = s.json(data, kind.Descriptor()); err == nil {
			response.Result = &conformancepb.ConformanceResponse_JsonPayload{JsonPayload: string(encoded)}
		}
	default:
		return skipped("it is text")
	}
	if err != nil {
		response.Result = &conformancepb.ConformanceResponse_SerializeError{SerializeError: err.Error()}
	}
	return response
}
