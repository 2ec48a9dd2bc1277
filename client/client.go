// SPDX-License-Identifier: Apache-2.0

// Package client is a channel to a name: connects, calls, retries.
//
// A call comes in by invoke.go, is a stream (stream.go, streaming.go), and makes one or more attempts (attempt.go,
// resend.go) on a connection of the pool (pool.go, queue.go), which dial.go opens; web.go and http1.go are for servers that
// do not speak gRPC. What a call that is overdue was waiting for is in overdue.go.
package client

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// Conn is a channel to a target: connections that are opened with the first call, shared by all calls, and replaced when
// they break. It is safe for concurrent use.
type Conn struct {
	target  target
	options Options
	tls     *tls.Config // nil for plaintext
	tap     http2.Tap   // nil without Options.Frames
	heads   *wire.Heads
	pool    *pool
	http1   *http1 // nil for HTTP/2

	longerPings atomic.Int64 // the keepalive's interval in nanoseconds since a server had too many; 0 for none had

	compressors *compress.Table
	format      call.Format // of the messages of a call that says nothing else
}

// New returns a channel to target: "host:port", "dns:///host:port", "passthrough:///address" (given to the dialer as it
// is) or "unix:///path". It connects with the first call, so an error is one of the target's or the options' form.
func New(targetName string, options Options) (*Conn, error) {
	options = options.withDefaults()
	t, err := parseTarget(targetName)
	if err != nil {
		return nil, err
	}
	if options.TLS != nil && options.Plaintext {
		return nil, farcall.Errorf(farcall.InvalidArgument, "client.Options for %s have both TLS and Plaintext: which is it?", targetName)
	}
	if options.Authority != "" {
		t.authority, t.host = options.Authority, options.Authority
		if host, _, err := net.SplitHostPort(options.Authority); err == nil {
			t.host = host
		}
	}
	if err := options.checkProtocol(); err != nil {
		return nil, farcall.Errorf(farcall.InvalidArgument, "client.Options for %s: %w", targetName, err)
	}
	c := &Conn{target: t, options: options}
	scheme := "http"
	if !options.Plaintext && (options.TLS != nil || !t.local) {
		scheme, c.tls = "https", secured(options.TLS, t.host)
	}
	if c.heads, err = wire.NewHeads(scheme, t.authority, options.UserAgent); err == nil {
		err = c.chooseForm()
	}
	if err != nil {
		return nil, farcall.Errorf(farcall.InvalidArgument, "client.Options for %s: %w", targetName, err)
	}
	if options.Frames != nil {
		c.tap = frameTap{options.Frames}
	}
	if options.HTTP1 {
		if c.http1, err = newHTTP1(c); err != nil {
			return nil, farcall.Errorf(farcall.InvalidArgument, "client.Options for %s: %w", targetName, err)
		}
	}
	c.pool = newPool(targetName, c.connect, options.MaxConnections, options.Backoff)
	c.pool.log = c.logQueue
	return c, nil
}

// logQueue tells that calls have to wait for others to end.
func (c *Conn) logQueue(now Stats) {
	c.options.Logger.Warn("calls wait for others to end, since the server takes no more at a time: see MaxConnections in client.Options",
		"target", c.target.name, "connections", now.Connections, "calls", now.Calls, "waiting", now.Waiting)
}

// Stats returns what the channel has under way.
func (c *Conn) Stats() Stats { return c.pool.stats() }

// Target returns the target as it was given to New.
func (c *Conn) Target() string { return c.target.name }

// Close closes the connections. Calls under way, and calls made later, fail with CANCELLED.
func (c *Conn) Close() error {
	c.pool.close()
	if c.http1 != nil {
		c.http1.close()
	}
	return nil
}

var _ farcall.Invoker = (*Conn)(nil)

// chooseForm settles the form of messages that the options ask for.
func (c *Conn) chooseForm() error {
	c.compressors = compress.NewTable(c.options.Compressors...)
	c.heads.AcceptEncoding, c.heads.Protocol = c.compressors.Names(), wire.Protocol(c.options.Protocol)
	if accept := c.options.AcceptCompression; accept != "" {
		if err := c.compressors.Check(accept); err != nil {
			return fmt.Errorf("the field AcceptCompression: %w", err)
		}
		c.heads.AcceptEncoding = accept
	}
	if c.options.Codec != nil {
		c.heads.Subtype = c.options.Codec.Name()
	}
	var err error
	c.format = call.Format{Codec: c.options.Codec, Protobuf: c.options.Protobuf, MinCompressBytes: c.options.MinCompressBytes}
	if c.format.Compressor, err = c.findCompressor(c.options.Compression); err != nil {
		return fmt.Errorf("the field Compression: %w", err)
	}
	return nil
}

// findCompressor returns the compressor of requests that has the name, nil for none.
func (c *Conn) findCompressor(name string) (compress.Compressor, error) {
	if name == "" || name == compress.Identity {
		return nil, nil
	}
	if found := c.compressors.Find(name); found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("the compression %q is not known: there are %s, and those in Options.Compressors", name, c.compressors.Names())
}
