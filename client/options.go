// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// Options are a channel's settings. The zero value is ready; for limits and times zero is the documented default and
// negative is unlimited.
type Options struct {
	// Protocol is what the server is spoken to in. 0: GRPC.
	Protocol Protocol
	// HTTP1 speaks gRPC-Web and Connect over HTTP/1.1, for servers and proxies without HTTP/2: a call has a connection of its
	// own, and a request ends before its answer begins. Frames, Keepalive and HTTP2 say nothing then, nor do
	// MaxConnections, StallTimeout and Backoff.
	HTTP1 bool
	// ConnectGet makes unary calls of methods without side effects by GET, in Connect, so that caches in between may keep
	// the answers. The message is in the URL then.
	ConnectGet bool
	// Interceptors wrap every call, the first outermost.
	Interceptors []farcall.Interceptor
	// Observer is told of the steps of every call. nil: nobody is.
	Observer farcall.Observer
	// Frames is shown every frame and header block. nil: nobody is.
	Frames farcall.FrameObserver
	// StepTimes asks servers when they did their steps of a call, for the Observer: its events with Remote set.
	StepTimes bool

	// MaxReceiveBytes bounds one received message. 0: 4 MiB; unlimited is 1.75 GiB.
	MaxReceiveBytes int
	// MaxHeaderListBytes bounds an answer's headers, and its trailers, 32 bytes a field included. 0: 64 KiB.
	MaxHeaderListBytes int
	// MaxConnections bounds the connections to the target: another one is opened when a server takes no more calls at a
	// time on those there are, and ends by IdleTimeout when it is not needed any more. At the bound, calls wait for others
	// to end, first come first served; that is logged, and Conn.Stats counts it. 0: 4.
	MaxConnections int

	// Compression is how requests are compressed: the name of a compressor such as "gzip" or "zstd". "": not at all.
	// farcall.WithCompression says otherwise for single calls.
	Compression string
	// AcceptCompression is how answers may be compressed: names with commas between them, "identity" for not at all. "":
	// by any compressor that is known.
	AcceptCompression string
	// MinCompressBytes is the size from which messages are compressed. 0: 1 KiB; negative: all are.
	MinCompressBytes int
	// Compressors are known besides gzip and zstd. With the build tag farcall_grpconly zstd is known if it is here.
	Compressors []compress.Compressor
	// Codec is the form of the messages, sent as content subtype. nil: protobuf.
	Codec codec.Codec
	// Protobuf changes how messages in protobuf's binary form are written and read: Deterministic orders maps, Singly gives every
	// string memory of its own, and with Alias the strings and bytes of a message share one copy of all of it.
	Protobuf codec.Options

	// TLS is used as given, except that it always asks for HTTP/2, and for the target's host as ServerName if that is
	// empty. nil: the system's roots, or plaintext for targets on this machine (loopback addresses, "localhost", unix).
	// CertificateFiles shows client certificates that are replaced while the program runs.
	TLS *tls.Config
	// Plaintext speaks to any target without TLS.
	Plaintext bool
	// Authority is sent in the place of the target's host and port, and its host is the one whose certificate is
	// expected. "": the target's.
	Authority string
	// UserAgent is sent in front of the library's own.
	UserAgent string
	// Dialer opens the connections: network is "tcp" or "unix", address is the target's. nil: net.Dialer.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)

	// ConnectTimeout bounds one attempt to connect, TLS and SETTINGS included. 0: 20 s.
	ConnectTimeout time.Duration
	// Backoff is the pause after an attempt to connect that has failed; calls fail at once in the meantime.
	Backoff Backoff
	// StallTimeout closes a connection whose server has taken nothing of what waits for it for so long. On Linux the
	// kernel does so as well where nothing that was sent is acknowledged (TCP_USER_TIMEOUT; Keepalive.Timeout if that is
	// shorter and Keepalive.Interval is set), or TCP's own keepalive has no answer: the network swallows packets then. 0: 20 s.
	StallTimeout time.Duration
	// IdleTimeout closes a connection on which there was no call for so long; the next call opens another. 0: 30 min.
	IdleTimeout time.Duration
	// Keepalive finds out whether a server that sends nothing is still there. Zero: nothing is done.
	Keepalive Keepalive
	// HTTP2 are settings of the connections.
	HTTP2 HTTP2
	// Logger is told of what concerns more than one call, such as calls that have to wait for others. nil: slog.Default().
	Logger *slog.Logger
}

// Keepalive is how a client asks a silent server whether it is still there (grpc/proposal A8).
type Keepalive struct {
	// Interval without a byte from the server makes the client send a PING. Less than 10 s counts as 10 s, and servers may
	// end connections with pings more often than every 5 min: the interval is doubled then. 0: never.
	Interval time.Duration
	// Timeout without a byte after the PING closes the connection. 0: 20 s. It is also how long a server has that is asked
	// without any Interval: when a call's deadline has passed, and nothing at all has come since it was sent.
	Timeout time.Duration
	// WithoutCalls sends pings even if no call is under way.
	WithoutCalls bool
}

