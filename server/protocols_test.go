// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// inProtocol is a request in good order, and the whole body that refuses it if that has no prefix.
type inProtocol struct {
	exchanged
	protocol string
	refused  int
	refusal  string
}

// inProtocols has a request in each form of each protocol. The words of a refusal are the protocol's, "WORDS" stands for them.
func inProtocols() []inProtocol {
	const connectError, restError = `{"code":"unimplemented","message":"WORDS"}`, `{"code":12,"message":"WORDS"}`
	return []inProtocol{
		{protocol: "Connect", refused: 501, refusal: connectError, exchanged: exchanged{name: "Connect", contentType: connectJSON, body: `"x"`, status: 200, answerParts: `"x"`}},
		{protocol: "Connect", refused: 501, refusal: connectError, exchanged: exchanged{name: "Connect by GET", method: "GET",
			path: "/test.v1.Echo/Look?encoding=json&message=%22x%22", status: 200, answerParts: `"x"`}},
		{protocol: "Connect", refused: 200, exchanged: exchanged{name: "a stream of Connect", path: chat.Path,
			contentType: connectStream, body: envelope(0, `"x"`), status: 200, answerParts: envelope(0, `"x"`)}},
		{protocol: "gRPC-Web", refused: 200, exchanged: exchanged{name: "gRPC-Web", contentType: grpcWeb, body: envelope(0, `"x"`), status: 200, answerParts: envelope(0, `"x"`)}},
		{protocol: "gRPC-Web", refused: 200, exchanged: exchanged{name: "gRPC-Web in text", contentType: grpcWebText,
			body: base64.StdEncoding.EncodeToString([]byte(envelope(0, `"x"`))), status: 200}},
		{protocol: "REST", refused: 501, refusal: restError, exchanged: exchanged{name: "REST", path: "/v1/say", contentType: connectJSON, body: `"x"`, status: 200, answerParts: `"x"`}},
		{protocol: "REST", refused: 501, refusal: restError, exchanged: exchanged{name: "REST by what it does not take", method: "DELETE", path: "/v1/say", status: 405}},
		{protocol: "REST", refused: 501, refusal: restError, exchanged: exchanged{name: "OPTIONS", method: "OPTIONS", path: "/v1/say", status: 204}},
		{protocol: "REST", refused: 404, refusal: `{"code":5,"message":"there is nothing at /openapi.json"}`,
			exchanged: exchanged{name: "OpenAPI", method: "GET", path: "/openapi.json", status: 200, answerParts: `"/v1/say"`}},
		{protocol: "gRPC", exchanged: exchanged{name: "gRPC", contentType: "application/grpc+json", body: envelope(0, `"x"`), status: 200, answerParts: envelope(0, `"x"`)}},
	}
}

// leavingOut is servers that do without a protocol, and what they say of it.
var leavingOut = map[string]struct {
	protocols server.Protocols
	words     string
}{
	"none":     {},
	"gRPC":     {server.Protocols{WithoutGRPC: true}, "gRPC is not spoken here, gRPC-Web, Connect and REST are: server.Options.Protocols says so"},
	"gRPC-Web": {server.Protocols{WithoutGRPCWeb: true, WithoutREST: true}, "gRPC-Web is not spoken here, gRPC and Connect are: server.Options.Protocols says so"},
	"Connect":  {server.Protocols{WithoutConnect: true, WithoutGRPCWeb: true, WithoutREST: true}, "Connect is not spoken here, gRPC is: server.Options.Protocols says so"},
	"REST":     {server.Protocols{WithoutREST: true}, "REST is not spoken here, gRPC, gRPC-Web and Connect are: server.Options.Protocols says so"},
}

