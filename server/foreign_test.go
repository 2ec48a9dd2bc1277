// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

type fromMiddleware struct{}

// A Server answers in every protocol inside somebody else's net/http server, with what that has put around it.
func TestServerAsHandler(t *testing.T) {
	srv := register(say, farcall.HandleUnary(func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		incoming := farcall.IncomingCall(ctx)
		if incoming.Peer().Address == nil || ctx.Value(fromMiddleware{}) != "value" {
			return nil, farcall.Errorf(farcall.Internal, "the peer is %v, the value %v", incoming.Peer(), ctx.Value(fromMiddleware{}))
		}
		incoming.ResponseTrailer().Add("in-trailer", "t")
		if text, fails := strings.CutPrefix(request.GetValue(), "fail "); fails {
			return nil, farcall.Errorf(farcall.NotFound, "%s", text)
		}
		return request, nil
	}), server.Options{})
	defer srv.Close()
	foreign := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		srv.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), fromMiddleware{}, "value")))
	}))
	foreign.Config.Protocols = new(http.Protocols)
	foreign.Config.Protocols.SetHTTP1(true)
	foreign.Config.Protocols.SetUnencryptedHTTP2(true)
	foreign.Start()
	defer foreign.Close()
	for version, client := range httpVersions(t) {
		for _, c := range []exchanged{
			{contentType: connectJSON, body: `"x"`, status: 200, answerParts: `"x"`},
			{contentType: connectJSON, body: `"fail x"`, status: 404, answerParts: `"not_found"`},
			{contentType: grpcWeb, body: envelope(0, `"x"`), status: 200, answerParts: "grpc-status: 0\r\nin-trailer: t\r\n"},
		} {
			response, body := c.send(t, client, foreign.URL)
			if response.StatusCode != c.status || !strings.Contains(body, c.answerParts) {
				t.Errorf("%s, %s: %d %q", version, c.contentType, response.StatusCode, body)
			}
		}
	}
	conn := dial(t, strings.TrimPrefix(foreign.URL, "http://"))
	ctx, collected := farcall.NewCall(t.Context())
	if got, err := call(ctx, conn, "x"); err != nil || got != "x" || collected.ResponseTrailer().Get("in-trailer") != "t" {
		t.Errorf("gRPC: %q, %v, trailers %v", got, err, collected.ResponseTrailer())
	}
	if _, err := call(t.Context(), conn, "fail x"); farcall.CodeOf(err) != farcall.NotFound {
		t.Errorf("gRPC that fails: %v", err)
	}
	conn.Close()
	srv.Close()
	response, _ := exchanged{contentType: connectJSON, body: `"x"`}.send(t, httpClient(t, nil), foreign.URL)
	if response.StatusCode != 503 {
		t.Errorf("after Close: %s", response.Status)
	}
}

// Over TLS net/http speaks HTTP/2 by itself, and calls of every kind come through it in each protocol.
func TestServerAsHandlerOverTLS(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, options client.Options, method *farcall.Method) {
		srv := register(method, func(ctx context.Context, stream farcall.Stream) error {
			if state := farcall.IncomingCall(ctx).Peer().TLS; state == nil || state.NegotiatedProtocol == "h2" == options.HTTP1 {
				return farcall.Errorf(farcall.Internal, "the peer's TLS is %+v", state)
			}
			return echo(ctx, stream)
		}, server.Options{})
		foreign := httptest.NewUnstartedServer(srv)
		foreign.EnableHTTP2 = true
		foreign.StartTLS()
		defer foreign.Close()
		defer srv.Close()
		options.TLS = &tls.Config{RootCAs: foreign.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
		texts := []string{"x", "y"}
		if !method.Kind.SendsStream() {
			texts = texts[:1]
		}
		conn := dialWith(t, strings.TrimPrefix(foreign.URL, "https://"), options)
		defer conn.Close()
		if got, err := exchangeTexts(t.Context(), conn, method, texts...); err != nil || strings.Join(got, " ") != strings.Join(texts, " ") {
			t.Errorf("%q, %v", got, err)
		}
	})
}
