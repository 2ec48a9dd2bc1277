// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/server"
)

// send makes a request over HTTP/1.1.
func send(t testing.TB, client *http.Client, method, url, contentType, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// httpClient returns a client whose connections end with the test.
func httpClient(t testing.TB, config *tls.Config) *http.Client {
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func TestHTTP1OnTheSamePort(t *testing.T) {
	address := runSay(t, server.Options{}, repeat)
	if got, err := call(t.Context(), dial(t, address), "x"); err != nil || got != "x" {
		t.Errorf("gRPC: %q, %v", got, err)
	}
	client := httpClient(t, nil)
	response, text := send(t, client, "GET", "http://"+address+"/nowhere", "", "")
	var status struct{ Code int }
	if response.StatusCode != 404 || response.Header.Get("Content-Type") != "application/json" || json.Unmarshal([]byte(text), &status) != nil || status.Code != 5 {
		t.Errorf("an unknown route: %s, %s", response.Status, text)
	}
	response, text = send(t, client, "POST", "http://"+address+say.Path, "application/grpc", string(message("x")))
	if response.StatusCode != 505 || !strings.Contains(text, "gRPC needs HTTP/2") {
		t.Errorf("gRPC over HTTP/1.1: %s, %s", response.Status, text)
	}
}

func TestNoRouteOverHTTP2(t *testing.T) {
	conn := raw(t, runSay(t, server.Options{}, repeat))
	head := with(with(requestHead("/nowhere"), "content-type", ""), ":method", "GET")
	stream, err := conn.Open(t.Context(), head, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	answer, err := stream.Head(t.Context())
	if err != nil || answer.Get(":status") != "404" {
		t.Fatalf("got %v, %v", answer, err)
	}
	if err := stream.WantEnd(t.Context(), 1<<20); err != nil || !strings.Contains(string(stream.Next(stream.Buffered())), `"code"`) {
		t.Errorf("the body: %v", err)
	}
}

func TestMethodsPathWithAnotherContentType(t *testing.T) {
	address := runSay(t, server.Options{}, repeat)
	conn, client := raw(t, address), httpClient(t, nil)
	for _, contentType := range []string{"image/jpeg", "application/xml", ""} {
		stream, err := conn.Open(t.Context(), with(requestHead(say.Path), "content-type", contentType), message("x"), true)
		if err != nil {
			t.Fatal(err)
		}
		head, err := stream.Head(t.Context())
		if err != nil || head.Get(":status") != "415" {
			t.Errorf("HTTP/2, %q: %v, %v", contentType, head, err)
		}
		stream.Close()
		response, text := send(t, client, "POST", "http://"+address+say.Path, contentType, "x")
		if response.StatusCode != 415 || !strings.Contains(text, "test.v1.Echo/Say is reached with one of application/proto, ") {
			t.Errorf("HTTP/1.1, %q: %s %s", contentType, response.Status, text)
		}
	}
	if response, _ := send(t, client, "GET", "http://"+address+say.Path, "", ""); response.StatusCode != 405 {
		t.Errorf("GET: %s", response.Status)
	}
}

func TestUsersHandler(t *testing.T) {
	own, roots := certificate(t, "test")
	mux := http.NewServeMux()
	mux.HandleFunc("/own", func(w http.ResponseWriter, r *http.Request) {
		peer, _ := exchange.PeerFrom(r.Context())
		_, _ = io.WriteString(w, r.Method+" "+r.Proto+" "+map[bool]string{true: "TLS", false: "plain"}[r.TLS != nil]+" "+
			map[bool]string{true: "same peer", false: "other peer"}[peer.Address != nil && peer.Address.String() == r.RemoteAddr])
	})
	plain := runSay(t, server.Options{HTTPHandler: mux}, repeat)
	secure := runSay(t, server.Options{HTTPHandler: mux, TLS: &tls.Config{Certificates: []tls.Certificate{own}}}, repeat)
	client := httpClient(t, &tls.Config{RootCAs: roots, ServerName: "test"})
	if _, text := send(t, client, "PUT", "http://"+plain+"/own", "", ""); text != "PUT HTTP/1.1 plain same peer" {
		t.Errorf("plaintext: %s", text)
	}
	if _, text := send(t, client, "PUT", "https://"+secure+"/own", "", ""); text != "PUT HTTP/1.1 TLS same peer" {
		t.Errorf("TLS: %s", text)
	}
	if response, text := send(t, client, "GET", "http://"+plain+"/other", "", ""); response.StatusCode != 404 || strings.Contains(text, "code") {
		t.Errorf("what the user's handler does not have: %s, %s", response.Status, text)
	}
	// Without ALPN the first bytes tell, and TLS is seen all the same.
	nc, err := tls.Dial("tcp", secure, &tls.Config{RootCAs: roots, ServerName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, "GET /own HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(nc); err != nil || !strings.HasSuffix(string(text), "GET HTTP/1.1 TLS same peer") {
		t.Errorf("without ALPN: %s, %v", text, err)
	}
}

func TestShutdownWaitsForHTTP1(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	srv := register(say, farcall.HandleUnary(repeat), server.Options{HTTPHandler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "done")
	})})
	address := run(t, srv)
	client := httpClient(t, nil)
	answered := make(chan string, 1)
	go func() {
		_, text := send(t, client, "GET", "http://"+address+"/", "", "")
		answered <- text
	}()
	<-entered
	shut := make(chan error, 1)
	go func() { shut <- srv.Shutdown(context.Background()) }()
	select {
	case err := <-shut:
		t.Errorf("Shutdown returned %v while a request is under way", err)
	case <-time.After(10 * time.Millisecond):
	}
	close(leave)
	if text := <-answered; text != "done" {
		t.Errorf("the request under way got %q", text)
	}
	if err := <-shut; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestGarbageIsTurnedAway(t *testing.T) {
	address := runSay(t, server.Options{}, repeat)
	for _, garbage := range []string{"INVALID CONNECTION PREFACE\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "\x16\x03\x01\x00\x05hello\r\n\r\n", "\n\n\n\n"} {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(nc, garbage); err != nil {
			t.Fatal(err)
		}
		if err := nc.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, nc); isTimeout(err) {
			t.Errorf("%q: the connection stays open", garbage)
		}
		nc.Close()
	}
	if got, err := call(t.Context(), dial(t, address), "x"); err != nil || got != "x" {
		t.Errorf("the server does not live on: %q, %v", got, err)
	}
}

// TestHTTP1WithoutALPN has a client that knows no ALPN, which is no matter in HTTP/1.1.
func TestHTTP1WithoutALPN(t *testing.T) {
	own, roots := certificate(t, "test")
	options := server.Options{TLS: &tls.Config{Certificates: []tls.Certificate{own}}, HTTPHandler: http.NotFoundHandler()}
	nc, err := tls.Dial("tcp", runSay(t, options, repeat), &tls.Config{RootCAs: roots, ServerName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 404 {
		t.Errorf("the server answers %s", response.Status)
	}
}
