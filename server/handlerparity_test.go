// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/server"
)

// ours serves handler over HTTP/2 by the engine, in plaintext, and returns the address.
func ours(t testing.TB, handler http.HandlerFunc) string {
	return runSay(t, server.Options{HTTPHandler: handler}, repeat)
}

// theirs serves handler over HTTP/2 by net/http.
func theirs(t testing.TB, handler http.HandlerFunc) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: handler, Protocols: new(http.Protocols), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() { srv.Close(); <-served })
	return listener.Addr().String()
}

// write is a handler's write, for the cases that no failure is expected in.
func write(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

// handlers are requests and what answers them, for two servers to agree on.
var handlers = []struct {
	name    string
	request func(r *http.Request) // changes a GET without a body
	handle  http.HandlerFunc
}{
	{"nothing", nil, func(http.ResponseWriter, *http.Request) {}},
	{"text", nil, func(w http.ResponseWriter, _ *http.Request) { write(w, "hello") }},
	{"HTML", nil, func(w http.ResponseWriter, _ *http.Request) { write(w, "<html><body>") }},
	{"type of many bytes", nil, func(w http.ResponseWriter, _ *http.Request) { write(w, "%PDF-"+strings.Repeat("x", 100_000)) }},
	{"type of bytes in pieces", nil, func(w http.ResponseWriter, _ *http.Request) {
		write(w, "<ht")
		write(w, "ml>"+strings.Repeat("x", 8192))
	}},
	{"no type, no date", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
		write(w, "<html>")
	}},
	{"encoded", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "br")
		write(w, "<html>")
	}},
	{"status", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("X-Two", "1")
		w.Header().Add("X-Two", "2")
		w.WriteHeader(418)
		w.WriteHeader(200)
		w.Header().Set("X-Late", "1")
		write(w, "teapot")
	}},
	{"redirect", func(r *http.Request) { r.URL.Path = "/from" }, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+"/%7Eto?x=1", http.StatusPermanentRedirect)
	}},
	{"204 with a body", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(204)
		_, err := io.WriteString(w, "x")
		w.Header().Set(http.TrailerPrefix+"X-Error", fmt.Sprint(err))
	}},
	{"304", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", `"v1"`)
		w.WriteHeader(304)
	}},
	{"content-length", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		write(w, "he")
		write(w, "llo")
	}},
	{"content-length that is none", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "five")
		write(w, "hello")
	}},
	{"flushed", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		w.Header().Set("X-Late", "1")
		write(w, "a")
		_ = http.NewResponseController(w).Flush()
		write(w, "b")
	}},
	{"large", nil, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			write(w, strings.Repeat(string(rune('a'+i%26)), 10_000))
		}
	}},
	{"HEAD", func(r *http.Request) { r.Method = "HEAD" }, func(w http.ResponseWriter, _ *http.Request) { write(w, "hello") }},
	{"HEAD of much", func(r *http.Request) { r.Method = "HEAD" }, func(w http.ResponseWriter, _ *http.Request) {
		for range 10 {
			write(w, strings.Repeat("x", 5000))
		}
	}},
	{"HEAD with a length", func(r *http.Request) { r.Method = "HEAD" }, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(200)
	}},
	{"HEAD of a flushed answer", func(r *http.Request) { r.Method = "HEAD" }, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		write(w, "x")
	}},
	{"announced trailers", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum, X-Unset, Content-Length")
		w.Header().Add("Trailer", "X-More")
		write(w, "hello")
		w.Header().Set("X-Sum", "1")
		w.Header().Add("X-More", "2")
		w.Header().Add("X-More", "3")
		w.Header().Set("X-Unannounced", "1")
	}},
	{"trailers by prefix", nil, func(w http.ResponseWriter, _ *http.Request) {
		write(w, strings.Repeat("x", 10_000))
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
	}},
	{"trailers without a body", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
	}},
	{"malformed fields", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X Bad"] = []string{"1"}
		w.Header()["x-lower"] = []string{"1"}
		w.Header()["X-Lines"] = []string{"a\r\nX-Injected: 1"}
		write(w, "x")
	}},
	{"1xx", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(103)
		w.Header().Del("Link")
		write(w, "x")
	}},
	{"panic", nil, func(http.ResponseWriter, *http.Request) { panic("on purpose") }},
	{"abort", nil, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	{"abort within", nil, func(w http.ResponseWriter, _ *http.Request) {
		write(w, "x")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}},
	{"invalid status", nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(42) }},
	{"length above what comes", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		write(w, "x")
		w.(http.Flusher).Flush()
	}},
	{"query and headers", func(r *http.Request) {
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "/a b/c/d", "/a%20b/c%2Fd", "x=1&y=%20"
		r.Header["X-Two"] = []string{"1", "2"}
		r.Header.Set("Cookie", "a=1; b=2; c=3")
		r.Host = "example.test:99"
	}, seen},
	{"body of a length", func(r *http.Request) { post(r, strings.NewReader("hello"), 5) }, seen},
	{"body of unknown length", func(r *http.Request) { post(r, pieces("a", "b", ""), -1) }, seen},
	{"empty body of unknown length", func(r *http.Request) { post(r, pieces(), -1) }, func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%q %v\n", text, err)
	}},
	{"large body", func(r *http.Request) { post(r, strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20) }, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintln(w, n, err)
	}},
	{"body that nobody reads", func(r *http.Request) { post(r, strings.NewReader("hello"), 5) }, func(w http.ResponseWriter, _ *http.Request) { write(w, "no") }},
	{"body closed", func(r *http.Request) { post(r, strings.NewReader("hello"), 5) }, func(w http.ResponseWriter, r *http.Request) {
		r.Body.Close()
		_, err := r.Body.Read(make([]byte, 10))
		fmt.Fprintln(w, err != nil)
	}},
	{"trailers of the request", func(r *http.Request) {
		post(r, pieces("a", "b"), -1)
		r.Trailer = http.Header{"X-Sum": {"1"}, "X-More": {"2", "3"}}
	}, seen},
	{"100-continue", func(r *http.Request) {
		post(r, strings.NewReader("hello"), 5)
		r.Header.Set("Expect", "100-continue")
	}, seen},
	{"100-continue refused", func(r *http.Request) {
		post(r, strings.NewReader("hello"), 5)
		r.Header.Set("Expect", "100-continue")
	}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(417) }},
	{"OPTIONS", func(r *http.Request) { r.Method = "OPTIONS" }, seen},
	{"another method", func(r *http.Request) { r.Method = "PROPFIND" }, seen},
	{"CONNECT", func(r *http.Request) {
		post(r, pieces("a", "b"), -1)
		r.Method, r.URL.Path, r.Host = "CONNECT", "", "example.test:99"
	}, seen},
	{"hijack", nil, func(w http.ResponseWriter, _ *http.Request) {
		_, _, err := http.NewResponseController(w).Hijack()
		_, hijacks := w.(http.Hijacker)
		write(w, fmt.Sprint(errors.Is(err, http.ErrNotSupported), hijacks))
	}},
	{"many 1xx", nil, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 4 {
			w.Header().Set("X-Step", fmt.Sprint(i))
			w.WriteHeader(102 + i%2)
		}
		w.Header().Del("X-Step")
		w.WriteHeader(202)
	}},
	{"1xx after the head", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		w.WriteHeader(103)
		write(w, "x")
	}},
	{"1xx for a HEAD", func(r *http.Request) { r.Method = "HEAD" }, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(103)
		write(w, "x")
	}},
	{"205", nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(205) }},
	{"304 with a length", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.WriteHeader(304)
	}},
	{"a form", func(r *http.Request) {
		post(r, strings.NewReader("x=1&y=2"), 7)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.ParseForm(), r.Form) }},
	{"a file", func(r *http.Request) { r.Header.Set("Range", "bytes=2-4") }, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "x.css", time.Unix(1_000_000_000, 0), strings.NewReader("0123456789"))
	}},
	{"too large a body", func(r *http.Request) { post(r, strings.NewReader("hello"), 5) }, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 3))
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	}},
}

