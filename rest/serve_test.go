// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/transcode"
)

const orderJSON = `{"orderId":"o1","items":[{"sku":"a","quantity":2}],"total":"9007199254740993"}`

// answerOrder answers with an order where the method returns one.
func answerOrder(_ context.Context, method *farcall.Method, _, response proto.Message) error {
	switch response.ProtoReflect().Descriptor().Name() {
	case "Order":
		return transcode.Unmarshal([]byte(orderJSON), response)
	case "Item":
		return transcode.Unmarshal([]byte(`{"sku":"x","quantity":3}`), response)
	}
	return nil
}

func TestServe(t *testing.T) {
	back := &backend{answer: answerOrder}
	router := shopRouter(t, Options{Invoker: back})
	for _, tc := range []struct{ method, target, body, call, answer string }{
		{"POST", "/v1/orders", `{"customer":"ann","items":[{"sku":"a","quantity":"2"}],"total":5}`,
			`CreateOrder {"items":[{"sku":"a","quantity":2}],"total":"5","customer":"ann"}`, `200 ` + orderJSON},
		{"POST", "/v1/orders", ``, `CreateOrder {}`, `200 ` + orderJSON},
		{"GET", "/v1/orders/o1", ``, `GetOrder {"orderId":"o1"}`, `200 ` + orderJSON},
		{"GET", "/v1/orders/o1?verbose=true", ``, `GetOrder {"orderId":"o1","verbose":true}`, `200 ` + orderJSON},
		{"HEAD", "/v1/orders/o1", ``, `GetOrder {"orderId":"o1"}`, fmt.Sprintf(`200 length %d`, len(orderJSON))},
		{"GET", "/v1/shops/7/orders/8", ``, `GetOrder {"name":"shops/7/orders/8"}`, `200 ` + orderJSON},
		{"GET", "/v1/archive/a/b%2Fc", ``, `GetOrder {"name":"a/b%2Fc"}`, `200 ` + orderJSON},
		{"DELETE", "/v1/orders/o1", ``, `DeleteOrder {"orderId":"o1"}`, `200 {}`},
		{"POST", "/v1/orders/o1:touch", ``, `TouchOrder {"orderId":"o1"}`, `200 ` + orderJSON},
		{"REPORT", "/v1/orders?pageSize=1", ``, `ReportOrders {"pageSize":1}`, `200 ` + orderJSON},
		{"LINK", "/v1/any", ``, `ReportOrders {}`, `200 ` + orderJSON},
		{"GET", "/v1/items/3?sku=a%26b", ``, `GetItem {"sku":"a&b","quantity":3}`, `200 {"sku":"x","quantity":3}`},

		// What the path says wins over the body.
		{"POST", "/v1/orders/o1:cancel", `{"orderId":"o2","customer":"ann"}`, `CancelOrder {"orderId":"o1","customer":"ann"}`, `200 ` + orderJSON},
		{"PATCH", "/v1/orders/o1?validateOnly=true&tags=x&tags=y", `{"orderId":"o2","total":"7"}`,
			`UpdateOrder {"order":{"orderId":"o1","total":"7"},"validateOnly":true,"tags":["x","y"]}`, `200 "o1"`},
		{"PATCH", "/v1/orders/o1", ``, `UpdateOrder {"order":{"orderId":"o1"}}`, `200 "o1"`},

		// Bodies and answers that are no messages.
		{"PUT", "/v1/tags?note=n", `["a","b"]`, `UpdateOrder {"tags":["a","b"],"note":"n"}`, `200 [{"sku":"a","quantity":2}]`},
		{"PUT", "/v1/notes", `"hello"`, `UpdateOrder {"note":"hello"}`, `200 {}`},

		// Query parameters.
		{"GET", "/v1/orders?page_size=10&pageToken=a+b%2Bc&", ``, `ListOrders {"pageSize":10,"pageToken":"a b+c"}`, `200 ` + orderJSON},
		{"GET", "/v1/orders?status=PAID&status=2&codes=1&codes=-2", ``, `ListOrders {"status":["PAID","CANCELLED"],"codes":[1,-2]}`, `200 ` + orderJSON},
		{"GET", "/v1/orders?filter.text=x&filter.and.text=y&filter.and.a=z", ``, `ListOrders {"filter":{"text":"x","and":{"text":"y","a":"z"}}}`, `200 ` + orderJSON},
		{"GET", "/v1/orders?since=2026-01-02T03:04:05Z&patience=1.5s&mask=pageSize,filter.text&limit=5", ``,
			`ListOrders {"since":"2026-01-02T03:04:05Z","patience":"1.500s","mask":"pageSize,filter.text","limit":5}`, `200 ` + orderJSON},
		{"GET", "/v1/orders?since.seconds=5&limit.value=6", ``, `ListOrders {"since":"1970-01-01T00:00:05Z","limit":6}`, `200 ` + orderJSON},
		{"GET", "/v1/orders?moments=2026-01-02T03:04:05Z&moments=2026-01-02T03:04:06Z", ``,
			`ListOrders {"moments":["2026-01-02T03:04:05Z","2026-01-02T03:04:06Z"]}`, `200 ` + orderJSON},
		{"GET", "/v1/orders?token=-_8&ratio=1e3&paid=true&email=", ``, `ListOrders {"token":"+/8=","email":"","paid":true,"ratio":1000}`, `200 ` + orderJSON},
		{"GET", "/v1/orders?labels[a]=x&labels[b.c%5D]=y&labels%5B%5D=z", ``, `ListOrders {"labels":{"":"z","a":"x","b.c]":"y"}}`, `200 ` + orderJSON},
		{"GET", `/v1/orders?free={"a":[1,null]}`, ``, `ListOrders {"free":{"a":[1,null]}}`, `200 ` + orderJSON},
		{"GET", "/v1/orders?&&", ``, `ListOrders {}`, `200 ` + orderJSON},
	} {
		r := newRequest(t, tc.method, tc.target, tc.body)
		router.Serve(t.Context(), r)
		if got := back.take(); got != tc.call {
			t.Errorf("%s %s %s:\ncalled %s\n  want %s", tc.method, tc.target, tc.body, got, tc.call)
		}
		if got := r.text(); got != tc.answer {
			t.Errorf("%s %s %s:\nanswer %s\n  want %s", tc.method, tc.target, tc.body, got, tc.answer)
		}
	}
}

