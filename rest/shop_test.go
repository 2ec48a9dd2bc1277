// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
)

// shopMessages and shopMethods are the service that the tests serve, in a shorthand of the .proto language.
const shopMessages = `
enum Status: STATUS_UNSPECIFIED PAID CANCELLED
message Item: string sku = 1; int32 quantity = 2
message Order: string order_id = 1; repeated .shop.Item items = 2; .shop.Status status = 3; int64 total = 4; string customer = 5; map labels = 6
message Get: string order_id = 1; string name = 2; bool verbose = 3
message List: int32 page_size = 1; string page_token = 2; repeated .shop.Status status = 3; repeated int32 codes = 4; .shop.Filter filter = 5; .google.protobuf.Timestamp since = 6; .google.protobuf.Duration patience = 7; .google.protobuf.FieldMask mask = 8; .google.protobuf.Int32Value limit = 9; repeated .shop.Item items = 10; map labels = 11; bytes token = 12; oneof string email = 13; oneof string phone = 14; .google.protobuf.Struct free = 15; bool paid = 16; double ratio = 17; repeated .google.protobuf.Timestamp moments = 18
message Filter: string text = 1; .shop.Filter and = 2; oneof string a = 3; oneof string b = 4
message Update: .shop.Order order = 1; bool validate_only = 2; repeated string tags = 3; string note = 4
message Patch: .shop.Profile profile = 1; .google.protobuf.FieldMask update_mask = 2; string order_id = 3
message Profile: string display_name = 1; .shop.Filter filter = 2; repeated .shop.Item items = 3; map labels = 4; .google.protobuf.Timestamp born = 5; .google.protobuf.Struct free = 6; .shop.Profile next = 7; .google.protobuf.StringValue nick = 8
message Upload: string name = 1; bytes content = 2; .google.api.HttpBody file = 3; repeated .shop.Item items = 4; .shop.Item item = 5; map labels = 6; repeated bytes pages = 7
`

const shopMethods = `
CreateOrder Order Order | post: "/v1/orders" body: "*"
GetOrder Get Order | get: "/v1/orders/{order_id}" additional_bindings { get: "/v1/{name=shops/*/orders/*}" } additional_bindings { get: "/v1/archive/{name=**}" }
ListOrders List Order | get: "/v1/orders"
CancelOrder Order Order | post: "/v1/orders/{order_id}:cancel" body: "*"
UpdateOrder Update Order | patch: "/v1/orders/{order.order_id}" body: "order" response_body: "order_id" additional_bindings { put: "/v1/tags" body: "tags" response_body: "items" } additional_bindings { put: "/v1/notes" body: "note" response_body: "labels" }
DeleteOrder Get .google.protobuf.Empty | delete: "/v1/orders/{order_id}"
ReportOrders List Order | custom { kind: "REPORT" path: "/v1/orders" } additional_bindings { custom { kind: "*" path: "/v1/any" } }
TouchOrder Get Order | post: "/v1/orders/{order_id}:touch"
GetItem Item Item | get: "/v1/items/{quantity}"
WatchOrders Get Order stream | get: "/v1/orders:watch" additional_bindings { get: "/v1/totals:watch" response_body: "total" } additional_bindings { post: "/v1/orders:watch" body: "*" }
ImportOrders Get Order requests | post: "/v1/orders:import" body: "*"
DownloadAll Get .google.api.HttpBody stream | get: "/v1/files:all"
Download Get .google.api.HttpBody | get: "/v1/files/{order_id}"
Internal Get Order |
PatchProfile Patch Profile | patch: "/v1/profiles/{order_id}" body: "profile"
PutUpload Upload Order | post: "/v1/uploads" body: "*" additional_bindings { put: "/v1/uploads/{name}/file" body: "file" } additional_bindings { put: "/v1/uploads/{name}/content" body: "content" }
StreamUpload Upload Order requests | post: "/v1/streams" body: "*" additional_bindings { put: "/v1/streams/{name}" body: "file" } additional_bindings { get: "/v1/streams" } additional_bindings { put: "/v1/streams/{name}/items" body: "items" }
Chat Item Order requests stream | post: "/v1/chat" body: "*" additional_bindings { get: "/v1/chat" }
PutRaw .google.api.HttpBody .google.api.HttpBody | post: "/v1/raw" body: "*"
SearchOrders List Order | post: "/v1/searches" body: "*" additional_bindings { post: "/v1/searches/{page_token}" body: "*" }
SearchMany List Order requests | post: "/v1/searches:many" body: "*"
Spread Update Order | put: "/v1/spread" body: "*" response_body: "items" additional_bindings { put: "/v1/spread/total" body: "*" response_body: "total" }
`

var shop = buildShop()

func buildShop() map[string]*farcall.Method {
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("shop_rest_test.proto"), Package: proto.String("shop"), Syntax: proto.String("proto3")}
	for _, name := range []string{"timestamp", "duration", "field_mask", "wrappers", "struct", "empty"} {
		file.Dependency = append(file.Dependency, "google/protobuf/"+name+".proto")
	}
	file.Dependency = append(file.Dependency, "google/api/httpbody.proto")
	for _, line := range strings.Split(strings.TrimSpace(shopMessages), "\n") {
		head, rest, _ := strings.Cut(line, ": ")
		kind, name, _ := strings.Cut(head, " ")
		if kind == "message" {
			file.MessageType = append(file.MessageType, message(name, rest))
			continue
		}
		enum := &descriptorpb.EnumDescriptorProto{Name: &name}
		for i, value := range strings.Fields(rest) {
			enum.Value = append(enum.Value, &descriptorpb.EnumValueDescriptorProto{Name: &value, Number: proto.Int32(int32(i))})
		}
		file.EnumType = append(file.EnumType, enum)
	}
	service := &descriptorpb.ServiceDescriptorProto{Name: proto.String("Shop")}
	for _, line := range strings.Split(strings.TrimSpace(shopMethods), "\n") {
		service.Method = append(service.Method, method(line))
	}
	file.Service = append(file.Service, service)
	return methods(file)
}

