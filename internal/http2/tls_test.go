// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// testCertificate is for "test", signed by itself.
var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

// tlsPair returns both ends of a TLS connection over TCP, after the handshake.
func tlsPair(t *testing.T) (client, server *TLSConn) {
	t.Helper()
	clientEnd, serverEnd := dialPair(t, "tcp", "127.0.0.1:0")
	roots := x509.NewCertPool()
	roots.AddCert(testCertificate().Leaf)
	client = NewTLS(clientEnd, func(nc net.Conn) *tls.Conn {
		return tls.Client(nc, &tls.Config{RootCAs: roots, ServerName: "test", NextProtos: []string{"h2"}})
	})
	server = NewTLS(serverEnd, func(nc net.Conn) *tls.Conn {
		return tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{testCertificate()}, NextProtos: []string{"h2"}})
	})
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return client, server
}

func TestTLSIsWrittenByItsCallers(t *testing.T) {
	clientEnd, serverEnd := tlsPair(t)
	client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
	if client.socket.wrapped() || server.socket.wrapped() {
		t.Fatal("TLS over TCP is treated as a wrapped connection")
	}
	if _, err := call(withTimeout(t), client, postHead, pattern(100)); err != nil {
		t.Fatal(err)
	}
}

func TestIdleTLSReaderHoldsNoBuffer(t *testing.T) {
	clientEnd, serverEnd := tlsPair(t)
	client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
	if _, err := call(withTimeout(t), client, postHead, pattern(100)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Conn{client, server} {
		for c.reader.holds.Load() { // bounded by the test's own timeout
			time.Sleep(time.Millisecond)
		}
	}
	if _, err := call(withTimeout(t), client, postHead, pattern(100)); err != nil {
		t.Fatal(err)
	}
}

// crypto/tls writes on the reader goroutine when the peer asks for a new key. Nothing else is written then, so the reader
// must see to it that the answer leaves.
func TestWhatTLSWritesByItselfLeaves(t *testing.T) {
	clientEnd, serverEnd := tlsPair(t)
	client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
	if _, err := call(withTimeout(t), client, postHead, pattern(100)); err != nil {
		t.Fatal(err)
	}
	shim := serverEnd.shim
	shim.Write([]byte("not a record")) // what the reader has caused
	server.endBatch()
	await(t, "the end of a client that cannot read that", client.Done())
	if _, err := client.Open(context.Background(), postHead, nil, true); err == nil {
		t.Error("the client goes on with a broken TLS connection")
	}
}

// TestCloseEndsTLS checks that the alert which ends TLS leaves, without which the end could be an attacker's.
func TestCloseEndsTLS(t *testing.T) {
	clientEnd, serverEnd := tlsPair(t)
	recorded := &recorder{Conn: serverEnd.shim.Conn}
	serverEnd.shim.Conn = recorded
	client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
	if _, err := call(withTimeout(t), client, postHead, pattern(100)); err != nil {
		t.Fatal(err)
	}
	before := recorded.bytes.Load()
	client.Close(nil)
	await(t, "the end of the server's connection", server.Done())
	const goAway, alert = 5 + frame.HeaderBytes + 8 + 1 + 16, 5 + 2 + 1 + 16 // records of TLS 1.3
	if got := recorded.bytes.Load() - before; got != goAway+alert {
		t.Errorf("%d bytes came behind the call, want %d of GOAWAY and %d of the alert", got, goAway, alert)
	}
}

// recorder counts what is read.
type recorder struct {
	net.Conn
	bytes atomic.Int64
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.bytes.Add(int64(n))
	return n, err
}
