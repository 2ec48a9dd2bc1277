// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
)

// compressedParts returns texts compressed as one stream, each flushed.
func compressedParts(t testing.TB, coding string, texts ...string) (parts []string) {
	t.Helper()
	var out bytes.Buffer
	writer, err := withZstd.Find(coding).(compress.Streamer).NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		_, err := io.WriteString(writer, text)
		if err == nil {
			err = writer.Flush()
		}
		if err == nil && i == len(texts)-1 {
			err = writer.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, out.String())
		out.Reset()
	}
	return parts
}

// source is a compressed stream that comes in parts. Whoever wants more than there is says so.
type source struct {
	current  string
	next     chan string
	starving chan struct{}
}

func (s *source) Read(p []byte) (int, error) {
	for s.current == "" {
		s.starving <- struct{}{}
		var more bool
		if s.current, more = <-s.next; !more {
			return 0, io.EOF
		}
	}
	n := copy(p, s.current)
	s.current = s.current[n:]
	return n, nil
}

// expanded returns what a client can read with each part of a stream that comes.
func expanded(t testing.TB, coding string, parts []string) (texts []string) {
	t.Helper()
	s := &source{next: make(chan string), starving: make(chan struct{})}
	reader := withZstd.Find(coding).(compress.Streamer).NewReader(s)
	defer reader.Close()
	var read []byte // belongs to the goroutine while it does not starve
	ended := make(chan error, 1)
	go func() {
		for room := make([]byte, 100); ; {
			n, err := reader.Read(room)
			if read = append(read, room[:n]...); err != nil {
				ended <- err
				return
			}
		}
	}()
	seen := 0
	for _, part := range append(parts, "") {
		select {
		case <-s.starving:
		case err := <-ended:
			t.Fatalf("%s: behind %d of %d parts: %v", coding, len(texts), len(parts), err)
		}
		texts = append(texts, string(read[seen:]))
		seen = len(read)
		if part != "" {
			s.next <- part
		}
	}
	close(s.next)
	if err := <-ended; err != io.EOF || len(read) > seen {
		t.Errorf("%s: at the end %q, %v", coding, read[seen:], err)
	}
	return texts[1:]
}

