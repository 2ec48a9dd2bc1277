// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"io"
	"runtime"
	"strings"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
)

// Streams are compressed as they come and go. What that takes is held for as long as the stream lives, and a few bytes can
// become many, so three things are bounded: a message, as in a body that is not compressed; what a body may become, by what
// has come of it; and what all streams hold together.

const (
	// expansionRatio is how many times what came a compressed body may become, beyond one message of the largest size.
	expansionRatio = 256
	// defaultCompressionBytes is what the streams that are compressed may hold together unless Options say otherwise.
	defaultCompressionBytes = 256 << 20
)

// reserve adds to what compressed streams hold, and reports false, having added nothing, when that would be too much.
func (r *Router) reserve(bytes int) bool {
	if r.compressing.Add(int64(bytes)) > r.options.MaxCompressionBytes && bytes > 0 {
		r.compressing.Add(int64(-bytes))
		return false
	}
	return true
}

// streamDecompressor returns what reads a body of the request's content-encoding that is a stream: nil for one that is not
// compressed.
func (c *call) streamDecompressor() (compress.Streamer, *refusal) {
	coding, refused := c.decompressor()
	if coding == nil {
		return nil, refused
	}
	streamer, ok := coding.(compress.Streamer)
	if !ok { // a compressor of the user's own
		return nil, c.refuseEncoding(c.router.streamCodings())
	}
	return streamer, nil
}

// streamCodings names those in which a stream can be read.
func (r *Router) streamCodings() string {
	var names []string
	for name := range strings.SplitSeq(r.options.Compressors.Names(), ",") {
		if _, ok := r.options.Compressors.Find(name).(compress.Streamer); ok || name == compress.Identity {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// compressedBody decompresses a body as it comes. It belongs to the goroutine that reads the messages; close comes when that has
// ended.
type compressedBody struct {
	body    *bodyReader
	reader  compress.Reader
	ctx     context.Context // of the call of more
	failure error           // of the body; io.EOF at its end
	total   int64           // of the bytes that it has become
	held    int             // is reserved
}

// decompressBody begins to decompress a body. The call closes it.
func (c *call) decompressBody(body *bodyReader, coding compress.Streamer) *compressedBody {
	e := &compressedBody{body: body}
	e.reader = coding.NewReader(e)
	c.compressed = e
	return e
}

// Read gives the decompressor what has come.
func (e *compressedBody) Read(p []byte) (int, error) {
	b := e.body
	if e.failure == nil {
		e.failure = b.await(e.ctx)
	}
	if e.failure != nil {
		return 0, e.failure
	}
	x := b.call.x
	n := copy(p, x.Next(min(len(p), x.Buffered())))
	b.total += int64(n)
	return n, nil
}

// more adds to what is pending of the body. It returns io.EOF at the body's end.
func (e *compressedBody) more(ctx context.Context) error {
	const most = portion
	b := e.body
	if err := ctx.Err(); err != nil { // nothing of what has come makes the reader wait, and it can become much
		return b.call.bodyFailure(ctx, ctx, err)
	}
	b.makeRoom(4 << 10)
	room := b.pending[len(b.pending):cap(b.pending)]
	e.ctx = ctx
	n, err := e.reader.Read(room[:min(len(room), most)])
	e.ctx = nil
	b.pending = b.pending[:len(b.pending)+n]
	e.total += int64(n)
	switch {
	case n > 0 && e.total > int64(b.limit)+expansionRatio*b.total:
		return refuse(413, farcall.ResourceExhausted, "the body%s has become more than %d times as long by being decompressed", b.behind(), expansionRatio)
	case !e.account():
		return refuse(429, farcall.ResourceExhausted, "too many streams are compressed here at the same time")
	case n > 0: // an error comes again
		runtime.Gosched() // a little that was sent can keep a processor busy
		return nil
	case err == nil:
		return nil
	case e.failure != nil && e.failure != io.EOF:
		return e.failure
	case e.failure == io.EOF && (err == io.EOF || b.total == 0): // no body is one without messages
		return io.EOF
	}
	return refuse(400, farcall.InvalidArgument, "the body%s is not what its content-encoding says: %w", b.behind(), err)
}

// account reserves what is held now.
func (e *compressedBody) account() bool {
	held := e.reader.Memory() + cap(e.body.memory)
	if !e.body.call.router.reserve(held - e.held) {
		return false
	}
	e.held = held
	return true
}

// close gives back what was held.
func (e *compressedBody) close() {
	e.reader.Close()
	e.body.call.router.reserve(-e.held)
	e.held = 0
}
