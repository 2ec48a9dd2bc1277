// SPDX-License-Identifier: Apache-2.0

package server

import (
	"math"
	"runtime/debug"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// Options are a server's settings. The zero value is ready; for limits and times zero is the documented default and
// negative is unlimited.
type Options struct {
	// Interceptors wrap every call, the first outermost.
	Interceptors []farcall.Interceptor
	// Unknown serves the calls of methods that nobody has registered, such as a proxy's: whatever their kind, each is a
	// two-way stream there, best received and sent as *farcall.Raw. nil: they fail with UNIMPLEMENTED.
	Unknown farcall.Handler
	// Observer is told of the steps of every call. nil: nobody is.
	Observer farcall.Observer
	// Frames is shown every frame and header block of HTTP/2 connections. nil: nobody is.
	Frames farcall.FrameObserver
	// StepTimes lets a client ask when the server did its steps of a call, and with how many bytes. It is off by default,
	// because it tells strangers how long handlers work.
	StepTimes bool

	// MaxReceiveBytes bounds one received message. 0: 4 MiB; unlimited is 1.75 GiB.
	MaxReceiveBytes int
	// MaxHeaderListBytes bounds a request's headers, 32 bytes a field included. 0: 64 KiB.
	MaxHeaderListBytes int
	// MaxConcurrentStreams bounds the calls that one connection has in flight. 0: 1,000.
	MaxConcurrentStreams int
	// ReceiveBudgetBytes bounds what all connections together have received and no handler has taken yet; above it
	// clients are given room only for what is taken. Half as much bounds what streams by REST hold because they are compressed.
	// 0: an eighth of the memory limit (GOMEMLIMIT), 512 MiB without one.
	ReceiveBudgetBytes int64

	// HandshakeTimeout bounds the time from a connection's start to its first request: TLS, preface, SETTINGS, and the
	// header of an HTTP/1.1 request. 0: 10 s.
	HandshakeTimeout time.Duration
	// MaxHandshakes bounds the connections that have not come so far. Where there are more, the client address with most of
	// them loses the one that has taken longest. 0: 1,000.
	MaxHandshakes int
	// StallTimeout closes a connection whose peer has taken nothing of what waits for it, and over HTTP/1.1 sent nothing
	// of a request's body, for so long. On Linux the kernel does so as well where nothing that was sent is acknowledged
	// (TCP_USER_TIMEOUT), or TCP's own keepalive has no answer: the network swallows packets then. 0: 20 s.
	StallTimeout time.Duration
	// Keepalive finds out whether HTTP/2 clients that send nothing are still there.
	Keepalive Keepalive
	// HTTP2 are settings of HTTP/2 connections.
	HTTP2 HTTP2
	// MaxConnectionIdle ends connections, gracefully, on which there was no call for so long. 0: never, over HTTP/1.1 2 min,
	// which is also the most.
	MaxConnectionIdle time.Duration
	// MaxConnectionAge ends connections gracefully when they are so old, a tenth more or less at random, so that clients
	// spread over the servers that there are by then: over HTTP/1.1 behind the answer under way. 0: never.
	MaxConnectionAge time.Duration
	// MaxConnectionAgeGrace is how long the calls on such a connection have to end before they are cut off. 0: as they
	// need.
	MaxConnectionAgeGrace time.Duration

	// Compression says how responses are compressed, for clients that accept it: "" as the request was, "identity" not at
	// all, or names of compressors with commas between them in order of preference, such as "zstd,gzip". A handler says
	// otherwise with farcall.Call.UseCompression.
	Compression string
	// MinCompressBytes is the size from which messages are compressed. 0: 1 KiB; negative: all are.
	MinCompressBytes int
	// Compressors are known besides gzip and zstd. With the build tag farcall_grpconly zstd is known if it is here.
	Compressors []compress.Compressor
	// Codecs are known besides protobuf and JSON, by content subtype. With the build tag farcall_grpconly JSON is known if it is
	// here.
	Codecs []codec.Codec
	// Protobuf changes how messages in protobuf's binary form are written and read: Deterministic orders maps, Singly gives every
	// string memory of its own, and with Alias the strings and bytes of a message share one copy of all of it.
	Protobuf codec.Options

	// ShareLocalMessages makes the calls of Local share what is inside their messages (bytes, lists, inner messages) instead of
	// encoding and decoding it: neither end may then change a message that it has sent or received, and nothing checks that
	// it could be encoded.
	ShareLocalMessages bool

	// TLS makes the server speak TLS. Its NextProtos are "h2" and "http/1.1" unless given, also those of what its
	// GetConfigForClient returns. HTTP/2 is spoken to clients only that have agreed on it (ALPN), and as RFC 9113 wants it
	// on TLS 1.2 or later without the cipher suites that it prohibits. nil: plaintext. CertificateFiles serves certificates
	// that are replaced while the server runs. With the build tag farcall_grpconly it is UseTLS(config).
	TLS TLS
	// Protocols leaves protocols out. The zero value leaves none.
	Protocols Protocols
	// REST are the settings of what google.api.http rules serve.
	REST REST
	// CORS lets web pages of other origins call from a browser. The zero value lets none.
	CORS CORS
	// HTTPHandler answers requests over HTTP/1.1 and HTTP/2 that are neither calls of registered methods (gRPC, gRPC-Web,
	// Connect) nor a REST route, or that are in a protocol which Protocols leaves out. nil: they get 404, or their refusal.
	HTTPHandler HTTPHandler
	// NetHTTP1 has net/http read all requests over HTTP/1.1. Otherwise a connection's plain requests of unary calls by REST
	// and Connect are read here, which costs less: a known method, one Host, a Content-Length or no body, nothing that
	// changes how the connection goes on, and no byte that could be read in two ways. With the first request that is
	// anything else the connection becomes net/http's.
	NetHTTP1 bool
	// Logger is told of panics in handlers and of what goes wrong outside any call. nil: slog.Default(), and with the
	// build tag farcall_grpconly package log.
	Logger Logger
}

// Keepalive is how a server asks a silent client whether it is still there, and how often it lets itself be asked
// (grpc/proposal A8 and A9).
type Keepalive struct {
	// Interval without a byte from the client makes the server send a PING. 0: 2 h; negative: never.
	Interval time.Duration
	// Timeout without a byte after the PING closes the connection. 0: 20 s.
	Timeout time.Duration
	// LeastInterval is how far apart a client's pings must be while no call brings data either way: more than two that
	// come sooner end the connection with "too_many_pings". 0: 5 min; negative: they may come at any rate.
	LeastInterval time.Duration
}

// CORS says which web pages may call the server from a browser: by Connect, gRPC-Web and REST (fetch.spec.whatwg.org section
// 3.2). What HTTPHandler answers is its own affair.
type CORS struct {
	// Origins are those of the pages: "https://shop.example", or "*" for any.
	Origins []string
	// Credentials lets browsers send cookies and client certificates along. Origins are named then: "*" counts for nothing,
	// since it would let any page act for its visitors.
	Credentials bool
	// MaxAge is how long a browser may keep the answer to its question whether it may call. 0: 2 h, more than which no
	// browser takes; negative: it asks each time.
	MaxAge time.Duration
}

// HTTP2 are the settings of connections (RFC 9113 section 6.5.2). The zero value is right for nearly everybody: windows grow by
// themselves where a path is long and wide.
type HTTP2 struct {
	// StreamWindowBytes and ConnectionWindowBytes are what a client may send ahead of what is taken here, in one call and on
	// one connection, to begin with. 0: 128 KiB and 2 MiB; at most 256 MiB.
	StreamWindowBytes, ConnectionWindowBytes int
	// MaxWindowBytes is how far both grow with what a connection carries in a round trip. 0: 16 MiB; negative: not at all.
	MaxWindowBytes int
	// MaxFrameBytes is the largest frame that is taken, up to 1 MiB. 0: 16 KiB, the protocol's least, and rarely worth
	// changing: while a large frame is read, others wait.
	MaxFrameBytes int
	// HeaderTableBytes is the memory that a connection has for each direction to compress headers, as far as the client agrees.
	// 0: 4 KiB; negative: none; at most 1 MiB.
	HeaderTableBytes int
}

const (
	defaultMaxReceiveBytes = 4 << 20
	defaultMaxHeaderList   = 64 << 10
	defaultMaxStreams      = 1000
	defaultMaxHandshakes   = 1000
	defaultHandshake       = 10 * time.Second
	defaultStall           = 20 * time.Second
	defaultPingInterval    = 2 * time.Hour
	defaultPingTimeout     = 20 * time.Second
	defaultReceiveBudget   = 512 << 20
	defaultCORSAge         = 2 * time.Hour
)

// withDefaults returns the options that the server works with: no zero stands for a default any more.
func (o Options) withDefaults() Options {
	o.Interceptors = call.Interceptors(o.Interceptors)
	o.MaxReceiveBytes = limit(o.MaxReceiveBytes, defaultMaxReceiveBytes, http2.LargestWant-wire.PrefixBytes)
	o.MaxHeaderListBytes = limit(o.MaxHeaderListBytes, defaultMaxHeaderList, math.MaxInt32)
	o.MaxConcurrentStreams = limit(o.MaxConcurrentStreams, defaultMaxStreams, math.MaxInt32)
	o.MinCompressBytes = limit(o.MinCompressBytes, call.DefaultMinCompressBytes, 0)
	o.HandshakeTimeout = limit(o.HandshakeTimeout, defaultHandshake, forever)
	o.MaxHandshakes = limit(o.MaxHandshakes, defaultMaxHandshakes, math.MaxInt32)
	o.StallTimeout = limit(o.StallTimeout, defaultStall, forever)
	o.CORS.MaxAge = limit(o.CORS.MaxAge, defaultCORSAge, 0)
	o.Keepalive.Interval = limit(o.Keepalive.Interval, defaultPingInterval, forever)
	o.Keepalive.Timeout = limit(o.Keepalive.Timeout, defaultPingTimeout, forever)
	if o.ReceiveBudgetBytes == 0 {
		o.ReceiveBudgetBytes = defaultReceiveBudget
		if memory := debug.SetMemoryLimit(-1); memory != math.MaxInt64 {
			o.ReceiveBudgetBytes = memory / 8
		}
	}
	o.ReceiveBudgetBytes = limit(o.ReceiveBudgetBytes, defaultReceiveBudget, math.MaxInt64)
	if o.Logger == nil {
		o.Logger = defaultLogger()
	}
	return o
}

// forever is longer than any wait, and can be added to any time of this age.
const forever = 100 * 365 * 24 * time.Hour

// limit returns what an option means: the default for zero, unlimited for a negative value.
func limit[T int | int64 | time.Duration](given, byDefault, unlimited T) T {
	switch {
	case given == 0:
		return byDefault
	case given < 0:
		return unlimited
	}
	return given
}
