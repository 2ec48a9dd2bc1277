// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"strings"
	"testing"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/transcode"
)

func TestChoose(t *testing.T) {
	for _, tc := range []struct{ accept, messages, streams string }{ // "" is 406
		{"", "application/json", "application/x-ndjson"},
		{" ", "application/json", "application/x-ndjson"},
		{"*/*", "application/json", "application/x-ndjson"},
		{"application/json", "application/json", "application/json"},
		{"Application/JSON; charset=utf-8", "application/json", "application/json"},
		{"application/*", "application/json", "application/x-ndjson"},
		{"application/protobuf", "application/protobuf", ""},
		{"application/x-protobuf", "application/x-protobuf", ""},
		{"application/json;q=0.5, application/protobuf", "application/protobuf", "application/json"},
		{"application/json;q=0.5, application/protobuf;q=0.4", "application/json", "application/json"},
		{"application/json;q=0.5, application/protobuf;q=0.501", "application/protobuf", "application/json"},
		{"application/json;q=0, */*", "application/protobuf", "application/x-ndjson"},
		{"*/*;q=0.1, application/protobuf;q=0.2", "application/protobuf", "application/x-ndjson"},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json", "application/x-ndjson"},
		{"text/event-stream", "", "text/event-stream"},
		{"text/event-stream, application/json;q=0.9", "application/json", "text/event-stream"},
		{"text/*", "", "text/event-stream"},
		{"application/jsonl", "", "application/jsonl"},
		{"application/json;q=0", "", ""},
		{"application/json;q=2", "", ""},
		{"application/json;q=0.1234", "", ""},
		{"application/json;q=0.1x", "", ""},
		{"application/json;q=", "", ""},
		{"application/json;q=1.000", "application/json", "application/json"},
		{"application/json;q=1.001", "", ""},
		{"application/json;v=1;q=0.3, application/*;q=0.9", "application/protobuf", "application/x-ndjson"},
		{",,;,/,*,a/*/*", "", ""},
		{"text/plain, image/png", "", ""},
	} {
		for offers, want := range map[*[]offer]string{&messageOffers: tc.messages, &streamOffers: tc.streams} {
			got, err := choose(tc.accept, *offers)
			if got.media != want || (err == nil) != (want != "") {
				t.Errorf("%q of %v: got %q, %v, want %q", tc.accept, *offers, got.media, err, want)
			}
		}
	}
}