// status3 is the answer to an invalid argument, with a detail for the field unless field is "".
func status3(field, message string) string {
	message = string(appendString(nil, message))
	if field == "" {
		return fmt.Sprintf(`400 {"code":3,"message":%s}`, message)
	}
	return fmt.Sprintf(`400 {"code":3,"message":%s,"details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":%s,"description":%s}]}]}`,
		message, appendString(nil, field), message)
}

func TestBadInput(t *testing.T) {
	back := &backend{answer: answerOrder}
	router := shopRouter(t, Options{Invoker: back, MaxBodyBytes: 200, Compressors: withZstd})
	big := `{"customer":"` + strings.Repeat("x", 200) + `"}`
	for _, tc := range []struct {
		method, target, body string
		headers              []string
		want                 string
	}{
		// Routes.
		{"GET", "/v2/orders?x=1", ``, nil, `404 {"code":5,"message":"there is nothing at /v2/orders"}`},
		{"GET", "/" + strings.Repeat("é", 200), ``, nil, `404 {"code":5,"message":"there is nothing at /` + strings.Repeat("é", 49) + `�…"}`},
		{"PUT", "/v1/orders", ``, nil, `405 allow: GET, HEAD, POST, REPORT {"code":12,"message":"PUT is not possible at this path: it takes GET, HEAD, POST, REPORT"}`},
		{"OPTIONS", "/v1/orders/o1", ``, nil, `204 allow: DELETE, GET, HEAD, PATCH, OPTIONS`},
		{"GET", "/v1/orders/%zz", ``, nil, status3("", `the path: "%zz" is not an escape: a percent sign is followed by two hexadecimal digits and is itself written %25`)},
		{"OPTIONS", "*", ``, nil, `204`},
		{"GET", "", ``, nil, status3("", `the path "" does not begin with "/"`)},
		{"HEAD", "/v2", ``, nil, fmt.Sprintf(`404 length %d`, len(`{"code":5,"message":"there is nothing at /v2"}`))},

		// The body: type, size, presence.
		{"POST", "/v1/orders", `{}`, []string{"content-type: text/plain"}, `415 {"code":3,"message":"the content-type \"text/plain\" cannot be read: send application/json, application/protobuf or multipart/form-data"}`},
		{"POST", "/v1/orders", `a=b`, []string{"content-type: application/x-www-form-urlencoded"}, `415 {"code":3,"message":"the content-type \"application/x-www-form-urlencoded\" cannot be read: send application/json, application/protobuf or multipart/form-data"}`},
		{"POST", "/v1/orders", `{}`, []string{"content-type: application/json; charset=latin1"}, `415 {"code":3,"message":"the charset \"latin1\" cannot be read: JSON is sent in utf-8"}`},
		{"POST", "/v1/orders", `{}`, []string{"content-type: application/json; charset"}, `415 {"code":3,"message":"the content-type \"application/json; charset\" cannot be read: send application/json, application/protobuf or multipart/form-data"}`},
		{"POST", "/v1/orders", `{}`, []string{"content-type:"}, `415 {"code":3,"message":"the body has no content-type: send application/json, application/protobuf or multipart/form-data"}`},
		{"POST", "/v1/orders", `{}`, []string{"content-encoding: br"}, `415 accept-encoding: gzip,zstd,identity {"code":3,"message":"the content-encoding \"br\" cannot be read: there is gzip, zstd, identity"}`},
		{"POST", "/v1/orders", `{}`, []string{"content-encoding: gzip, gzip"}, `415 accept-encoding: gzip,zstd,identity {"code":3,"message":"the content-encoding \"gzip, gzip\" cannot be read: there is gzip, zstd, identity"}`},
		{"POST", "/v1/orders", `{}`, []string{"content-encoding: gzip"}, `400 {"code":3,"message":"the body is not what its content-encoding says: gzip: unexpected EOF"}`},
		{"POST", "/v1/orders", `{}`, []string{"content-length: two"}, status3("", `content-length "two" is not a number of bytes`)},
		{"POST", "/v1/orders", `{}`, []string{"content-length: -2"}, status3("", `content-length "-2" is not a number of bytes`)},
		{"POST", "/v1/orders", `{}`, []string{"content-length: 3"}, status3("", `the body has 2 bytes, but content-length announced 3`)},
		{"POST", "/v1/orders", `{}`, []string{"content-length: 99999999999999999999"}, status3("", `content-length "99999999999999999999" is not a number of bytes`)},
		{"POST", "/v1/orders", big, nil, `413 {"code":8,"message":"the body is larger than the 200 bytes that are accepted here"}`},
		{"POST", "/v1/orders", big, []string{"content-length:"}, `413 {"code":8,"message":"the body is larger than the 200 bytes that are accepted here"}`},
		{"GET", "/v1/orders", `{}`, nil, status3("", `GET /v1/orders takes no body: its fields are in the path and the query`)},
		{"POST", "/v1/orders/o1:touch", `{}`, []string{"content-length:"}, status3("", `POST /v1/orders/{order_id}:touch takes no body: its fields are in the path and the query`)},

		// The body: content.
		{"POST", "/v1/orders", "{\n  \"customer\": \"ann\",\n}", nil, status3("", `the body: line 3, column 1: malformed JSON: '}' after a comma: the last member has none behind it`)},
		{"POST", "/v1/orders", ` `, nil, status3("", `the body: line 1, column 2: malformed JSON: the text ends where a value should be`)},
		{"POST", "/v1/orders", `{"custmer":"ann"}`, nil, status3("custmer", `the body: line 1, column 2: custmer: unknown field: shop.Order has no "custmer"; did you mean "customer"?`)},
		{"POST", "/v1/orders", `{"items":[{"quantity":"two"}]}`, nil, status3("items[0].quantity", `the body: line 1, column 23: items[0].quantity: a whole number (int32) is wanted, not "two"`)},
		{"POST", "/v1/orders", `{"items":[{"quantity":99999999999}]}`, nil, status3("items[0].quantity", `the body: line 1, column 23: items[0].quantity: 99999999999 does not fit int32 (-2147483648 to 2147483647)`)},
		{"POST", "/v1/orders", `[]`, nil, status3("", `the body: line 1, column 1: an object is wanted (shop.Order), not an array`)},
		{"PATCH", "/v1/orders/o1", `{"x":1}`, nil, status3("x", `the body: line 1, column 2: x: unknown field: shop.Order has no "x"; it has orderId, items, status, total, customer, labels`)},
		{"PATCH", "/v1/orders/o1", `null`, nil, status3("", `the body: line 1, column 1: an object is wanted (shop.Order), not null`)},
		{"PUT", "/v1/notes", `"a","tags":["b"]`, nil, status3("", `the body: line 1, column 4: malformed JSON: ',' after the end of the value`)},

		// The path.
		{"GET", "/v1/items/many", ``, nil, status3("quantity", `quantity in the path: a whole number (int32) is wanted, not "many"`)},
		{"GET", "/v1/items/2147483648", ``, nil, status3("quantity", `quantity in the path: "2147483648" does not fit int32 (-2147483648 to 2147483647)`)},
		{"GET", "/v1/orders/%ff", ``, nil, status3("order_id", `order_id in the path: the text is not UTF-8 when decoded`)},

		// The query.
		{"GET", "/v1/orders?pagesize=1", ``, nil, status3("pagesize", `the query parameter "pagesize": unknown field: shop.List has no "pagesize"; did you mean "pageSize"?`)},
		{"GET", "/v1/orders?=1", ``, nil, status3("", `the query: a parameter without a name`)},
		{"GET", "/v1/orders?page_size=x", ``, nil, status3("page_size", `the query parameter "page_size": a whole number (int32) is wanted, not "x"`)},
		{"GET", "/v1/orders?page_size", ``, nil, status3("page_size", `the query parameter "page_size": a whole number (int32) is wanted, not ""`)},
		{"GET", "/v1/orders?page_size=1&pageSize=2", ``, nil, status3("pageSize", `the query parameter "pageSize": it is given twice`)},
		{"GET", "/v1/orders?status=LOST", ``, nil, status3("status", `the query parameter "status": "LOST" is not a value of shop.Status, which has STATUS_UNSPECIFIED, PAID, CANCELLED`)},
		{"GET", "/v1/orders?filter=x", ``, nil, status3("filter", `the query parameter "filter": it is a message (shop.Filter), which text cannot give: name one of its fields`)},
		{"GET", "/v1/orders?filter.x=1", ``, nil, status3("filter.x", `the query parameter "filter.x": unknown field: shop.Filter has no "x"; it has text, and, a, b`)},
		{"GET", "/v1/orders?page_size.x=1", ``, nil, status3("page_size.x", `the query parameter "page_size.x": shop.List.page_size is no message but int32: it has no field "x"`)},
		{"GET", "/v1/orders?items.sku=1", ``, nil, status3("items.sku", `the query parameter "items.sku": shop.List.items is repeated: a field path cannot lead into it`)},
		{"GET", "/v1/orders?items=1", ``, nil, status3("items", `the query parameter "items": it is a message (shop.Item), which text cannot give: name one of its fields`)},
		{"GET", "/v1/orders?labels=1", ``, nil, status3("labels", `the query parameter "labels": it is a map: write labels[key]=value`)},
		{"GET", "/v1/orders?labels[a]=1&labels[a]=2", ``, nil, status3("labels[a]", `the query parameter "labels[a]": the key "a" is given twice`)},
		{"GET", "/v1/orders?page_token[a]=1", ``, nil, status3("page_token[a]", `the query parameter "page_token[a]": page_token is no map: it has no "a"`)},
		{"GET", "/v1/orders?labels[a=1", ``, nil, status3("labels[a", `the query parameter "labels[a": unknown field: shop.List has no "labels[a"; did you mean "labels"?`)},
		{"GET", "/v1/orders?labels[%ff]=1", ``, nil, status3("labels[\ufffd]", `the query parameter "labels[`+"\ufffd"+`]": the text is not UTF-8 when decoded`)},
		{"GET", "/v1/orders?free={", ``, nil, status3("free", `the query parameter "free": line 1, column 2: malformed JSON: the text ends inside an object`)},
		{"GET", "/v1/orders?email=a&phone=b", ``, nil, status3("phone", `the query parameter "phone": only one of it and email may be given`)},
		{"GET", "/v1/orders?filter.a=a&filter.b=b", ``, nil, status3("filter.b", `the query parameter "filter.b": only one of it and a may be given`)},
		{"GET", "/v1/orders?paid=%", ``, nil, status3("", `the query parameter "paid": "%" is not an escape: a percent sign is followed by two hexadecimal digits and is itself written %25`)},
		{"GET", "/v1/orders?%1=x", ``, nil, status3("", `the query: "%1" is not an escape: a percent sign is followed by two hexadecimal digits and is itself written %25`)},
		{"GET", "/v1/orders?page_token=%ff", ``, nil, status3("page_token", `the query parameter "page_token": the text is not UTF-8 when decoded`)},
		{"GET", "/v1/orders?filter." + strings.Repeat("and.", 32) + "text=x", ``, nil, status3("filter."+strings.Repeat("and.", 23)+"a…", `the query parameter "filter.`+strings.Repeat("and.", 23)+`a…": it has more than 32 names`)},
		{"GET", "/v1/orders/o1?order_id=o2", ``, nil, status3("order_id", `the query parameter "order_id": GET /v1/orders/{order_id} takes it from the path`)},
		{"PATCH", "/v1/orders/o1?order.total=1", `{}`, nil, status3("order.total", `the query parameter "order.total": PATCH /v1/orders/{order.order_id} takes it from the body`)},
		{"PATCH", "/v1/orders/o1?order.order_id=1", `{}`, nil, status3("order.order_id", `the query parameter "order.order_id": PATCH /v1/orders/{order.order_id} takes it from the path`)},
		{"POST", "/v1/orders?customer=ann", `{}`, nil, status3("customer", `the query parameter "customer": POST /v1/orders takes its fields from the path and the body, none from the query`)},

		// Headers.
		{"GET", "/v1/orders", ``, []string{"grpc-timeout: soon"}, status3("", `grpc-timeout "soon" is malformed: one to eight digits and one of the units H, M, S, m, u, n are expected`)},
		{"GET", "/v1/orders", ``, []string{"grpc-metadata-x-bin: %"}, status3("", `the request's headers: the value "%" of metadata key "x-bin" is malformed: keys that end in -bin carry base64`)},
		{"POST", "/v1/orders", `{}`, []string{"idempotency-key: k\u00fc"}, status3("", `the request's headers: the idempotency-key cannot be passed on: it is not printable ASCII`)},
	} {
		r := newRequest(t, tc.method, tc.target, tc.body, tc.headers...)
		router.Serve(t.Context(), r)
		if got := r.text(); got != tc.want {
			t.Errorf("%s %s %s %v:\n got %s\nwant %s", tc.method, tc.target, tc.body, tc.headers, got, tc.want)
		}
		if call := back.take(); call != "" {
			t.Errorf("%s %s %s: %s was called", tc.method, tc.target, tc.body, call)
		}
	}
}