func TestCompressedRequestStreams(t *testing.T) {
	lines := []string{"{\"name\":\"a\"}\n", "{\"name\":\"b\"}\n{\"na", "me\":\"c\"}\n"}
	const calls, answer = `StreamUpload {"name":"a"}; StreamUpload {"name":"b"}; StreamUpload {"name":"c"}`, `200 {"total":"3"}`
	for _, coding := range []string{"gzip", "zstd"} {
		parts := compressedParts(t, coding, lines...)
		whole := strings.Join(parts, "")
		with := func(text string) string { return compressedWith(t, withZstd.Find(coding), text) }
		broken := `400 {"code":3,"message":"the body is not what its content-encoding says: ` + coding + ": "
		for name, tc := range map[string]struct {
			pieces       []string
			headers      []string
			call, answer string // how the answer begins
		}{
			"in one":             {[]string{whole}, []string{ndjson}, calls, answer},
			"as it was flushed":  {parts, []string{ndjson}, calls, answer},
			"byte by byte":       {strings.Split(whole, ""), []string{ndjson}, calls, answer},
			"a JSON array":       {[]string{with(`[{"name":"a"},{}]`)}, []string{"content-type: application/json"}, `StreamUpload {"name":"a"}; StreamUpload {}`, `200 {"total":"2"}`},
			"a form":             {[]string{with("--b\r\ncontent-disposition: form-data; name=name\r\n\r\nx\r\n--b--")}, []string{"content-type: multipart/form-data; boundary=b"}, `StreamUpload {"name":"x"}`, `200 {"total":"1"}`},
			"two, one behind":    {[]string{with("{}\n") + with("{\"name\":\"a\"}\n")}, []string{ndjson}, `StreamUpload {}; StreamUpload {"name":"a"}`, `200 {"total":"2"}`},
			"in capital letters": {[]string{whole}, []string{ndjson, "content-encoding: " + strings.ToUpper(coding)}, calls, answer},
			"no body":            {nil, []string{ndjson}, ``, `200 {}`},
			"nothing in it":      {[]string{with("")}, []string{ndjson}, ``, `200 {}`},
			"not compressed":     {[]string{"{\"name\":\"a\"}\n{\"name\":\"a\"}\n"}, []string{ndjson}, ``, broken},
			"cut in the header":  {[]string{whole[:3]}, []string{ndjson}, ``, broken},
			"cut behind a flush": {parts[:1], []string{ndjson}, `StreamUpload {"name":"a"}`, `400 {"code":3,"message":"the body behind message 1 is not what its content-encoding says: ` + coding + `: unexpected EOF"}`},
			"garbage behind it":  {[]string{with("{}\n") + "garbage"}, []string{ndjson}, `StreamUpload {}`, `400 {"code":3,"message":"the body behind message 1 is not what its content-encoding says: ` + coding},
			"twice":              {[]string{with(with("{}\n"))}, []string{ndjson, "content-encoding: " + coding + ", " + coding}, ``, `415 accept-encoding: gzip,zstd,identity {"code":3,"message":"the content-encoding \"` + coding + ", " + coding + `\" cannot be read`},
			"a long line":        {[]string{with("{}\n" + strings.Repeat("x", 1<<20))}, []string{ndjson}, `StreamUpload {}`, `413 {"code":8,"message":"message 2 of the body is larger than the 200 bytes that are accepted here"}`},
			"an endless line":    {[]string{with(strings.Repeat("x", 1<<20))}, []string{ndjson}, ``, `413 {"code":8,"message":"`},
			"too short":          {[]string{whole}, []string{ndjson, fmt.Sprintf("content-length: %d", len(whole)+1)}, calls, fmt.Sprintf(`400 {"code":3,"message":"the body has %d bytes, but content-length announced %d"}`, len(whole), len(whole)+1)},
			"a size of its own":  {[]string{whole}, []string{ndjson, fmt.Sprintf("content-length: %d", len(whole))}, calls, answer},
		} {
			back := &backend{stream: summing}
			headers := tc.headers
			if !strings.Contains(strings.Join(headers, " "), "content-encoding") {
				headers = append(headers, "content-encoding: "+coding)
			}
			router := shopRouter(t, Options{Invoker: back, MaxBodyBytes: 200, Compressors: withZstd})
			r := newRequest(t, "POST", "/v1/streams", "", headers...)
			r.pieces = tc.pieces
			router.Serve(t.Context(), r)
			if got := back.take(); got != tc.call {
				t.Errorf("%s, %s: called %s, want %s", coding, name, got, tc.call)
			}
			if got := r.text(); !strings.HasPrefix(got, tc.answer) {
				t.Errorf("%s, %s:\n got %s\nwant %s", coding, name, got, tc.answer)
			}
			if held := router.compressing.Load(); held != 0 {
				t.Errorf("%s, %s: %d bytes are still held", coding, name, held)
			}
		}
	}
}

// TestManySmallMessagesOfLittle is a bomb of which every message is small.
func TestManySmallMessagesOfLittle(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		for unit, name := range map[string]string{"\n": "empty lines", "{}\n": "empty messages"} {
			count := 0
			back := &backend{stream: func(_ context.Context, stream *backStream) error {
				for ; ; count++ {
					select {
					case _, more := <-stream.requests:
						if !more {
							return stream.respond(int64(count))
						}
					case <-stream.ctx.Done():
						return stream.ctx.Err()
					}
				}
			}}
			body := compressedWith(t, withZstd.Find(coding), strings.Repeat(unit, 4<<20))
			r := newRequest(t, "POST", "/v1/streams", body, ndjson, "content-encoding: "+coding)
			shopRouter(t, Options{Invoker: back, MaxBodyBytes: 1 << 10, Compressors: withZstd}).Serve(t.Context(), r)
			if got := r.text(); !strings.HasPrefix(got, "413 ") || !strings.HasSuffix(got, ` has become more than 256 times as long by being decompressed"}`) {
				t.Errorf("%s, %s: got %s", coding, name, got)
			}
			if most := 256*len(body) + 100_000; count > most {
				t.Errorf("%s, %s: %d bytes became %d messages", coding, name, len(body), count)
			}
		}
	}
}

