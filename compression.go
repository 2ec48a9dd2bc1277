// SPDX-License-Identifier: Apache-2.0

package farcall

import "context"

// How a call's messages are compressed is said once, in its headers, for each direction; whether one message is, with
// the message. So there are two words: which compressor, and whether to use it from here on. What both ends know without
// a word here is in client.Options and server.Options, and so is the size below which no message is compressed.

// WithCompression returns a context whose calls compress their requests by the named compressor, "gzip" or "zstd" say,
// or not at all for "identity", whatever client.Options.Compression is. A server that does not know it answers
// UNIMPLEMENTED. Calls in this process have nothing to compress.
func WithCompression(ctx context.Context, name string) context.Context {
	next := &outgoing{Context: ctx, compression: name}
	if have := outgoingOf(ctx); have != nil {
		next.metadata, next.call = have.metadata, have.call
	}
	return next
}

// OutgoingCompression is for an Invoker: it returns what WithCompression has said, "" for nothing.
func OutgoingCompression(ctx context.Context) string {
	if have := outgoingOf(ctx); have != nil {
		return have.compression
	}
	return ""
}

// Compress says whether the messages that this end sends from now on are compressed, where the call has a compression:
// false for those that are compressed already, or that hold a secret beside what a stranger may choose (who could tell
// the secret from the size). A handler says it of its responses, by the call that it serves; a caller of its requests, by
// the Call of NewCall, for instance in the iterator that yields them. It may be called at any time.
func (c *Call) Compress(on bool) {
	if c.stream != nil {
		c.stream.Compress(on)
		return
	}
	c.plain.Store(!on)
}

// Compressing is for an Invoker: it reports whether the Call's messages are to be compressed; see Compress.
func (c *Call) Compressing() bool { return !c.plain.Load() }

// UseCompression is for a handler: it compresses the call's responses by the first of the names, with commas between them
// in order of preference, that the client accepts, whatever server.Options.Compression is; by none of them if the client
// accepts none, and not at all for "identity". It comes before the response header is sent. The error is for a name that
// the server does not know, and for coming too late.
func (c *Call) UseCompression(names string) error {
	server, ok := c.stream.(compressionChooser)
	if !ok {
		return Errorf(FailedPrecondition, "UseCompression is for a handler's incoming call: a caller has WithCompression")
	}
	return server.UseCompression(names)
}

// compressionChooser is what a server's Stream is, besides.
type compressionChooser interface{ UseCompression(names string) error }
