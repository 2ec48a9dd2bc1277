// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

const protocolHTTP2 = "h2" // the ALPN name (RFC 9113 section 3.2)

var errNoHTTP2 = errors.New("the server speaks TLS, but did not agree on HTTP/2 (ALPN)")

// secured returns the TLS settings of a channel to host.
func secured(given *tls.Config, host string) *tls.Config {
	config := &tls.Config{}
	if given != nil {
		config = given.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{protocolHTTP2}
	config.Renegotiation = tls.RenegotiateNever // RFC 9113 section 9.2.1
	return config
}

// connect opens one connection and makes it ready for calls, within Options.ConnectTimeout. Where the server has accepted one and
// dropped it before it said anything, a second is tried at once: a server that stops does that to what came while it closed its
// listener, and the next one, or another behind the same name, has taken its place by then.
func (c *Conn) connect(ctx context.Context, d *dialing) (*http2.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.ConnectTimeout)
	defer cancel()
	began := time.Now()
	conn, err := c.connectOnce(ctx, d)
	if err != nil && dropped(err) && time.Since(began) < droppedTime && ctx.Err() == nil {
		d.stage.Store(stageConnecting)
		conn, err = c.connectOnce(ctx, d)
	}
	return conn, err
}

// droppedTime is how soon a server that stops drops a connection. One that took its time has another reason, such as a
// network that swallows the handshake, and would take it again.
const droppedTime = time.Second

// dropped reports whether an error says that the peer has closed or reset the connection.
func dropped(err error) bool {
	for _, sign := range []error{http2.ErrNoSettings, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

func (c *Conn) connectOnce(ctx context.Context, d *dialing) (*http2.Conn, error) {
	nc, err := c.options.Dialer(ctx, c.target.network, c.target.address)
	if err != nil {
		return nil, err
	}
	if c.tls != nil {
		d.stage.Store(stageSecuring)
		if nc, err = handshake(ctx, nc, c.tls); err != nil {
			return nil, err
		}
	}
	d.stage.Store(stageGreeting)
	interval := c.pingInterval()
	return http2.NewClient(ctx, nc, http2.Options{
		MaxHeaderListBytes: c.options.MaxHeaderListBytes,
		HandshakeTimeout:   c.options.ConnectTimeout,
		StallTimeout:       c.options.StallTimeout,
		IdleTimeout:        c.options.IdleTimeout,
		HeaderTableBytes:   c.options.HTTP2.HeaderTableBytes,
		MaxFrameBytes:      c.options.HTTP2.MaxFrameBytes,
		StreamWindow:       c.options.HTTP2.StreamWindowBytes,
		ConnectionWindow:   c.options.HTTP2.ConnectionWindowBytes,
		MaxWindow:          c.options.HTTP2.MaxWindowBytes,
		Keepalive:          http2.Keepalive{Interval: interval, Timeout: c.options.Keepalive.Timeout, WithoutStreams: c.options.Keepalive.WithoutCalls},
		TooManyPings:       func() { c.pingLess(interval) },
		Changed:            c.pool.changed,
		Tap:                c.tap,
		Timed:              c.options.Observer != nil,
		Measure:            wire.Measure,
	})
}

// pingInterval returns the keepalive's interval for a new connection.
func (c *Conn) pingInterval() time.Duration {
	return max(c.options.Keepalive.Interval, time.Duration(c.longerPings.Load()))
}

// pingLess makes new connections ping half as often as the one that the server has ended because of its pings.
func (c *Conn) pingLess(interval time.Duration) {
	for {
		known := c.longerPings.Load()
		if int64(interval) > int64(forever/2) || known >= 2*int64(interval) || c.longerPings.CompareAndSwap(known, 2*int64(interval)) {
			return
		}
	}
}

func handshake(ctx context.Context, nc net.Conn, config *tls.Config) (net.Conn, error) {
	secured := http2.NewTLS(nc, func(under net.Conn) *tls.Conn { return tls.Client(under, config) })
	err := secured.HandshakeContext(ctx)
	if err != nil {
		nc.Close()
		return nil, err
	}
	state := secured.ConnectionState()
	if err = http2.Adequate(&state); state.NegotiatedProtocol != protocolHTTP2 {
		err = errNoHTTP2
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return secured, nil
}

// unreachable returns the error of a call to method for which no connection could be had.
func (c *Conn) unreachable(method *farcall.Method, cause error) error {
	if errors.Is(cause, errClosed) {
		return farcall.Errorf(farcall.Canceled, "%s: %w", method, cause)
	}
	return farcall.Errorf(farcall.Unavailable, "cannot reach %s: %w%s", c.target.name, cause, c.likelyMistake(method, cause))
}

// likelyMistake guesses why connecting has failed.
func (c *Conn) likelyMistake(method *farcall.Method, cause error) string {
	var noHost *net.DNSError
	var record tls.RecordHeaderError
	var unknownIssuer x509.UnknownAuthorityError
	var otherHost x509.HostnameError
	switch {
	case errors.Is(cause, syscall.ECONNREFUSED), errors.Is(cause, os.ErrNotExist):
		return fmt.Sprintf(": is the service %s listening on %s?", method.Service(), c.target.address)
	case errors.As(cause, &noHost) && noHost.IsNotFound:
		return fmt.Sprintf(": is %s the right name?", c.target.host)
	case errors.As(cause, &record):
		return ": the server does not speak TLS on this port, set client.Options.Plaintext if that is meant to be"
	case errors.As(cause, &unknownIssuer):
		return ": its certificate's issuer is not among the roots, see client.Options.TLS"
	case errors.As(cause, &otherHost):
		return ": its certificate is for another name, see client.Options.Authority"
	case errors.Is(cause, errNoHTTP2), alert(cause) == "no application protocol":
		return ": is this a gRPC port?"
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(cause, os.ErrDeadlineExceeded):
		return fmt.Sprintf(": nothing came back within %v, does a firewall in between drop packets?", c.options.ConnectTimeout)
	case slices.Contains(certificateAlerts, alert(cause)):
		return ": the server wants a client certificate that it can verify, see Certificates in client.Options.TLS"
	case alert(cause) == "handshake failure": // in TLS 1.2 also for want of a client certificate
		return ": the server wants a client certificate, or other ciphers, see client.Options.TLS"
	case c.tls == nil && strings.Contains(cause.Error(), "TLS"): // the engine suspects it
		return " (if the server speaks TLS: see client.Options.TLS)"
	}
	return ""
}

// certificateAlerts are those with which a server ends TLS because of the client's certificate (RFC 8446 section 6.2). With
// TLS 1.3 they come after the client's handshake is done, so that reading fails.
var certificateAlerts = []string{"certificate required", "bad certificate", "unsupported certificate", "revoked certificate",
	"expired certificate", "unknown certificate", "unknown certificate authority"}

// alert returns the alert with which the server has ended TLS, "" if that is not what happened. crypto/tls has no exported
// type for it.
func alert(cause error) string {
	var remote *net.OpError
	if !errors.As(cause, &remote) || remote.Op != "remote error" {
		return ""
	}
	return strings.TrimPrefix(remote.Err.Error(), "tls: ")
}
