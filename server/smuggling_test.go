// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/server"
)

// TestSmugglingOverHTTP1 sends requests that another implementation might read as two, or with other ends. Each is
// followed by a request for /v1/hidden: it is refused, or the connection ends before that, or, where the request is right, it is answered.
func TestSmugglingOverHTTP1(t *testing.T) {
	const hidden = "POST /v1/hidden HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
	for _, tc := range []struct {
		name, head, body string
		want             string // the statuses of the answers
	}{
		{"right", "Content-Length: 3", `"a"`, "200 404"},
		{"right in chunks", "Transfer-Encoding: chunked", "3\r\n\"a\"\r\n0\r\n\r\n", "200 404"},
		{"both lengths", "Content-Length: 3\r\nTransfer-Encoding: chunked", "3\r\n\"a\"\r\n0\r\n\r\n", "400"},
		{"both lengths, otherwise", "TRANSFER-ENCODING: chunked\r\nX: a\r\ncontent-length: 0", "3\r\n\"a\"\r\n0\r\n\r\n", "400"},
		{"two lengths", "Content-Length: 3\r\nContent-Length: 100", `"a"`, "400"},
		{"a list of lengths", "Content-Length: 3, 3", `"a"`, "400"},
		{"a signed length", "Content-Length: +3", `"a"`, "400"},
		{"a negative length", "Content-Length: -3", `"a"`, "400"},
		{"a hexadecimal length", "Content-Length: 0x3", `"a"`, "400"},
		{"a space before the colon", "Content-Length : 3", `"a"`, "400"},
		{"a folded line", "X: a\r\n Content-Length: 0\r\nContent-Length: 3", `"a"`, "200 404"}, // one field, whose value has a space
		{"an unknown coding", "Transfer-Encoding: xchunked", "3\r\n\"a\"\r\n0\r\n\r\n", "501"},
		{"two codings", "Transfer-Encoding: chunked, chunked", "3\r\n\"a\"\r\n0\r\n\r\n", "501"},
		{"a coding in two fields", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "3\r\n\"a\"\r\n0\r\n\r\n", "501"},
		{"a vertical tab in the coding", "Transfer-Encoding: \vchunked", "3\r\n\"a\"\r\n0\r\n\r\n", "400"},
		{"a zero byte in a value", "X: a\x00b\r\nContent-Length: 3", `"a"`, "400"},
		{"a bare CR in a value", "X: a\rContent-Length: 0\r\nContent-Length: 3", `"a"`, "400"},
		{"a chunk that lies", "Transfer-Encoding: chunked", "5\r\n\"a\"\r\n0\r\n\r\n", "400"},
		{"a chunk's length too large", "Transfer-Encoding: chunked", "fffffffffffffffff\r\n\"a\"\r\n0\r\n\r\n", "400"},
		{"two hosts", "Host: b\r\nContent-Length: 3", `"a"`, "400"},
		{"a length in the trailer", "Transfer-Encoding: chunked", "3\r\n\"a\"\r\n0\r\nContent-Length: 50\r\n\r\n", "200 404"},
	} {
		if throughNetHTTP && strings.HasPrefix(tc.name, "both lengths") {
			tc.want = "200 404" // net/http goes by the chunks (RFC 9112 section 6.3), and keeps the connection
		}
		var calls atomic.Int32
		address := run(t, register(posted(t, say, "/v1/say"), farcall.HandleUnary(func(_ context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
			calls.Add(1)
			return in, nil
		}), server.Options{}))
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(nc, "POST /v1/say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"+tc.head+"\r\n\r\n"+tc.body+hidden)
		var statuses []string
		reader := bufio.NewReader(nc)
		for len(statuses) < 2 {
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				break
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			statuses = append(statuses, fmt.Sprint(response.StatusCode))
		}
		if got := strings.Join(statuses, " "); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
		if want := int32(strings.Count(tc.want, "200")); calls.Load() != want {
			t.Errorf("%s: %d calls, want %d", tc.name, calls.Load(), want)
		}
		nc.Close()
	}
}

// TestInjectedHeaders: what a handler puts into metadata cannot end a header line, and what a client sends in one cannot
// become another.
func TestInjectedHeaders(t *testing.T) {
	var seen atomic.Value
	address := run(t, register(posted(t, say, "/v1/say"), farcall.HandleUnary(func(c context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		call := farcall.IncomingCall(c)
		seen.Store(fmt.Sprint(call.RequestHeader().Values("x-request-id"), call.RequestHeader().Values("injected")))
		call.ResponseHeader().Set("location", in.Value)
		return in, nil
	}), server.Options{}))
	for version, client := range httpVersions(t) {
		response, text := send(t, client, "POST", "http://"+address+"/v1/say", "application/json", `"/a\r\nSet-Cookie: stolen=1\r\n\r\n<html>"`)
		if response.StatusCode != 500 || response.Header.Get("Set-Cookie") != "" || !strings.Contains(text, "not printable ASCII") {
			t.Errorf("%s: %s %v %s", version, response.Status, response.Header, text)
		}
	}
	conn := raw(t, address)
	head := with(requestHead("/v1/say"), "content-type", "application/json")
	head.Fields = append(head.Fields, exchange.Field{Name: "x-request-id", Value: "1\r\ninjected: 2"})
	if stream, err := conn.Open(t.Context(), head, []byte(`"/a"`), true); err == nil {
		defer stream.Close()
		if answer, err := stream.Head(t.Context()); err == nil && answer.Get(":status") == "200" && seen.Load() != "[] []" {
			t.Errorf("a line break in a field: the handler saw %v", seen.Load())
		}
	}
}
