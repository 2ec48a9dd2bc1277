// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

// TLSConn is a TLS connection that the engine reads and writes as it does plaintext: the writer seals what it has taken
// and tries to write the ciphertext without blocking, and the reader opens what it reads from the raw descriptor. Until
// an engine takes it over (NewServer, NewClient) it is an ordinary *tls.Conn, for the handshake and for other protocols.
type TLSConn struct {
	*tls.Conn
	shim *tlsShim
}

// NewTLS returns nc under TLS; secure is tls.Client or tls.Server with a configuration.
func NewTLS(nc net.Conn, secure func(net.Conn) *tls.Conn) *TLSConn {
	shim := &tlsShim{Conn: nc}
	return &TLSConn{Conn: secure(shim), shim: shim}
}

// sealing is what a socket sees of a *TLSConn. It is an interface because methods are linked only of types that somebody
// makes, and crypto/tls with its certificates is a fifth of a program that speaks gRPC alone.
type sealing interface {
	net.Conn
	CloseWrite() error
	taken() *tlsShim
}

// taken returns what is between crypto/tls and the connection under it.
func (c *TLSConn) taken() *tlsShim { return c.shim }

// tlsShim is what crypto/tls takes for the connection.
//
// Once the engine has taken over, what crypto/tls writes stays in pending until the writer fetches it. Records come from
// the writer, and rarely from the reader goroutine (key updates, alerts); crypto/tls puts them in order before it calls
// Write.
type tlsShim struct {
	net.Conn
	socket *socket // the engine's; nil until it takes over, set once

	mu      sync.Mutex // guards what follows
	pending []byte     // ciphertext that nobody has fetched
}

func (s *tlsShim) Write(b []byte) (int, error) {
	if s.socket == nil {
		return s.Conn.Write(b)
	}
	s.mu.Lock()
	s.pending = append(s.pending, b...)
	s.mu.Unlock()
	return len(b), nil
}

// Read is called by crypto/tls on the reader goroutine. It does not wait for bytes if the reader must first let its
// buffer go; the error is then errWouldBlock, which crypto/tls takes for a passing one.
func (s *tlsShim) Read(b []byte) (int, error) {
	if s.socket == nil {
		return s.Conn.Read(b)
	}
	return s.socket.readSealed(b)
}

// SetWriteDeadline does nothing once the engine has taken over, which has deadlines of its own: crypto/tls would leave one
// that has passed behind its last alert, and the alert would not leave.
func (s *tlsShim) SetWriteDeadline(t time.Time) error {
	if s.socket == nil {
		return s.Conn.SetWriteDeadline(t)
	}
	return nil
}

// fetch returns the pending ciphertext and leaves an empty buffer in its place.
func (s *tlsShim) fetch(empty []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending := s.pending
	s.pending = empty[:0]
	return pending
}

// dropRoom lets go of the room for ciphertext if there is none, which the reader may change at any time.
func (s *tlsShim) dropRoom() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		s.pending = nil
	}
}

func (s *tlsShim) owes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0
}

// errWouldBlock is passed through crypto/tls from the shim to the reader.
var errWouldBlock net.Error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "no bytes are there yet" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true } // crypto/tls goes on after a temporary error

// Adequate returns an error for a connection whose TLS is not what HTTP/2 asks for: older than 1.2, or with a cipher suite
// without ephemeral keys or without authenticated encryption (RFC 9113 section 9.2). crypto/tls neither compresses nor, as
// a server, renegotiates.
func Adequate(state *tls.ConnectionState) error {
	if state.Version < tls.VersionTLS12 {
		return fmt.Errorf("HTTP/2 needs TLS 1.2 or later, and both ends have agreed on %s: see MinVersion in the TLS options", tls.VersionName(state.Version))
	}
	if state.Version > tls.VersionTLS12 {
		return nil // whose cipher suites are all as they should be
	}
	switch state.CipherSuite {
	case tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return nil
	}
	return fmt.Errorf("HTTP/2 prohibits the cipher suite %s, on which both ends have agreed: see CipherSuites and MaxVersion in the TLS options",
		tls.CipherSuiteName(state.CipherSuite))
}