func TestAcceptedBodies(t *testing.T) {
	back := &backend{}
	router := shopRouter(t, Options{Invoker: back})
	for _, headers := range [][]string{
		{"content-type: application/json"}, {"content-type: Application/JSON; Charset=\"UTF-8\""}, {"content-type: application/json;"},
		{"content-type: application/json", "content-encoding: identity"}, {"content-length:"},
	} {
		r := newRequest(t, "POST", "/v1/orders", `{"customer":"ann"}`, headers...)
		router.Serve(t.Context(), r)
		if got, call := r.text(), back.take(); got != `200 {}` || call != `CreateOrder {"customer":"ann"}` {
			t.Errorf("%v: %s, called %s", headers, got, call)
		}
	}
	// Nothing has no type.
	for _, headers := range [][]string{nil, {"content-type: text/plain"}, {"content-type: application/x-www-form-urlencoded", "content-length: 0"}} {
		r := newRequest(t, "POST", "/v1/orders", ``, headers...)
		router.Serve(t.Context(), r)
		if got, call := r.text(), back.take(); got != `200 {}` || call != `CreateOrder {}` {
			t.Errorf("empty, %v: %s, called %s", headers, got, call)
		}
	}
	// A limit of less than nothing is none.
	unlimited := shopRouter(t, Options{Invoker: back, MaxBodyBytes: -1})
	r := newRequest(t, "POST", "/v1/orders", `{"customer":"`+strings.Repeat("x", 5<<20)+`"}`)
	unlimited.Serve(t.Context(), r)
	if got := r.text(); got != `200 {}` {
		t.Errorf("5 MiB without a limit: %s", got)
	}
}

