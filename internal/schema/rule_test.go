// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
)

// library is a file of one service, whose method's options each test sets.
const library = `
name: "library.proto" package: "library" syntax: "proto3"
dependency: "google/protobuf/timestamp.proto" dependency: "google/protobuf/wrappers.proto"
message_type { name: "Book"
  field { name: "shelf_id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL json_name: "shelfId" }
  field { name: "pages" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL json_name: "pages" }
}
message_type { name: "Get"
  field { name: "book_id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL json_name: "bookId" }
  field { name: "book" number: 2 type: TYPE_MESSAGE type_name: ".library.Book" label: LABEL_OPTIONAL json_name: "book" }
  field { name: "tags" number: 3 type: TYPE_STRING label: LABEL_REPEATED json_name: "tags" }
  field { name: "since" number: 4 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_OPTIONAL json_name: "since" }
  field { name: "limit" number: 5 type: TYPE_MESSAGE type_name: ".google.protobuf.Int32Value" label: LABEL_OPTIONAL json_name: "limit" }
  field { name: "labels" number: 6 type: TYPE_MESSAGE type_name: ".library.Get.LabelsEntry" label: LABEL_REPEATED json_name: "labels" }
  nested_type { name: "LabelsEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL json_name: "key" }
    field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL json_name: "value" } }
}
message_type { name: "Empty" }
service { name: "Library" method { name: "GetBook" input_type: ".library.Get" output_type: ".library.Book" options { %s } } }
`

// methodWith returns Library.GetBook with the options, written as prototext.
func methodWith(t *testing.T, options string) *farcall.Method {
	t.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(strings.Replace(library, "%s", options, 1)), file); err != nil {
		t.Fatal(err)
	}
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return methodOf(built.Services().Get(0).Methods().Get(0))
}

func methodOf(descriptor protoreflect.MethodDescriptor) *farcall.Method {
	return &farcall.Method{
		Path:        "/" + string(descriptor.Parent().FullName()) + "/" + string(descriptor.Name()),
		Descriptor:  func() protoreflect.MethodDescriptor { return descriptor },
		NewRequest:  func() proto.Message { return dynamicpb.NewMessage(descriptor.Input()) },
		NewResponse: func() proto.Message { return dynamicpb.NewMessage(descriptor.Output()) },
	}
}

func TestRules(t *testing.T) {
	method := methodWith(t, `[google.api.http] {
		get: "/v1/books/{book_id}"
		additional_bindings { put: "/v1/{book.shelf_id=shelves/*}/books/{book_id}" body: "book" response_body: "pages" }
		additional_bindings { post: "/v1/books:since/{since}/{limit}" }
		additional_bindings { custom { kind: "*" path: "/any/**" } body: "*" }
		additional_bindings { delete: "/v1/books/{book_id}" }
		additional_bindings { patch: "/v1/books/{book_id}" body: "tags" }
		additional_bindings { custom { kind: "REPORT" path: "/" } }
	}`)
	if _, err := Rules(method, nil); err == nil || !strings.Contains(err.Error(), `character 10: ":" begins the verb`) {
		t.Fatalf("a colon in the middle: %v", err)
	}
	method = methodWith(t, `[google.api.http] {
		get: "/v1/books/{book_id}"
		additional_bindings { put: "/v1/{book.shelf_id=shelves/*}/books/{book_id}" body: "book" response_body: "pages" }
		additional_bindings { post: "/v1/books/{since}/{limit}:since" }
		additional_bindings { custom { kind: "*" path: "/any/**" } body: "*" }
		additional_bindings { delete: "/v1/books/{book_id}" }
		additional_bindings { patch: "/v1/books/{book_id}" body: "tags" }
		additional_bindings { custom { kind: "REPORT" path: "/" } }
	}`)
	rules, err := Rules(method, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ rule, variables, body, answer string }{
		{"GET /v1/books/{book_id}", "book_id", "", ""},
		{"PUT /v1/{book.shelf_id=shelves/*}/books/{book_id}", "book.shelf_id book_id", "book", "pages"},
		{"POST /v1/books/{since}/{limit}:since", "since limit", "", ""},
		{"* /any/**", "", "*", ""},
		{"DELETE /v1/books/{book_id}", "book_id", "", ""},
		{"PATCH /v1/books/{book_id}", "book_id", "tags", ""},
		{"REPORT /", "", "", ""},
	}
	if len(rules) != len(want) {
		t.Fatalf("%d rules, want %d", len(rules), len(want))
	}
	for i, rule := range rules {
		var variables []string
		for _, path := range rule.Variables {
			variables = append(variables, path.String())
		}
		body, answer := "", ""
		switch {
		case rule.WholeBody:
			body = "*"
		case rule.Body != nil:
			body = string(rule.Body.Name())
		}
		if rule.Answer != nil {
			answer = string(rule.Answer.Name())
		}
		if rule.HasBody() != (body != "") {
			t.Errorf("%s: HasBody() = %v", rule, rule.HasBody())
		}
		got := struct{ rule, variables, body, answer string }{rule.String(), strings.Join(variables, " "), body, answer}
		if got != want[i] {
			t.Errorf("rule %d:\n got %+v\nwant %+v", i, got, want[i])
		}
	}
}

