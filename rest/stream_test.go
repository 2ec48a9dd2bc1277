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

	"github.com/farcall/farcall"
)

// summing is a handler that takes all requests and answers with their number.
func summing(_ context.Context, stream *backStream) error {
	for n := int64(0); ; n++ {
		if _, err := stream.take(); err == io.EOF {
			return stream.respond(n)
		} else if err != nil {
			return err
		}
	}
}

// echoing is a handler that answers each request.
func echoing(_ context.Context, stream *backStream) error {
	for n := int64(1); ; n++ {
		if _, err := stream.take(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.respond(n); err != nil {
			return err
		}
	}
}

const ndjson = "content-type: application/x-ndjson"

func TestRequestStreams(t *testing.T) {
	const chunk = `StreamUpload {"name":"n","content":"YQ=="}`
	form := "content-type: multipart/form-data; boundary=b"
	for _, tc := range []struct {
		method, target, body string
		headers              []string
		call, answer         string
	}{
		// Lines.
		{"POST", "/v1/streams", "{\"name\":\"a\"}\n{\"name\":\"b\"}\n", []string{ndjson}, `StreamUpload {"name":"a"}; StreamUpload {"name":"b"}`, `200 {"total":"2"}`},
		{"POST", "/v1/streams", "\n{\"name\":\"a\"}\r\n\n \n{}", []string{ndjson}, `StreamUpload {"name":"a"}; StreamUpload {}`, `200 {"total":"2"}`},
		{"POST", "/v1/streams", "", nil, ``, `200 {}`},
		{"PUT", "/v1/streams/n/items", "[{\"sku\":\"a\"}]\n[]\n", []string{ndjson}, `StreamUpload {"name":"n","items":[{"sku":"a"}]}; StreamUpload {"name":"n"}`, `200 {"total":"2"}`},
		{"PUT", "/v1/streams/n/items?content=YQ", "[]\n[]\n", []string{ndjson}, chunk + "; " + chunk, `200 {"total":"2"}`},
		{"GET", "/v1/streams?name=a", "", nil, `StreamUpload {"name":"a"}`, `200 {"total":"1"}`},
		{"POST", "/v1/streams", "{\"name\":\"a\"}\n{\"nam\":1}\n", []string{ndjson}, `StreamUpload {"name":"a"}`,
			status3("nam", `message 2 of the body: line 1, column 2: nam: unknown field: shop.Upload has no "nam"; did you mean "name"?`)},
		{"POST", "/v1/streams", "{\"name\":\"a\"}\n" + strings.Repeat(" ", 300), []string{ndjson}, `StreamUpload {"name":"a"}`,
			`413 {"code":8,"message":"message 2 of the body is larger than the 200 bytes that are accepted here"}`},
		{"POST", "/v1/streams", "{}\n", []string{ndjson, "content-length: 4"}, `StreamUpload {}`, `400 {"code":3,"message":"the body has 3 bytes, but content-length announced 4"}`},
		{"POST", "/v1/streams", "{}\n", []string{ndjson, "content-encoding: br"}, ``,
			`415 accept-encoding: gzip,zstd,identity {"code":3,"message":"the content-encoding \"br\" cannot be read: there is gzip, zstd, identity"}`},
		{"POST", "/v1/streams", "{}\n", []string{"content-type: text/plain"}, ``,
			`415 {"code":3,"message":"the content-type \"text/plain\" cannot be read: send application/x-ndjson, application/json or multipart/form-data"}`},
		{"GET", "/v1/streams", "{}\n", []string{ndjson}, ``, status3("", `GET /v1/streams takes no body: its fields are in the path and the query`)},

		// JSON.
		{"POST", "/v1/streams", `[{"name":"a"}, {"name":"]\""}]`, nil, `StreamUpload {"name":"a"}; StreamUpload {"name":"]\""}`, `200 {"total":"2"}`},
		{"POST", "/v1/streams", ` {"name":"a"}{"name":"b"} `, nil, `StreamUpload {"name":"a"}; StreamUpload {"name":"b"}`, `200 {"total":"2"}`},
		{"POST", "/v1/streams", `[]`, nil, ``, `200 {}`},
		{"PUT", "/v1/streams/n/items", `[{"sku":"a"}] []`, nil, `StreamUpload {"name":"n","items":[{"sku":"a"}]}; StreamUpload {"name":"n"}`, `200 {"total":"2"}`},
		{"POST", "/v1/streams", `[{}`, nil, `StreamUpload {}`, `400 {"code":3,"message":"the body: malformed JSON, behind message 1: it ends in the middle of a value"}`},
		{"POST", "/v1/streams", `[{},]`, nil, `StreamUpload {}`, `400 {"code":3,"message":"the body: malformed JSON, behind message 1: a value is missing before ]"}`},
		{"POST", "/v1/streams", `[{} {}]`, nil, `StreamUpload {}`, `400 {"code":3,"message":"the body: malformed JSON, behind message 1: a comma is missing between two elements"}`},
		{"POST", "/v1/streams", `[{}] {}`, nil, `StreamUpload {}`, `400 {"code":3,"message":"the body: malformed JSON, behind message 1: there is something behind the array"}`},
		{"POST", "/v1/streams", `[1]`, nil, ``, status3("", `message 1 of the body: line 1, column 1: an object is wanted (shop.Upload), not 1`)},
		{"POST", "/v1/streams", `{"content":"` + strings.Repeat("a", 200), nil, ``, `413 {"code":8,"message":"message 1 of the body is larger than the 200 bytes that are accepted here"}`},

		// Bytes, and forms.
		{"PUT", "/v1/streams/n", "any bytes\n", []string{"content-type: image/png"}, `StreamUpload {"name":"n","file":{"contentType":"image/png","data":"YW55IGJ5dGVzCg=="}}`, `200 {"total":"1"}`},
		{"PUT", "/v1/streams/n", "", nil, ``, `200 {}`},
		{"POST", "/v1/streams", "--b\r\ncontent-disposition: form-data; name=\"name\"\r\n\r\nn\r\n--b\r\ncontent-disposition: form-data; name=content; filename=x\r\n\r\na\r\n--b--\r\n", []string{form}, chunk, `200 {"total":"1"}`},
		{"POST", "/v1/streams", "--b\r\ncontent-disposition: form-data; name=\"content\"\r\n\r\n" + strings.Repeat("x", 250) + "\r\n--b\r\ncontent-disposition: form-data; name=name\r\n\r\nlast\r\n--b--\r\n", []string{form},
			strings.Repeat(`StreamUpload {"content":"`+strings.Repeat("eHh4", 33)+`eA=="}; `, 2) + `StreamUpload {"content":"` + strings.Repeat("eHh4", 16) + `eHg="}; StreamUpload {"name":"last"}`, `200 {"total":"4"}`},
		{"PUT", "/v1/streams/n", strings.Repeat("x", 150), []string{"content-type: image/png"}, `StreamUpload {"name":"n","file":{"contentType":"image/png","data":"` + strings.Repeat("eHh4", 33) + `eA=="}}; StreamUpload {"name":"n","file":{"data":"` + strings.Repeat("eHh4", 16) + `eHg="}}`, `200 {"total":"2"}`},
		{"POST", "/v1/streams", "--b\r\ncontent-disposition: form-data; name=name\r\n\r\n" + strings.Repeat("n", 150) + "\r\n--b\r\ncontent-disposition: form-data; name=content\r\n\r\n" + strings.Repeat("x", 99) + "\r\n--b--", []string{form}, ``,
			`413 {"code":8,"message":"message 1 of the body is a message of 254 bytes, and 200 are accepted here"}`},
		{"POST", "/v1/streams", "--b\r\ncontent-disposition: form-data; name=content\r\n\r\nabc", []string{form}, ``, `400 {"code":3,"message":"the body is no form: it ends before its last boundary"}`},
		{"POST", "/v1/streams", "--b\r\ncontent-disposition: form-data; name=name\r\n\r\n" + strings.Repeat("x", 250) + "\r\n--b--", []string{form}, ``,
			`413 {"code":8,"message":"message 1 of the body is larger than the 200 bytes that are accepted here"}`},
		{"POST", "/v1/streams", "--b\r\ncontent-disposition: form-data; name=nam\r\n\r\nx\r\n--b--", []string{form}, ``,
			status3("nam", `the part "nam" of the form: unknown field: shop.Upload has no "nam"; did you mean "name"?`)},
	} {
		// As a whole, and byte by byte.
		for _, whole := range []bool{true, false} {
			back := &backend{stream: summing}
			r := newRequest(t, tc.method, tc.target, tc.body, tc.headers...)
			if !whole && !strings.HasPrefix(tc.target, "/v1/streams/n?") && tc.target != "/v1/streams/n" {
				r.body, r.pieces = nil, strings.Split(tc.body, "")
			}
			shopRouter(t, Options{Invoker: back, MaxBodyBytes: 200}).Serve(t.Context(), r)
			if got := back.take(); got != tc.call {
				t.Errorf("%s %s %q:\ncalled %s\n  want %s", tc.method, tc.target, tc.body, got, tc.call)
			}
			if got := r.text(); got != tc.answer {
				t.Errorf("%s %s %q:\nanswer %s\n  want %s", tc.method, tc.target, tc.body, got, tc.answer)
			}
		}
	}
}

func TestTwoWayStreams(t *testing.T) {
	for _, tc := range []struct{ body, call, answer string }{
		{"{\"sku\":\"a\"}\n{}\n", `Chat {"sku":"a"}; Chat {}`, `200 content-type: application/x-ndjson | {"total":"1"} | {"total":"2"}`},
		{"", ``, `200 content-type: application/x-ndjson`},
		{"{\"sku\":\"a\"}\n{\"sku\":1}\n", `Chat {"sku":"a"}`, `200 content-type: application/x-ndjson | {"total":"1"} | ` +
			`{"error":` + strings.TrimPrefix(status3("sku", `message 2 of the body: line 1, column 8: sku: a string is wanted, not 1`), "400 ") + `}`},
		{"{\"sku\":\"a\"}\n{\"sku\":\"" + strings.Repeat("x", 300) + "\"}\n", `Chat {"sku":"a"}`, `200 content-type: application/x-ndjson | {"total":"1"} | ` +
			`{"error":{"code":8,"message":"message 2 of the body is larger than the 200 bytes that are accepted here"}}`},
	} {
		back := &backend{stream: echoing}
		r := newRequest(t, "POST", "/v1/chat", tc.body, ndjson)
		r.body, r.pieces, r.hold = nil, strings.SplitAfter(tc.body, "\n"), make(chan struct{}, 3)
		r.hold <- struct{}{}
		r.onSend = func(int) error { r.hold <- struct{}{}; return nil } // one message goes each way in turn
		shopRouter(t, Options{Invoker: back, MaxBodyBytes: 200}).Serve(t.Context(), r)
		if got := back.take(); got != tc.call {
			t.Errorf("%q: called %s, want %s", tc.body, got, tc.call)
		}
		if got := r.text(); got != tc.answer {
			t.Errorf("%q:\n got %s\nwant %s", tc.body, got, tc.answer)
		}
	}
}

// TestHandlerThatAnswersEarly does not wait for the rest of the body.
func TestHandlerThatAnswersEarly(t *testing.T) {
	for name, handler := range map[string]func(context.Context, *backStream) error{
		`404 {"code":5,"message":"no such upload"}`: func(_ context.Context, stream *backStream) error {
			_, _ = stream.take()
			return farcall.Errorf(farcall.NotFound, "no such upload")
		},
		`200 {"total":"7"}`: func(_ context.Context, stream *backStream) error { return stream.respond(7) },
	} {
		r := newRequest(t, "POST", "/v1/streams", "{}\n", ndjson, "content-length:")
		r.endless = true
		shopRouter(t, Options{Invoker: &backend{stream: handler}, BodyTimeout: -1}).Serve(t.Context(), r)
		if got := r.text(); got != name {
			t.Errorf("got %s, want %s", got, name)
		}
	}
}

// TestBodyThatNeverEnds meets the patience of the server, or the deadline of the call.
func TestBodyThatNeverEnds(t *testing.T) {
	for _, tc := range []struct {
		patience time.Duration
		headers  []string
		want     string // how the answer begins
	}{
		{time.Nanosecond, []string{ndjson, "content-length:"}, `408 {"code":4,"message":"the request's body did not arrive within 1ns"}`},
		{-1, []string{ndjson, "content-length:", "grpc-timeout: 1n"}, `504 {"code":4,"message":"`}, // the reading end may notice first, or the handler's
	} {
		r := newRequest(t, "POST", "/v1/streams", "{", tc.headers...)
		r.endless = true
		shopRouter(t, Options{Invoker: &backend{stream: summing}, BodyTimeout: tc.patience}).Serve(t.Context(), r)
		if got := r.text(); !strings.HasPrefix(got, tc.want) {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
}

func TestFormsOfStreams(t *testing.T) {
	broken := farcall.Errorf(farcall.DataLoss, "lost")
	for _, tc := range []struct {
		accept  string
		handler func(context.Context, *backStream) error
		want    string
	}{
		{"application/json", responding(nil, 1, 2), `200 content-type: application/json | [{"total":"1"} | ,{"total":"2"} | ]`},
		{"application/json", responding(nil), `200 content-type: application/json | []`},
		{"application/json", responding(broken, 1), `200 content-type: application/json | [{"total":"1"} | ,{"error":{"code":15,"message":"lost"}}]`},
		{"text/event-stream", responding(nil, 1), "200 content-type: text/event-stream | data: {\"total\":\"1\"}\n\n | event: end\ndata: {}\n\n"},
		{"text/event-stream", responding(nil), "200 content-type: text/event-stream | event: end\ndata: {}\n\n"},
		{"text/event-stream", responding(broken, 1), "200 content-type: text/event-stream | data: {\"total\":\"1\"}\n\n | event: error\ndata: {\"error\":{\"code\":15,\"message\":\"lost\"}}\n\n"},
		{"text/event-stream", responding(broken), `500 {"code":15,"message":"lost"}`},
		{"application/jsonl", responding(nil, 1), "200 content-type: application/jsonl | {\"total\":\"1\"}\n"},
		{"image/png", responding(nil, 1), `406 {"code":3,"message":"nothing that accept \"image/png\" names can be answered: there is application/x-ndjson, application/ndjson, application/jsonl, text/event-stream, application/json"}`},
	} {
		r := newRequest(t, "GET", "/v1/orders:watch", "", "accept: "+tc.accept)
		shopRouter(t, Options{Invoker: &backend{stream: tc.handler}}).Serve(t.Context(), r)
		got := strings.Replace(r.text(), " etag: v1 grpc-metadata-lane: 7 vary: accept, accept-encoding", "", 1)
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.accept, got, tc.want)
		}
	}
}

// TestHeartbeat: a stream of events that is silent says so.
func TestHeartbeat(t *testing.T) {
	for name, first := range map[string]bool{"before the first message": true, "after it": false} {
		heard := make(chan struct{})
		r := newRequest(t, "GET", "/v1/orders:watch", "", "accept: text/event-stream")
		beats := 0
		r.onSend = func(n int) error {
			if r.lines[n-1] == ": \n\n" {
				if beats++; beats == 2 {
					close(heard)
				}
			}
			return nil
		}
		back := &backend{stream: func(_ context.Context, stream *backStream) error {
			if !first {
				if err := stream.respond(1); err != nil {
					return err
				}
			}
			<-heard
			return farcall.Errorf(farcall.Aborted, "over")
		}}
		shopRouter(t, Options{Invoker: back, Heartbeat: time.Millisecond}).Serve(t.Context(), r)
		got := strings.ReplaceAll(r.text(), " | : \n\n", "")
		want := "200 content-type: text/event-stream"
		if !first {
			want += " | data: {\"total\":\"1\"}\n\n"
		}
		if want += " | event: error\ndata: {\"error\":{\"code\":10,\"message\":\"over\"}}\n\n"; got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	// A client that has gone is noticed, and its call ends.
	r := newRequest(t, "GET", "/v1/orders:watch", "", "accept: text/event-stream")
	gone := errors.New("gone")
	r.onSend = func(int) error { return gone }
	back := &backend{stream: func(ctx context.Context, _ *backStream) error { <-ctx.Done(); return ctx.Err() }}
	shopRouter(t, Options{Invoker: back, Heartbeat: time.Millisecond}).Serve(t.Context(), r)
	if r.aborted != gone {
		t.Errorf("aborted with %v", r.aborted)
	}
}

func TestStreamOfBytes(t *testing.T) {
	for _, tc := range []struct {
		contentType string
		failure     error
		want        string
	}{
		{"text/csv", nil, `200 content-type: text/csv | a,b | c`},
		{"", nil, `200 content-type: application/octet-stream | a,b | c`},
		{"text/csv", farcall.Errorf(farcall.DataLoss, "lost"), `200 content-type: text/csv | a,b | c cut`},
		{"a\r\nb: c", nil, `500 {"code":13,"message":"the response: the content_type \"a\\r\\nb: c\" cannot be sent: it is not printable ASCII"}`},
	} {
		back := &backend{stream: func(_ context.Context, stream *backStream) error {
			for _, text := range []string{"a,b", "", "c"} {
				response := stream.method.NewResponse()
				setHTTPBody(response.ProtoReflect(), tc.contentType, []byte(text))
				if err := stream.send(response); err != nil {
					return err
				}
			}
			return tc.failure
		}}
		r := newRequest(t, "GET", "/v1/files:all", "", "accept: image/png")
		shopRouter(t, Options{Invoker: back}).Serve(t.Context(), r)
		if got := r.text(); got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
		if (tc.failure != nil) != (r.aborted != nil) {
			t.Errorf("aborted with %v", r.aborted)
		}
	}
	empty := newRequest(t, "GET", "/v1/files:all", "")
	shopRouter(t, Options{Invoker: &backend{}}).Serve(t.Context(), empty)
	if got, want := empty.text(), `200 content-type: application/octet-stream`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzValues: values are found where they end, however the text is cut.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{`[{"a":1},[2]]`, `1 2 3`, `"a\"]" true`, `{}{}`, `[`, `[1,]`, ` [ ] `, `[1]x`, "nul l", `1,2`} {
		f.Add(seed, 3, true)
	}
	f.Fuzz(func(t *testing.T, text string, cut int, listed bool) {
		whole, wholeFault := scanAll(listed, text)
		if cut < 0 || cut > len(text) {
			cut = len(text) / 2
		}
		pieces, fault := scanAll(listed, text[:cut], text[cut:])
		if whole != pieces || wholeFault != fault {
			t.Fatalf("%q: %s %q, and in two pieces %s %q", text, whole, wholeFault, pieces, fault)
		}
	})
}

// scanAll returns the values of a text that comes in pieces, each in angle brackets.
func scanAll(listed bool, pieces ...string) (found, fault string) {
	var scan valueScan
	var b strings.Builder
	text, scanned, began := "", 0, 0
	for _, piece := range pieces {
		text += piece
		for {
			start, end, fault := scan.next([]byte(text[scanned:]), listed)
			if start >= 0 {
				began = start + scanned
			}
			if fault != "" {
				return b.String(), fault
			}
			if end < 0 {
				scanned = len(text)
				break
			}
			scanned += end
			fmt.Fprintf(&b, "<%s>", text[began:scanned])
		}
	}
	return b.String(), ""
}