func post(r *http.Request, body io.Reader, length int64) {
	r.Method, r.Body, r.ContentLength = "POST", io.NopCloser(body), length
}

// pieces is a body that comes in pieces.
func pieces(texts ...string) io.Reader {
	near, far := io.Pipe()
	go func() {
		for _, text := range texts {
			write(far, text)
		}
		far.Close()
	}()
	return near
}

// seen answers with what a handler sees of the request.
func seen(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, r.Method, r.URL, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host, r.ContentLength, r.TransferEncoding, r.Close)
	writeHeader := func(header http.Header) {
		for _, name := range slices.Sorted(maps.Keys(header)) {
			fmt.Fprintf(w, "%s: %q\n", name, header[name])
		}
	}
	writeHeader(r.Header)
	writeHeader(r.Trailer)
	text, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%q %v\n", text, err)
	writeHeader(r.Trailer)
	fmt.Fprintln(w, r.Context().Err(), r.RemoteAddr != "", r.TLS == nil, r.Context().Value(http.LocalAddrContextKey) != nil,
		r.Context().Value(http.ServerContextKey) != nil)
}

// transcript is everything that a client sees of an answer.
func transcript(t testing.TB, client *http.Client, address string, change func(*http.Request)) string {
	t.Helper()
	var told strings.Builder
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		fmt.Fprintln(&told, code, header)
		return nil
	}})
	request, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/path", nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(request)
	}
	response, err := client.Do(request)
	if err != nil {
		return told.String() + "no answer"
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.Header.Get("Date") != "" {
		response.Header.Set("Date", "now")
	}
	fmt.Fprintln(&told, response.Proto, response.Status, response.ContentLength)
	for _, header := range []http.Header{response.Header, response.Trailer} {
		for _, name := range slices.Sorted(maps.Keys(header)) {
			fmt.Fprintf(&told, "%s: %q\n", name, header[name])
		}
		fmt.Fprintln(&told)
	}
	fmt.Fprintf(&told, "%d bytes, whole: %t\n%.2000s\n", len(body), err == nil, body)
	return strings.ReplaceAll(told.String(), address, "ADDRESS")
}

