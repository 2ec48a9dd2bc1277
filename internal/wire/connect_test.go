// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

func TestConnectTimeout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1", 1: "1", time.Millisecond: "1", time.Millisecond + 1: "2", time.Minute: "60000", 1 << 62: "4611686018428",
	} {
		if want == "4611686018428" {
			want = "9999999999" // there is room for ten digits
		}
		if got := string(wire.AppendConnectTimeout(nil, d)); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
	for _, malformed := range []string{"", "12345678901", "-1", "1s", "1.5", " 1"} {
		if d, err := wire.ParseConnectTimeout(malformed); err == nil {
			t.Errorf("%q is read as %v", malformed, d)
		}
	}
}

func TestConnectError(t *testing.T) {
	detail, err := anypb.New(wrapperspb.String("x"))
	if err != nil {
		t.Fatal(err)
	}
	failure := &farcall.Error{Code: farcall.NotFound, Message: `no "order" 7`, Details: []*anypb.Any{detail, detail}}
	const want = `{"code":"not_found","message":"no \"order\" 7","details":[` +
		`{"type":"google.protobuf.StringValue","value":"CgF4"},{"type":"google.protobuf.StringValue","value":"CgF4"}]}`
	written := wire.AppendConnectError(nil, failure)
	if string(written) != want {
		t.Errorf("got %s, want %s", written, want)
	}
	back := wire.ParseConnectError("404", "application/json", written)
	if back.Code != failure.Code || back.Message != failure.Message || len(back.Details) != 2 || !proto.Equal(back.Details[0], detail) {
		t.Errorf("read back: %v", back)
	}
}

// What is no error of Connect leaves the HTTP status to say it, and what is broken in one does not change what it says.
func TestReceivedConnectError(t *testing.T) {
	for _, c := range []struct {
		status, contentType, body string
		code                      farcall.Code
		message                   string
	}{
		{"404", "text/html", "<html>", farcall.Unimplemented, "the server answered 404 text/html, not Connect: is this a gRPC port? It looks like a web site"},
		{"503", "application/json", "null", farcall.Unavailable, "the server answered 503 application/json, not Connect: does a proxy in between not reach the service?"},
		{"500", "application/json", `{"code":13,"message":"x"}`, farcall.Unknown, "the server answered 500 application/json, not Connect: is this the REST port?"},
		{"500", "application/json", `{`, farcall.Unknown, "the server answered 500 application/json, not Connect: is this the REST port?"},
		{"404", "application/json", `{"message":"x"}`, farcall.Unimplemented, "x"},
		{"409", "application/json; charset=utf-8", `{"code":"aborted"}`, farcall.Aborted, ""},
		{"400", "application/json", `{"code":"ok","message":"x"}`, farcall.Internal, "x"},
		{"429", "application/json", `{"code":"not_found","details":[{"type":"","value":"CgF4"},{"type":"a.B","value":"%"}]}`, farcall.NotFound, ""},
		{"2", "", "", farcall.Internal, `the server answered with :status "2", which is not an HTTP status`},
	} {
		got := wire.ParseConnectError(c.status, c.contentType, []byte(c.body))
		if got.Code != c.code || got.Message != c.message || len(got.Details) != 0 {
			t.Errorf("%s %s %s: got %v %q %v", c.status, c.contentType, c.body, got.Code, got.Message, got.Details)
		}
	}
}

func TestConnectEnd(t *testing.T) {
	trailer := farcall.NewMetadata("a", "1", "b-bin", "\xff", "a", "2")
	written, err := wire.AppendConnectEnd(nil, &farcall.Error{Code: farcall.Aborted, Message: "x"}, trailer)
	const want = "\x02\x00\x00\x00\x50" + `{"error":{"code":"aborted","message":"x"},"metadata":{"a":["1","2"],"b-bin":["/w"]}}`
	if string(written[5:]) != want[5:] || int(written[4]) != len(want)-5 || written[0] != 2 || err != nil {
		t.Errorf("got %q, %v, want %q", written, err, want)
	}
	back, err := wire.ParseConnectEnd(written[5:])
	if farcall.CodeOf(err) != farcall.Aborted || back.Get("b-bin") != "\xff" || len(back.Values("a")) != 2 {
		t.Errorf("read back: %v, %v", back, err)
	}
	if written, _ := wire.AppendConnectEnd(nil, nil, farcall.Metadata{}); string(written) != "\x02\x00\x00\x00\x02{}" {
		t.Errorf("a good end: %q", written)
	}
	if _, err := wire.ParseConnectEnd([]byte("{}")); err != nil {
		t.Errorf("a good end: %v", err)
	}
	written, err = wire.AppendConnectEnd(nil, nil, farcall.NewMetadata("connect-x", "1"))
	expectFailure(t, err, farcall.Internal, `"connect-x"`, "belongs to Connect")
	if !strings.Contains(string(written), `{"error":{"code":"internal",`) {
		t.Errorf("the client is told %q", written)
	}
	for _, malformed := range []string{"", "null", "[]", "{", `{"error":"x"}`, `{"metadata":{"a":1}}`, `{"metadata":{"a-bin":["%"]}}`} {
		_, err := wire.ParseConnectEnd([]byte(malformed))
		if farcall.CodeOf(err) != farcall.Internal {
			t.Errorf("%q: %v", malformed, err)
		}
	}
}

