// SPDX-License-Identifier: Apache-2.0

package farcall

import "context"

// Stream is one end of one call, of any kind; a unary call is a stream with one message each way. The same interface
// serves both ends: what is the request to one end is sent, to the other received.
//
// Messages are typed messages (proto.Message) or *Raw. One goroutine may send while another receives; neither Send nor
// Receive may be called concurrently with itself, nor any of them once the call is over: it would do no harm to others,
// but who gets which message, and who an error, is then up to chance. Errors are *Error and stick.
//
// An interceptor that wants to see or change messages embeds a Stream in a type of its own and hands that on; new
// methods may join the interface, so embed it rather than implement it whole.
type Stream interface {
	// Method is the method called.
	Method() *Method
	// Send encodes the message and hands it to the transport; the message is the caller's again when Send returns. It
	// returns when the bounded send buffer has taken the message, not when it was delivered. On the server of a method
	// that returns one message, that message leaves with the call's end. On the client it returns io.EOF once the call has
	// ended: Receive says how.
	Send(message any) error
	// Receive waits for the next message and decodes it into message. It returns io.EOF after the last one. On the
	// client the call has then succeeded, and any failure of the call is returned here; with a nil message it waits for
	// the call's end.
	Receive(message any) error
	// CloseSend says that no more messages will be sent: on the client half-close (implied by Send where the method takes
	// one message), on the server nothing, since a handler ends its stream by returning.
	CloseSend() error

	// RequestHeader is the metadata the client sends. The client may change it before the first Send.
	RequestHeader() *Metadata
	// ResponseHeader is the metadata that precedes the first response. The server may change it until its first Send or
	// SendHeader; on the client the call waits for it, and it is empty if the call failed before.
	ResponseHeader() *Metadata
	// ResponseTrailer is the metadata that follows the last response. The server may change it until the handler returns;
	// on the client it is there after Receive has returned an error or io.EOF, or the one response.
	ResponseTrailer() *Metadata
	// Bytes returns how many bytes of messages were sent and received so far: in their encoded form, compressed where they
	// are, without the prefixes that separate them.
	Bytes() (sent, received int64)
	// Compress says whether the messages that this end sends from now on are compressed, where the call has a compression;
	// see Call.Compress. Both must have said yes, which they do if nobody says anything.
	Compress(on bool)
	// SendHeader sends the response header now instead of with the first message. On the client it is an error.
	SendHeader() error
}

// Handler runs one end of a call. On the server it is the service's method: it receives the requests, sends the
// responses and returns the call's error. On the client it is what the stub does with the stream; the error it returns
// is the call's outcome. Either way the call is over when it returns.
type Handler func(ctx context.Context, stream Stream) error

// Interceptor wraps calls of every kind, on either end: it runs around next, which is the next interceptor or, last, the
// handler.
//
//	func logCalls(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
//		start := time.Now()
//		err := next(ctx, stream)
//		slog.InfoContext(ctx, stream.Method().String(), "code", farcall.CodeOf(err), "took", time.Since(start))
//		return err
//	}
//
// Nothing has been decoded when it starts, and on the client nothing has been sent: metadata and deadlines that it adds
// to ctx, or to stream.RequestHeader, are the call's. It calls next once, or not at all, and on its own goroutine, since a
// caller's loop runs inside. The first in a list is the outermost: it begins first, ends last,
// and what it wraps around the stream is nearest to the wire.
type Interceptor func(ctx context.Context, stream Stream, next Handler) error

// Raw stands in the place of a message where bytes should pass untouched: Data is one encoded, uncompressed message.
// Whoever gets a Raw owns Data until Release is called, once; a nil Release leaves Data to the garbage collector.
// A Raw that is sent is owned by the Stream or Invoker from then on.
type Raw struct {
	Data    []byte
	Release func()
}

// Done calls Release if there is one.
func (r *Raw) Done() {
	if release := r.Release; release != nil {
		r.Release, r.Data = nil, nil
		release()
	}
}
