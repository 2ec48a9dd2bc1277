// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/schema"
	"github.com/farcall/farcall/internal/wire"
	"github.com/farcall/farcall/transcode"
)

// rawBackend is an Invoker that gets and gives bytes.
type rawBackend struct {
	t        *testing.T
	request  string // as JSON; "typed" in front if it was a message
	released int
}

func (b *rawBackend) Invoke(_ context.Context, method *farcall.Method, request, response any) error {
	message := method.NewRequest()
	switch request := request.(type) {
	case *farcall.Raw:
		if err := proto.Unmarshal(request.Data, message); err != nil {
			return err
		}
		request.Done()
	case proto.Message:
		message = request
		b.request = "typed "
	}
	text, err := transcode.Append(nil, message)
	b.request += string(text)
	if err != nil {
		return err
	}
	order := method.NewResponse()
	if err := transcode.Unmarshal([]byte(`{"orderId":"o1","total":"5","status":"PAID"}`), order); err != nil {
		return err
	}
	if typed, ok := response.(proto.Message); ok {
		proto.Merge(typed, order)
		b.request += " typed"
		return nil
	}
	raw := response.(*farcall.Raw)
	raw.Release = func() { b.released++ }
	raw.Data, err = proto.Marshal(order)
	return err
}

func (b *rawBackend) Stream(context.Context, *farcall.Method, farcall.Handler) error {
	b.t.Error("a stream")
	return nil
}

// nearBackend is one that is nearby.
type nearBackend struct {
	*rawBackend
	metadata farcall.Metadata
	calls    int
	fails    error
}

func (b *nearBackend) InvokeNear(ctx context.Context, method *farcall.Method, metadata farcall.Metadata, request any) (*buffer.Buffer, farcall.Metadata, error) {
	b.calls++
	b.metadata = metadata
	header := farcall.NewMetadata("etag", "7")
	if encoded, ok := request.(*buffer.Buffer); ok {
		request = &farcall.Raw{Data: encoded.B[wire.PrefixBytes:], Release: encoded.Free}
	}
	response := new(farcall.Raw)
	if err := b.Invoke(ctx, method, request, response); err != nil || b.fails != nil {
		return nil, header, errors.Join(err, b.fails)
	}
	returned := buffer.Get(0)
	returned.B = append(append(returned.B, "12345"...), response.Data...)
	response.Done()
	return returned, header, nil
}

// With Raw a request goes as bytes where it is in the body alone, and a response comes as bytes where it becomes JSON.
func TestRaw(t *testing.T) {
	back := &rawBackend{t: t}
	testRaw(t, back, back)
	near := &nearBackend{rawBackend: back}
	testRaw(t, near, back)
	if near.calls != 5 {
		t.Errorf("%d calls were made nearby", near.calls)
	}
}

func testRaw(t *testing.T, invoker farcall.Invoker, back *rawBackend) {
	router := newRouter(t, Options{Invoker: invoker, Raw: true}, shop["CreateOrder"], shop["CancelOrder"], shop["ListOrders"])
	const answer = `{"orderId":"o1","status":"PAID","total":"5"}`
	for _, tc := range []struct{ method, target, body, header, request, answer string }{
		{"POST", "/v1/orders", `{"orderId":"o1","items":[{"sku":"x"}]}`, "", `{"orderId":"o1","items":[{"sku":"x"}]}`, answer},
		{"POST", "/v1/orders", ``, "", `{}`, answer},
		{"POST", "/v1/orders/o7:cancel", `{"orderId":"o1"}`, "", `typed {"orderId":"o7"}`, answer},
		{"GET", "/v1/orders", ``, "", `{}`, answer},
		{"GET", "/v1/orders?pageSize=3", ``, "", `typed {"pageSize":3}`, answer},
		{"GET", "/v1/orders", ``, "accept: application/protobuf", `{} typed`, "\n\x02o1"},
		{"POST", "/v1/orders", "\n\x02o1", "content-type: application/protobuf", `typed {"orderId":"o1"} typed`, "\n\x02o1"},
		{"POST", "/v1/orders", `{"no":1}`, "", ``, `{"code":3,"message":"the body: line 1, column 2: no: unknown field: shop.Order has no \"no\"; it has `},
	} {
		back.request, back.released = "", 0
		var headers []string
		if tc.header != "" {
			headers = append(headers, tc.header)
		}
		r := newRequest(t, tc.method, tc.target, tc.body, headers...)
		router.Serve(t.Context(), r)
		if got := string(r.answered); back.request != tc.request || !strings.HasPrefix(got, tc.answer) {
			t.Errorf("%s %s %s: %s was called, and the answer was %s", tc.method, tc.target, tc.body, back.request, got)
		}
		if back == invoker && (back.released == 1) != (tc.request != "" && !strings.HasSuffix(tc.request, " typed")) {
			t.Errorf("%s %s: the response was given back %d times", tc.method, tc.target, back.released)
		}
	}
}

