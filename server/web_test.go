// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/wire"
	"github.com/farcall/farcall/server"
)

// newEchoServer has a method of each kind, and one without side effects.
func newEchoServer(options server.Options) *server.Server {
	srv := register(say, farcall.HandleUnary(func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if text, fails := strings.CutPrefix(request.GetValue(), "fail "); fails {
			incoming := farcall.IncomingCall(ctx)
			incoming.ResponseHeader().Add("in-header", "h")
			incoming.ResponseTrailer().Add("in-trailer", "t")
			return nil, farcall.Errorf(farcall.NotFound, "%s", text)
		}
		return request, nil
	}), options)
	look := *say
	look.Path, look.Idempotency = "/test.v1.Echo/Look", farcall.NoSideEffects
	srv.Register(&look, farcall.HandleUnary(repeat))
	srv.Register(chat, echo)
	return srv
}

// exchanged is one request and what is to come back.
type exchanged struct {
	name                    string
	method, path            string // POST to say if empty
	contentType             string
	headers                 string // "name: value" in lines
	body                    string
	status                  int
	answerType, answerParts string // parts of the answer's body, with " … " between them
}

// envelope is a message behind a prefix with a flag.
func envelope(flag byte, message string) string {
	framed := wire.AppendPrefix(nil, len(message))
	framed[0] = flag
	return string(framed) + message
}

// inText is an envelope as the text form of gRPC-Web has it.
func inText(flag byte, message string) string {
	return base64.StdEncoding.EncodeToString([]byte(envelope(flag, message)))
}

const (
	connectJSON   = "application/json"
	connectStream = "application/connect+json"
	grpcWeb       = "application/grpc-web+json"
	grpcWebText   = "application/grpc-web-text+json"
)