func TestNoRules(t *testing.T) {
	method := methodWith(t, `deprecated: true`)
	if rules, err := Rules(method, nil); rules != nil || err != nil {
		t.Errorf("without the option: %v, %v", rules, err)
	}
	method.Descriptor = func() protoreflect.MethodDescriptor { return nil }
	if rules, err := Rules(method, nil); rules != nil || err != nil {
		t.Errorf("a nil descriptor: %v, %v", rules, err)
	}
	method.Descriptor = nil
	if rules, err := Rules(method, nil); rules != nil || err != nil {
		t.Errorf("without a descriptor: %v, %v", rules, err)
	}
}

// TestRulesOfUnknownOption: a descriptor that was built where nobody knew google.api.http holds it as unknown bytes.
func TestRulesOfUnknownOption(t *testing.T) {
	typed := &descriptorpb.MethodOptions{}
	proto.SetExtension(typed, annotations.E_Http, &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/v1/{book_id}"}})
	encoded, err := proto.Marshal(typed)
	if err != nil {
		t.Fatal(err)
	}
	unknown := &descriptorpb.MethodOptions{}
	if err := (proto.UnmarshalOptions{Resolver: &protoregistry.Types{}}).Unmarshal(encoded, unknown); err != nil {
		t.Fatal(err)
	}
	if proto.HasExtension(unknown, annotations.E_Http) {
		t.Fatal("the option is known after all: this test tests nothing")
	}
	file := protodesc.ToFileDescriptorProto(methodWith(t, "").Descriptor().ParentFile())
	file.Service[0].Method[0].Options = unknown
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Rules(methodOf(built.Services().Get(0).Methods().Get(0)), nil)
	if err != nil || len(rules) != 1 || rules[0].String() != "GET /v1/{book_id}" {
		t.Fatalf("%v, %v", rules, err)
	}
}

func TestRuleRefusals(t *testing.T) {
	for _, tc := range []struct{ option, want string }{
		{``, `a rule without a pattern: it needs one of get, put, post, delete, patch or custom`},
		{`get: "/v1/{"`, `path template "/v1/{", character 6: a field name is missing: letters, digits and underscores, not a digit first`},
		{`get: "/v1/{bookId}"`, `GET /v1/{bookId}: library.Get has no field "bookId"; "bookId" is the JSON name of book_id`},
		{`get: "/v1/{id}"`, `GET /v1/{id}: library.Get has no field "id"; its fields are book_id, book, tags, since, limit, labels`},
		{`get: "/v1/{book.id}"`, `GET /v1/{book.id}: library.Book has no field "id"; its fields are shelf_id, pages`},
		{`get: "/v1/{book}"`, `GET /v1/{book}: the variable "book" is a message (library.Book): name one of its fields`},
		{`get: "/v1/{tags}"`, `GET /v1/{tags}: the variable "tags" is repeated: a path can fill single values only`},
		{`get: "/v1/{labels}"`, `GET /v1/{labels}: the variable "labels" is a map: a path can fill single values only`},
		{`get: "/v1/{labels.key}"`, `GET /v1/{labels.key}: library.Get.labels is a map: a field path cannot lead into it`},
		{`get: "/v1/{tags.x}"`, `GET /v1/{tags.x}: library.Get.tags is repeated: a field path cannot lead into it`},
		{`get: "/v1/{book_id.x}"`, `GET /v1/{book_id.x}: library.Get.book_id is no message but string: it has no field "x"`},
		{`post: "/v1" body: "boks"`, `POST /v1: body: library.Get has no field "boks"; its fields are book_id, book, tags, since, limit, labels`},
		{`post: "/v1" body: "book.pages"`, `POST /v1: body: library.Get has no field "book.pages"; its fields are book_id, book, tags, since, limit, labels`},
		{`post: "/v1/{book_id}" body: "book_id"`, `POST /v1/{book_id}: the field "book_id" is both the body and a variable of the path`},
		{`get: "/v1" body: "*"`, `GET /v1: a GET request has no body (RFC 9110 section 9.3): leave body out, and its fields become query parameters`},
		{`get: "/v1" response_body: "author"`, `GET /v1: response_body: library.Book has no field "author"; its fields are shelf_id, pages`},
		{`custom { kind: "" path: "/v1" }`, `custom kind "" is no HTTP method: it is a word such as "HEAD", or "*" for every method`},
		{`custom { kind: "A B" path: "/v1" }`, `custom kind "A B" is no HTTP method: it is a word such as "HEAD", or "*" for every method`},
		{`get: "/v1" additional_bindings { get: "/v2" additional_bindings { get: "/v3" } }`,
			"library.Library/GetBook: an additional binding has additional bindings of its own: put them all into the first rule"},
		{`get: "/v1" additional_bindings { }`, `a rule without a pattern: it needs one of get, put, post, delete, patch or custom`},
	} {
		_, err := Rules(methodWith(t, `[google.api.http] {`+tc.option+`}`), nil)
		if !strings.Contains(tc.want, "library.Library/GetBook") {
			tc.want = "library.Library/GetBook: google.api.http: " + tc.want
		}
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s:\n got %v\nwant %s", tc.option, err, tc.want)
		}
	}
	method := methodWith(t, `[google.api.http] { get: "/v1" }`)
	method.NewRequest = nil
	if _, err := Rules(method, nil); err == nil || err.Error() != "library.Library/GetBook: the Method has no NewRequest or NewResponse" {
		t.Errorf("without constructors: %v", err)
	}
}