// TestHandlersAnswerAsOverNetHTTP is also the proof for net/http's client.
func TestHandlersAnswerAsOverNetHTTP(t *testing.T) {
	client := httpVersions(t)["HTTP/2"]
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Transport.(*http.Transport).ExpectContinueTimeout = 10 * time.Second
	for _, c := range handlers {
		t.Run(c.name, func(t *testing.T) {
			want := transcript(t, client, theirs(t, c.handle), c.request)
			if got := transcript(t, client, ours(t, c.handle), c.request); got != want {
				t.Errorf("got:\n%s\nnet/http:\n%s", got, want)
			}
		})
	}
}

// TestHandlersAnswerBetterThanOverNetHTTP has what net/http's own server for HTTP/2 does otherwise.
func TestHandlersAnswerBetterThanOverNetHTTP(t *testing.T) {
	client := httpVersions(t)["HTTP/2"]
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"a length that is exceeded: as over HTTP/1.1 the client gets that much": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
			write(w, "hello")
			if _, err := io.WriteString(w, "!"); !errors.Is(err, http.ErrContentLength) {
				panic(err)
			}
		}, "HTTP/2.0 200 OK 5\nContent-Length: [\"5\"]\n\n\n5 bytes, whole: true\nhello\n"},
		"fields of HTTP/1.1 are not sent: the client would have to refuse them (RFC 9113 section 8.2.2)": {func(w http.ResponseWriter, _ *http.Request) {
			for _, name := range []string{"Keep-Alive", "Transfer-Encoding", "Upgrade", "Proxy-Connection", "Te"} {
				w.Header().Set(name, "chunked")
			}
			w.Header().Set("Connection", "keep-alive")
			w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
			write(w, "x")
		}, "HTTP/2.0 200 OK 1\nContent-Length: [\"1\"]\n\n\n1 bytes, whole: true\nx\n"},
		"101 does not exist in HTTP/2 (RFC 9113 section 8.6)": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(101)
			w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
			write(w, "x")
		}, "HTTP/2.0 200 OK 1\nContent-Length: [\"1\"]\n\n\n1 bytes, whole: true\nx\n"},
		"an answer that is known to fall short is no answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			write(w, "x")
		}, "no answer"},
	} {
		if got := transcript(t, client, ours(t, c.handle), nil); got != c.want {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}
