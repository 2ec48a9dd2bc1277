// SPDX-License-Identifier: Apache-2.0

package http1_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http1"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func head(status string, pairs ...string) exchange.Head {
	fields := []exchange.Field{{Name: ":status", Value: status}}
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, exchange.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return exchange.Head{Fields: fields}
}

func TestAppendHead(t *testing.T) {
	const date = "Date: Fri, 27 Nov 2026 12:00:00 GMT\r\n"
	for _, tc := range []struct {
		name    string
		head    exchange.Head
		framing http1.Framing
		want    string
		answer  http1.Answer
	}{
		{"one piece", head("200", "content-type", "application/json", "content-length", "7"), http1.Framing{Length: 2},
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + date + "Content-Length: 2\r\n\r\n", http1.Answer{}},
		{"chunks", head("200", "transfer-encoding", "gzip"), http1.Framing{Chunked: true},
			"HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\n\r\n", http1.Answer{}},
		{"no content", head("204", "content-length", "0"), http1.Framing{}, "HTTP/1.1 204 No Content\r\n" + date + "\r\n", http1.Answer{Bodiless: true}},
		{"not modified", head("304", "etag", "x"), http1.Framing{Chunked: true}, "HTTP/1.1 304 Not Modified\r\nEtag: x\r\n" + date + "\r\n", http1.Answer{Bodiless: true}},
		{"HEAD", head("200", "content-length", "7"), http1.Framing{Head: true}, "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 7\r\n\r\n", http1.Answer{Bodiless: true}},
		{"HEAD of chunks", head("200"), http1.Framing{Head: true, Chunked: true}, "HTTP/1.1 200 OK\r\n" + date + "\r\n", http1.Answer{Bodiless: true}},
		{"the last one", head("499"), http1.Framing{Close: true}, "HTTP/1.1 499 status code 499\r\n" + date + "Content-Length: 0\r\nConnection: close\r\n\r\n", http1.Answer{Close: true}},
		{"a field says that it is the last", head("200", "connection", "x, Close", "keep-alive", "9", "upgrade", "x"), http1.Framing{},
			"HTTP/1.1 200 OK\r\n" + date + "Content-Length: 0\r\nConnection: close\r\n\r\n", http1.Answer{Close: true}},
		{"a date of its own", head("200", "date", "today"), http1.Framing{}, "HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 0\r\n\r\n", http1.Answer{}},
		{"injection", head("200", "x", "1\r\nset-cookie: 2", "a: b\r\nc", "3", "", "4"), http1.Framing{},
			"HTTP/1.1 200 OK\r\nX: 1  set-cookie: 2\r\n" + date + "Content-Length: 0\r\n\r\n", http1.Answer{}},
	} {
		got, answer, err := http1.AppendHead(nil, tc.head, tc.framing, noon)
		if string(got) != tc.want || answer != tc.answer || err != nil {
			t.Errorf("%s:\n%q, %+v, %v, want\n%q, %+v", tc.name, got, answer, err, tc.want, tc.answer)
		}
	}
	for _, status := range []string{"", "x", "100", "1000", "-200"} {
		if got, _, err := http1.AppendHead(nil, head(status), http1.Framing{}, noon); err == nil || len(got) > 0 {
			t.Errorf("status %q: %q, %v", status, got, err)
		}
	}
}

// net/http reads the chunks and the trailers.
func TestChunks(t *testing.T) {
	written, _, err := http1.AppendHead(nil, head("200"), http1.Framing{Chunked: true}, noon)
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("x"), 70_000)
	written = http1.AppendChunk(http1.AppendChunk(written, []byte("hello")), large)
	written = http1.AppendEnd(written, []exchange.Field{{Name: "x-trailer", Value: "1"}})
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(written)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "hello"+string(large) || response.Trailer.Get("X-Trailer") != "1" {
		t.Errorf("%d bytes, %v, %v", len(body), response.Trailer, err)
	}
}
