// SPDX-License-Identifier: Apache-2.0

package http1_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/http1"
)

// plain are requests that are taken, with the bodies they have.
var plain = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /v1/charges HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
	"PUT /v1/%7Bx%7D/a%2fb;c=d?q={\"x\"}&y=%zz HTTP/1.1\r\nhost:a.example:80\r\nContent-length:\t3 \r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
	"DELETE //a/../b? HTTP/1.1\r\nHOST: [::1]:80\r\nConnection: Keep-Alive\r\nx_y: \r\nA: 1\r\na: 2\r\nCookie: a=b; c=d\r\n\r\n",
	"HEAD /a+b@c:d HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nContent-Length: 000\r\nUser-Agent: curl/8 (x; y)\r\n\r\n",
	"PATCH /~ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz",
}

// foreign are requests, or not, that are left to net/http.
var foreign = []string{
	"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
	"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
	"get / HTTP/1.1\r\nHost: a\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a% HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a\"b HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /[a] HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /?\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost:\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n",
	"GET / HTTP/1.1\r\nHost: a\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n\n",
	"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX(: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1234567890123456789\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nTrailer: x\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

// read is what the server does with what it has received.
func read(received []byte) (request http1.Request, size int, ok bool) {
	size, extent := http1.Scan(received, 0)
	if extent != http1.Whole {
		return request, 0, false
	}
	request, ok = http1.Parse(received[:size], nil)
	return request, size, ok
}

func TestForeign(t *testing.T) {
	for _, text := range foreign {
		if request, _, ok := read([]byte(text)); ok {
			t.Errorf("%q is plain: %+v", text, request)
		}
	}
}

// Whatever is plain, net/http reads in the same way; FuzzPlain has the rest of the proof.
func TestPlain(t *testing.T) {
	for _, text := range plain {
		if _, _, ok := read([]byte(text)); !ok {
			t.Errorf("%q is not plain", text)
		}
		same(t, []byte(text))
	}
}

// A head is found in whatever pieces it comes, and nothing of it is changed.
func TestScanInPieces(t *testing.T) {
	for _, text := range append(plain, foreign...) {
		whole, want := http1.Scan([]byte(text), 0)
		next, got := 0, http1.Partial
		for end := 1; end <= len(text) && got == http1.Partial; end++ {
			next, got = http1.Scan([]byte(text[:end]), next)
		}
		if got != want || got == http1.Whole && next != whole {
			t.Errorf("%q: %v at %d in pieces, %v at %d in one", text, got, next, want, whole)
		}
		received := []byte(text)
		if want == http1.Whole {
			http1.Parse(received[:whole], nil)
		}
		if string(received) != text {
			t.Errorf("%q was changed to %q", text, received)
		}
	}
}

// FuzzPlain holds the parser to net/http: what it takes, net/http takes as well, and reads the same method, target, host,
// fields and body.
func FuzzPlain(f *testing.F) {
	for _, text := range append(plain, foreign...) {
		f.Add([]byte(text))
	}
	f.Fuzz(same)
}

func same(t *testing.T, received []byte) {
	request, size, ok := read(received)
	if !ok {
		return
	}
	theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(received)))
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", received, err)
	}
	fields := http.Header{}
	for _, field := range request.Fields {
		if field.Name != strings.ToLower(field.Name) {
			t.Errorf("%q: a field is called %q", received, field.Name)
		}
		fields.Add(field.Name, field.Value)
	}
	if request.Method != theirs.Method || request.Target != theirs.URL.RequestURI() || request.Target != theirs.RequestURI || request.Host != theirs.Host {
		t.Errorf("%q: %+v, net/http has %s %s of %s", received, request, theirs.Method, theirs.URL.RequestURI(), theirs.Host)
	}
	if !reflect.DeepEqual(fields, theirs.Header) {
		t.Errorf("%q: %v, net/http has %v", received, fields, theirs.Header)
	}
	if theirs.ContentLength != request.Length || len(theirs.TransferEncoding) > 0 || len(theirs.Trailer) > 0 || theirs.Close {
		t.Errorf("%q: %d bytes, net/http has %d, %v, %v, %v", received, request.Length, theirs.ContentLength, theirs.TransferEncoding, theirs.Trailer, theirs.Close)
	}
	body, _ := io.ReadAll(theirs.Body) // fails where the input ends first
	if rest := received[size:]; !bytes.Equal(body, rest[:min(int64(len(rest)), request.Length)]) {
		t.Errorf("%q: net/http's body is %q", received, body)
	}
}

func TestTwoLengths(t *testing.T) {
	for _, test := range []struct {
		fields string
		want   bool
	}{
		{"Host: a", false},
		{"Content-Length: 3", false},
		{"Transfer-Encoding: chunked", false},
		{"Content-Length: 3\r\nTransfer-Encoding: chunked", true},
		{"transfer-encoding:x\r\nHost: a\r\ncontent-length:", true},
		{"Transfer-Encoding : chunked\r\nContent-Length\t: 3", true},
		{"X-Content-Length: 3\r\nTransfer-Encoding: chunked", false},
		{"X: Content-Length: 3\r\nTransfer-Encoding: chunked", false},
	} {
		if got := http1.TwoLengths([]byte("POST / HTTP/1.1\r\n" + test.fields + "\r\n\r\n")); got != test.want {
			t.Errorf("%q: %v", test.fields, got)
		}
	}
}