func TestWebTrailers(t *testing.T) {
	fields := []exchange.Field{{Name: "grpc-status", Value: "5"}, {Name: "a", Value: "x: y"}}
	written := wire.AppendWebTrailers(nil, fields)
	if want := "\x80\x00\x00\x00\x19grpc-status: 5\r\na: x: y\r\n"; string(written) != want {
		t.Errorf("got %q, want %q", written, want)
	}
	back, err := wire.ParseWebTrailers([]byte("GRPC-Status:5\na: x: y \r\n\r\n"))
	if err != nil || lines(back) != lines(fields) {
		t.Errorf("read back: %v, %v", back, err)
	}
	for _, malformed := range []string{"grpc-status", ": 5"} {
		_, err := wire.ParseWebTrailers([]byte(malformed))
		expectFailure(t, err, farcall.Internal, "without a name")
	}
}

func TestWebSubtype(t *testing.T) {
	for contentType, want := range map[string]struct {
		subtype  string
		text, ok bool
	}{
		"application/grpc-web":              {"", false, true},
		"application/grpc-web+proto":        {"proto", false, true},
		"Application/gRPC-Web-Text; a=b":    {"", true, true},
		"application/grpc-web-text+json":    {"json", true, true},
		"application/grpc-webby":            {"", false, false},
		"application/grpc":                  {"", false, false},
		"application/grpc-web-text+json ;q": {"json", true, true},
	} {
		subtype, text, ok := wire.WebSubtype(contentType)
		if subtype != want.subtype || ok != want.ok || ok && text != want.text {
			t.Errorf("%s: %q, %v, %v", contentType, subtype, text, ok)
		}
	}
}

// Whatever a server says of a failure, it is one, and can be said again.
func FuzzConnectError(f *testing.F) {
	f.Add("404", "application/json", []byte(`{"code":"not_found","message":"x","details":[{"type":"a.B","value":"CgF4","debug":{}}]}`))
	f.Add("500", "text/html", []byte(`<html>`))
	f.Add("200", "application/json", []byte(`{"code":"ok"}`))
	f.Fuzz(func(t *testing.T, status, contentType string, body []byte) {
		failure := wire.ParseConnectError(status, contentType, body)
		if failure == nil || failure.Code == farcall.OK || failure.Code > farcall.Unauthenticated || !utf8.ValidString(failure.Message) {
			t.Fatalf("read as %v", failure)
		}
		again := wire.ParseConnectError("500", "application/json", wire.AppendConnectError(nil, failure))
		if again.Code != failure.Code || again.Message != failure.Message || len(again.Details) != len(failure.Details) {
			t.Errorf("%v was said again as %v", failure, again)
		}
	})
}

// Whatever ends a stream, it is a good end or an error, and what is read can be written.
func FuzzConnectEnd(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"error":{"code":"internal"},"metadata":{"a":["1","2"],"b-bin":["/w"]}}`))
	f.Add([]byte(`{"error":null,"metadata":{"A":[],"grpc-status":["0"]}}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		trailer, err := wire.ParseConnectEnd(message)
		failure := farcall.AsError(err)
		written, err := wire.AppendConnectEnd(nil, failure, trailer)
		if err != nil && !strings.Contains(err.Error(), "belongs to Connect") {
			t.Fatalf("%q was read and cannot be written: %v", message, err)
		}
		if !json.Valid(written[wire.PrefixBytes:]) {
			t.Fatalf("%q was read, and written as %q", message, written)
		}
		if err == nil {
			again, outcome := wire.ParseConnectEnd(written[wire.PrefixBytes:])
			if farcall.CodeOf(outcome) != farcall.CodeOf(failure) && failure != nil || again.Len() != trailer.Len() {
				t.Errorf("%q was read as %v and then as %v, %v", message, trailer, again, outcome)
			}
		}
	})
}

func FuzzWebTrailers(f *testing.F) {
	f.Add([]byte("grpc-status: 0\r\n"))
	f.Add([]byte("a\nb:c\r\n:"))
	f.Fuzz(func(t *testing.T, message []byte) {
		fields, err := wire.ParseWebTrailers(message)
		if err != nil {
			return
		}
		again, err := wire.ParseWebTrailers(wire.AppendWebTrailers(nil, fields)[wire.PrefixBytes:])
		if err != nil || len(again) != len(fields) {
			t.Errorf("%q was read as %v, and again as %v, %v", message, fields, again, err)
		}
	})
}