// methods builds a file and returns the methods of its only service by name.
func methods(file *descriptorpb.FileDescriptorProto) map[string]*farcall.Method {
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	all := make(map[string]*farcall.Method)
	for i := range built.Services().Get(0).Methods().Len() {
		descriptor := built.Services().Get(0).Methods().Get(i)
		kind := farcall.KindUnary
		switch {
		case descriptor.IsStreamingServer() && descriptor.IsStreamingClient():
			kind = farcall.KindBidi
		case descriptor.IsStreamingServer():
			kind = farcall.KindServerStream
		case descriptor.IsStreamingClient():
			kind = farcall.KindClientStream
		}
		all[string(descriptor.Name())] = &farcall.Method{
			Path:        fmt.Sprintf("/%s/%s", descriptor.Parent().FullName(), descriptor.Name()),
			Kind:        kind,
			Descriptor:  func() protoreflect.MethodDescriptor { return descriptor },
			NewRequest:  func() proto.Message { return dynamicpb.NewMessage(descriptor.Input()) },
			NewResponse: func() proto.Message { return dynamicpb.NewMessage(descriptor.Output()) },
		}
	}
	return all
}

var fieldLine = regexp.MustCompile(`^(?:(repeated|oneof|required|map) )?(?:(\S+) )?(\w+) = (\d+)$`)

// message reads "string order_id = 1; repeated .shop.Item items = 2; oneof string a = 3; map labels = 4".
func message(name, fields string) *descriptorpb.DescriptorProto {
	m := &descriptorpb.DescriptorProto{Name: &name}
	for _, line := range strings.Split(fields, "; ") {
		part := fieldLine.FindStringSubmatch(line)
		if part == nil {
			panic("field " + line)
		}
		label, kind, fieldName := part[1], part[2], part[3]
		field := &descriptorpb.FieldDescriptorProto{Name: &fieldName, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		field.Number = new(int32)
		if _, err := fmt.Sscan(part[4], field.Number); err != nil {
			panic(err)
		}
		switch label {
		case "repeated":
			field.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		case "required":
			field.Label = descriptorpb.FieldDescriptorProto_LABEL_REQUIRED.Enum()
		case "oneof":
			field.OneofIndex = proto.Int32(0)
			m.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("choice")}}
		case "map":
			entry := message("LabelsEntry", "string key = 1; string value = 2")
			entry.Options = &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}
			m.NestedType = append(m.NestedType, entry)
			field.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
			kind = ".shop." + name + ".LabelsEntry"
		}
		switch {
		case kind == ".shop.Status":
			field.Type = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum()
			field.TypeName = &kind
		case kind[0] == '.':
			field.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
			field.TypeName = &kind
		default:
			field.Type = descriptorpb.FieldDescriptorProto_Type(descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+strings.ToUpper(kind)]).Enum()
		}
		m.Field = append(m.Field, field)
	}
	return m
}

// method reads "Name Request Response [stream] [requests] | an HttpRule as prototext": a stream of responses, of requests.
func method(line string) *descriptorpb.MethodDescriptorProto {
	head, rule, _ := strings.Cut(line, " |")
	words := strings.Fields(head)
	full := func(name string) *string {
		if !strings.HasPrefix(name, ".") {
			name = ".shop." + name
		}
		return &name
	}
	m := &descriptorpb.MethodDescriptorProto{Name: &words[0], InputType: full(words[1]), OutputType: full(words[2])}
	m.ServerStreaming = proto.Bool(slices.Contains(words[3:], "stream"))
	m.ClientStreaming = proto.Bool(slices.Contains(words[3:], "requests"))
	if rule != "" {
		annotation := &annotations.HttpRule{}
		if err := prototext.Unmarshal([]byte(rule), annotation); err != nil {
			panic(err)
		}
		m.Options = &descriptorpb.MethodOptions{}
		proto.SetExtension(m.Options, annotations.E_Http, annotation)
	}
	return m
}

// routed returns a Get method for each HttpRule, named by its place: M0, M1, …
func routed(t testing.TB, rules ...string) []*farcall.Method {
	t.Helper()
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("routes_test.proto"), Package: proto.String("shop"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{message("Get", "string a = 1; string b = 2; string c = 3")},
		Service:     []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("Routes")}}}
	for i, rule := range rules {
		file.Service[0].Method = append(file.Service[0].Method, method(fmt.Sprintf("M%d Get Get | %s", i, rule)))
	}
	all := methods(file)
	var list []*farcall.Method
	for i := range rules {
		list = append(list, all[fmt.Sprintf("M%d", i)])
	}
	return list
}

func newRouter(t testing.TB, options Options, methods ...*farcall.Method) *Router {
	t.Helper()
	router := New(options)
	for _, m := range methods {
		if err := router.Register(m); err != nil {
			t.Fatal(err)
		}
	}
	return router
}

func shopRouter(t testing.TB, options Options) *Router {
	var all []*farcall.Method
	for _, m := range shop {
		all = append(all, m)
	}
	return newRouter(t, options, all...)
}
