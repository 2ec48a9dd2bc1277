// SPDX-License-Identifier: Apache-2.0

// Package openapi_test has an independent validator judge the OpenAPI documents that farcall makes.
package openapi_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	_ "google.golang.org/genproto/googleapis/api/httpbody" // for the compiler to find

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/transcoding/echopb"
	"github.com/farcall/farcall/openapi"
	"github.com/farcall/farcall/server"
)

// judge returns the validator of a document, which must be valid.
func judge(t *testing.T, document []byte) validator.Validator {
	t.Helper()
	read, err := libopenapi.NewDocument(document)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	v, errs := validator.NewValidator(read)
	if len(errs) > 0 {
		t.Fatalf("%v\n%s", errs, document)
	}
	if ok, faults := v.ValidateDocument(); !ok {
		for _, fault := range faults {
			t.Errorf("%s: %s", fault.Message, fault.Reason)
			for _, more := range fault.SchemaValidationErrors {
				t.Errorf("  %s", more.Reason)
			}
		}
		t.Fatalf("the document is not valid:\n%s", document)
	}
	return v
}

// compiled returns the methods of a .proto file.
func compiled(t *testing.T, files map[string]string) (methods []*farcall.Method) {
	t.Helper()
	compiler := protocompile.Compiler{SourceInfoMode: protocompile.SourceInfoStandard, Resolver: protocompile.CompositeResolver{
		protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)}),
		protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			file, err := protoregistry.GlobalFiles.FindFileByPath(path)
			return protocompile.SearchResult{Desc: file}, err
		}),
	}}
	built, err := compiler.Compile(t.Context(), "library.proto")
	if err != nil {
		t.Fatal(err)
	}
	services := built[0].Services()
	for i := range services.Len() {
		for j := range services.Get(i).Methods().Len() {
			descriptor := services.Get(i).Methods().Get(j)
			kind := farcall.KindUnary
			if descriptor.IsStreamingClient() {
				kind |= farcall.KindClientStream
			}
			if descriptor.IsStreamingServer() {
				kind |= farcall.KindServerStream
			}
			methods = append(methods, &farcall.Method{
				Path: "/" + string(services.Get(i).FullName()) + "/" + string(descriptor.Name()), Kind: kind,
				Descriptor:  func() protoreflect.MethodDescriptor { return descriptor },
				NewRequest:  func() proto.Message { return dynamicpb.NewMessage(descriptor.Input()) },
				NewResponse: func() proto.Message { return dynamicpb.NewMessage(descriptor.Output()) },
			})
		}
	}
	return methods
}

