// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/exchange"
)

// portion is how much of a body becomes one message, where that is up to us, and the limit allows it.
const portion = 64 << 10

// prepareMessages begins to read a body that is a stream of messages. With a nil error, cancel must be called.
func (c *call) prepareMessages(ctx context.Context) (requests messages, prepared context.Context, cancel context.CancelFunc, err error) {
	ctx, release, err := c.begin(ctx)
	if err != nil {
		c.step(farcall.StepRequestArrives, 0, 0, err)
		return nil, nil, nil, err
	}
	requests, err = c.bodyMessages(ctx)
	c.step(farcall.StepRequestArrives, 0, 0, err)
	if err != nil {
		release()
		return nil, nil, nil, err
	}
	ctx, ended := context.WithCancel(ctx)
	return requests, ctx, func() { ended(); release() }, nil
}

// bodyMessages returns what reads the messages of the body. Without a body there is one, from the path and the query.
func (c *call) bodyMessages(ctx context.Context) (messages, error) {
	route := c.match.route
	if !route.rule.HasBody() {
		if _, err := c.readBody(ctx); err != nil {
			return nil, err
		}
		message, err := route.bind(input{}, c.match.path, c.query)
		return &oneMessage{message}, err
	}
	refused := c.readType()
	var coding compress.Streamer
	if refused == nil {
		coding, refused = c.streamDecompressor()
	}
	if refused != nil { // a mistake in what is not there is none
		switch err := c.waitForBody(ctx, 0); {
		case errors.Is(err, exchange.ErrTooLong):
			return nil, refused
		case err != nil:
			return nil, err
		}
		return noMessages{}, nil
	}
	body := &bodyReader{call: c, limit: c.router.options.MaxBodyBytes, patient: !route.method.Kind.ReturnsStream()}
	if coding != nil {
		body.compressed = c.decompressBody(body, coding)
	}
	switch c.format {
	case formatBytes:
		return &portions{body: body}, nil
	case formatLines:
		return &lines{body: body}, nil
	case formatForm:
		return newFormParts(body), nil
	}
	return &values{body: body, listed: !route.takesList()}, nil
}

// bodyReader gathers a body that is not read as a whole.
type bodyReader struct {
	call       *call
	limit      int             // of one message
	patient    bool            // the client is waited for as Options.BodyTimeout says; otherwise it may be silent for as long as it likes
	compressed *compressedBody // of a body that is compressed; nil for any other
	pending    []byte          // what has come, decompressed, and is not yet taken
	memory     []byte          // what pending is a part of, from its beginning
	total      int64           // of the bytes that came, compressed as they are
	count      int             // of messages
}

// more adds what has come to pending. It returns io.EOF at the body's end.
func (b *bodyReader) more(ctx context.Context) error {
	if b.compressed != nil {
		return b.compressed.more(ctx)
	}
	if err := b.await(ctx); err != nil {
		return err
	}
	x := b.call.x
	received := x.Next(min(x.Buffered(), portion))
	b.total += int64(len(received))
	b.makeRoom(len(received))
	b.pending = append(b.pending, received...)
	return nil
}

// await waits until some of the body has come. It returns io.EOF at the body's end.
func (b *bodyReader) await(ctx context.Context) error {
	x := b.call.x
	if x.Buffered() > 0 {
		return nil
	}
	waiting, stop := ctx, func() {}
	if b.patient {
		waiting, stop = b.call.patiently(ctx)
	}
	err := x.Want(waiting, 1)
	stop()
	switch {
	case err == io.EOF:
		if declared := b.call.headers.contentLength; declared >= 0 && b.total != declared {
			return wrongLength(b.total, declared)
		}
		return io.EOF
	case err != nil:
		return b.call.bodyFailure(ctx, waiting, err)
	}
	return nil
}