// encoded is the wire form of an order, or of another message of the shop, that JSON describes.
func encoded(t testing.TB, method, json string, request bool) string {
	m := shop[method].NewResponse()
	if request {
		m = shop[method].NewRequest()
	}
	if err := transcode.Unmarshal([]byte(json), m); err != nil {
		t.Fatal(err)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestProtobufBodies(t *testing.T) {
	back := &backend{answer: answerOrder}
	router := shopRouter(t, Options{Invoker: back})
	order := encoded(t, "CreateOrder", `{"customer":"ann"}`, true)
	answer := encoded(t, "CreateOrder", orderJSON, false)
	const pb = "content-type: application/x-protobuf"
	for _, tc := range []struct {
		method, target, body string
		headers              []string
		call, answer         string
	}{
		{"POST", "/v1/orders", order, []string{pb}, `CreateOrder {"customer":"ann"}`, "200 content-type: application/protobuf " + answer},
		{"POST", "/v1/orders", order, []string{"content-type: application/protobuf", "accept: application/json"}, `CreateOrder {"customer":"ann"}`, "200 " + orderJSON},
		{"POST", "/v1/orders", `{"customer":"ann"}`, []string{"accept: application/x-protobuf"}, `CreateOrder {"customer":"ann"}`, "200 content-type: application/x-protobuf " + answer},
		{"GET", "/v1/orders/o1", ``, []string{"accept: application/protobuf"}, `GetOrder {"orderId":"o1"}`, "200 content-type: application/protobuf " + answer},
		{"PATCH", "/v1/orders/o1", order, []string{pb}, `UpdateOrder {"order":{"orderId":"o1","customer":"ann"}}`, `200 "o1"`}, // a string has no form of its own in protobuf
		{"PATCH", "/v1/orders/o1", order, []string{pb, "accept: application/protobuf"}, ``,
			`406 {"code":3,"message":"nothing that accept \"application/protobuf\" names can be answered: there is application/json"}`},
		{"PUT", "/v1/tags", order, []string{pb}, ``, `415 {"code":3,"message":"the content-type \"application/x-protobuf\" cannot be read: send application/json or multipart/form-data"}`},
		{"POST", "/v1/streams", order, []string{pb, "accept: application/json"}, ``,
			`415 {"code":3,"message":"the content-type \"application/x-protobuf\" cannot be read: send application/x-ndjson, application/json or multipart/form-data"}`},
	} {
		r := newRequest(t, tc.method, tc.target, tc.body, tc.headers...)
		router.Serve(t.Context(), r)
		if got := r.text(); got != tc.answer {
			t.Errorf("%s %s %v: got %q, want %q", tc.method, tc.target, tc.headers, got, tc.answer)
		}
		if got := back.take(); got != tc.call {
			t.Errorf("%s %s %v: called %s, want %s", tc.method, tc.target, tc.headers, got, tc.call)
		}
	}
	// A failure is a google.rpc.Status in the form that the client reads.
	r := newRequest(t, "POST", "/v1/orders", "\x0a\xff", pb)
	router.Serve(t.Context(), r)
	failure := &rpcstatus.Status{}
	if err := proto.Unmarshal(r.answered, failure); err != nil || failure.Code != 3 || !strings.HasPrefix(failure.Message, "the body is no encoded shop.Order") ||
		r.answers[0].Get("content-type") != "application/protobuf" || r.answers[0].Get(":status") != "400" {
		t.Errorf("got %v, %v", failure, err)
	}
}

// withZstd is what is known without being named, unless the build tag farcall_grpconly is set.
var withZstd = compress.NewTable(compress.Zstd, compress.Gzip)

func compressedWith(t testing.TB, c compress.Compressor, text string) string {
	small, err := c.Compress(nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(small)
}

func TestCompressedBodies(t *testing.T) {
	back := &backend{}
	router := shopRouter(t, Options{Invoker: back, MaxBodyBytes: 2000, Compressors: withZstd})
	for coding, compressor := range map[string]compress.Compressor{"gzip": compress.Gzip, "zstd": compress.Zstd, "X-GZIP": compress.Gzip} {
		r := newRequest(t, "POST", "/v1/orders", compressedWith(t, compressor, `{"customer":"ann"}`), "content-encoding: "+coding, "content-type: application/json")
		router.Serve(t.Context(), r)
		if got, call := r.text(), back.take(); got != "200 {}" || call != `CreateOrder {"customer":"ann"}` {
			t.Errorf("%s: %s, called %s", coding, got, call)
		}
		bomb := newRequest(t, "POST", "/v1/orders", compressedWith(t, compressor, `{"customer":"`+strings.Repeat("x", 1<<20)+`"}`), "content-encoding: "+coding)
		router.Serve(t.Context(), bomb)
		const want = `413 {"code":8,"message":"the body is larger than the 2000 bytes that are accepted here once it is decompressed"}`
		if got := bomb.text(); got != want {
			t.Errorf("%s of a megabyte: %s, want %s", coding, got, want)
		}
	}
}

func TestCompressedAnswers(t *testing.T) {
	long := strings.Repeat("tea ", 1000)
	back := &backend{answer: func(_ context.Context, _ *farcall.Method, _, response proto.Message) error {
		return transcode.Unmarshal([]byte(`{"customer":"`+long+`"}`), response)
	}}
	for _, tc := range []struct {
		option string
		least  int
		accept string
		coding string // of the request
		want   string // of the answer
	}{
		{"", 0, "gzip, zstd", "gzip", "gzip"}, // as the request was
		{"", 0, "gzip, zstd", "zstd", "zstd"},
		{"", 0, "gzip, zstd", "", ""},
		{"", 0, "zstd", "gzip", ""},
		{"", 0, "", "gzip", ""},
		{"zstd,gzip", 0, "gzip, zstd", "", "zstd"},
		{"zstd,gzip", 0, "gzip;q=1.0, br", "", "gzip"},
		{"zstd,gzip", 0, "zstd;q=0, *", "", "gzip"},
		{"zstd,gzip", 0, "zstd;q=0.5, gzip;q=0.8", "", "gzip"},
		{"gzip,zstd", 0, "zstd;q=0.5, gzip;q=0.8, identity;q=0.9", "", ""},
		{"zstd,gzip", 0, "zstd;q=0.5, identity;q=0.5", "", "zstd"},
		{"zstd,gzip", 0, "identity", "", ""},
		{"zstd,gzip", 10_000, "zstd", "", ""},
		{"identity", 0, "gzip", "gzip", ""},
	} {
		router := shopRouter(t, Options{Invoker: back, Compressors: withZstd, Compression: tc.option, MinCompressBytes: tc.least})
		body := `{}`
		if tc.coding != "" {
			body = compressedWith(t, withZstd.Find(tc.coding), body)
		}
		headers := []string{"content-encoding: " + tc.coding, "accept-encoding: " + tc.accept, "content-type: application/json"}
		r := newRequest(t, "POST", "/v1/orders", body, headers...)
		router.Serve(t.Context(), r)
		coding := r.answers[0].Get("content-encoding")
		answered := string(r.answered)
		if used := withZstd.Find(coding); used != nil {
			whole, err := used.Decompress(nil, r.answered, -1)
			if err != nil {
				t.Fatal(err)
			}
			answered = string(whole)
		}
		if coding != tc.want || answered != `{"customer":"`+long+`"}` {
			t.Errorf("%+v: got %q, %d bytes", tc, coding, len(answered))
		}
	}
}

// TestStatusOfHandlers: metadata says what HTTP status an answer has.
func TestStatusOfHandlers(t *testing.T) {
	for _, tc := range []struct {
		metadata []string
		failure  error
		want     string
	}{
		{[]string{StatusKey, "201", "location", "/v1/orders/17"}, nil, `201 location: /v1/orders/17 {}`},
		{[]string{StatusKey, "204", "etag", "x"}, nil, `204 etag: x vary: accept, accept-encoding`},
		{[]string{StatusKey, "303", "location", "/v1/orders/17"}, nil, `303 location: /v1/orders/17 {}`},
		{[]string{StatusKey, "404"}, nil, `500 {"code":13,"message":"the handler returned a response with the http-status 404, which is one of failures: it must return an error"}`},
		{[]string{StatusKey, "99"}, nil, `500 {"code":13,"message":"the http-status \"99\" of the response is no status: it is 200 to 399 for a success, 400 to 599 for a failure"}`},
		{[]string{StatusKey, "ok"}, nil, `500 {"code":13,"message":"the http-status \"ok\" of the response is no status: it is 200 to 399 for a success, 400 to 599 for a failure"}`},
		{[]string{StatusKey, "410"}, farcall.Errorf(farcall.NotFound, "gone"), `410 {"code":5,"message":"gone"}`},
		{[]string{StatusKey, "201", "retry-after", "5"}, farcall.Errorf(farcall.Unavailable, "later"), `503 retry-after: 5 {"code":14,"message":"later"}`},
		{[]string{"content-encoding", "br", "set-cookie", "a=b", "mine", "1", "date", "now"}, nil,
			`200 grpc-metadata-content-encoding: br grpc-metadata-set-cookie: a=b mine: 1 grpc-metadata-date: now {}`},
	} {
		back := &backend{answer: func(ctx context.Context, method *farcall.Method, _, _ proto.Message) error {
			claimed, _ := farcall.ClaimCall(ctx)
			claimed.Deliver(method, farcall.Peer{}, farcall.Metadata{}, farcall.NewMetadata(tc.metadata...), farcall.Metadata{})
			return tc.failure
		}}
		r := newRequest(t, "POST", "/v1/orders", "")
		shopRouter(t, Options{Invoker: back, ResponseHeaders: []string{"Mine", "Date", "Content-Encoding"}}).Serve(t.Context(), r)
		if got := r.answers[0].Get("content-type"); got != mediaJSON && !strings.HasPrefix(tc.want, "204") {
			t.Errorf("%v: content-type %q", tc.metadata, got)
		}
		if got := strings.Replace(r.text(), " content-type: application/json", "", 1); got != tc.want {
			t.Errorf("%v:\n got %s\nwant %s", tc.metadata, got, tc.want)
		}
	}
}

// TestHeadersTwice: whoever stands in front may have read the other one.
func TestHeadersTwice(t *testing.T) {
	router := shopRouter(t, Options{Invoker: &backend{}})
	for _, name := range []string{"content-length", "content-type", "grpc-timeout", "x-server-timeout"} {
		r := newRequest(t, "POST", "/v1/orders", `{}`, name+": 1", name+": 2")
		router.Serve(t.Context(), r)
		if got, want := r.text(), `400 {"code":3,"message":"the header `+name+` is there twice, with different values"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	r := newRequest(t, "POST", "/v1/orders", `{}`, "content-length: 2", "content-length: 2")
	router.Serve(t.Context(), r)
	if got := r.text(); got != "200 {}" {
		t.Error(got)
	}
}

func TestOwnRequestHeaders(t *testing.T) {
	var sent farcall.Metadata
	back := &backend{answer: func(ctx context.Context, _ *farcall.Method, _, _ proto.Message) error {
		sent = farcall.OutgoingMetadata(ctx)
		return nil
	}}
	router := shopRouter(t, Options{Invoker: back, RequestHeaders: []string{"X-Tenant", "Content-Length", "Connection"}})
	r := newRequest(t, "POST", "/v1/orders", `{}`, "x-tenant: t1", "grpc-metadata-x-tenant: evil", "connection: close", "x-other: 1", "x-server-timeout: 1.5")
	router.Serve(t.Context(), r)
	if got := r.text(); got != "200 {}" || sent.Len() != 1 || sent.Get("x-tenant") != "t1" {
		t.Errorf("%s, sent %v", got, sent)
	}
	for _, malformed := range []string{"x", "-1", "1e3", "."} {
		r := newRequest(t, "POST", "/v1/orders", `{}`, "x-server-timeout: "+malformed)
		router.Serve(t.Context(), r)
		want := `400 {"code":3,"message":"x-server-timeout \"` + malformed + `\" is malformed: a number of seconds such as 1.5 is expected"}`
		if got := r.text(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
