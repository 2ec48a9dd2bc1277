// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/transcode"
)

func TestMaskOfPatch(t *testing.T) {
	deep := strings.Repeat(`{"next":`, 40) + `{"displayName":"x"}` + strings.Repeat("}", 40)
	for _, tc := range []struct{ body, query, mask string }{
		{`{"displayName":"a"}`, ``, `"displayName"`},
		{`{"display_name":"a","items":[{"sku":"x"}],"labels":{"k":"v"}}`, ``, `"displayName,items,labels"`},
		{`{"filter":{"text":"a","and":{"a":"b"}}}`, ``, `"filter.text,filter.and.a"`},
		{`{"filter":{},"next":{"filter":{}}}`, ``, `"filter,next.filter"`},
		{`{"displayName":null,"filter":null,"items":[]}`, ``, `"displayName,filter,items"`},
		{`{"born":"2026-01-02T03:04:05Z","free":{"a":{"b":1}},"nick":"n"}`, ``, `"born,free,nick"`},
		{`{"displayName":"a"}`, `?update_mask=items`, `"items"`},
		{`{}`, ``, ``},
		{``, ``, ``},
		{deep, ``, `"` + strings.Repeat("next.", 31) + `next"`},
	} {
		back := &backend{}
		r := newRequest(t, "PATCH", "/v1/profiles/1"+tc.query, tc.body)
		shopRouter(t, Options{Invoker: back}).Serve(t.Context(), r)
		call := back.take()
		_, got, _ := strings.Cut(call, `"updateMask":`)
		got, _, _ = strings.Cut(got, `,"orderId"`)
		if r.text() != "200 {}" || got != tc.mask {
			t.Errorf("%s: %s, called %s, want the mask %s", tc.body, r.text(), call, tc.mask)
		}
	}
}

func TestMaskOfProtobuf(t *testing.T) {
	profile := shop["PatchProfile"].NewRequest().ProtoReflect().Descriptor().Fields().ByName("profile")
	m := shop["PatchProfile"].NewRequest().ProtoReflect().NewField(profile).Message().Interface()
	if err := transcode.Unmarshal([]byte(`{"displayName":"a","filter":{"and":{"a":"b"}},"next":{},"labels":{"k":"v"},"free":{"a":1}}`), m); err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	back := &backend{}
	r := newRequest(t, "PATCH", "/v1/profiles/1", string(data), "content-type: application/protobuf")
	shopRouter(t, Options{Invoker: back}).Serve(t.Context(), r)
	if call := back.take(); !strings.Contains(call, `"updateMask":"displayName,filter.and.a,labels,free,next"`) {
		t.Errorf("called %s", call)
	}
}