// makeRoom makes room for n bytes behind pending.
func (b *bodyReader) makeRoom(n int) {
	switch size := len(b.pending); {
	case cap(b.pending)-size >= n:
	case 2*size <= cap(b.memory) && size+n <= cap(b.memory): // what was taken is not needed any more
		b.pending = append(b.memory[:0], b.pending...)
	default:
		b.memory = append(make([]byte, 0, size+max(size, n)), b.pending...)
		b.pending = b.memory
	}
}

// take removes the first n bytes of pending and returns them. They are valid until more is called.
func (b *bodyReader) take(n int) []byte {
	taken := b.pending[:n:n]
	if b.pending = b.pending[n:]; len(b.pending) == 0 {
		b.pending = b.memory[:0]
	}
	return taken
}

// portion is how many bytes become one message, where that is up to us: beside them it has a tag, and what else there is.
func (b *bodyReader) portion() int { return min(portion, max(b.limit/2, 1)) }

// behind says what of the body was good, for a failure of what follows.
func (b *bodyReader) behind() string {
	if b.count == 0 {
		return ""
	}
	return fmt.Sprintf(" behind message %d", b.count)
}

// bind makes a message of a part of the body.
func (b *bodyReader) bind(in input) (proto.Message, error) {
	c := b.call
	b.count++
	in.number = b.count
	c.step(farcall.StepRequestArrives, b.count, len(in.body), nil)
	message, err := c.match.route.bind(in, c.match.path, c.query)
	if err == nil {
		err = c.router.fits(in, message)
	}
	c.step(farcall.StepCallStub, b.count, 0, err)
	return message, err
}

// complete does the same for a message that has been filled already.
func (b *bodyReader) complete(message proto.Message) (proto.Message, error) {
	c := b.call
	b.count++
	c.step(farcall.StepRequestArrives, b.count, 0, nil)
	in := input{format: formatForm, number: b.count}
	message, err := c.match.route.complete(in, message, c.match.path, c.query)
	if err == nil {
		err = c.router.fits(in, message)
	}
	c.step(farcall.StepCallStub, b.count, 0, err)
	return message, err
}

func (b *bodyReader) tooLarge() *refusal {
	return refuse(413, farcall.ResourceExhausted, "message %d of the body is larger than the %d bytes that are accepted here", b.count+1, b.limit)
}

// lines are the messages of newline-delimited JSON.
type lines struct {
	body    *bodyReader
	scanned int // so much of pending has no line break
	ended   bool
}

func (l *lines) next(ctx context.Context) (proto.Message, error) {
	for {
		line, err := l.line(ctx)
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return l.body.bind(input{body: line})
		}
	}
}

func (l *lines) line(ctx context.Context) ([]byte, error) {
	b := l.body
	for !l.ended {
		if end := bytes.IndexByte(b.pending[l.scanned:], '\n'); end >= 0 {
			end += l.scanned
			l.scanned = 0
			if end > b.limit {
				return nil, b.tooLarge()
			}
			return b.take(end + 1)[:end], nil
		}
		if l.scanned = len(b.pending); l.scanned > b.limit {
			return nil, b.tooLarge()
		}
		if err := b.more(ctx); err != nil && err != io.EOF {
			return nil, err
		} else if err == io.EOF {
			l.ended = true
		}
	}
	if len(b.pending) == 0 {
		return nil, io.EOF
	}
	return b.take(len(b.pending)), nil
}

// portions are the messages of a body that is no text of ours: so many bytes as come, in a google.api.HttpBody each. The
// first has the content-type.
type portions struct {
	body  *bodyReader
	begun bool
}

func (p *portions) next(ctx context.Context) (proto.Message, error) {
	if len(p.body.pending) == 0 {
		if err := p.body.more(ctx); err != nil {
			return nil, err
		}
	}
	in := input{body: p.body.take(min(len(p.body.pending), p.body.portion())), format: formatBytes}
	if !p.begun {
		p.begun, in.contentType = true, p.body.call.headers.contentType
	}
	return p.body.bind(in)
}