// library has all that a document can say. Its protovalidate is an excerpt, with the names and numbers of the whole.
var library = map[string]string{
	"buf/validate/validate.proto": `syntax = "proto2"; package buf.validate; import "google/protobuf/descriptor.proto";
extend google.protobuf.FieldOptions { optional FieldRules field = 1159; }
message FieldRules { optional bool required = 25; oneof type { Int32Rules int32 = 3; StringRules string = 14; RepeatedRules repeated = 18; MapRules map = 19; } }
message Int32Rules { optional int32 lte = 3; optional int32 gt = 4; repeated int32 in = 6; }
message StringRules { optional uint64 min_len = 2; optional uint64 max_len = 3; optional string pattern = 6; optional bool email = 12; }
message RepeatedRules { optional uint64 min_items = 1; optional bool unique = 3; }
message MapRules { optional uint64 max_pairs = 2; }`,
	"library.proto": `syntax = "proto3"; package library.v2;
import "buf/validate/validate.proto"; import "google/api/annotations.proto"; import "google/api/field_behavior.proto"; import "google/api/httpbody.proto";
import "google/protobuf/any.proto"; import "google/protobuf/empty.proto"; import "google/protobuf/field_mask.proto"; import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/wrappers.proto";
// Library lends books.
service Library {
  // GetBook returns a book. It never fails.
  //
  // Or so they say.
  rpc GetBook(GetBookRequest) returns (Book) { option (google.api.http) = {get: "/v1/{name=shelves/*/books/*}" additional_bindings {get: "/v1/by-id/{id}"} additional_bindings {custom {kind: "LOOKUP" path: "/v1/by-id/{id}"}}}; }
  rpc ListBooks(ListBooksRequest) returns (ListBooksResponse) { option (google.api.http) = {get: "/v1/books" additional_bindings {get: "/v1/titles" response_body: "titles"}}; }
  rpc UpdateBook(UpdateBookRequest) returns (Book) { option (google.api.http) = {patch: "/v1/by-id/{other}" body: "book"}; option deprecated = true; }
  rpc DeleteBook(GetBookRequest) returns (google.protobuf.Empty) { option (google.api.http) = {delete: "/v1/by-id/{id}"}; }
  rpc BurnBook(GetBookRequest) returns (Book) { option (google.api.http) = {post: "/v1/by-id/{id}:burn" body: "*"}; }
  rpc ReadBook(GetBookRequest) returns (stream google.api.HttpBody) { option (google.api.http) = {get: "/v1/files/{name=**}"}; }
  rpc Upload(stream Page) returns (Book) { option (google.api.http) = {post: "/v1/upload" body: "*"}; }
  rpc Scan(Page) returns (Book) { option (google.api.http) = {post: "/v1/scan" body: "*" additional_bindings {put: "/v1/scan" body: "picture"}}; }
  rpc Watch(GetBookRequest) returns (stream Book) { option (google.api.http) = {get: "/v1/books:watch"}; }
  rpc Talk(stream Page) returns (stream Book) { option (google.api.http) = {post: "/v1/talk" body: "*"}; }
  rpc Hidden(Page) returns (Book);
}
message GetBookRequest { string name = 1; int64 id = 2; }
message Page { bytes content = 1; google.api.HttpBody picture = 2; }
message UpdateBookRequest { int32 other = 1; Book book = 2; google.protobuf.FieldMask update_mask = 3; }
message ListBooksRequest { int32 page_size = 1 [(buf.validate.field).int32 = {gt: 0, lte: 100}]; string shelf = 2 [(google.api.field_behavior) = REQUIRED]; repeated Kind kinds = 3; map<string, string> labels = 4; Filter filter = 5; google.protobuf.Timestamp since = 6; google.protobuf.Struct free = 7; repeated Filter more = 8; }
message Filter { string text = 1; Filter and = 2; }
message ListBooksResponse { repeated Book books = 1; repeated string titles = 2; }
// Kind of a book.
enum Kind {
  KIND_UNSPECIFIED = 0;
  // made up
  FICTION = 1;
  FACT = 2;
}
// Book is one.
message Book {
  string name = 1 [(google.api.field_behavior) = OUTPUT_ONLY]; // where it stands
  string title = 2 [(buf.validate.field) = {required: true, string: {min_len: 1, max_len: 80, pattern: "^[A-Z]"}}];
  Kind kind = 3; int64 big = 4; uint32 pages = 5; double weight = 6; bytes cover = 7; bool lent = 8 [deprecated = true];
  repeated string tags = 9 [(buf.validate.field).repeated = {min_items: 1, unique: true}]; map<int32, Author> authors = 10 [(buf.validate.field).map.max_pairs = 3];
  google.protobuf.Timestamp printed = 11; google.protobuf.Duration loan = 12; google.protobuf.Any extra = 13; google.protobuf.Value value = 14; google.protobuf.ListValue list = 15; google.protobuf.Struct object = 16;
  google.protobuf.StringValue note = 17; google.protobuf.Int64Value count = 18; oneof owner { string person = 19; Author author = 20; } Book sequel = 21; google.protobuf.NullValue nothing = 22; optional string subtitle = 23;
  string password = 24 [(google.api.field_behavior) = INPUT_ONLY]; string isbn = 25 [(google.api.field_behavior) = IMMUTABLE];
}
message Author { string email = 1 [(buf.validate.field).string.email = true]; }`,
}

