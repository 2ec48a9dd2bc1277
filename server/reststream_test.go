// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// posted is a method at POST path, whose body is its message.
func posted(t testing.TB, method *farcall.Method, path string) *farcall.Method {
	return ruled(t, *method, &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: path}, Body: "*"})
}

// TestConversationOverREST sends a line, reads the answer to it, and only then sends the next, over both versions of HTTP.
func TestConversationOverREST(t *testing.T) {
	for version, client := range httpVersions(t) {
		t.Run(version, func(t *testing.T) {
			address := run(t, register(posted(t, chat, "/v1/chat"), echoAll, server.Options{}))
			out, in := io.Pipe()
			request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/v1/chat", out)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-ndjson")
			go io.WriteString(in, "\"one\"\n") // the answer's head comes with the first message
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			lines := bufio.NewReader(response.Body)
			for _, next := range []string{"two", "three", ""} {
				line, err := lines.ReadString('\n')
				if err != nil || !strings.HasPrefix(line, `"re: `) {
					t.Fatalf("got %q, %v", line, err)
				}
				if next == "" {
					in.Close()
				} else if _, err := io.WriteString(in, "\""+next+"\"\n"); err != nil {
					t.Fatal(err)
				}
			}
			if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
				t.Errorf("got %q, %v at the end", rest, err)
			}
		})
	}
}

// TestStreamOfRequestsOverREST has one answer, also to a client that has not finished.
func TestStreamOfRequestsOverREST(t *testing.T) {
	join := func(_ context.Context, stream farcall.Stream) error {
		joined := ""
		for {
			request := new(wrapperspb.StringValue)
			switch err := stream.Receive(request); {
			case err == io.EOF:
				return stream.Send(wrapperspb.String(joined))
			case err != nil:
				return err
			case request.Value == "enough":
				return farcall.Errorf(farcall.OutOfRange, "no more")
			}
			joined += request.Value
		}
	}
	for version, client := range httpVersions(t) {
		t.Run(version, func(t *testing.T) {
			address := run(t, register(posted(t, collect, "/v1/join"), join, server.Options{}))
			response, text := send(t, client, "POST", "http://"+address+"/v1/join", "application/json", `["a","b"]`)
			if response.StatusCode != 200 || text != `"ab"` {
				t.Errorf("%s %s", response.Status, text)
			}
			out, in := io.Pipe()
			defer in.Close()
			request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/v1/join", out)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-ndjson")
			go io.WriteString(in, "\"enough\"\n")
			response, err = client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			if response.StatusCode != 400 || string(answer) != `{"code":11,"message":"no more"}` || err != nil {
				t.Errorf("%s %s, %v", response.Status, answer, err)
			}
		})
	}
}
