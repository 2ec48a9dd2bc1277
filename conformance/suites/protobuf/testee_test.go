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

// system encodes and decodes.
type system struct {
	append func([]byte, any) ([]byte, error)
	decode func([]byte, any) error
}

var systems = map[string]system{
	"farcall": {codec.Append, codec.Decode},
	"protobuf": {
		func(dst []byte, message any) ([]byte, error) {
			return proto.MarshalOptions{}.MarshalAppend(dst, message.(proto.Message))
		},
		func(data []byte, message any) error { return proto.Unmarshal(data, message.(proto.Message)) },
	},
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

// answer does what the request asks for, as far as it concerns the binary form: text is nobody's here, and JSON is
// protobuf's.
func (s system) answer(request *conformancepb.ConformanceRequest) *conformancepb.ConformanceResponse {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(request.GetMessageType()))
	if err != nil {
		return &conformancepb.ConformanceResponse{Result: &conformancepb.ConformanceResponse_Skipped{Skipped: err.Error()}}
	}
	input, ok := request.Payload.(*conformancepb.ConformanceRequest_ProtobufPayload)
	if !ok {
		return &conformancepb.ConformanceResponse{Result: &conformancepb.ConformanceResponse_Skipped{Skipped: "it is not binary"}}
	}
	message := kind.New().Interface()
	if err := s.decode(input.ProtobufPayload, message); err != nil {
		return &conformancepb.ConformanceResponse{Result: &conformancepb.ConformanceResponse_ParseError{ParseError: err.Error()}}
	}
	response := &conformancepb.ConformanceResponse{}
	switch request.GetRequestedOutputFormat() {
	case conformancepb.WireFormat_PROTOBUF:
		var encoded []byte
		if encoded, err = s.append(nil, message); err == nil {
			response.Result = &conformancepb.ConformanceResponse_ProtobufPayload{ProtobufPayload: encoded}
		}
	case conformancepb.WireFormat_JSON:
		var encoded []byte
		if encoded, err = protojson.Marshal(message); err == nil {
			response.Result = &conformancepb.ConformanceResponse_JsonPayload{JsonPayload: string(encoded)}
		}
	default:
		response.Result = &conformancepb.ConformanceResponse_Skipped{Skipped: "it is text"}
	}
	if err != nil {
		response.Result = &conformancepb.ConformanceResponse_SerializeError{SerializeError: err.Error()}
	}
	return response
}