func TestStatuses(t *testing.T) {
	want := map[farcall.Code]int{
		farcall.Canceled: 499, farcall.Unknown: 500, farcall.InvalidArgument: 400, farcall.DeadlineExceeded: 504,
		farcall.NotFound: 404, farcall.AlreadyExists: 409, farcall.PermissionDenied: 403, farcall.ResourceExhausted: 429,
		farcall.FailedPrecondition: 400, farcall.Aborted: 409, farcall.OutOfRange: 400, farcall.Unimplemented: 501,
		farcall.Internal: 500, farcall.Unavailable: 503, farcall.DataLoss: 500, farcall.Unauthenticated: 401,
	}
	if httpStatus(farcall.OK) != 200 || httpStatus(99) != 500 || len(want) != 16 {
		t.Error("OK, or the table")
	}
	back := &backend{}
	router := shopRouter(t, Options{Invoker: back})
	for code, status := range want {
		back.answer = func(context.Context, *farcall.Method, proto.Message, proto.Message) error {
			return farcall.Errorf(code, "no \"more\" \xff")
		}
		r := newRequest(t, "GET", "/v1/orders", "")
		router.Serve(t.Context(), r)
		if got, want := r.text(), fmt.Sprintf(`%d {"code":%d,"message":"no \"more\" �"}`, status, code); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
		if heads[status] == nil {
			t.Errorf("no head for status %d", status)
		}
	}
}