// TestCompressedStreamsShareABudget: beyond it requests are refused, and answers go out as they are.
func TestCompressedStreamsShareABudget(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		back := &backend{stream: echoing}
		router := shopRouter(t, Options{Invoker: back, Compressors: withZstd, MaxCompressionBytes: 1, Compression: coding})
		r := newRequest(t, "POST", "/v1/chat", compressedWith(t, withZstd.Find(coding), "{}\n"), ndjson, "content-encoding: "+coding)
		router.Serve(t.Context(), r)
		if got, want := r.text(), `429 {"code":8,"message":"too many streams are compressed here at the same time"}`; got != want {
			t.Errorf("%s: got %s, want %s", coding, got, want)
		}
		r = newRequest(t, "POST", "/v1/chat", "{}\n", ndjson, "accept-encoding: "+coding)
		router.Serve(t.Context(), r)
		if got, want := r.text(), `200 content-type: application/x-ndjson | {"total":"1"}`; got != want {
			t.Errorf("%s: got %s, want %s", coding, got, want)
		}
		if held := router.compressing.Load(); held != 0 {
			t.Errorf("%s: %d bytes are still held", coding, held)
		}
	}
}

// upper is a compressor that knows nothing of streams.
type upper struct{ compress.Compressor }

func (upper) Name() string { return "upper" }

