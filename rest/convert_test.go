// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/schema"
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

// With Raw a request goes as bytes where it is in the body alone, and a response comes as bytes where it becomes JSON.
func TestRaw(t *testing.T) {
	back := &rawBackend{t: t}
	router := newRouter(t, Options{Invoker: back, Raw: true}, shop["CreateOrder"], shop["CancelOrder"], shop["ListOrders"])
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
		if (back.released == 1) != (tc.request != "" && !strings.HasSuffix(tc.request, " typed")) {
			t.Errorf("%s %s: the response was given back %d times", tc.method, tc.target, back.released)
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
