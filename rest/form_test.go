// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
)

// formOf writes a form, as a browser would, of "name|content-type|content", and returns it with its content-type.
func formOf(t testing.TB, parts ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, part := range parts {
		words := strings.SplitN(part, "|", 3)
		header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="%s"; filename="f"`, words[0])}}
		if words[1] != "" {
			header.Set("Content-Type", words[1])
		}
		p, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write([]byte(words[2])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func TestForms(t *testing.T) {
	back := &backend{}
	router := shopRouter(t, Options{Invoker: back})
	for _, tc := range []struct {
		method, target string
		parts          []string
		call, answer   string
	}{
		{"POST", "/v1/uploads", []string{"name||n", "content|image/png|a\xff", "item.sku||x", "labels[k]||v", "pages||1", "pages||2"},
			`PutUpload {"name":"n","content":"Yf8=","item":{"sku":"x"},"labels":{"k":"v"},"pages":["MQ==","Mg=="]}`, `200 {}`},
		{"POST", "/v1/uploads", []string{"file|image/png|a\xff", `item|application/json|{"sku":"x"}`, `items|application/json; charset=utf-8|[{"sku":"y"}]`, `labels|application/json|{"a":"b"}`},
			`PutUpload {"file":{"contentType":"image/png","data":"Yf8="},"items":[{"sku":"y"}],"item":{"sku":"x"},"labels":{"a":"b"}}`, `200 {}`},
		{"PUT", "/v1/uploads/n/content", []string{"content||x"}, `PutUpload {"name":"n","content":"eA=="}`, `200 {}`},
		{"POST", "/v1/uploads", nil, `PutUpload {}`, `200 {}`},
		{"POST", "/v1/uploads", []string{"name||a", "name||b"}, ``, status3("name", `the part "name" of the form: it is given twice`)},
		{"POST", "/v1/uploads", []string{"content||a", "content||b"}, ``, status3("content", `the part "content" of the form: it is given twice`)},
		{"POST", "/v1/uploads", []string{"item.sku||a", "item|application/json|{}"}, ``, status3("item", `the part "item" of the form: it is given twice`)},
		{"POST", "/v1/uploads", []string{"item||a"}, ``, status3("item", `the part "item" of the form: it is a message (shop.Item), which text cannot give: name one of its fields`)},
		{"POST", "/v1/uploads", []string{"item|application/json|{"}, ``, status3("item", `the part "item" of the form: line 1, column 2: malformed JSON: the text ends inside an object`)},
		{"POST", "/v1/uploads", []string{"||a"}, ``, status3("", `the form: a part without a name`)},
		{"POST", "/v1/uploads", []string{"name||\xff"}, ``, status3("name", `the part "name" of the form: the text is not UTF-8 when decoded`)},
		{"PUT", "/v1/uploads/n/content", []string{"pages||x"}, ``, status3("pages", `the part "pages" of the form: PUT /v1/uploads/{name}/content takes it from the query`)},
		{"PUT", "/v1/uploads/n/content", []string{"name||x"}, ``, status3("name", `the part "name" of the form: PUT /v1/uploads/{name}/content takes it from the path`)},
	} {
		body, contentType := formOf(t, tc.parts...)
		r := newRequest(t, tc.method, tc.target, body, "content-type: "+contentType)
		router.Serve(t.Context(), r)
		if got := r.text(); got != tc.answer {
			t.Errorf("%s %q:\n got %s\nwant %s", tc.target, tc.parts, got, tc.answer)
		}
		if got := back.take(); got != tc.call {
			t.Errorf("%s %q:\ncalled %s\n  want %s", tc.target, tc.parts, got, tc.call)
		}
	}
	for _, tc := range []struct{ contentType, body, want string }{
		{"multipart/form-data", "x", `400 {"code":3,"message":"the content-type multipart/form-data has no boundary"}`},
		{"multipart/form-data; boundary=b", "x", `400 {"code":3,"message":"the body is no form: multipart: NextPart: EOF"}`},
		{"multipart/form-data; boundary=b", "--b\r\ncontent-disposition: form-data; name=name\r\n\r\nx", `400 {"code":3,"message":"the body is no form: it ends before its last boundary"}`},
	} {
		r := newRequest(t, "POST", "/v1/uploads", tc.body, "content-type: "+tc.contentType)
		router.Serve(t.Context(), r)
		if got := r.text(); got != tc.want {
			t.Errorf("%s %q:\n got %s\nwant %s", tc.contentType, tc.body, got, tc.want)
		}
	}
}

func TestHTTPBody(t *testing.T) {
	back := &backend{answer: func(_ context.Context, method *farcall.Method, request, response proto.Message) error {
		if method.Name() == "PutRaw" {
			proto.Merge(response, request)
		}
		return nil
	}}
	router := shopRouter(t, Options{Invoker: back})
	for _, tc := range []struct{ method, target, contentType, body, call, answer string }{
		{"POST", "/v1/raw", "image/png", "\x00\xff", `PutRaw {"contentType":"image/png","data":"AP8="}`, "200 content-type: image/png \x00\xff"},
		{"POST", "/v1/raw", "", "x", `PutRaw {"data":"eA=="}`, "200 content-type: application/octet-stream x"},
		{"POST", "/v1/raw", "application/json", `{"data":1}`, `PutRaw {"contentType":"application/json","data":"eyJkYXRhIjoxfQ=="}`, `200 {"data":1}`},
		{"POST", "/v1/raw", "", "", `PutRaw {}`, "200 content-type: application/octet-stream"},
		{"PUT", "/v1/uploads/n/file", "text/css", "a", `PutUpload {"name":"n","file":{"contentType":"text/css","data":"YQ=="}}`, `200 {}`},
		{"HEAD", "/v1/files/1", "", "", `Download {"orderId":"1"}`, `200 content-type: application/octet-stream length 0`},
	} {
		r := newRequest(t, tc.method, tc.target, tc.body, "content-type: "+tc.contentType)
		router.Serve(t.Context(), r)
		if got, call := r.text(), back.take(); got != tc.answer || call != tc.call {
			t.Errorf("%s %s %q: %q, called %s\nwant %q, %s", tc.method, tc.target, tc.body, got, call, tc.answer, tc.call)
		}
	}
}

// FuzzForm: a form of any bytes is a message or a refusal, and never more than was sent.
func FuzzForm(f *testing.F) {
	whole, contentType := formOf(f, "name||n", "content|image/png|a\xff", "item.sku||x", "labels[k]||v", `item|application/json|{"sku":"x"}`, "file|a/b|x")
	boundary := strings.TrimPrefix(contentType, "multipart/form-data; boundary=")
	f.Add(whole, boundary)
	f.Add(whole[:40], boundary)
	f.Add(strings.ReplaceAll(whole, "\r", ""), boundary)
	f.Add("--b\r\n\r\n--b--", "b")
	f.Add("--b\ncontent-disposition: form-data; name*=utf-8''name\n\nx\n--b--", "b")
	router := shopRouter(f, Options{Invoker: &backend{stream: summing}, MaxBodyBytes: 1 << 16})
	f.Fuzz(func(t *testing.T, body, boundary string) {
		for _, target := range []string{"/v1/uploads", "/v1/streams"} {
			r := newRequest(t, "POST", target, body, "content-type: multipart/form-data; boundary=\""+boundary+"\"")
			router.Serve(context.Background(), r)
			r.text() // checks the shape
			if r.aborted != nil || !protojsonReads(r.answered) {
				t.Fatalf("%q: %v %s", body, r.aborted, r.answered)
			}
		}
	})
}
