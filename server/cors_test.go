// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"

	"github.com/farcall/farcall/server"
)

// preflight asks as a browser does before a call.
func preflight(path, origin string) exchanged {
	return exchanged{method: "OPTIONS", path: path, headers: "origin: " + origin +
		"\naccess-control-request-method: POST\naccess-control-request-headers: connect-protocol-version,content-type"}
}

func TestPagesOfOtherOrigins(t *testing.T) {
	srv := newEchoServer(server.Options{CORS: server.CORS{Origins: []string{"https://shop.example"}, Credentials: true, MaxAge: time.Minute}})
	rule := &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/v1/collect"}, Body: "*"}
	routed := *say
	routed.Path = "/test.v1.Echo/Routed"
	srv.Register(ruled(t, routed, rule), nil)
	address := run(t, srv)
	for version, client := range httpVersions(t) {
		for _, path := range []string{say.Path, "/v1/collect"} {
			response, _ := preflight(path, "https://shop.example").send(t, client, "http://"+address)
			expectHeaders(t, version+" "+path, response, 204, map[string]string{
				"Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Allow-Methods": "POST",
				"Access-Control-Allow-Headers": "connect-protocol-version,content-type", "Access-Control-Allow-Credentials": "true", "Access-Control-Max-Age": "60",
				"Vary": "origin, access-control-request-method, access-control-request-headers",
			})
			response, _ = preflight(path, "https://evil.example").send(t, client, "http://"+address)
			expectHeaders(t, version+" "+path+" of another origin", response, 204, map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Credentials": ""})
		}
		if response, _ := preflight("/nowhere", "https://shop.example").send(t, client, "http://"+address); response.StatusCode == 204 {
			t.Errorf("%s: a preflight for nothing is answered with 204", version)
		}
		response, _ := exchanged{contentType: connectJSON, headers: "origin: https://shop.example", body: `"fail x"`}.send(t, client, "http://"+address)
		expectHeaders(t, version+", a call", response, 404, map[string]string{"Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Allow-Credentials": "true", "Vary": "origin"})
		for _, shown := range []string{"in-header", "trailer-in-trailer"} {
			if !strings.Contains(response.Header.Get("Access-Control-Expose-Headers"), shown) {
				t.Errorf("%s: the page is not shown %s: %q", version, shown, response.Header.Get("Access-Control-Expose-Headers"))
			}
		}
		response, _ = exchanged{contentType: connectJSON, headers: "origin: https://evil.example", body: `"x"`}.send(t, client, "http://"+address)
		expectHeaders(t, version+", a call of another origin", response, 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": "origin"})
		response, _ = exchanged{path: "/v1/nowhere", contentType: connectJSON, headers: "origin: https://shop.example"}.send(t, client, "http://"+address)
		expectHeaders(t, version+", REST", response, 404, map[string]string{"Access-Control-Allow-Origin": "https://shop.example"})
	}
}

// The question before a call in each protocol has its whole answer here, in both versions of HTTP, and none at all without an
// origin that is named.
func TestPreflightsOfEveryProtocol(t *testing.T) {
	rule := &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/v1/{value}"}}
	servers := map[bool]string{}
	for _, named := range []bool{true, false} {
		options := server.Options{}
		if named {
			options.CORS.Origins = []string{"https://shop.example"}
		}
		srv := newEchoServer(options)
		routed := *say
		routed.Path = "/test.v1.Echo/Routed"
		srv.Register(ruled(t, routed, rule), nil)
		servers[named] = run(t, srv)
	}
	for version, client := range httpVersions(t) {
		for _, c := range []struct{ name, path, method, headers string }{
			{"Connect", say.Path, "POST", "connect-protocol-version,connect-timeout-ms,content-type"},
			{"Connect by GET", "/test.v1.Echo/Look?encoding=json&message=%22x%22&connect=v1", "GET", "x-trace"},
			{"a stream of Connect", chat.Path, "POST", "connect-protocol-version,content-type"},
			{"gRPC-Web", say.Path, "POST", "content-type,grpc-timeout,x-grpc-web,x-user-agent"},
			{"gRPC-Web, a stream", chat.Path, "POST", "content-type,x-grpc-web"},
			{"REST", "/v1/x", "GET", ""},
		} {
			question := exchanged{method: "OPTIONS", path: c.path, headers: "origin: https://shop.example\naccess-control-request-method: " + c.method}
			if c.headers != "" {
				question.headers += "\naccess-control-request-headers: " + c.headers
			}
			for named, address := range servers {
				what := fmt.Sprintf("%s, %s, an origin is named: %v", version, c.name, named)
				response, body := question.send(t, client, "http://"+address)
				if !named {
					if response.StatusCode == 204 && c.name != "REST" || len(crossOrigin(response.Header)) > 0 { // a route has OPTIONS of its own
						t.Errorf("%s: %s %v", what, response.Status, response.Header)
					}
					continue
				}
				want := map[string]string{"Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Allow-Methods": c.method, "Access-Control-Max-Age": "7200"}
				if c.headers != "" {
					want["Access-Control-Allow-Headers"] = c.headers
				}
				if got := crossOrigin(response.Header); response.StatusCode != 204 || body != "" || !maps.Equal(got, want) {
					t.Errorf("%s: %s %v %q, want %v", what, response.Status, got, body, want)
				}
				if vary := response.Header.Get("Vary"); vary != "origin, access-control-request-method, access-control-request-headers" {
					t.Errorf("%s: vary %q", what, vary)
				}
			}
		}
	}
}

// crossOrigin is what a head says about pages of other origins.
func crossOrigin(header http.Header) map[string]string {
	said := make(map[string]string)
	for name := range header {
		if strings.HasPrefix(name, "Access-Control-") {
			said[name] = strings.Join(header.Values(name), " and ")
		}
	}
	return said
}

// Without an option no page is let in, and "*" goes without credentials.
func TestOriginsByDefault(t *testing.T) {
	for _, c := range []struct {
		options server.CORS
		want    string
	}{
		{server.CORS{}, ""},
		{server.CORS{Origins: []string{"*"}}, "*"},
		{server.CORS{Origins: []string{"*"}, Credentials: true}, ""},
	} {
		address := run(t, newEchoServer(server.Options{CORS: c.options}))
		response, _ := exchanged{contentType: connectJSON, headers: "origin: https://shop.example", body: `"x"`}.send(t, httpClient(t, nil), "http://"+address)
		expectHeaders(t, "a call", response, 200, map[string]string{"Access-Control-Allow-Origin": c.want})
	}
}

func expectHeaders(t *testing.T, what string, response *http.Response, status int, want map[string]string) {
	t.Helper()
	if response.StatusCode != status {
		t.Errorf("%s: %s, want %d", what, response.Status, status)
	}
	for name, value := range want {
		if got := response.Header.Get(name); got != value {
			t.Errorf("%s: %s is %q, want %q", what, name, got, value)
		}
	}
}
