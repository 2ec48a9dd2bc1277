// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// FuzzQuery: a query is refused with words, or read as net/url reads it: written anew from its names and values, it makes
// the same message.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"page_size=10&pageToken=a+b%2Bc", "status=PAID&status=2", "filter.and.text=%C3%A9&filter.a=", "since=2026-01-02T03:04:05Z",
		"&&limit=5&", "token=-_8%3D", "email=a&phone=b", "mask=pageSize,filter.text", "ratio=NaN", "a=b=c", "%zz=1", "page_size", ";", "paid=true;paid=false",
	} {
		f.Add(seed)
	}
	list := shopRouter(f, Options{}).root.find("GET", "/v1/orders").route
	f.Fuzz(func(t *testing.T, query string) {
		got, err := list.bind(input{}, requestPath{}, query)
		if err != nil {
			if err.Error() == "" || len(err.Error()) > 2000 {
				t.Fatalf("%q: %d bytes of error", query, len(err.Error()))
			}
			return
		}
		if strings.Contains(query, ";") { // which net/url refuses: some take it for "&"
			return
		}
		pairs, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q was accepted, but net/url says %v", query, err)
		}
		want, err := list.bind(input{}, requestPath{}, pairs.Encode())
		if err != nil || !proto.Equal(got, want) {
			t.Fatalf("%q makes %v, but %q makes %v, %v", query, got, pairs.Encode(), want, err)
		}
	})
}