func TestCompressorsThatKnowNoStreams(t *testing.T) {
	router := shopRouter(t, Options{Invoker: &backend{stream: echoing}, Compressors: compress.NewTable(upper{}), Compression: "upper"})
	r := newRequest(t, "POST", "/v1/chat", "{}\n", ndjson, "content-encoding: upper")
	router.Serve(t.Context(), r)
	if got, want := r.text(), `415 accept-encoding: gzip,zstd,identity {"code":3,"message":"the content-encoding \"upper\" cannot be read: there is gzip, zstd, identity"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r = newRequest(t, "POST", "/v1/chat", "{}\n", ndjson, "accept-encoding: upper")
	router.Serve(t.Context(), r)
	if got, want := r.text(), `200 content-type: application/x-ndjson | {"total":"1"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCompressedResponseStreams(t *testing.T) {
	broken := farcall.Errorf(farcall.DataLoss, "lost")
	for _, coding := range []string{"gzip", "zstd"} {
		for _, tc := range []struct {
			accept  string
			handler func(context.Context, *backStream) error
			want    string
		}{
			{"application/x-ndjson", responding(nil, 1, 2), "{\"total\":\"1\"}\n | {\"total\":\"2\"}\n | "},
			{"application/x-ndjson", responding(nil), ""},
			{"application/x-ndjson", responding(broken, 1), "{\"total\":\"1\"}\n | {\"error\":{\"code\":15,\"message\":\"lost\"}}\n"},
			{"application/json", responding(nil, 1, 2), `[{"total":"1"} | ,{"total":"2"} | ]`},
			{"application/json", responding(nil), `[]`},
			{"text/event-stream", responding(nil, 1), "data: {\"total\":\"1\"}\n\n | event: end\ndata: {}\n\n"},
		} {
			r := newRequest(t, "GET", "/v1/orders:watch", "", "accept: "+tc.accept, "accept-encoding: "+coding)
			router := shopRouter(t, Options{Invoker: &backend{stream: tc.handler}, Compressors: withZstd, Compression: "zstd,gzip"})
			router.Serve(t.Context(), r)
			got := strings.Join(expanded(t, coding, r.lines), " | ")
			if got != tc.want {
				t.Errorf("%s as %s:\n got %q\nwant %q", tc.accept, coding, got, tc.want)
			}
			if head := r.started[0]; head.Get("content-encoding") != coding || head.Get("vary") != "accept, accept-encoding" || head.Get("content-type") != tc.accept {
				t.Errorf("%s as %s: %v", tc.accept, coding, head)
			}
			if held := router.compressing.Load(); held != 0 || r.finished != 1 {
				t.Errorf("%s as %s: %d bytes are still held, finished %d times", tc.accept, coding, held, r.finished)
			}
		}
	}
}

// TestWhoseStreamsAreCompressed: as Options.Compression says, and the client's weights.
func TestWhoseStreamsAreCompressed(t *testing.T) {
	for _, tc := range []struct{ option, accept, coding, want string }{
		{"", "gzip, zstd", "", ""},
		{"", "gzip, zstd", "gzip", "gzip"}, // as the request was
		{"", "", "gzip", ""},
		{"zstd,gzip", "gzip, deflate, br, zstd", "", "zstd"},
		{"zstd,gzip", "gzip;q=1, zstd;q=0.9", "", "gzip"},
		{"zstd,gzip", "gzip;q=0, *;q=0.1", "", "zstd"},
		{"zstd,gzip", "identity, gzip;q=0.5", "", ""},
		{"zstd,gzip", "gzip;q=0", "", ""},
		{"identity", "gzip", "gzip", ""},
	} {
		body := "{}\n"
		if tc.coding != "" {
			body = compressedWith(t, withZstd.Find(tc.coding), body)
		}
		r := newRequest(t, "POST", "/v1/chat", body, ndjson, "content-encoding: "+tc.coding, "accept-encoding: "+tc.accept)
		router := shopRouter(t, Options{Invoker: &backend{stream: echoing}, Compressors: withZstd, Compression: tc.option})
		router.Serve(t.Context(), r)
		got := r.started[0].Get("content-encoding")
		if got != tc.want {
			t.Errorf("%+v: got %q", tc, got)
		}
		lines := r.lines
		if got != "" {
			lines = expanded(t, got, lines)
		}
		if text := strings.Join(lines, ""); text != "{\"total\":\"1\"}\n" {
			t.Errorf("%+v: got %q", tc, text)
		}
	}
	// What is in a google.api.HttpBody may be compressed already, and HEAD has the head of GET.
	bytes := newRequest(t, "GET", "/v1/files:all", "", "accept-encoding: gzip")
	head := newRequest(t, "HEAD", "/v1/orders:watch", "", "accept-encoding: gzip")
	router := shopRouter(t, Options{Invoker: &backend{stream: responding(nil, 1)}, Compression: "gzip"})
	router.Serve(t.Context(), head)
	if head.started[0].Get("content-encoding") != "gzip" || len(head.lines) > 0 {
		t.Errorf("HEAD: %v and %q", head.started[0], head.lines)
	}
	router = shopRouter(t, Options{Invoker: &backend{}, Compression: "gzip"})
	router.Serve(t.Context(), bytes)
	if coding := bytes.started[0].Get("content-encoding"); coding != "" {
		t.Errorf("bytes as %s", coding)
	}
}

// TestCompressedHeartbeat: it is flushed as messages are, and ends a call whose client has gone.
func TestCompressedHeartbeat(t *testing.T) {
	heard := make(chan struct{})
	r := newRequest(t, "GET", "/v1/orders:watch", "", "accept: text/event-stream", "accept-encoding: gzip")
	r.onSend = func(n int) error {
		if n == 3 {
			close(heard)
		}
		return nil
	}
	back := &backend{stream: func(_ context.Context, stream *backStream) error { <-heard; return stream.respond(1) }}
	router := shopRouter(t, Options{Invoker: back, Heartbeat: time.Millisecond, Compression: "gzip"})
	router.Serve(t.Context(), r)
	texts := expanded(t, "gzip", r.lines)
	events := strings.ReplaceAll(strings.Join(texts, ""), ": \n\n", "") // between them there may be more beats on a busy machine
	if texts[0] != ": \n\n" || texts[1] != ": \n\n" || events != "data: {\"total\":\"1\"}\n\nevent: end\ndata: {}\n\n" {
		t.Errorf("got %q", texts)
	}
	gone := errors.New("gone")
	r = newRequest(t, "GET", "/v1/orders:watch", "", "accept: text/event-stream", "accept-encoding: gzip")
	r.onSend = func(int) error { return gone }
	back.stream = func(ctx context.Context, _ *backStream) error { <-ctx.Done(); return ctx.Err() }
	router.Serve(t.Context(), r)
	if held := router.compressing.Load(); r.aborted != gone || held != 0 {
		t.Errorf("aborted with %v, %d bytes are still held", r.aborted, held)
	}
}

// TestCompressedBodyOfWhoHasGone: what has come of it is not worth to be decompressed any more.
func TestCompressedBodyOfWhoHasGone(t *testing.T) {
	r := newRequest(t, "POST", "/", compressedParts(t, "gzip", strings.Repeat("\n", 1<<20))[0])
	c := &call{router: newRouter(t, Options{}), x: r, head: r.head, headers: requestHeaders{contentLength: -1}}
	body := &bodyReader{call: c, limit: 1 << 20}
	body.compressed = c.decompressBody(body, withZstd.Find("gzip").(compress.Streamer))
	defer body.compressed.close()
	ctx, cancel := context.WithCancel(t.Context())
	if err := body.more(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := (&lines{body: body}).next(ctx); farcall.CodeOf(err) != farcall.Canceled {
		t.Errorf("the messages of a body whose call has ended: %v", err)
	}
}