func TestResolvePath(t *testing.T) {
	message := methodWith(t, "").Descriptor().Input()
	path, err := ResolvePath(message, []string{"book", "shelfId"}, true)
	if err != nil || path.String() != "book.shelf_id" || path.Leaf().Name() != "shelf_id" {
		t.Errorf("JSON names: %v, %v", path, err)
	}
	book, _ := ResolvePath(message, []string{"book"}, false)
	tags, _ := ResolvePath(message, []string{"tags"}, false)
	if !path.HasPrefix(book) || !path.HasPrefix(path) || path.HasPrefix(tags) || book.HasPrefix(path) {
		t.Error("HasPrefix")
	}
	var fault *PathError
	if _, err := ResolvePath(message, []string{"book", "shelfId"}, false); !errors.As(err, &fault) || !fault.Unknown || fault.Name != "shelfId" {
		t.Errorf("JSON names where they are not wanted: %v", err)
	}
	if _, err := ResolvePath(message, []string{"tags", "x"}, true); !errors.As(err, &fault) || fault.Unknown || fault.Name != "tags" {
		t.Errorf("into a list: %v", err)
	}
	empty := message.ParentFile().Messages().ByName("Empty")
	if _, err := ResolvePath(empty, []string{"x"}, true); err == nil || err.Error() != `library.Empty has no field "x"; it has no fields at all` {
		t.Errorf("no fields: %v", err)
	}
	big := (&descriptorpb.FileOptions{}).ProtoReflect().Descriptor()
	if _, err := ResolvePath(big, []string{"x"}, true); err == nil || !strings.HasSuffix(err.Error(), ", …") {
		t.Errorf("many fields: %v", err)
	}
}