func TestMetadata(t *testing.T) {
	var sent farcall.Metadata
	back := &backend{answer: func(ctx context.Context, method *farcall.Method, _, _ proto.Message) error {
		sent = farcall.OutgoingMetadata(ctx)
		claimed, err := farcall.ClaimCall(ctx)
		if claimed == nil || err != nil {
			return farcall.Errorf(farcall.Internal, "the call cannot be claimed: %v", err)
		}
		claimed.Deliver(method, farcall.Peer{}, sent, farcall.NewMetadata("etag", "v1", "trace-bin", "\x00\xff"), farcall.NewMetadata("t", "v"))
		return nil
	}}
	router := shopRouter(t, Options{Invoker: back})
	r := newRequest(t, "GET", "/v1/orders", "",
		"authorization: Bearer x", "idempotency-key: k1", "x-request-id: r1", "traceparent: 00-1-2-3", "tracestate: a=b",
		"grpc-metadata-tenant: t1", "grpc-metadata-tenant: t2", "grpc-metadata-sum-bin: AAH/",
		// None of these:
		"cookie: secret", "user-agent: curl", "x-forwarded-for: 1.2.3.4", "connection: close", "te: trailers", "host: h",
		"grpc-metadata-authorization: Bearer evil", "grpc-metadata-traceparent: 1", "grpc-metadata-connection: close",
		"grpc-metadata-:path: /x", "grpc-metadata-grpc-status: 0", "grpc-metadata-: x", "grpc-metadata-content-type: x", "grpc-metadatax: y", "farcall-step-times: 1")
	router.Serve(t.Context(), r)
	if got, want := r.text(), `200 etag: v1 grpc-metadata-trace-bin: AP8 vary: accept, accept-encoding {}`; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	var got []string
	for key, value := range sent.All() {
		got = append(got, fmt.Sprintf("%s=%q", key, value))
	}
	const want = `authorization="Bearer x" idempotency-key="k1" x-request-id="r1" traceparent="00-1-2-3" tracestate="a=b" tenant="t1" tenant="t2" sum-bin="\x00\x01\xff"`
	if strings.Join(got, " ") != want {
		t.Errorf("the call has %s\nwant %s", strings.Join(got, " "), want)
	}

	// Headers go with failures too; those that cannot be sent become a failure.
	for header, want := range map[string]string{
		"etag":        `404 etag: x vary: accept, accept-encoding {"code":5,"message":"gone"}`,
		"grpc-status": `404 {"code":5,"message":"gone"}`,
	} {
		back.answer = func(ctx context.Context, method *farcall.Method, _, _ proto.Message) error {
			claimed, _ := farcall.ClaimCall(ctx)
			claimed.Deliver(method, farcall.Peer{}, farcall.Metadata{}, farcall.NewMetadata(header, "x"), farcall.Metadata{})
			return farcall.Errorf(farcall.NotFound, "gone")
		}
		r := newRequest(t, "GET", "/v1/orders", "")
		router.Serve(t.Context(), r)
		if got := r.text(); got != want {
			t.Errorf("%s: %s, want %s", header, got, want)
		}
	}
	back.answer = func(ctx context.Context, method *farcall.Method, _, _ proto.Message) error {
		claimed, _ := farcall.ClaimCall(ctx)
		claimed.Deliver(method, farcall.Peer{}, farcall.Metadata{}, farcall.NewMetadata("a", "x", "b", "line\r\nbreak"), farcall.Metadata{})
		return nil
	}
	r = newRequest(t, "GET", "/v1/orders", "")
	router.Serve(t.Context(), r)
	if got := r.text(); !strings.HasPrefix(got, `500 {"code":13,"message":"the value of metadata key \"b\" cannot be sent`) {
		t.Errorf("a line break in a header: %s", got)
	}
}