// A message may be larger than its JSON; MaxBodyBytes holds for both.
func TestMessagesLargerThanTheirText(t *testing.T) {
	list := func(n int) string { return `{"codes":[` + strings.Repeat("-1,", n-1) + `-1]}` } // 3 bytes of text each, and 10 of the message
	back := &rawBackend{t: t}
	for name, invoker := range map[string]farcall.Invoker{"raw": back, "near": &nearBackend{rawBackend: back}, "messages": &backend{stream: summing}} {
		router := newRouter(t, Options{Invoker: invoker, Raw: name != "messages", MaxBodyBytes: 500}, shop["SearchOrders"], shop["SearchMany"])
		for _, tc := range []struct{ target, body, want string }{
			{"/v1/searches", list(49), ""},
			{"/v1/searches", list(50), `413 {"code":8,"message":"the body is a message of 503 bytes, and 500 are accepted here"}`},
			{"/v1/searches/a", list(49), ""},
			{"/v1/searches/abcdefg", list(49), `413 {"code":8,"message":"the body is a message of 502 bytes, and 500 are accepted here"}`},
			{"/v1/searches:many", list(49) + list(50), `413 {"code":8,"message":"message 2 of the body is a message of 503 bytes, and 500 are accepted here"}`},
		} {
			if name != "messages" && strings.HasSuffix(tc.target, "many") {
				continue // these backends know no streams
			}
			r := newRequest(t, "POST", tc.target, tc.body)
			router.Serve(t.Context(), r)
			if got := r.text(); got != tc.want && (tc.want != "" || !strings.HasPrefix(got, "200 ")) {
				t.Errorf("%s: %s: %s, want %s", name, tc.target, got, tc.want)
			}
		}
	}
}

func TestJSONOptions(t *testing.T) {
	for name, tc := range map[string]struct {
		options Options
		want    string
	}{
		"all":     {Options{JSON: transcode.Options{UseProtoNames: true, UseInt64Numbers: true}}, `{"order_id":"o1","status":"PAID","total":5}`},
		"service": {Options{JSON: transcode.Options{UseProtoNames: true}, ServiceJSON: map[string]transcode.Options{"shop.Shop": {UseEnumNumbers: true}}}, `{"orderId":"o1","status":1,"total":"5"}`},
		"other":   {Options{JSON: transcode.Options{UseProtoNames: true}, ServiceJSON: map[string]transcode.Options{"shop.Other": {}}}, `{"order_id":"o1","status":"PAID","total":"5"}`},
		"in":      {Options{JSON: transcode.Options{DiscardUnknown: true}}, `{"orderId":"o1","status":"PAID","total":"5"}`},
	} {
		for _, raw := range []bool{false, true} {
			tc.options.Invoker, tc.options.Raw = &rawBackend{t: t}, raw
			body := "{}"
			if name == "in" {
				body = `{"no":1}`
			}
			r := newRequest(t, "POST", "/v1/orders", body)
			newRouter(t, tc.options, shop["CreateOrder"]).Serve(t.Context(), r)
			if string(r.answered) != tc.want {
				t.Errorf("%s: %s", name, r.answered)
			}
		}
	}
}

// What is passed by the side of a call that is made nearby: metadata, that of an Observer too, and the answer's header.
func TestNearMetadata(t *testing.T) {
	near := &nearBackend{rawBackend: &rawBackend{t: t}}
	router := newRouter(t, Options{Invoker: near, Raw: true}, shop["CreateOrder"])
	ctx := farcall.WithMetadata(t.Context(), "x-traced", "1")
	for _, fails := range []error{nil, farcall.Errorf(farcall.NotFound, "no")} {
		near.fails = fails
		r := newRequest(t, "POST", "/v1/orders", "{}", "authorization: x", "grpc-metadata-y: 2")
		router.Serve(ctx, r)
		if got := slices.Collect(maps.Keys(maps.Collect(near.metadata.All()))); near.metadata.Len() != 3 || len(got) != 3 ||
			near.metadata.Get("x-traced")+near.metadata.Get("authorization")+near.metadata.Get("y") != "1x2" {
			t.Errorf("the metadata %v was sent", got)
		}
		if got := r.answers[0].Get("etag"); got != "7" {
			t.Errorf("the answer's etag is %q, with the error %v", got, fails)
		}
	}
	near.metadata.Add("more", "") // it is the callee's
	if farcall.OutgoingMetadata(ctx).Len() != 1 {
		t.Error("the context's metadata has changed")
	}
}

// A message of a stream is a line, whatever the options say.
func TestIndent(t *testing.T) {
	router := newRouter(t, Options{JSON: transcode.Options{Indent: "  "}}, shop["WatchOrders"], shop["CreateOrder"])
	for method, want := range map[string]string{"CreateOrder": "{\n  \"orderId\": \"x\"\n}", "WatchOrders": `{"orderId":"x"}`} {
		got, err := router.newConverters(newRoute(shop[method], &schema.Rule{})).response.AppendJSON(nil, []byte("\n\x01x"))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", method, got, err)
		}
	}
}
