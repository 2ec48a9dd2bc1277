// SPDX-License-Identifier: Apache-2.0

// Package exchange is one HTTP request and its answer, served or sent, whatever carries it.
//
// The HTTP/2 engine's streams implement it, and so does an adapter over net/http, so that gRPC, REST and the web
// protocols are each written once.
package exchange

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
)

// Field is one header line. Names are lower case; pseudo-fields start with ":". Values are immutable.
type Field struct {
	Name, Value string
	Sensitive   bool // never entered into a compression table (RFC 7541 section 7.1.3)
}

// Fixed is a run of fields that many requests or answers begin with. Its pointer is its identity: a sender that passes
// the same pointer again lets the engine send a remembered block, and a receiver gets the same pointer for the same
// bytes. Fields never change after the first use.
type Fixed struct {
	Fields []Field
	// Memo is the receiver's own note on a received run, such as the method it names. Requests of one connection may be
	// delivered on several goroutines.
	Memo atomic.Value
	// Note is the engine's own note on a received run.
	Note uint32
}

// Head is a header block: the fixed run first, then what varies. Pseudo-fields come before all others.
type Head struct {
	Fixed  *Fixed // nil for none
	Fields []Field
}

// Get returns the first value of name, "" if there is none.
func (h Head) Get(name string) string {
	value, _ := h.Lookup(name)
	return value
}

// Lookup returns the first value of name and whether there is one.
func (h Head) Lookup(name string) (string, bool) {
	if h.Fixed != nil {
		for i := range h.Fixed.Fields {
			if h.Fixed.Fields[i].Name == name {
				return h.Fixed.Fields[i].Value, true
			}
		}
	}
	for i := range h.Fields {
		if h.Fields[i].Name == name {
			return h.Fields[i].Value, true
		}
	}
	return "", false
}

// All calls yield for each field in order until it returns false.
func (h Head) All(yield func(Field) bool) {
	if h.Fixed != nil {
		for _, f := range h.Fixed.Fields {
			if !yield(f) {
				return
			}
		}
	}
	for _, f := range h.Fields {
		if !yield(f) {
			return
		}
	}
}

// Body is the receiving half of an exchange: bytes, then trailers. One goroutine uses it.
type Body interface {
	// Want waits until n bytes are buffered and returns nil; io.EOF if the body ended properly with fewer (they can still
	// be taken); the failure if the exchange failed; ctx's error if ctx ended first. The sender is given credit for n
	// bytes, so n may be larger than any window; the buffer grows with bytes received, never with n alone.
	Want(ctx context.Context, n int) error
	// WantEnd waits for the body's end, in one wake-up, and returns nil when it came with at most limit bytes buffered and
	// ErrTooLong when more came; otherwise as Want. Credit is extended as bytes arrive, up to limit.
	WantEnd(ctx context.Context, limit int) error
	// Buffered returns the bytes that can be taken without waiting.
	Buffered() int
	// Next takes n buffered bytes. The slice is valid until the next call of Want, Next or Into. It panics if fewer than n
	// are buffered.
	Next(n int) []byte
	// Into fills dst, straight from the transport where it can, and returns how many bytes it put there: len(dst), or fewer
	// with an error as Want returns it.
	Into(ctx context.Context, dst []byte) (int, error)
	// Trailers returns the fields after the body; they are there once Want or Into has returned io.EOF.
	Trailers() []Field
}

// Served is a request that came in and is answered here. Its Body is the request's.
//
// The answer is made by one goroutine: either Answer alone, or Start, any number of Send, and Finish. What is passed is
// the caller's again on return.
type Served interface {
	Body
	// Request returns the request's head: ":method", ":scheme", ":authority", ":path", then its fields.
	Request() Head
	// Answer sends a whole answer in one append: head, body, and trailers (nil for none).
	Answer(head Head, body []byte, trailers []Field) error
	// Start sends the head of the answer (":status" first) and flushes it.
	Start(head Head) error
	// Send sends bytes of the answer's body, on its return or a moment later; it waits for room and for the receiver's credit.
	Send(body []byte) error
	// Finish ends the answer with trailers, nil for none.
	Finish(trailers []Field) error
	// Abort gives the exchange up without a proper end; the peer sees a reset. It may be called from any goroutine, so that
	// a Send that waits can be ended.
	Abort(reason error)
}

// Conversation is a request whose answer and body are messages, both ways at once: a WebSocket. One goroutine may receive while
// another sends.
type Conversation interface {
	// Request returns the request's head, as that of Served.
	Request() Head
	// Receive waits for the next message, which is valid until the next call. It fails when the peer closes, properly or not.
	Receive(ctx context.Context) ([]byte, error)
	// Send sends a message of text. It waits for room, or for ctx.
	Send(ctx context.Context, message []byte) error
	// Close tells the peer that this is the end, with a code of RFC 6455 section 7.4 and a reason, and ends a Receive that
	// waits. It may be called twice.
	Close(code int, reason string)
}

// Sent is a request that was made here and is answered elsewhere. Its Body is the answer's.
type Sent interface {
	Body
	// Send sends bytes of the request's body, and its end if end is set; it waits for room and credit, or for ctx. It
	// returns io.EOF if the answer has ended already.
	Send(ctx context.Context, body []byte, end bool) error
	// Head waits for the answer's head: ":status", then its fields. Informational (1xx) heads are skipped.
	Head(ctx context.Context) (Head, error)
	// Close ends the use of the exchange. If the answer has not ended the peer is told to stop. It may be called twice.
	Close()
}

// Sender makes requests.
type Sender interface {
	// Open sends a request's head, the first bytes of its body, and its end if end is set.
	Open(ctx context.Context, head Head, body []byte, end bool) (Sent, error)
}

// ErrTooLong is what WantEnd returns for a body above its limit.
var ErrTooLong = errors.New("the body is longer than its limit")

// Peer is the other end of the connection that an exchange came over.
type Peer struct {
	Address net.Addr
	TLS     *tls.ConnectionState // nil in plaintext; never changed
}

// PeerOf returns the other end of nc, on which nothing is left to be done for TLS.
func PeerOf(nc net.Conn) Peer {
	peer := Peer{Address: nc.RemoteAddr()}
	if secured, ok := nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		if state := secured.ConnectionState(); state.HandshakeComplete {
			peer.TLS = &state
		}
	}
	return peer
}

type peerKey struct{}

// PeerContext is a context that tells what peer a request came from. Metadata never does. As a part of a request it costs
// nothing but its memory.
type PeerContext struct {
	context.Context
	Peer Peer
}

// Value makes the peer one of the context's values.
func (c *PeerContext) Value(key any) any {
	if _, asked := key.(peerKey); asked {
		return c
	}
	return c.Context.Value(key)
}

// WithPeer returns a context that tells what peer a request came from.
func WithPeer(ctx context.Context, peer Peer) context.Context { return &PeerContext{ctx, peer} }

// PeerFrom returns the peer in ctx.
func PeerFrom(ctx context.Context) (Peer, bool) {
	if told, ok := ctx.Value(peerKey{}).(*PeerContext); ok {
		return told.Peer, true
	}
	return Peer{}, false
}
