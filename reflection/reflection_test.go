// SPDX-License-Identifier: Apache-2.0

package reflection_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	_ "google.golang.org/genproto/googleapis/api/annotations" // linked, but imported by no file of a service here
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"  // likewise
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/health"
	pb "github.com/farcall/farcall/internal/pb/reflectionv1"
	"github.com/farcall/farcall/internal/pb/reflectionv1alpha"
	"github.com/farcall/farcall/reflection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a server as far as the standard services see one.
type host struct {
	methods  []*farcall.Method
	handlers map[string]farcall.Handler
}

func (h *host) Register(method *farcall.Method, handler farcall.Handler) {
	if h.handlers == nil {
		h.handlers = map[string]farcall.Handler{}
	}
	h.methods = append(h.methods, method)
	h.handlers[method.Path] = handler
}

func (h *host) Methods() []*farcall.Method { return slices.Clone(h.methods) }

func (h *host) OnShutdown(func()) {}

// offer registers a method without a handler.
func (h *host) offer(path string, descriptor protoreflect.MethodDescriptor) {
	method := &farcall.Method{Path: path}
	if descriptor != nil {
		method.Descriptor = func() protoreflect.MethodDescriptor { return descriptor }
	}
	h.Register(method, nil)
}

// stream is the server's end of a call: a script of requests, and what the handler sent.
type stream struct {
	farcall.Stream
	requests []proto.Message
	sent     []proto.Message
	failure  error // what Receive returns after the requests; io.EOF unless set
	sendErr  error
}

func (s *stream) Receive(message any) error {
	if len(s.requests) == 0 {
		if s.failure != nil {
			return s.failure
		}
		return io.EOF
	}
	proto.Merge(message.(proto.Message), s.requests[0])
	s.requests = s.requests[1:]
	return nil
}

func (s *stream) Send(message any) error {
	s.sent = append(s.sent, proto.Clone(message.(proto.Message)))
	return s.sendErr
}

const (
	pathV1      = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	pathV1Alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
)

// ask has one stream carry the requests, in the text format, and returns the responses.
func ask(t *testing.T, h *host, requests ...string) []*pb.ServerReflectionResponse {
	t.Helper()
	s := &stream{}
	for _, text := range requests {
		request := new(pb.ServerReflectionRequest)
		if err := prototext.Unmarshal([]byte(text), request); err != nil {
			t.Fatal(err)
		}
		s.requests = append(s.requests, request)
	}
	if err := h.handlers[pathV1](t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if len(s.sent) != len(requests) {
		t.Fatalf("%d answers to %d requests", len(s.sent), len(requests))
	}
	var responses []*pb.ServerReflectionResponse
	for _, sent := range s.sent {
		responses = append(responses, sent.(*pb.ServerReflectionResponse))
	}
	return responses
}

// names returns the paths of the files in a response.
func names(t *testing.T, response *pb.ServerReflectionResponse) []string {
	t.Helper()
	if failure := response.GetErrorResponse(); failure != nil {
		t.Fatalf("%v failed: %v", response.GetOriginalRequest(), failure)
	}
	var names []string
	for _, file := range files(t, response).GetFile() {
		names = append(names, file.GetName())
	}
	return names
}

func files(t *testing.T, response *pb.ServerReflectionResponse) *descriptorpb.FileDescriptorSet {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	for _, encoded := range response.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(encoded, file); err != nil {
			t.Fatal(err)
		}
		set.File = append(set.File, file)
	}
	return set
}