// What comes back for what nobody should send, and for its neighbours in good order, in each protocol.
var badRequests = []exchanged{
	{name: "Connect", contentType: connectJSON, body: `"x"`, status: 200, answerType: connectJSON, answerParts: `"x"`},
	{name: "Connect with a charset", contentType: connectJSON + "; charset=utf-8", body: `"x"`, status: 200, answerType: connectJSON, answerParts: `"x"`},
	{name: "Connect fails", contentType: connectJSON, body: `"fail nothing here"`, status: 404, answerType: connectJSON,
		answerParts: `{"code":"not_found","message":"nothing here"}`},
	{name: "no JSON", contentType: connectJSON, body: `{`, status: 400, answerType: connectJSON, answerParts: `{"code":"invalid_argument","message":"the message is not the JSON of a google.protobuf.StringValue`},
	{name: "no protobuf", contentType: "application/proto", body: "\x0a\x05x", status: 400, answerType: connectJSON, answerParts: `{"code":"invalid_argument","message":"`},
	{name: "wrong version", contentType: connectJSON, headers: "connect-protocol-version: 2", body: `"x"`, status: 400, answerType: connectJSON,
		answerParts: `{"code":"invalid_argument","message":"connect-protocol-version \"2\" is not spoken here, 1 is"}`},
	{name: "malformed timeout", contentType: connectJSON, headers: "connect-timeout-ms: soon", body: `"x"`, status: 400, answerType: connectJSON,
		answerParts: `{"code":"invalid_argument","message":"connect-timeout-ms \"soon\" is malformed: one to ten digits are expected"}`},
	{name: "no time left", contentType: connectJSON, headers: "connect-timeout-ms: 0", body: `"x"`, status: 504, answerType: connectJSON,
		answerParts: `{"code":"deadline_exceeded","message":"the deadline of test.v1.Echo/Say passed on the server"}`},
	{name: "unknown compression", contentType: connectJSON, headers: "content-encoding: br", body: `"x"`, status: 501, answerType: connectJSON,
		answerParts: `{"code":"unimplemented","message":"the compression \"br\" is not known here: send messages uncompressed, or by one of gzip,zstd,identity"}`},
	{name: "broken compression", contentType: connectJSON, headers: "content-encoding: gzip", body: `"x"`, status: 400, answerType: connectJSON,
		answerParts: `{"code":"invalid_argument","message":"decompressing a message: gzip: `},
	{name: "malformed binary header", contentType: connectJSON, headers: "key-bin: %%", body: `"x"`, status: 400, answerType: connectJSON,
		answerParts: `{"code":"invalid_argument","message":"the value \"%%\" of metadata key \"key-bin\" is malformed: keys that end in -bin carry base64"}`},
	{name: "too large", contentType: connectJSON, body: `"` + strings.Repeat("x", 200) + `"`, status: 429, answerType: connectJSON,
		answerParts: `{"code":"resource_exhausted","message":"received a message of more than 100 bytes, which is the limit`},
	{name: "unknown method", path: "/test.v1.Echo/Shout", contentType: connectJSON, body: `"x"`, status: 404, answerType: connectJSON,
		answerParts: `{"code":"unimplemented","message":"service test.v1.Echo has no method Shout here`, headers: "connect-protocol-version: 1"},
	{name: "unknown codec", contentType: "application/xml", body: `<x/>`, status: 415, answerType: "text/plain; charset=utf-8",
		answerParts: "test.v1.Echo/Say is reached with one of application/proto, application/json, "},
	{name: "stream's type for a unary method", contentType: connectStream, body: envelope(0, `"x"`), status: 415, answerType: "text/plain; charset=utf-8",
		answerParts: "test.v1.Echo/Say is a unary method, and the content-type \"application/connect+json\" is for streams\n"},
	{name: "unary type for a stream", path: chat.Path, contentType: connectJSON, body: `"x"`, status: 415, answerType: "text/plain; charset=utf-8",
		answerParts: "test.v1.Echo/Chat is a method with streams, and the content-type \"application/json\" is for a single message\n"},
	{name: "PUT", method: "PUT", contentType: connectJSON, body: `"x"`, status: 405, answerType: "text/plain; charset=utf-8",
		answerParts: "test.v1.Echo/Say is called by POST\n"},

	{name: "GET", method: "GET", path: "/test.v1.Echo/Look?encoding=json&message=%22x%22", status: 200, answerType: connectJSON, answerParts: `"x"`},
	{name: "GET in base64", method: "GET", path: "/test.v1.Echo/Look?encoding=json&base64=1&message=IngiCg&connect=v1", status: 200, answerType: connectJSON, answerParts: `"x"`},
	{name: "GET with side effects", method: "GET", path: say.Path + "?encoding=json&message=%22x%22", status: 405, answerType: "text/plain; charset=utf-8",
		answerParts: "test.v1.Echo/Say is called by POST: its .proto does not say that it has no side effects\n"},
	{name: "GET of nothing", method: "GET", path: "/test.v1.Echo/Look", status: 400, answerType: connectJSON, answerParts: `{"code":"invalid_argument","message":"the encoding \"\" is not known here: proto and json are"}`},
	{name: "GET in xml", method: "GET", path: "/test.v1.Echo/Look?encoding=xml&message=x", status: 400, answerType: connectJSON,
		answerParts: `{"code":"invalid_argument","message":"the encoding \"xml\" is not known here: proto and json are"}`},
	{name: "GET in bad base64", method: "GET", path: "/test.v1.Echo/Look?encoding=json&base64=1&message=!", status: 400, answerType: connectJSON,
		answerParts: `{"code":"invalid_argument","message":"the query parameter message is not base64, which base64=1 announces"}`},
	{name: "GET in bad escapes", method: "GET", path: "/test.v1.Echo/Look?encoding=json&message=%25%zz", status: 400},
	{name: "GET of version 2", method: "GET", path: "/test.v1.Echo/Look?encoding=json&message=1&connect=v2", status: 400, answerType: connectJSON,
		answerParts: `{"code":"invalid_argument","message":"the query parameter connect=v2 is not spoken here, connect=v1 is"}`},
	{name: "GET too large", method: "GET", path: "/test.v1.Echo/Look?encoding=json&message=%22" + strings.Repeat("x", 200) + "%22", status: 429, answerType: connectJSON,
		answerParts: `{"code":"resource_exhausted","message":"received a message of 202 bytes, the limit is 100`},

	{name: "Connect stream", path: chat.Path, contentType: connectStream, body: envelope(0, `"a"`) + envelope(0, `"b"`), status: 200, answerType: connectStream,
		answerParts: envelope(0, `"a"`) + envelope(0, `"b"`) + envelope(2, `{}`)},
	{name: "empty Connect stream", path: chat.Path, contentType: connectStream, status: 200, answerType: connectStream, answerParts: envelope(2, `{}`)},
	{name: "Connect stream with an unknown flag", path: chat.Path, contentType: connectStream, body: envelope(8, `"a"`), status: 200, answerType: connectStream,
		answerParts: `{"error":{"code":"invalid_argument","message":"a message starts with flag byte 8, 0 or 1 is expected: does the client speak Connect here?"}}`},
	{name: "Connect stream cut off", path: chat.Path, contentType: connectStream, body: envelope(0, `"a"`)[:6], status: 200, answerType: connectStream,
		answerParts: `{"error":{"code":"invalid_argument","message":"the body ended inside a message"}}`},
	{name: "Connect stream with a large message", path: chat.Path, contentType: connectStream, body: envelope(0, strings.Repeat(" ", 101)), status: 200,
		answerType: connectStream, answerParts: `{"error":{"code":"resource_exhausted","message":"received a message of 101 bytes, the limit is 100`},
	{name: "Connect stream compressed without a word", path: chat.Path, contentType: connectStream, body: envelope(1, `"a"`), status: 200, answerType: connectStream,
		answerParts: `{"error":{"code":"internal","message":"a message has the compressed flag, but connect-content-encoding did not say how it is compressed"}}`},
	{name: "Connect stream compressed as a whole", path: chat.Path, contentType: connectStream, headers: "content-encoding: gzip", body: envelope(0, `"a"`), status: 200,
		answerType: connectStream, answerParts: `{"error":{"code":"unimplemented","message":"content-encoding \"gzip\": a stream is compressed message by message, and connect-content-encoding says how"}}`},
	{name: "Connect stream with an unknown compression", path: chat.Path, contentType: connectStream, headers: "connect-content-encoding: br", body: envelope(1, `"a"`), status: 200,
		answerType: connectStream, answerParts: `{"error":{"code":"unimplemented","message":"the compression \"br\" is not known here: send messages uncompressed, or by one of gzip,zstd,identity"}}`},
	{name: "Connect stream with broken compression", path: chat.Path, contentType: connectStream, headers: "connect-content-encoding: gzip", body: envelope(1, `"a"`), status: 200,
		answerType: connectStream, answerParts: `{"error":{"code":"invalid_argument","message":"decompressing a message: gzip: `},
	{name: "Connect stream of version 2", path: chat.Path, contentType: connectStream, headers: "connect-protocol-version: 2", status: 200, answerType: connectStream,
		answerParts: `{"error":{"code":"invalid_argument","message":"connect-protocol-version \"2\" is not spoken here, 1 is"}}`},
	{name: "Connect stream with a malformed timeout", path: chat.Path, contentType: connectStream, headers: "connect-timeout-ms: soon", status: 200, answerType: connectStream,
		answerParts: `{"error":{"code":"invalid_argument","message":"connect-timeout-ms \"soon\" is malformed: one to ten digits are expected"}}`},
	{name: "Connect stream with no time left", path: chat.Path, contentType: connectStream, headers: "connect-timeout-ms: 0", status: 200, answerType: connectStream,
		answerParts: `{"error":{"code":"deadline_exceeded","message":"the deadline of test.v1.Echo/Chat passed on the server"}}`},
	{name: "Connect stream with what is no JSON", path: chat.Path, contentType: connectStream, body: envelope(0, `{`), status: 200, answerType: connectStream,
		answerParts: `{"error":{"code":"invalid_argument","message":"the message is not the JSON of a google.protobuf.StringValue`},
	{name: "Connect stream to nowhere", path: "/test.v1.Nobody/Is", contentType: connectStream, status: 200, answerType: connectStream,
		answerParts: `{"error":{"code":"unimplemented","message":"there is no service test.v1.Nobody here`},
	{name: "Connect stream in xml", path: chat.Path, contentType: "application/connect+xml", body: envelope(0, `"a"`), status: 415, answerType: "text/plain; charset=utf-8",
		answerParts: "test.v1.Echo/Chat is reached with one of application/connect+proto, application/connect+json, "},

	{name: "gRPC-Web", contentType: grpcWeb, body: envelope(0, `"x"`), status: 200, answerType: grpcWeb,
		answerParts: envelope(0, `"x"`) + envelope(0x80, "grpc-status: 0\r\n")},
	{name: "gRPC-Web fails", contentType: grpcWeb, body: envelope(0, `"fail nothing here"`), status: 200, answerType: grpcWeb,
		answerParts: envelope(0x80, "grpc-status: 5\r\ngrpc-message: nothing here\r\nin-trailer: t\r\n")},
	{name: "gRPC-Web without a message", contentType: grpcWeb, status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 12\r\ngrpc-message: no message came, test.v1.Echo/Say takes exactly one"},
	{name: "gRPC-Web with two messages", contentType: grpcWeb, body: envelope(0, `"x"`) + envelope(0, `"y"`), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 12\r\ngrpc-message: more than one message came, test.v1.Echo/Say takes exactly one"},
	{name: "gRPC-Web cut off", contentType: grpcWeb, body: "\x00\x00", status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 13\r\ngrpc-message: the body ended inside a message"},
	{name: "gRPC-Web with an unknown flag", contentType: grpcWeb, body: envelope(0x80, ``), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 13\r\ngrpc-message: a message starts with flag byte 128, 0 or 1 is expected"},
	{name: "gRPC-Web with a malformed timeout", contentType: grpcWeb, headers: "grpc-timeout: 1", body: envelope(0, `"x"`), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 13\r\ngrpc-message: grpc-timeout \"1\" is malformed"},
	{name: "gRPC-Web with an unknown compression", contentType: grpcWeb, headers: "grpc-encoding: br", body: envelope(0, `"x"`), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 12\r\ngrpc-message: grpc-encoding \"br\" is not known here"},
	{name: "gRPC-Web with an unknown codec", contentType: "application/grpc-web+xml", body: envelope(0, `<x/>`), status: 200, answerType: "application/grpc-web",
		answerParts: "grpc-status: 12\r\ngrpc-message: messages in \"application/grpc+xml\" are not read here"},
	{name: "gRPC-Web to nowhere", path: "/test.v1.Nobody/Is", contentType: grpcWeb, body: envelope(0, `"x"`), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 12\r\ngrpc-message: there is no service test.v1.Nobody here"},
	{name: "gRPC-Web with what is no protobuf", contentType: "application/grpc-web+proto", body: envelope(0, "\x0a\x05x"), status: 200, answerType: "application/grpc-web+proto",
		answerParts: "grpc-status: 13\r\ngrpc-message: cannot decode google.protobuf.StringValue"},
	{name: "gRPC-Web with what is no JSON", contentType: grpcWeb, body: envelope(0, `{`), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 3\r\ngrpc-message: the message is not the JSON of a google.protobuf.StringValue"},
	{name: "gRPC-Web with a large message", contentType: grpcWeb, body: envelope(0, strings.Repeat(" ", 101)), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 8\r\ngrpc-message: received a message of 101 bytes, the limit is 100"},
	{name: "gRPC-Web that announces a large message", path: chat.Path, contentType: grpcWeb, body: "\x00\xff\xff\xff\xff", status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 8\r\ngrpc-message: received a message of 4294967295 bytes, the limit is 100"},
	{name: "gRPC-Web with half a message", contentType: grpcWeb, body: envelope(0, `"x"`)[:6], status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 13\r\ngrpc-message: the body ended inside a message"},
	{name: "gRPC-Web compressed without a word", contentType: grpcWeb, body: envelope(1, `"x"`), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 13\r\ngrpc-message: a message has the compressed flag"},
	{name: "gRPC-Web with broken compression", contentType: grpcWeb, headers: "grpc-encoding: gzip", body: envelope(1, `"x"`), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 13\r\ngrpc-message: decompressing a message: gzip: "},
	{name: "gRPC-Web with no time left", contentType: grpcWeb, headers: "grpc-timeout: 0n", body: envelope(0, `"x"`), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 4\r\ngrpc-message: the deadline of test.v1.Echo/Say passed on the server\r\n"},
	{name: "gRPC-Web with a malformed binary header", contentType: grpcWeb, headers: "key-bin: %%", body: envelope(0, `"x"`), status: 200, answerType: grpcWeb,
		answerParts: "grpc-status: 13\r\ngrpc-message: the value \"%25%25\" of metadata key \"key-bin\" is malformed"},
	{name: "gRPC-Web by PUT", method: "PUT", contentType: grpcWeb, body: envelope(0, `"x"`), status: 405, answerType: "text/plain; charset=utf-8",
		answerParts: "test.v1.Echo/Say is called by POST\n"},
	{name: "gRPC-Web in text", contentType: grpcWebText, body: base64.StdEncoding.EncodeToString([]byte(envelope(0, `"x"`))), status: 200, answerType: grpcWebText,
		answerParts: base64.StdEncoding.EncodeToString([]byte(envelope(0, `"x"`) + envelope(0x80, "grpc-status: 0\r\n")))},
	{name: "gRPC-Web in text by pieces", contentType: grpcWebText, status: 200, answerType: grpcWebText,
		body:        base64.StdEncoding.EncodeToString([]byte("\x00\x00\x00\x00")) + base64.StdEncoding.EncodeToString([]byte("\x03\"x\"")),
		answerParts: base64.StdEncoding.EncodeToString([]byte(envelope(0, `"x"`) + envelope(0x80, "grpc-status: 0\r\n")))},
	{name: "gRPC-Web in text fails", contentType: grpcWebText, body: inText(0, `"fail nothing here"`), status: 200, answerType: grpcWebText,
		answerParts: inText(0x80, "grpc-status: 5\r\ngrpc-message: nothing here\r\nin-trailer: t\r\n")},
	{name: "gRPC-Web in text without a message", contentType: grpcWebText, status: 200, answerType: grpcWebText,
		answerParts: inText(0x80, "grpc-status: 12\r\ngrpc-message: no message came, test.v1.Echo/Say takes exactly one: do both sides have the same .proto?\r\n")},
	{name: "gRPC-Web in text with two messages", contentType: grpcWebText, body: inText(0, `"x"`) + inText(0, `"y"`), status: 200, answerType: grpcWebText,
		answerParts: inText(0x80, "grpc-status: 12\r\ngrpc-message: more than one message came, test.v1.Echo/Say takes exactly one: do both sides have the same .proto?\r\n")},
	{name: "gRPC-Web in text cut off between its characters", contentType: grpcWebText, body: inText(0, `"x"`)[:6], status: 200, answerType: grpcWebText,
		answerParts: inText(0x80, "grpc-status: 13\r\ngrpc-message: the body is not base64, which the content-type application/grpc-web-text announces\r\n")},
	{name: "gRPC-Web in text with an unknown flag", contentType: grpcWebText, body: inText(0x80, ""), status: 200, answerType: grpcWebText,
		answerParts: inText(0x80, "grpc-status: 13\r\ngrpc-message: a message starts with flag byte 128, 0 or 1 is expected: the peer does not speak gRPC here, or bytes were lost or added\r\n")},
	{name: "gRPC-Web in text to nowhere", path: "/test.v1.Nobody/Is", contentType: grpcWebText, body: inText(0, `"x"`), status: 200, answerType: grpcWebText,
		answerParts: inText(0x80, "grpc-status: 12\r\ngrpc-message: there is no service test.v1.Nobody here: there is test.v1.Echo\r\n")},
	{name: "gRPC-Web in text that is none", contentType: grpcWebText, body: "\x00\x00\x00\x00\x03\"x\"", status: 200, answerType: grpcWebText,
		answerParts: base64.StdEncoding.EncodeToString([]byte(envelope(0x80, "grpc-status: 13\r\ngrpc-message: the body is not base64, which the content-type application/grpc-web-text announces\r\n")))},
}

func TestBadRequestsOfTheWeb(t *testing.T) {
	address := run(t, newEchoServer(server.Options{MaxReceiveBytes: 100}))
	for version, client := range httpVersions(t) {
		for _, c := range badRequests {
			t.Run(version+"/"+c.name, func(t *testing.T) {
				response, body := c.send(t, client, "http://"+address)
				if response.StatusCode != c.status {
					t.Errorf("status %d, want %d", response.StatusCode, c.status)
				}
				if got := response.Header.Get("Content-Type"); c.answerType != "" && got != c.answerType {
					t.Errorf("content-type %q, want %q", got, c.answerType)
				}
				for part := range strings.SplitSeq(c.answerParts, " … ") {
					if !strings.Contains(body, part) {
						t.Errorf("the body is\n%q, want\n%q", body, part)
					}
				}
			})
		}
	}
}

func (c exchanged) send(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	method, path := c.method, c.path
	if method == "" {
		method = "POST"
	}
	if path == "" {
		path = say.Path
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	request.URL.Opaque = strings.TrimPrefix(url, "http:") + path // as it is, also where it is malformed
	if c.contentType != "" {
		request.Header.Set("Content-Type", c.contentType)
	}
	for line := range strings.Lines(c.headers) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		request.Header.Add(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("the body: %v, after %q", err, body)
	}
	return response, string(body)
}

// A unary call of Connect has its metadata in the head, also where it fails.
func TestConnectMetadata(t *testing.T) {
	address := run(t, newEchoServer(server.Options{}))
	for version, client := range httpVersions(t) {
		c := exchanged{contentType: connectJSON, body: `"fail x"`}
		response, _ := c.send(t, client, "http://"+address)
		if response.Header.Get("In-Header") != "h" || response.Header.Get("Trailer-In-Trailer") != "t" {
			t.Errorf("%s: %v", version, response.Header)
		}
	}
}

func TestEntityTagOfAGet(t *testing.T) {
	address := run(t, newEchoServer(server.Options{}))
	for version, client := range httpVersions(t) {
		c := exchanged{method: "GET", path: "/test.v1.Echo/Look?encoding=json&message=%22x%22"}
		response, _ := c.send(t, client, "http://"+address)
		tag := response.Header.Get("ETag")
		if tag == "" || response.Header.Get("Vary") != "accept-encoding" {
			t.Fatalf("%s: the answer to a GET has %v", version, response.Header)
		}
		c.headers = "if-none-match: \"other\", W/" + tag
		again, body := c.send(t, client, "http://"+address)
		if again.StatusCode != 304 || body != "" || again.Header.Get("ETag") != tag {
			t.Errorf("%s: asked again: %d %q %v", version, again.StatusCode, body, again.Header)
		}
		c.path = strings.Replace(c.path, "x", "y", 1)
		if other, _ := c.send(t, client, "http://"+address); other.StatusCode != 200 || other.Header.Get("ETag") == tag {
			t.Errorf("%s: another message has the same tag: %d", version, other.StatusCode)
		}
		c.method, c.headers = "HEAD", ""
		head, body := c.send(t, client, "http://"+address)
		if head.StatusCode != 200 || body != "" || head.Header.Get("Content-Length") != "3" {
			t.Errorf("%s: HEAD: %d %q %v", version, head.StatusCode, body, head.Header)
		}
	}
}

// A client that accepts compression gets it as the server's options say, with the right names.
func TestConnectCompression(t *testing.T) {
	address := run(t, newEchoServer(server.Options{Compression: "zstd,gzip", MinCompressBytes: -1}))
	text := `"` + strings.Repeat("x", 1000) + `"`
	for version, client := range httpVersions(t) {
		c := exchanged{contentType: connectJSON, headers: "accept-encoding: gzip;q=0.5, zstd;q=0", body: text}
		response, _ := c.send(t, client, "http://"+address)
		if got := response.Header.Get("Content-Encoding"); got != "gzip" {
			t.Errorf("%s: %q", version, got)
		}
		c.headers = "accept-encoding: gzip, deflate, br, zstd"
		response, body := c.send(t, client, "http://"+address)
		if got := response.Header.Get("Content-Encoding"); got != "zstd" || response.Header.Get("Content-Length") != strconv.Itoa(len(body)) {
			t.Errorf("%s: %v", version, response.Header)
		}
		c.headers = "accept-encoding: identity"
		if response, body := c.send(t, client, "http://"+address); response.Header.Get("Content-Encoding") != "" || body != text {
			t.Errorf("%s: %v %s", version, response.Header, body)
		}
	}
}

func TestDeadlineOfTheWeb(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	address := runSay(t, server.Options{}, func(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		<-release // whatever the call's end
		return nil, farcall.Internal
	})
	for version, client := range httpVersions(t) {
		for _, c := range []exchanged{
			{contentType: connectJSON, headers: "connect-timeout-ms: 10", body: `"x"`, status: 504, answerParts: `"deadline_exceeded"`},
			{contentType: grpcWeb, headers: "grpc-timeout: 10m", body: envelope(0, `"x"`), status: 200, answerParts: "grpc-status: 4\r\n"},
		} {
			response, body := c.send(t, client, "http://"+address)
			if response.StatusCode != c.status || !strings.Contains(body, c.answerParts) {
				t.Errorf("%s, %s: %d %s", version, c.contentType, response.StatusCode, body)
			}
		}
	}
}
