// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// whoCalls answers with the names in the client's certificate.
func whoCalls(ctx context.Context, _ *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return wrapperspb.String(certified(farcall.IncomingCall(ctx).Peer().TLS)), nil
}

// certified says who the other end of a connection has proven to be.
func certified(state *tls.ConnectionState) string {
	switch {
	case state == nil:
		return "plaintext"
	case len(state.PeerCertificates) == 0:
		return "nobody"
	case len(state.VerifiedChains) == 0:
		return "unverified"
	}
	return strings.Join(state.PeerCertificates[0].DNSNames, ",")
}

// mutual returns the settings of the two ends of mutual TLS: "orders" calls "payments".
func mutual(t testing.TB) (serverEnd, clientEnd *tls.Config) {
	payments, serverRoots := certificate(t, "payments")
	orders, clientRoots := certificate(t, "orders")
	serverEnd = &tls.Config{Certificates: []tls.Certificate{payments}, ClientCAs: clientRoots, ClientAuth: tls.RequireAndVerifyClientCert}
	return serverEnd, &tls.Config{Certificates: []tls.Certificate{orders}, RootCAs: serverRoots, ServerName: "payments"}
}

func dialTLS(t testing.TB, address string, config *tls.Config) *client.Conn {
	t.Helper()
	conn, err := client.New(address, client.Options{TLS: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestPeersCertificates(t *testing.T) {
	serverEnd, clientEnd := mutual(t)
	rule := &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/v1/say"}}
	var own http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, certified(r.TLS)) }
	secure := run(t, register(ruled(t, *say, rule), farcall.HandleUnary(whoCalls), server.Options{TLS: serverEnd, HTTPHandler: own}))
	plain := run(t, register(ruled(t, *say, rule), farcall.HandleUnary(whoCalls), server.Options{HTTPHandler: own}))

	ctx, answer := farcall.NewCall(t.Context())
	if got, err := call(ctx, dialTLS(t, secure, clientEnd), ""); err != nil || got != "orders" {
		t.Errorf("gRPC: the handler saw %q, %v", got, err)
	}
	if got := certified(answer.Peer().TLS); got != "payments" {
		t.Errorf("gRPC: the caller saw %q", got)
	}
	ctx, answer = farcall.NewCall(t.Context())
	if got, err := call(ctx, dial(t, plain), ""); err != nil || got != "plaintext" || answer.Peer().TLS != nil {
		t.Errorf("gRPC in plaintext: the handler saw %q, %v, the caller %v", got, err, answer.Peer().TLS)
	}
	for name, alpn := range map[string][]string{"HTTP/1.1": {"http/1.1"}, "HTTP/1.1 without ALPN": nil, "HTTP/2": {"h2"}} {
		config := clientEnd.Clone()
		config.NextProtos = alpn
		browser := httpClient(t, config)
		browser.Transport.(*http.Transport).ForceAttemptHTTP2 = name == "HTTP/2"
		response, text := send(t, browser, "GET", "https://"+secure+"/v1/say", "", "")
		if text != `"orders"` || !strings.HasPrefix(name, strings.TrimSuffix(response.Proto, ".0")) {
			t.Errorf("REST over %s: the handler saw %s over %s", name, text, response.Proto)
		}
		if _, text := send(t, browser, "GET", "https://"+secure+"/own", "", ""); text != "orders" {
			t.Errorf("the user's handler over %s saw %s", name, text)
		}
	}
}

func TestPeerOfAListenerWithTLS(t *testing.T) {
	serverEnd, clientEnd := mutual(t)
	serverEnd.NextProtos = []string{"h2"}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", serverEnd)
	if err != nil {
		t.Fatal(err)
	}
	srv := register(say, farcall.HandleUnary(whoCalls), server.Options{})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	defer func() { srv.Close(); <-served }()
	if got, err := call(t.Context(), dialTLS(t, listener.Addr().String(), clientEnd), ""); err != nil || got != "orders" {
		t.Errorf("the handler saw %q, %v", got, err)
	}
}

// lines is a log that tests wait for.
type lines struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
	told chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	select {
	case l.told <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (l *lines) take() string {
	<-l.told
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func TestClientsWithoutACertificateAreRefused(t *testing.T) {
	serverEnd, clientEnd := mutual(t)
	stranger, _ := certificate(t, "stranger")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, own := range map[string][]tls.Certificate{"none": nil, "of another issuer": {stranger}} {
			t.Run(tls.VersionName(version)+", "+name, func(t *testing.T) {
				log := &lines{told: make(chan struct{}, 1)}
				address := runSay(t, server.Options{TLS: serverEnd, Logger: slog.New(slog.NewTextHandler(log, nil))}, whoCalls)
				config := clientEnd.Clone()
				config.Certificates, config.MaxVersion = nil, version
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // shows it whoever is asked for
					if len(own) == 0 {
						return new(tls.Certificate), nil
					}
					return &own[0], nil
				}
				_, err := call(t.Context(), dialTLS(t, address, config), "")
				if farcall.CodeOf(err) != farcall.Unavailable || !strings.Contains(err.Error(), "the server wants a client certificate") {
					t.Errorf("the client is told: %v", err)
				}
				want := "the client has shown none"
				if own != nil {
					want = "the client's certificate is refused"
				}
				if logged := log.take(); !strings.Contains(logged, want) {
					t.Errorf("the server logs %s, want %s", logged, want)
				}
			})
		}
	}
}