// shopFiles are what a generated package would bring: store.proto imports goods.proto and extra.proto, both of which import
// money.proto. extra.proto extends a message of goods.proto.
const shopFiles = `
file { name: "shop/money.proto" package: "shop" syntax: "proto3"
  message_type { name: "Money" field { name: "units" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL } } }
file { name: "shop/goods.proto" package: "shop" syntax: "proto2" dependency: "shop/money.proto"
  message_type { name: "Item"
    field { name: "price" number: 1 type: TYPE_MESSAGE type_name: ".shop.Money" label: LABEL_OPTIONAL }
    extension_range { start: 100 end: 200 }
    nested_type { name: "Size" }
    enum_type { name: "Kind" value { name: "BOOK" number: 0 } } } }
file { name: "shop/extra.proto" package: "shop" syntax: "proto2"
  dependency: "shop/goods.proto" dependency: "shop/money.proto"
  extension { name: "tax" number: 102 type: TYPE_MESSAGE type_name: ".shop.Money" extendee: ".shop.Item" label: LABEL_OPTIONAL }
  message_type { name: "Gift"
    extension { name: "wrapped" number: 101 type: TYPE_BOOL extendee: ".shop.Item" label: LABEL_OPTIONAL } } }
file { name: "shop/store.proto" package: "shop" syntax: "proto3"
  dependency: "shop/goods.proto" dependency: "shop/extra.proto"
  service { name: "Store" method { name: "Buy" input_type: ".shop.Item" output_type: ".shop.Gift" } } }`

// shop returns a host that offers the Store, both versions of reflection, and a method without a descriptor.
func shop(t *testing.T) *host {
	t.Helper()
	set := new(descriptorpb.FileDescriptorSet)
	if err := prototext.Unmarshal([]byte(shopFiles), set); err != nil {
		t.Fatal(err)
	}
	registry, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	buy, err := registry.FindDescriptorByName("shop.Store.Buy")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{}
	reflection.Register(h)
	h.offer("/shop.Store/Buy", buy.(protoreflect.MethodDescriptor))
	h.offer("/shop.Proxy/Pass", nil)
	return h
}

