// SPDX-License-Identifier: Apache-2.0

package reflection

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	pb "github.com/farcall/farcall/internal/pb/reflectionv1"
)

// conversation is the server's side of one stream. One goroutine uses it.
type conversation struct {
	index *index
	sent  map[string]bool // the files that the stream has carried, by path; at most as many as there are files
}

// answer returns the response to one request. A question that cannot be answered is an ErrorResponse: the next one may
// fare better.
func (c *conversation) answer(request *pb.ServerReflectionRequest) *pb.ServerReflectionResponse {
	response := &pb.ServerReflectionResponse{ValidHost: request.GetHost(), OriginalRequest: request}
	if err := c.fill(response, request); err != nil {
		failure := farcall.AsError(err)
		response.MessageResponse = &pb.ServerReflectionResponse_ErrorResponse{ErrorResponse: &pb.ErrorResponse{
			ErrorCode:    int32(failure.Code),
			ErrorMessage: failure.Message,
		}}
	}
	return response
}

func (c *conversation) fill(response *pb.ServerReflectionResponse, request *pb.ServerReflectionRequest) error {
	switch question := request.GetMessageRequest().(type) {
	case *pb.ServerReflectionRequest_ListServices:
		services := &pb.ListServiceResponse{}
		for _, name := range c.index.services() {
			services.Service = append(services.Service, &pb.ServiceResponse{Name: name})
		}
		response.MessageResponse = &pb.ServerReflectionResponse_ListServicesResponse{ListServicesResponse: services}
		return nil
	case *pb.ServerReflectionRequest_AllExtensionNumbersOfType:
		numbers, err := c.index.extensionNumbers(protoreflect.FullName(question.AllExtensionNumbersOfType))
		response.MessageResponse = &pb.ServerReflectionResponse_AllExtensionNumbersResponse{
			AllExtensionNumbersResponse: &pb.ExtensionNumberResponse{
				BaseTypeName: question.AllExtensionNumbersOfType, ExtensionNumber: numbers,
			}}
		return err
	}
	file, err := c.file(request)
	if err != nil {
		return err
	}
	encoded, err := c.withImports(file)
	response.MessageResponse = &pb.ServerReflectionResponse_FileDescriptorResponse{
		FileDescriptorResponse: &pb.FileDescriptorResponse{FileDescriptorProto: encoded},
	}
	return err
}

// file finds the file that one of the three questions for a file means.
func (c *conversation) file(request *pb.ServerReflectionRequest) (protoreflect.FileDescriptor, error) {
	switch question := request.GetMessageRequest().(type) {
	case *pb.ServerReflectionRequest_FileByFilename:
		return c.index.fileByPath(question.FileByFilename)
	case *pb.ServerReflectionRequest_FileContainingSymbol:
		return c.index.fileOfSymbol(protoreflect.FullName(question.FileContainingSymbol))
	case *pb.ServerReflectionRequest_FileContainingExtension:
		extension := question.FileContainingExtension
		return c.index.fileOfExtension(
			protoreflect.FullName(extension.GetContainingType()), protoreflect.FieldNumber(extension.GetExtensionNumber()))
	}
	return nil, farcall.Errorf(farcall.InvalidArgument,
		"the request asks for nothing this server knows of: set one field of message_request")
}

// withImports returns the file, encoded, and behind it whatever it imports that the stream has not carried yet.
func (c *conversation) withImports(file protoreflect.FileDescriptor) ([][]byte, error) {
	var encoded [][]byte
	waiting := []protoreflect.FileDescriptor{file}
	c.sent[file.Path()] = true
	for len(waiting) > 0 {
		next := waiting[0]
		waiting = waiting[1:]
		one, err := proto.Marshal(protodesc.ToFileDescriptorProto(next))
		if err != nil {
			return nil, farcall.Errorf(farcall.Internal, "encode the descriptor of %s: %w", next.Path(), err)
		}
		encoded = append(encoded, one)
		for imported := range imports(next) {
			if !c.sent[imported.Path()] {
				c.sent[imported.Path()] = true
				waiting = append(waiting, imported)
			}
		}
	}
	return encoded, nil
}
