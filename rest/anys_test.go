// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/transcode"
)

// Anys: the details of failures, and those in messages.

func TestDetails(t *testing.T) {
	back := &backend{answer: func(context.Context, *farcall.Method, proto.Message, proto.Message) error {
		failure := farcall.AsError(farcall.NewError(farcall.Unavailable, "later", &errdetails.ErrorInfo{Reason: "BUSY", Domain: "shop"},
			&errdetails.RequestInfo{RequestId: "r1"}))
		failure.Details = append(failure.Details, &anypb.Any{TypeUrl: "example.com/of.Elsewhere", Value: []byte{1, 2, 0xff}})
		return failure
	}}
	r := newRequest(t, "GET", "/v1/orders", "")
	shopRouter(t, Options{Invoker: back}).Serve(t.Context(), r)
	const want = `503 {"code":14,"message":"later","details":[` +
		`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"BUSY","domain":"shop"},` +
		`{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"r1"},` +
		`{"@type":"example.com/of.Elsewhere","value":"AQL/"}]}`
	if got := r.text(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestResponseThatIsNoJSON(t *testing.T) {
	m := *shop["ListOrders"]
	m.NewResponse = func() proto.Message { return &anypb.Any{TypeUrl: "example.com/of.Elsewhere", Value: []byte{1}} }
	r := newRequest(t, "GET", "/v1/orders", "")
	newRouter(t, Options{Invoker: &backend{}}, &m).Serve(t.Context(), r)
	const want = `500 {"code":13,"message":"the response: google.protobuf.Any cannot be written as JSON: google.protobuf.Any: unable to resolve \"example.com/of.Elsewhere\": not found"}`
	if got := strings.ReplaceAll(r.text(), "\u00a0", " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// elsewhere has the type of.Elsewhere, which nothing else knows.
func elsewhere(t *testing.T) *protoregistry.Types {
	t.Helper()
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("of/elsewhere.proto"), Package: proto.String("of"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("Elsewhere"), Field: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("tea_bags"), Number: proto.Int32(1), JsonName: proto.String("teaBags"),
			Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	types := new(protoregistry.Types)
	if err := types.RegisterMessage(dynamicpb.NewMessageType(file.Messages().Get(0))); err != nil {
		t.Fatal(err)
	}
	return types
}

// TestResolver has Anys written whose type the options' resolver alone knows: in a response, and in the details of an error.
func TestResolver(t *testing.T) {
	tea := &anypb.Any{TypeUrl: "example.com/of.Elsewhere", Value: []byte{0x08, 0x05}}
	back := &backend{answer: func(_ context.Context, _ *farcall.Method, _, response proto.Message) error {
		proto.Merge(response, tea)
		return nil
	}}
	m := *shop["ListOrders"]
	m.NewResponse = func() proto.Message { return new(anypb.Any) }
	router := newRouter(t, Options{Invoker: back, JSON: transcode.Options{Resolver: elsewhere(t)}}, &m)
	r := newRequest(t, "GET", "/v1/orders", "")
	router.Serve(t.Context(), r)
	if got, want := r.text(), `200 {"@type":"example.com/of.Elsewhere","teaBags":5}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	back.answer = func(context.Context, *farcall.Method, proto.Message, proto.Message) error {
		failure := farcall.AsError(farcall.Errorf(farcall.NotFound, "no tea"))
		failure.Details = append(failure.Details, tea)
		return failure
	}
	r = newRequest(t, "GET", "/v1/orders", "")
	router.Serve(t.Context(), r)
	if got, want := r.text(), `404 {"code":5,"message":"no tea","details":[{"@type":"example.com/of.Elsewhere","teaBags":5}]}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