func TestDocumentOfTheLibrary(t *testing.T) {
	document, err := openapi.Document(compiled(t, library), openapi.Options{Title: "Library", Servers: []string{"https://library.example"}})
	if err != nil {
		t.Fatal(err)
	}
	judge(t, document)
	again, err := openapi.Document(compiled(t, library), openapi.Options{Title: "Library", Servers: []string{"https://library.example"}})
	if err != nil || !bytes.Equal(document, again) {
		t.Errorf("a second document differs: %v", err)
	}
	flat := strings.Join(strings.Fields(string(document)), " ")
	for _, want := range []string{
		`"version": "v2"`, `"description": "Library lends books."`, `"summary": "GetBook returns a book"`, `Or so they say.`,
		`"/v1/shelves/{shelve}/books/{book}": { "get":`, `"x-additionalOperations": { "LOOKUP":`, `"/v1/by-id/{id}:burn": { "post":`,
		`"deprecated": true`, `"name": "labels", "in": "query", "style": "deepObject", "explode": true`, `"name": "filter.text"`,
		`"name": "shelf", "in": "query", "required": true`, `"exclusiveMinimum": 0`, `"maximum": 100`, `"name": "kinds", "in": "query", "style": "form", "explode": true`,
		`"minLength": 1, "maxLength": 80, "pattern": "^[A-Z]"`, `"minItems": 1, "uniqueItems": true`, `"maxProperties": 3`, `"format": "email"`, `"required": [ "title" ]`,
		`"readOnly": true`, `"writeOnly": true`, `"x-immutable": true`, `"text/event-stream"`, `"application/x-ndjson"`, `"*/*": {}`, `"multipart/form-data": { "schema": { "type": "object", "properties": { "content": { "type": "string", "contentMediaType": "application/octet-stream" }, "picture": {`, `or for each portion of a file`,
		`"contentEncoding": "base64"`, `- FICTION: made up`, `At most one of person, author may be given.`, `"where it stands"`, `"#/components/responses/Error"`,
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("the document does not have %s", want)
		}
	}
	for _, not := range []string{"Hidden", `"name": "more`, `"name": "filter.and.and.and.and`} {
		if strings.Contains(flat, not) {
			t.Errorf("the document has %s", not)
		}
	}
}

// TestTheJudge: a document that is not valid fails.
func TestTheJudge(t *testing.T) {
	document, err := openapi.Document(compiled(t, library), openapi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Replace(document, []byte(`"in": "query"`), []byte(`"in": "body"`), 1)
	read, err := libopenapi.NewDocument(broken)
	if err != nil {
		return
	}
	v, errs := validator.NewValidator(read)
	if len(errs) > 0 {
		return
	}
	if ok, _ := v.ValidateDocument(); ok {
		t.Error("a parameter in the body passes")
	}
}

type echo struct{ echopb.UnimplementedEcho }

func (echo) Get(_ context.Context, in *echopb.Message) (*echopb.Message, error) { return in, nil }
func (echo) Create(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return in, nil
}
func (echo) Patch(context.Context, *echopb.Message) (*echopb.Message, error) {
	return nil, farcall.Errorf(farcall.NotFound, "nothing there")
}

// TestServedDocument: what a server serves describes what it does: the judge holds requests and answers against it.
func TestServedDocument(t *testing.T) {
	srv := server.New(server.Options{REST: server.REST{OpenAPI: server.OpenAPI{Docs: true, Title: "Echo"}}})
	echopb.RegisterEcho(srv, echo{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() { srv.Close(); <-served })
	base := "http://" + listener.Addr().String()
	ask := func(method, target, body string) (*http.Request, *http.Response) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, base+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		request.Body, response.Body = io.NopCloser(strings.NewReader(body)), io.NopCloser(bytes.NewReader(text))
		return request, response
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	_, response := ask("GET", "/openapi.json", "")
	document, _ := io.ReadAll(response.Body)
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s %s", response.Status, document)
	}
	v := judge(t, document)
	for _, call := range []struct{ method, target, body string }{
		{"GET", "/v1/simple/a?number=5&tags=a&tags=b&flag=true&time=2026-01-02T03:04:05Z&colour=RED&big=9007199254740993", ""},
		{"POST", "/v1/simple", `{"number":5,"big":"6","nested":{"child":{"text":"x"}},"labels":{"a":"b"},"time":"2026-01-02T03:04:05Z","wait":"1.5s","maybe":3,"data":"YQ==","colour":"GREEN","ratio":1.5}`},
		{"PATCH", "/v1/simple/a/nested", `{"text":"t"}`},
	} {
		request, response := ask(call.method, call.target, call.body)
		if ok, faults := v.ValidateHttpRequest(request); !ok {
			t.Errorf("%s %s: the request: %v", call.method, call.target, faults)
		}
		request.Body = io.NopCloser(strings.NewReader(call.body))
		if ok, faults := v.ValidateHttpResponse(request, response); !ok {
			t.Errorf("%s %s: the response: %v", call.method, call.target, faults)
		}
	}
	_, page := ask("GET", "/docs", "")
	text, _ := io.ReadAll(page.Body)
	if page.StatusCode != 200 || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") || !bytes.Contains(text, []byte("openapi.json")) {
		t.Errorf("%s %s", page.Status, text)
	}
}
