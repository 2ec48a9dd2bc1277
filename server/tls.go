// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
)

// How connections come to speak TLS, and what becomes of those whose TLS is not right.

// securer makes connections speak TLS. It is an interface because to call crypto/tls is to link it, a fifth of a program
// that speaks gRPC alone: with the build tag farcall_grpconly it is UseTLS that makes one, and its callers alone pay.
type securer interface {
	// handshake returns the connection that speaks TLS over nc, whose deadline ends it.
	handshake(nc net.Conn) (net.Conn, *tls.ConnectionState, error)
}

// tlsServer is the only securer.
type tlsServer struct{ config *tls.Config }

func newTLSServer(config *tls.Config) *tlsServer {
	config = config.Clone()
	config.NextProtos = protocols(config.NextProtos)
	config.GetConfigForClient = forClients(config.GetConfigForClient)
	return &tlsServer{config}
}

func (s *tlsServer) handshake(nc net.Conn) (net.Conn, *tls.ConnectionState, error) {
	secured := http2.NewTLS(nc, func(under net.Conn) *tls.Conn { return tls.Server(under, s.config) })
	if err := secured.HandshakeContext(context.Background()); err != nil {
		return nil, nil, explainTLS(err)
	}
	state := secured.ConnectionState()
	return secured, &state, nil
}

// protocols returns the protocols that clients can agree on.
func protocols(given []string) []string {
	if len(given) == 0 {
		return []string{protocolHTTP2, protocolHTTP1}
	}
	return given
}

// forClients returns what chooses a configuration for each client, nil for nothing, with protocols in it.
func forClients(choose func(*tls.ClientHelloInfo) (*tls.Config, error)) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	if choose == nil {
		return nil
	}
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		config, err := choose(hello)
		if config != nil && len(config.NextProtos) == 0 { // nil is the server's own
			config = config.Clone()
			config.NextProtos = protocols(nil)
		}
		return config, err
	}
}

// errNoALPN is for clients that speak HTTP/2 under TLS and have not said so first, which RFC 9113 section 3.2 wants: who
// attacks other protocols with requests that look like theirs is stopped by it.
var errNoALPN = errors.New("the client speaks HTTP/2 under TLS without having agreed on it by ALPN: is \"h2\" missing in its NextProtos, or in those of server.Options.TLS or the listener?")

// checkTLS refuses HTTP/2 under TLS that RFC 9113 does not allow, and tells the client why.
func (g *greeted) checkTLS() error {
	code, err := frame.InadequateSecurity, http2.Adequate(g.tls)
	if err == nil && g.tls.NegotiatedProtocol != protocolHTTP2 {
		code, err = frame.ProtocolError, errNoALPN
	}
	if err == nil {
		return nil
	}
	last := frame.AppendGoAway(frame.AppendSettings(nil), 0, code, err.Error())
	if _, writeErr := g.nc.Write(last); writeErr == nil { // the deadline of the handshake still holds
		letRead(g.nc)
	}
	return err
}

// letRead gives the peer a moment to read what it was told last: to close with bytes unread would reset the connection, and
// with TLS 1.3 the client has begun to send when its certificate is refused.
func letRead(nc net.Conn) {
	halves, ok := nc.(interface{ CloseWrite() error })
	if ok && nc.SetDeadline(time.Now().Add(time.Second)) == nil && halves.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, nc, 64<<10)
	}
}

// explainTLS names the likely mistake behind a failed handshake.
func explainTLS(err error) error {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return fmt.Errorf("the client does not speak TLS: is it told to use plaintext? %w", err)
	}
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unverified):
		return fmt.Errorf("%w: the client's certificate is refused, is its issuer among the ClientCAs of server.Options.TLS? %w", errClientCertificate, err)
	case strings.HasSuffix(err.Error(), "client didn't provide a certificate"): // crypto/tls has no value for it
		return fmt.Errorf("%w: the client has shown none, and ClientAuth of server.Options.TLS wants one: does the client set Certificates? %w", errClientCertificate, err)
	}
	return fmt.Errorf("TLS handshake: %w", err)
}

// errClientCertificate marks what an operator of mutual TLS looks for: it is logged above the noise of a public port.
var errClientCertificate = errors.New("client certificate")