func TestListServices(t *testing.T) {
	h := shop(t)
	health.Register(h)
	var got []string
	for _, service := range ask(t, h, `list_services: ""`)[0].GetListServicesResponse().GetService() {
		got = append(got, service.GetName())
	}
	want := []string{
		"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
		"shop.Proxy", "shop.Store",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAFileComesFirstAndItsImportsOncePerStream(t *testing.T) {
	h := shop(t)
	answers := ask(t, h, `file_by_filename: "shop/goods.proto"`, `file_by_filename: "shop/store.proto"`,
		`file_by_filename: "shop/money.proto"`)
	for i, want := range [][]string{
		{"shop/goods.proto", "shop/money.proto"},
		{"shop/store.proto", "shop/extra.proto"},
		{"shop/money.proto"}, // asked for by name, so it comes again
	} {
		if got := names(t, answers[i]); !slices.Equal(got, want) {
			t.Errorf("answer %d has %v, want %v", i, got, want)
		}
	}
	again := ask(t, h, `file_by_filename: "shop/store.proto"`)
	if got := names(t, again[0]); len(got) != 4 || got[0] != "shop/store.proto" {
		t.Errorf("another stream got %v", got)
	}
	if _, err := protodesc.NewFiles(files(t, again[0])); err != nil {
		t.Errorf("the files of one answer do not make sense together: %v", err)
	}
}

func TestFileContainingSymbol(t *testing.T) {
	h := shop(t)
	health.Register(h)
	for symbol, want := range map[string]string{
		"shop.Store":                          "shop/store.proto",
		"shop.Store.Buy":                      "shop/store.proto",
		"shop.Item":                           "shop/goods.proto",
		"shop.Item.price":                     "shop/goods.proto",
		"shop.Item.Size":                      "shop/goods.proto",
		"shop.Item.Kind":                      "shop/goods.proto",
		"shop.Item.BOOK":                      "shop/goods.proto",
		"shop.Gift.wrapped":                   "shop/extra.proto",
		"shop.Money":                          "shop/money.proto",
		"grpc.health.v1.Health":               "grpc/health/v1/health.proto",
		"grpc.reflection.v1.ServerReflection": "grpc/reflection/v1/reflection.proto",
		"grpc.reflection.v1alpha.ServerReflection":  "grpc/reflection/v1alpha/reflection.proto",
		"grpc.reflection.v1alpha.ExtensionRequest":  "grpc/reflection/v1alpha/reflection.proto",
		"google.rpc.BadRequest":                     "google/rpc/error_details.proto",
		"google.protobuf.FieldDescriptorProto.Type": "google/protobuf/descriptor.proto",
	} {
		if got := names(t, ask(t, h, `file_containing_symbol: "`+symbol+`"`)[0])[0]; got != want {
			t.Errorf("%s is said to be in %s, not in %s", symbol, got, want)
		}
	}
}

func TestExtensions(t *testing.T) {
	h := shop(t)
	extension := func(number string) string {
		return `file_containing_extension { containing_type: "shop.Item" extension_number: ` + number + ` }`
	}
	answers := ask(t, h, `all_extension_numbers_of_type: "shop.Item"`, extension("101"), extension("102"),
		`all_extension_numbers_of_type: "shop.Money"`)
	if got := answers[0].GetAllExtensionNumbersResponse(); got.GetBaseTypeName() != "shop.Item" ||
		!slices.Equal(got.GetExtensionNumber(), []int32{101, 102}) {
		t.Errorf("the extensions of shop.Item are %v", got)
	}
	for _, answer := range answers[1:3] {
		if got := names(t, answer)[0]; got != "shop/extra.proto" {
			t.Errorf("%v is said to be in %s", answer.GetOriginalRequest(), got)
		}
	}
	none := answers[3].GetAllExtensionNumbersResponse()
	if none.GetBaseTypeName() != "shop.Money" || len(none.GetExtensionNumber()) != 0 {
		t.Errorf("the extensions of shop.Money are %v", none)
	}
}

func TestAQuestionWithoutAnAnswerLeavesTheStreamAlive(t *testing.T) {
	h := shop(t)
	questions := []struct {
		request string
		code    farcall.Code
		message string
	}{
		{`file_by_filename: "shop/none.proto"`, farcall.NotFound, `"shop/none.proto"`},
		{`file_containing_symbol: "shop.None"`, farcall.NotFound, `"shop.None"`},
		{`file_containing_symbol: "Item"`, farcall.NotFound, "package"},
		{`file_containing_symbol: "not a name"`, farcall.NotFound, `"not a name"`},
		{`file_containing_symbol: "shop.Proxy"`, farcall.NotFound, "without a descriptor"},
		{`file_containing_extension { containing_type: "shop.Item" extension_number: 103 }`, farcall.NotFound, "103"},
		{`file_containing_extension { }`, farcall.NotFound, "no extension 0"},
		{`all_extension_numbers_of_type: "shop.None"`, farcall.NotFound, `"shop.None"`},
		{`all_extension_numbers_of_type: "shop.Store"`, farcall.InvalidArgument, "not a message"},
		{``, farcall.InvalidArgument, "message_request"},
	}
	var requests []string
	for _, question := range questions {
		requests = append(requests, `host: "me" `+question.request)
	}
	answers := ask(t, h, append(requests, `file_containing_symbol: "shop.Store"`)...)
	for i, question := range questions {
		failure := answers[i].GetErrorResponse()
		if farcall.Code(failure.GetErrorCode()) != question.code || !strings.Contains(failure.GetErrorMessage(), question.message) {
			t.Errorf("%s failed with %v, want %v and %q in its message", question.request, failure, question.code, question.message)
		}
		if answers[i].GetValidHost() != "me" || answers[i].GetOriginalRequest().GetHost() != "me" {
			t.Errorf("the answer to %s does not name the request: %v", question.request, answers[i])
		}
	}
	if got := names(t, answers[len(questions)])[0]; got != "shop/store.proto" {
		t.Errorf("after the failures the stream answers %s", got)
	}
}

// What is packed in an Any or read from options need not be imported by any service: being linked is enough.
func TestLinkedFilesAreFound(t *testing.T) {
	answers := ask(t, shop(t), `file_by_filename: "google/rpc/error_details.proto"`,
		`file_containing_extension { containing_type: "google.protobuf.MethodOptions" extension_number: 72295728 }`,
		`all_extension_numbers_of_type: "google.protobuf.MethodOptions"`)
	if got := names(t, answers[0])[0]; got != "google/rpc/error_details.proto" {
		t.Errorf("got %s", got)
	}
	if got := names(t, answers[1])[0]; got != "google/api/annotations.proto" {
		t.Errorf("google.api.http is said to be in %s", got)
	}
	if got := answers[2].GetAllExtensionNumbersResponse().GetExtensionNumber(); !slices.Contains(got, 72295728) {
		t.Errorf("the extensions of MethodOptions are %v, without google.api.http", got)
	}
}

func TestMethodsRegisteredLaterAreFound(t *testing.T) {
	h := &host{}
	reflection.Register(h)
	if answer := ask(t, h, `file_containing_symbol: "shop.Store"`)[0]; answer.GetErrorResponse() == nil {
		t.Fatalf("there is no Store yet, and the answer is %v", answer)
	}
	for _, method := range shop(t).methods {
		if method.Path == "/shop.Store/Buy" {
			h.Register(method, nil)
		}
	}
	if got := names(t, ask(t, h, `file_containing_symbol: "shop.Store"`)[0])[0]; got != "shop/store.proto" {
		t.Errorf("got %s", got)
	}
}

func TestTwoFilesOfOneNameAreNoFailure(t *testing.T) {
	h := shop(t)
	for _, method := range shop(t).methods { // the same names once more, from other descriptors
		if method.Descriptor != nil {
			h.offer(method.Path+"Again", method.Descriptor())
		}
	}
	if got := names(t, ask(t, h, `file_containing_symbol: "shop.Gift"`)[0]); got[0] != "shop/extra.proto" {
		t.Errorf("got %v", got)
	}
}

func TestV1AlphaAnswersAsV1Does(t *testing.T) {
	h := shop(t)
	requests := []string{
		`host: "me" list_services: ""`, `file_containing_symbol: "shop.Store"`, `file_by_filename: "none"`,
		`all_extension_numbers_of_type: "shop.Item"`, `file_containing_extension { containing_type: "shop.Item" extension_number: 101 }`,
	}
	alpha := &stream{}
	for _, text := range requests {
		request := new(reflectionv1alpha.ServerReflectionRequest)
		if err := prototext.Unmarshal([]byte(text), request); err != nil {
			t.Fatal(err)
		}
		alpha.requests = append(alpha.requests, request)
	}
	if err := h.handlers[pathV1Alpha](t.Context(), alpha); err != nil {
		t.Fatal(err)
	}
	for i, want := range ask(t, h, requests...) {
		got := alpha.sent[i].(*reflectionv1alpha.ServerReflectionResponse)
		encoded, err := proto.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		asV1 := new(pb.ServerReflectionResponse)
		if err := proto.Unmarshal(encoded, asV1); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(asV1, want) {
			t.Errorf("v1alpha answers %v, v1 %v", got, want)
		}
	}
}

func TestStreamFailuresEndTheCall(t *testing.T) {
	h := shop(t)
	broken := errors.New("broken")
	for path, request := range map[string]proto.Message{
		pathV1: new(pb.ServerReflectionRequest), pathV1Alpha: new(reflectionv1alpha.ServerReflectionRequest),
	} {
		if err := h.handlers[path](t.Context(), &stream{failure: broken}); err != broken {
			t.Errorf("%s: Receive failed and the handler returned %v", path, err)
		}
		if err := h.handlers[path](t.Context(), &stream{requests: []proto.Message{request}, sendErr: broken}); err != broken {
			t.Errorf("%s: Send failed and the handler returned %v", path, err)
		}
	}
}