func TestDeadlines(t *testing.T) {
	var deadline time.Time
	back := &backend{answer: func(ctx context.Context, _ *farcall.Method, _, _ proto.Message) error {
		deadline, _ = ctx.Deadline()
		return nil
	}}
	router := shopRouter(t, Options{Invoker: back})
	before := time.Now()
	r := newRequest(t, "GET", "/v1/orders", "", "grpc-timeout: 10M")
	router.Serve(t.Context(), r)
	if d := deadline.Sub(before); d < 10*time.Minute || d > 11*time.Minute {
		t.Errorf("grpc-timeout of 10 minutes: the call has %s (%s)", d, r.text())
	}
	r = newRequest(t, "GET", "/v1/orders", "")
	router.Serve(t.Context(), r)
	if !deadline.IsZero() {
		t.Errorf("a deadline out of nothing: the body's own does not reach the call: %s", deadline)
	}

	// A body that never ends meets the call's deadline, the body's own, or the end of the request.
	slow := newRequest(t, "POST", "/v1/orders", `{"customer":`, "content-length:", "grpc-timeout: 1n")
	slow.endless = true
	router.Serve(t.Context(), slow)
	if got, want := slow.text(), `504 {"code":4,"message":"the call ended before the request's body had arrived: context deadline exceeded"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	slow = newRequest(t, "POST", "/v1/orders", `{"customer":`, "content-length:")
	slow.endless = true
	shopRouter(t, Options{Invoker: back, BodyTimeout: time.Nanosecond}).Serve(t.Context(), slow)
	if got, want := slow.text(), `408 {"code":4,"message":"the request's body did not arrive within 1ns"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	slow = newRequest(t, "POST", "/v1/orders", `{"customer":`, "content-length:")
	slow.endless, slow.waiting = true, make(chan struct{})
	done := make(chan struct{})
	go func() { // ends with the request, which cancel ends
		defer close(done)
		shopRouter(t, Options{Invoker: back, BodyTimeout: -1}).Serve(ctx, slow)
	}()
	<-slow.waiting
	cancel()
	<-done
	if got, want := slow.text(), `499 {"code":1,"message":"the call ended before the request's body had arrived: context canceled"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	broken := newRequest(t, "POST", "/v1/orders", `{}`)
	broken.broken = io.ErrUnexpectedEOF
	router.Serve(t.Context(), broken)
	if got, want := broken.text(), `499 {"code":1,"message":"the request's body broke off: unexpected EOF"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestBodyThatEndsTheRequest is how net/http does it: when the read of a body fails, the request's context ends as well.
func TestBodyThatEndsTheRequest(t *testing.T) {
	for _, test := range []struct {
		name   string
		broken error // nil: the body is waited for until BodyTimeout has passed
		want   string
	}{
		{"no byte for long", farcall.Errorf(farcall.DeadlineExceeded, "the client sent nothing for 20s"),
			`408 {"code":4,"message":"the client sent nothing for 20s"}`},
		{"never complete", nil, `408 {"code":4,"message":"the request's body did not arrive within 1ns"}`},
		{"malformed", farcall.Errorf(farcall.InvalidArgument, "no chunk has the length \"zz\""),
			`400 {"code":3,"message":"the request's body broke off: no chunk has the length \"zz\""}`},
		{"the client has gone", io.ErrUnexpectedEOF,
			`499 {"code":1,"message":"the call ended before the request's body had arrived: context canceled"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := newRequest(t, "POST", "/v1/orders", `{"customer":`, "content-length:")
			r.broken, r.endless, r.failing = test.broken, test.broken == nil, cancel
			patience := time.Duration(-1)
			if r.endless {
				patience = time.Nanosecond
			}
			shopRouter(t, Options{Invoker: &backend{}, BodyTimeout: patience}).Serve(ctx, r)
			if got := r.text(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestAnswerThatNobodyWaitsFor is not written: it may be large, and its client asked for many.
func TestAnswerThatNobodyWaitsFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	back := &backend{answer: func(context.Context, *farcall.Method, proto.Message, proto.Message) error {
		cancel()
		return nil
	}}
	r := newRequest(t, "GET", "/v1/orders", "")
	shopRouter(t, Options{Invoker: back}).Serve(ctx, r)
	if got, want := r.text(), `499 {"code":1,"message":"the call ended before its answer could be written: context canceled"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnswerThatFails(t *testing.T) {
	r := newRequest(t, "GET", "/v1/orders", "")
	r.refuses = errors.New("the peer is gone")
	shopRouter(t, Options{Invoker: &backend{}}).Serve(t.Context(), r)
	if r.aborted != r.refuses {
		t.Errorf("aborted with %v", r.aborted)
	}
}

func TestNoInvoker(t *testing.T) {
	r := newRequest(t, "GET", "/v1/orders", "")
	shopRouter(t, Options{}).Serve(t.Context(), r)
	if got, want := r.text(), `500 {"code":13,"message":"rest.Options.Invoker is nil: nobody makes the calls"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRequiredFields: a required field (proto2) may come from the path as well as from the body.
func TestRequiredFields(t *testing.T) {
	all := methods(&descriptorpb.FileDescriptorProto{Name: proto.String("required_test.proto"), Package: proto.String("shop"),
		MessageType: []*descriptorpb.DescriptorProto{message("Old", "required string id = 1; required string note = 2")},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("OldShop"), Method: []*descriptorpb.MethodDescriptorProto{
			method(`Get Old Old | post: "/old/{id}" body: "*"`),
		}}}})
	back := &backend{answer: func(_ context.Context, _ *farcall.Method, request, response proto.Message) error {
		proto.Merge(response, request)
		return nil
	}}
	router := newRouter(t, Options{Invoker: back}, all["Get"])
	for body, want := range map[string]string{
		`{"note":"n"}`: `200 {"id":"1","note":"n"}`,
		`{}`:           `400 {"code":3,"message":"a required field is missing: proto: required field shop.Old.note not set"}`,
	} {
		r := newRequest(t, "POST", "/old/1", body)
		router.Serve(t.Context(), r)
		if got := strings.ReplaceAll(r.text(), "\u00a0", " "); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

// notes is an Observer that writes down what it is told.
type notes struct {
	begun []*farcall.CallInfo
	lines []string
}

type noteKey struct{}

func (n *notes) Begin(ctx context.Context, call *farcall.CallInfo) context.Context {
	n.begun = append(n.begun, call)
	return context.WithValue(ctx, noteKey{}, "begun")
}

func (n *notes) Event(e farcall.Event) {
	line := fmt.Sprintf("%d %s message %d bytes %d", e.Step, e.Side, e.Message, e.Bytes)
	if e.Err != nil {
		line += " " + farcall.CodeOf(e.Err).String()
	}
	if e.Time.Before(e.Call.Start) || e.Call != n.begun[len(n.begun)-1] || e.Attempt != 0 {
		line += " (wrong)"
	}
	n.lines = append(n.lines, line)
}

func TestObserver(t *testing.T) {
	back := &backend{answer: func(ctx context.Context, method *farcall.Method, request, response proto.Message) error {
		if ctx.Value(noteKey{}) != "begun" {
			t.Error("the Observer's context does not reach the call")
		}
		if method.Name() == "GetOrder" {
			return farcall.Errorf(farcall.NotFound, "no order")
		}
		return answerOrder(ctx, method, request, response)
	}}
	for _, tc := range []struct{ method, target, body, name, want string }{
		{"POST", "/v1/orders", `{"customer":"a"}`, "CreateOrder", fmt.Sprintf("1 edge message 1 bytes 16; 2 edge message 1 bytes 0; 14 edge message 1 bytes %d", len(orderJSON))},
		{"GET", "/v1/orders/1", ``, "GetOrder", "1 edge message 1 bytes 0; 2 edge message 1 bytes 0; 14 edge message 0 bytes 31 NOT_FOUND"},
		{"POST", "/v1/orders", `{`, "CreateOrder", "1 edge message 1 bytes 1; 2 edge message 1 bytes 0 INVALID_ARGUMENT; 14 edge message 0 bytes 97 INVALID_ARGUMENT"},
		{"GET", "/nowhere", ``, "", "1 edge message 0 bytes 0 NOT_FOUND; 14 edge message 0 bytes 51 NOT_FOUND"},
		{"GET", "/v1/orders", `{}`, "ListOrders", "1 edge message 1 bytes 0 INVALID_ARGUMENT; 14 edge message 0 bytes 93 INVALID_ARGUMENT"},
	} {
		seen := &notes{}
		r := newRequest(t, tc.method, tc.target, tc.body)
		shopRouter(t, Options{Invoker: back, Observer: seen}).Serve(t.Context(), r)
		if len(seen.begun) != 1 || seen.begun[0].Side != farcall.SideEdge || seen.begun[0].Attempt != 0 {
			t.Fatalf("%s %s: begun %+v", tc.method, tc.target, seen.begun)
		}
		name := ""
		if m := seen.begun[0].Method; m != nil {
			name = m.Name()
		}
		if got := strings.Join(seen.lines, "; "); got != tc.want || name != tc.name {
			t.Errorf("%s %s of %q:\n got %s\nwant %s", tc.method, tc.target, name, got, tc.want)
		}
	}
}

// FuzzServe: whatever comes in, there is one answer, and it is JSON.
func FuzzServe(f *testing.F) {
	for _, target := range []string{"/v1/orders", "/v1/orders/1?verbose=true", "/v1/orders?filter.and.a=1&since=2026-01-02T03:04:05Z", "/v1/orders/1:cancel", "/v1/any", "/v1/totals:watch", "*", "/%"} {
		f.Add("GET", target, "application/json", "", "grpc-timeout", "1S")
		f.Add("POST", target, "application/json; charset=utf-8", `{"customer":"a","items":[{"quantity":1}]}`, "grpc-metadata-a-bin", "AAA")
		f.Add("PATCH", target, "", `{"orderId":1}`, "content-length", "13")
	}
	router := shopRouter(f, Options{Invoker: &backend{answer: func(_ context.Context, _ *farcall.Method, request, response proto.Message) error {
		if request.ProtoReflect().Descriptor() == response.ProtoReflect().Descriptor() {
			proto.Merge(response, request)
		}
		return nil
	}}, MaxBodyBytes: 1000, Observer: quiet{}})
	f.Fuzz(func(t *testing.T, httpMethod, target, contentType, body, name, value string) {
		r := newRequest(t, httpMethod, target, body, "content-type: "+contentType)
		r.head.Fields = append(r.head.Fields, exchange.Field{Name: strings.ToLower(name), Value: value})
		router.Serve(context.Background(), r)
		r.text() // checks the shape
		if httpMethod == "HEAD" || len(r.started) > 0 {
			return
		}
		if r.aborted != nil || !protojsonReads(r.answered) {
			t.Fatalf("%s %s: %v %s", httpMethod, target, r.aborted, r.answered)
		}
	})
}

// protojsonReads reports whether text is JSON to protobuf's own reader, which is stricter than encoding/json.
func protojsonReads(text []byte) bool {
	value := shop["ListOrders"].NewRequest()
	return protojson.Unmarshal([]byte(`{"free":{"x":`+string(text)+`}}`), value) == nil
}

type quiet struct{}

func (quiet) Begin(ctx context.Context, _ *farcall.CallInfo) context.Context { return ctx }
func (quiet) Event(farcall.Event)                                            {}