// newProtocolServer has the methods of newEchoServer, a REST route, and the page that describes it.
func newProtocolServer(t *testing.T, options server.Options) *server.Server {
	options.REST.OpenAPI = server.OpenAPI{On: true}
	srv := newEchoServer(options)
	routed := *say
	routed.Path = "/test.v1.Echo/Routed"
	srv.Register(ruled(t, routed, &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/v1/say"}, Body: "*"}),
		farcall.HandleUnary(repeat))
	return srv
}

// isLeftOut reports whether protocols have no room for one.
func isLeftOut(protocols server.Protocols, protocol string) bool {
	return map[string]bool{"gRPC": protocols.WithoutGRPC, "gRPC-Web": protocols.WithoutGRPCWeb,
		"Connect": protocols.WithoutConnect, "REST": protocols.WithoutREST}[protocol]
}

// A protocol that is left out is refused in its own form, the others are spoken as ever; both on the server's own port and
// inside somebody else's.
func TestProtocolsLeftOut(t *testing.T) {
	for leftOut, c := range leavingOut {
		srv := newProtocolServer(t, server.Options{Protocols: c.protocols})
		foreign := httptest.NewUnstartedServer(srv)
		foreign.Config.Protocols = new(http.Protocols)
		foreign.Config.Protocols.SetHTTP1(true)
		foreign.Config.Protocols.SetUnencryptedHTTP2(true)
		foreign.Start()
		defer foreign.Close()
		for where, url := range map[string]string{"own": "http://" + run(t, srv), "foreign": foreign.URL} {
			for version, client := range httpVersions(t) {
				for _, request := range inProtocols() {
					t.Run(leftOut+"/"+where+"/"+version+"/"+request.name, func(t *testing.T) {
						response, body := request.send(t, client, url)
						if request.protocol == "gRPC" {
							checkGRPC(t, version, c.protocols.WithoutGRPC, c.words, response, body)
							return
						}
						if !isLeftOut(c.protocols, request.protocol) {
							if response.StatusCode != request.status || !strings.Contains(body, request.answerParts) {
								t.Errorf("%d %q, want %d %q", response.StatusCode, body, request.status, request.answerParts)
							}
							return
						}
						if response.StatusCode != request.refused {
							t.Errorf("%s, want %d", response.Status, request.refused)
						}
						if leftOut != request.protocol { // one of several that are left out
							return
						}
						if want := request.refusalWith(c.words); body != want {
							t.Errorf("the body is\n%q, want\n%q", body, want)
						}
					})
				}
			}
		}
	}
}

// refusalWith is the whole body that refuses the request in a server's words.
func (r inProtocol) refusalWith(words string) string {
	if r.protocol != "gRPC-Web" && !strings.Contains(r.contentType, "connect+") {
		return strings.ReplaceAll(r.refusal, "WORDS", words)
	}
	if r.protocol == "Connect" {
		return envelope(2, `{"error":{"code":"unimplemented","message":"`+words+`"}}`)
	}
	refusal := envelope(0x80, "grpc-status: 12\r\ngrpc-message: "+words+"\r\n")
	if r.contentType == grpcWebText {
		return base64.StdEncoding.EncodeToString([]byte(refusal))
	}
	return refusal
}

// checkGRPC checks what comes back for a call in gRPC, which HTTP/1.1 has no form for.
func checkGRPC(t *testing.T, version string, leftOut bool, words string, response *http.Response, body string) {
	t.Helper()
	status, told := response.Trailer.Get("Grpc-Status"), response.Trailer.Get("Grpc-Message")
	if status == "" {
		status, told = response.Header.Get("Grpc-Status"), response.Header.Get("Grpc-Message")
	}
	switch {
	case version == "HTTP/1.1" && !leftOut:
		if response.StatusCode != 505 || !strings.HasPrefix(body, "gRPC needs HTTP/2") {
			t.Errorf("%s %q", response.Status, body)
		}
	case version == "HTTP/1.1":
		if response.StatusCode != 415 || body != words+"\n" {
			t.Errorf("%s %q", response.Status, body)
		}
	case !leftOut:
		if response.StatusCode != 200 || status != "0" || body != envelope(0, `"x"`) {
			t.Errorf("%s, status %s %s, %q", response.Status, status, told, body)
		}
	default:
		if response.StatusCode != 200 || status != "12" || told != words || body != "" {
			t.Errorf("%s, status %s %q, %q", response.Status, status, told, body)
		}
	}
}

// What a server does not speak itself is for the user's own handler, if there is one.
func TestProtocolsLeftToTheUser(t *testing.T) {
	mine := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "mine") })
	srv := newProtocolServer(t, server.Options{HTTPHandler: mine,
		Protocols: server.Protocols{WithoutGRPC: true, WithoutGRPCWeb: true, WithoutConnect: true, WithoutREST: true}})
	address := run(t, srv)
	for version, client := range httpVersions(t) {
		for _, request := range inProtocols() {
			if response, body := request.send(t, client, "http://"+address); response.StatusCode != 200 || body != "mine" {
				t.Errorf("%s, %s: %s %q", version, request.name, response.Status, body)
			}
		}
	}
}

// A route has what would be a call in a protocol that is not spoken, and a page may ask what is.
func TestRouteInTheWayOfAProtocol(t *testing.T) {
	srv := server.New(server.Options{Protocols: server.Protocols{WithoutConnect: true, WithoutGRPCWeb: true}, CORS: server.CORS{Origins: []string{"*"}}})
	everything := &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/test.v1.Echo/{value}"}}
	srv.Register(ruled(t, *say, everything), farcall.HandleUnary(repeat))
	address := run(t, srv)
	for version, client := range httpVersions(t) {
		response, body := exchanged{contentType: connectJSON}.send(t, client, "http://"+address)
		if response.StatusCode != 200 || body != `"Say"` {
			t.Errorf("%s: %s %q", version, response.Status, body)
		}
		if response, _ := preflight(say.Path, "https://shop.example").send(t, client, "http://"+address); response.StatusCode != 204 {
			t.Errorf("%s: a preflight for a route: %s", version, response.Status)
		}
	}
	srv = register(say, farcall.HandleUnary(repeat), server.Options{Protocols: server.Protocols{WithoutConnect: true, WithoutGRPCWeb: true},
		CORS: server.CORS{Origins: []string{"*"}}})
	address = run(t, srv)
	for version, client := range httpVersions(t) {
		if response, _ := preflight(say.Path, "https://shop.example").send(t, client, "http://"+address); response.StatusCode == 204 {
			t.Errorf("%s: a preflight for what no page can call: %s", version, response.Status)
		}
	}
}

// Without REST a route cannot be a conversation either.
func TestNoWebSocketWithoutREST(t *testing.T) {
	srv := server.New(server.Options{Protocols: server.Protocols{WithoutREST: true}})
	srv.Register(restCount(t), nil)
	_, response, err := dialSocket(t, "ws://"+run(t, srv)+"/v1/count")
	if err == nil || response == nil || response.StatusCode != 501 {
		t.Errorf("%v, %v", response, err)
	}
}
