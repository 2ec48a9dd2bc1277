// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/server"
)

// certificate returns a certificate for name, and the roots that trust it.
func certificate(t testing.TB, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestTLS(t *testing.T) {
	own, roots := certificate(t, "test")
	given := &tls.Config{Certificates: []tls.Certificate{own}}
	address := runSay(t, server.Options{TLS: server.UseTLS(given)}, repeat)
	conn, err := client.New(address, client.Options{TLS: &tls.Config{RootCAs: roots, ServerName: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := call(t.Context(), conn, "x"); err != nil || got != "x" {
		t.Errorf("h2: %q, %v", got, err)
	}
	if len(given.NextProtos) > 0 {
		t.Errorf("the given configuration was changed: %v", given.NextProtos)
	}
	plain, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := io.WriteString(plain, frame.Preface); err != nil {
		t.Fatal(err)
	}
	if err := plain.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, plain); err != nil && n > 100 {
		t.Errorf("a client in plaintext got %d bytes, %v", n, err)
	}
}

func TestPrefaceInPieces(t *testing.T) {
	address := runSay(t, server.Options{}, repeat)
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := http2.NewClient(t.Context(), trickling{nc}, http2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { conn.Close(nil); <-conn.Done() }()
	if a := ask(t, conn, requestHead(say.Path), message("x")); a.status() != "200 0" {
		t.Errorf("got %s", a.status())
	}
}

// trickling is a connection that sends byte for byte.
type trickling struct{ net.Conn }

func (c trickling) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := c.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func TestSilentConnectionsAreClosed(t *testing.T) {
	own, _ := certificate(t, "test")
	for name, options := range map[string]server.Options{
		"plaintext": {HandshakeTimeout: 20 * time.Millisecond},
		"TLS":       {HandshakeTimeout: 20 * time.Millisecond, TLS: server.UseTLS(&tls.Config{Certificates: []tls.Certificate{own}})},
	} {
		for begin, first := range map[string]string{"silence": "", "half a preface": frame.Preface[:10], "no SETTINGS": frame.Preface, "half a request": "GET / HT"} {
			if name == "TLS" && first != "" {
				continue // it is no TLS, and refused at once
			}
			nc, err := net.Dial("tcp", runSay(t, options, repeat))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(nc, first); err != nil {
				t.Fatal(err)
			}
			if err := nc.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, bufio.NewReader(nc)); isTimeout(err) {
				t.Errorf("%s, %s: the connection stays open", name, begin)
			}
			nc.Close()
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

func TestHandlerSeesThePeer(t *testing.T) {
	peers := make(chan net.Addr, 1)
	address := runSay(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		peers <- farcall.IncomingCall(ctx).Peer().Address
		return request, nil
	})
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := http2.NewClient(t.Context(), nc, http2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { conn.Close(nil); <-conn.Done() }()
	ask(t, conn, requestHead(say.Path), message("x"))
	if peer := <-peers; peer == nil || peer.String() != nc.LocalAddr().String() {
		t.Errorf("the handler saw %v, the client is %v", peer, nc.LocalAddr())
	}
}
