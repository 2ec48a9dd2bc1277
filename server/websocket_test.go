// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// dialSocket opens a WebSocket; headers are names and values in turn.
func dialSocket(t testing.TB, url string, headers ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	options := &websocket.DialOptions{HTTPHeader: make(http.Header)}
	for i := 0; i < len(headers); i += 2 {
		options.HTTPHeader.Set(headers[i], headers[i+1])
	}
	conn, response, err := websocket.Dial(ctx, url, options)
	if err == nil {
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, response, err
}

// tell sends a message.
func tell(t testing.TB, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hear receives a message; a close is "closed CODE reason".
func hear(t testing.TB, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, text, err := conn.Read(ctx)
	if code := websocket.CloseStatus(err); code >= 0 {
		return "closed " + code.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func echoAll(_ context.Context, stream farcall.Stream) error {
	for {
		request := new(wrapperspb.StringValue)
		switch err := stream.Receive(request); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case request.Value == "fail":
			return farcall.Errorf(farcall.Aborted, "as you wish")
		}
		if err := stream.Send(wrapperspb.String("re: " + request.Value)); err != nil {
			return err
		}
	}
}

func TestWebSocket(t *testing.T) {
	address := run(t, register(posted(t, chat, "/v1/chat"), echoAll, server.Options{}))
	for name, script := range map[string][]string{ // "> sent" and "received"
		"a conversation":  {`> "one"`, `"re: one"`, `> "two"`, `"re: two"`, `> `, `closed StatusNormalClosure`},
		"a failure":       {`> "one"`, `"re: one"`, `> "fail"`, `{"error":{"code":10,"message":"as you wish"}}`, `closed StatusCode(4010)`},
		"a malformed one": {`> {`, `{"error":{"code":3,"message":"message 1 of the body: line 1, column 1: a string is wanted, not {"}}`, `closed StatusCode(4003)`},
		"nothing":         {`> `, `closed StatusNormalClosure`},
	} {
		t.Run(name, func(t *testing.T) {
			conn, _, err := dialSocket(t, "ws://"+address+"/v1/chat")
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range script {
				if text, sent := strings.CutPrefix(line, "> "); sent {
					tell(t, conn, text)
				} else if got := hear(t, conn); got != line && !(name == "a malformed one" && strings.HasPrefix(got, `{"error":{"code":3,`)) {
					t.Fatalf("got %s, want %s", got, line)
				}
			}
		})
	}
}

// TestWebSocketOfResponses is one of a method that takes one message: what the query says.
func TestWebSocketOfResponses(t *testing.T) {
	address := run(t, register(restCount(t), func(_ context.Context, stream farcall.Stream) error {
		request := new(wrapperspb.StringValue)
		if err := stream.Receive(request); err != nil {
			return err
		}
		for _, text := range []string{"a", "b"} {
			if err := stream.Send(wrapperspb.String(request.Value + text)); err != nil {
				return err
			}
		}
		return nil
	}, server.Options{}))
	conn, _, err := dialSocket(t, "ws://"+address+"/v1/count?value=x")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"xa"`, `"xb"`, "closed StatusNormalClosure"} {
		if got := hear(t, conn); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestClosedWebSocketEndsTheHandlersContext(t *testing.T) {
	for name, leave := range map[string]func(*websocket.Conn) error{
		"closed":     func(c *websocket.Conn) error { return c.Close(websocket.StatusNormalClosure, "") },
		"broken off": func(c *websocket.Conn) error { return c.CloseNow() },
	} {
		for _, begun := range []bool{false, true} { // whether the client has ended its half before
			t.Run(name, func(t *testing.T) {
				ended := make(chan error, 1)
				started := make(chan struct{})
				address := run(t, register(posted(t, chat, "/v1/chat"), func(ctx context.Context, stream farcall.Stream) error {
					close(started)
					<-ctx.Done()
					ended <- ctx.Err()
					return ctx.Err()
				}, server.Options{}))
				conn, _, err := dialSocket(t, "ws://"+address+"/v1/chat")
				if err != nil {
					t.Fatal(err)
				}
				if begun {
					tell(t, conn, "")
				}
				<-started
				_ = leave(conn)
				if err := <-ended; err != context.Canceled {
					t.Errorf("the handler's context: %v", err)
				}
			})
		}
	}
}

func TestWebSocketsThatAreRefused(t *testing.T) {
	address := run(t, register(posted(t, chat, "/v1/chat"), echoAll, server.Options{MaxReceiveBytes: 100}))
	if _, response, err := dialSocket(t, "ws://"+address+"/v1/other"); err == nil || response.StatusCode != 404 {
		t.Errorf("no such path: %v", err)
	}
	if _, response, err := dialSocket(t, "ws://"+address+"/v1/chat", "Origin", "https://evil.example"); err == nil || response.StatusCode != 403 {
		t.Errorf("a page from elsewhere: %v", err)
	}
	conn, _, err := dialSocket(t, "ws://"+address+"/v1/chat", "Origin", "http://"+address)
	if err != nil {
		t.Fatal(err)
	}
	tell(t, conn, `"`+strings.Repeat("x", 200)+`"`)
	if got := hear(t, conn); got != "closed StatusMessageTooBig" && !strings.Contains(got, `"code":1,`) {
		t.Errorf("too large: %s", got)
	}
	malformed, _, err := dialSocket(t, "ws://"+address+"/v1/chat", "grpc-timeout", "soon")
	if err != nil {
		t.Fatal(err)
	}
	if got := hear(t, malformed); !strings.HasPrefix(got, `{"error":{"code":3,"message":"grpc-timeout`) {
		t.Errorf("a malformed header: %s", got)
	}
}
