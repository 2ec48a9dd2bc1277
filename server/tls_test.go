// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"crypto/tls"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/server"
)

// TestTLSThatIsNotForHTTP2 has clients speak HTTP/2 where RFC 9113 forbids it: they are told why.
func TestTLSThatIsNotForHTTP2(t *testing.T) {
	own, roots := certificate(t, "test")
	for name, c := range map[string]struct {
		change func(*tls.Config) // of both ends
		code   frame.ErrorCode
		says   string
	}{
		"no ALPN": {func(c *tls.Config) { c.NextProtos = nil }, frame.ProtocolError, "ALPN"},
		"TLS 1.1": {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, frame.InadequateSecurity, "TLS 1.1"},
		"a prohibited cipher suite": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, frame.InadequateSecurity, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
	} {
		t.Run(name, func(t *testing.T) {
			serverEnd := &tls.Config{Certificates: []tls.Certificate{own}}
			clientEnd := &tls.Config{RootCAs: roots, ServerName: "test", NextProtos: []string{"h2"}}
			c.change(serverEnd)
			c.change(clientEnd)
			nc, err := tls.Dial("tcp", runSay(t, server.Options{TLS: server.UseTLS(serverEnd)}, repeat), clientEnd)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := nc.Write(frame.AppendSettings([]byte(frame.Preface))); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(nc)
			if err != nil {
				t.Fatal(err)
			}
			last := said[min(frame.HeaderBytes, len(said)):] // behind its SETTINGS
			if len(last) < frame.HeaderBytes {
				t.Fatalf("the server says % x", said)
			}
			_, code, debug, err := frame.ParseGoAway(frame.ParseHeader(last), last[frame.HeaderBytes:])
			if err != nil || code != c.code || !strings.Contains(string(debug), c.says) {
				t.Errorf("the server goes away with %v, %q, %v", code, debug, err)
			}
		})
	}
}

// TestProtocolThatNobodySpeaks has a client ask for another protocol alone: there is no handshake then (RFC 7301).
func TestProtocolThatNobodySpeaks(t *testing.T) {
	own, roots := certificate(t, "test")
	address := runSay(t, server.Options{TLS: server.UseTLS(&tls.Config{Certificates: []tls.Certificate{own}})}, repeat)
	nc, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "test", NextProtos: []string{"spdy/3"}})
	if err == nil {
		nc.Close()
		t.Errorf("they agree on %q", nc.ConnectionState().NegotiatedProtocol)
	}
}

// TestConfigurationsForClients has a server that chooses the certificate by the client, and says nothing of protocols.
func TestConfigurationsForClients(t *testing.T) {
	own, roots := certificate(t, "test")
	chosen := &tls.Config{Certificates: []tls.Certificate{own}}
	address := runSay(t, server.Options{TLS: server.UseTLS(&tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return chosen, nil },
	})}, repeat)
	conn, err := client.New(address, client.Options{TLS: &tls.Config{RootCAs: roots, ServerName: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := call(t.Context(), conn, "x"); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
	if len(chosen.NextProtos) > 0 {
		t.Errorf("the given configuration was changed: %v", chosen.NextProtos)
	}
}