// HTTP2 are the settings of connections (RFC 9113 section 6.5.2). The zero value is right for nearly everybody: windows grow by
// themselves where a path is long and wide.
type HTTP2 struct {
	// StreamWindowBytes and ConnectionWindowBytes are what a server may send ahead of what is taken here, in one call and on
	// one connection, to begin with. 0: 128 KiB and 2 MiB; at most 256 MiB.
	StreamWindowBytes, ConnectionWindowBytes int
	// MaxWindowBytes is how far both grow with what a connection carries in a round trip. 0: 16 MiB; negative: not at all.
	MaxWindowBytes int
	// MaxFrameBytes is the largest frame that is taken, up to 1 MiB. 0: 16 KiB, the protocol's least, and rarely worth
	// changing: while a large frame is read, others wait.
	MaxFrameBytes int
	// HeaderTableBytes is the memory that a connection has for each direction to compress headers, as far as the server agrees.
	// 0: 4 KiB; negative: none; at most 1 MiB.
	HeaderTableBytes int
}

// Backoff is how the pause after failed attempts to connect grows: 1.6 times each time, 20 % more or less at random
// (grpc/grpc doc/connection-backoff.md).
type Backoff struct {
	First   time.Duration // 0: 1 s
	Longest time.Duration // 0: 2 min
}

const (
	userAgent              = "grpc-go-farcall/0.1"
	defaultMaxReceiveBytes = 4 << 20
	defaultMaxHeaderList   = 64 << 10
	defaultMaxConnections  = 4
	defaultConnectTimeout  = 20 * time.Second
	defaultStall           = 20 * time.Second
	defaultIdle            = 30 * time.Minute
	defaultPingTimeout     = 20 * time.Second
	leastPingInterval      = 10 * time.Second
	defaultFirstBackoff    = time.Second
	defaultLongestBackoff  = 2 * time.Minute
)

var dialPlainly = new(net.Dialer).DialContext

// withDefaults returns the options that the channel works with: no zero stands for a default any more.
func (o Options) withDefaults() Options {
	o.Interceptors = call.Interceptors(o.Interceptors)
	o.MaxReceiveBytes = limit(o.MaxReceiveBytes, defaultMaxReceiveBytes, http2.LargestWant-wire.PrefixBytes)
	o.MaxHeaderListBytes = limit(o.MaxHeaderListBytes, defaultMaxHeaderList, math.MaxInt32)
	o.MaxConnections = limit(o.MaxConnections, defaultMaxConnections, math.MaxInt32)
	o.MinCompressBytes = limit(o.MinCompressBytes, call.DefaultMinCompressBytes, 0)
	o.ConnectTimeout = limit(o.ConnectTimeout, defaultConnectTimeout, forever)
	o.StallTimeout = limit(o.StallTimeout, defaultStall, forever)
	o.IdleTimeout = limit(o.IdleTimeout, defaultIdle, forever)
	if o.Keepalive.Interval > 0 {
		o.Keepalive.Interval = max(o.Keepalive.Interval, leastPingInterval)
	}
	o.Keepalive.Timeout = limit(o.Keepalive.Timeout, defaultPingTimeout, forever)
	o.Backoff.First = limit(o.Backoff.First, defaultFirstBackoff, 0)
	o.Backoff.Longest = limit(o.Backoff.Longest, defaultLongestBackoff, forever)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Dialer == nil {
		o.Dialer = dialPlainly
	}
	if o.UserAgent == "" {
		o.UserAgent = userAgent
	} else {
		o.UserAgent += " " + userAgent
	}
	o.StepTimes = o.StepTimes && o.Observer != nil
	return o
}

// checkProtocol returns an error for options that do not go together.
func (o *Options) checkProtocol() error {
	switch {
	case o.Protocol > Connect:
		return fmt.Errorf("the protocol %d: there are GRPC, GRPCWeb and Connect", o.Protocol)
	case o.HTTP1 && o.Protocol == GRPC:
		return errors.New("HTTP1 is for GRPCWeb and Connect: gRPC needs HTTP/2")
	case o.ConnectGet && o.Protocol != Connect:
		return errors.New("ConnectGet is for Connect alone: set Protocol")
	}
	return nil
}

// forever is longer than any wait, and can be added to any time of this age.
const forever = 100 * 365 * 24 * time.Hour

// limit returns what an option means: the default for zero, unlimited for a negative value.
func limit[T int | time.Duration](given, byDefault, unlimited T) T {
	switch {
	case given == 0:
		return byDefault
	case given < 0:
		return unlimited
	}
	return given
}
