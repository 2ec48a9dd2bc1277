// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// flusher is a compressor of somebody else's.
type flusher interface {
	io.WriteCloser
	Flush() error
}

func theirWriter(t testing.TB, coding string, out io.Writer) flusher {
	if coding == "gzip" {
		return gzip.NewWriter(out)
	}
	writer, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return writer
}

func theirReader(t testing.TB, coding string, in io.Reader) io.Reader {
	var reader io.Reader
	var err error
	if coding == "gzip" {
		reader, err = gzip.NewReader(in)
	} else {
		var decoder *zstd.Decoder
		decoder, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
		reader = decoder
	}
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// TestCompressedConversationOverREST sends a compressed line and reads the compressed answer to it before it sends the next, with
// net/http as the client, over both versions of HTTP, whoever reads it.
func TestCompressedConversationOverREST(t *testing.T) {
	for _, through := range []bool{false, true} {
		for version, client := range httpVersions(t) {
			for _, coding := range []string{"gzip", "zstd"} {
				t.Run(fmt.Sprintf("%s/%s/%v", version, coding, through), func(t *testing.T) {
					address := run(t, register(posted(t, chat, "/v1/chat"), echoAll, server.Options{NetHTTP1: through}))
					out, in := io.Pipe()
					request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/v1/chat", out)
					if err != nil {
						t.Fatal(err)
					}
					request.Header.Set("Content-Type", "application/x-ndjson")
					request.Header.Set("Content-Encoding", coding)
					request.Header.Set("Accept-Encoding", "gzip;q=0.5, zstd;q=0.5")
					writer := theirWriter(t, coding, in)
					say := func(text string) {
						if _, err := io.WriteString(writer, text); err != nil {
							t.Error(err)
						}
						if err := writer.Flush(); err != nil {
							t.Error(err)
						}
					}
					said := make(chan struct{})
					go func() { say("\"one\"\n"); close(said) }() // the answer's head comes with the first message
					response, err := client.Do(request)
					if err != nil {
						t.Fatal(err)
					}
					defer response.Body.Close()
					<-said
					if got := response.Header; got.Get("Content-Encoding") != coding || got.Get("Vary") != "accept, accept-encoding" {
						t.Fatalf("%s, %v", response.Status, got)
					}
					lines := bufio.NewReader(theirReader(t, coding, response.Body))
					for _, turn := range [][2]string{{"one", "two"}, {"two", "three"}, {"three", ""}} {
						line, err := lines.ReadString('\n')
						if err != nil || line != "\"re: "+turn[0]+"\"\n" {
							t.Fatalf("got %q, %v", line, err)
						}
						if turn[1] != "" {
							say("\"" + turn[1] + "\"\n")
							continue
						}
						if err := writer.Close(); err != nil {
							t.Fatal(err)
						}
						in.Close()
					}
					if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
						t.Errorf("got %q, %v at the end", rest, err)
					}
				})
			}
		}
	}
}

// TestBrokenCompressedBodies are refused, and the server answers the next request.
func TestBrokenCompressedBodies(t *testing.T) {
	for version, client := range httpVersions(t) {
		address := run(t, register(posted(t, chat, "/v1/chat"), echoAll, server.Options{MaxReceiveBytes: 1000}))
		for _, coding := range []string{"gzip", "zstd"} {
			small := func(text string) []byte {
				var out bytes.Buffer
				writer := theirWriter(t, coding, &out)
				_, _ = io.WriteString(writer, text)
				_ = writer.Close()
				return out.Bytes()
			}
			good := small("\"a\"\n")
			for name, tc := range map[string]struct {
				body []byte
				want string
			}{
				"good":            {good, `200 "re: a"`},
				"cut":             {good[:len(good)-3], ``}, // the line may have come before the end, or not
				"no such thing":   {[]byte("\"a\"\n"), `400 {"code":3,`},
				"a bomb":          {small(strings.Repeat(" ", 10<<20)), `413 {"code":8,`},
				"lines of a bomb": {small(strings.Repeat("\n", 10<<20)), `413 {"code":8,`},
			} {
				request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/v1/chat", bytes.NewReader(tc.body))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/x-ndjson")
				request.Header.Set("Content-Encoding", coding)
				response, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := io.ReadAll(response.Body)
				response.Body.Close()
				got := fmt.Sprintf("%d %s", response.StatusCode, answer)
				if err != nil || !strings.HasPrefix(got, tc.want) {
					t.Errorf("%s, %s, %s: got %s, %v, want %s", version, coding, name, got, err, tc.want)
				}
				if broken := name == "cut"; broken && !strings.Contains(got, `"code":3,"message":"the body`) {
					t.Errorf("%s, %s, %s: got %s", version, coding, name, got)
				}
			}
		}
	}
}

// TestCurlReadsCompressedStreams has curl for a client, which decompresses by itself.
func TestCurlReadsCompressedStreams(t *testing.T) {
	curl := curlWith(t, "HTTP2", "libz", "zstd")
	counting := func(_ context.Context, stream farcall.Stream) error {
		request := new(wrapperspb.StringValue)
		if err := stream.Receive(request); err != nil {
			return err
		}
		for i := range 3 {
			if err := stream.Send(wrapperspb.String(fmt.Sprint(request.Value, i))); err != nil {
				return err
			}
		}
		return nil
	}
	for _, through := range []bool{false, true} {
		for _, coding := range []string{"gzip", "zstd"} {
			address := run(t, register(restCount(t), counting, server.Options{NetHTTP1: through, Compression: coding}))
			for accept, want := range map[string]string{
				"application/x-ndjson": "\"a0\"\n\"a1\"\n\"a2\"\n",
				"application/json":     `["a0","a1","a2"]`,
				"text/event-stream":    "data: \"a0\"\n\ndata: \"a1\"\n\ndata: \"a2\"\n\nevent: end\ndata: {}\n\n",
			} {
				for _, version := range []string{"--http1.1", "--http2-prior-knowledge"} {
					command := exec.CommandContext(t.Context(), curl, "-sSN", version, "--compressed", "-H", "accept-encoding: "+coding, "-H", "accept: "+accept,
						"-w", "%header{content-encoding}", "http://"+address+"/v1/count?value=a")
					got, err := command.Output()
					if string(got) != want+coding || err != nil {
						t.Errorf("%s %s %s: got %q, %v", version, coding, accept, got, err)
					}
				}
			}
		}
	}
}
