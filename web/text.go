// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// textExchange is an exchange whose bodies are base64 both ways, as the text form of gRPC-Web has them: each piece that is
// flushed is padded for itself, so padding may come in the middle.
type textExchange struct {
	exchange.Served
	decoded []byte // decoded[taken:] was received and not taken
	taken   int
	ended   error // how the body ended
}

var _ exchange.Served = (*textExchange)(nil)

func newTextExchange(x exchange.Served) *textExchange { return &textExchange{Served: x} }

func (t *textExchange) Buffered() int { return len(t.decoded) - t.taken }

func (t *textExchange) Next(n int) []byte {
	t.taken += n
	return t.decoded[t.taken-n : t.taken]
}

func (t *textExchange) Want(ctx context.Context, n int) error {
	for t.Buffered() < n {
		if err := t.more(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *textExchange) WantEnd(ctx context.Context, limit int) error {
	for t.Buffered() <= limit {
		if err := t.more(ctx); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return exchange.ErrTooLong
}

func (t *textExchange) Into(ctx context.Context, dst []byte) (int, error) {
	err := t.Want(ctx, len(dst))
	n := copy(dst, t.decoded[t.taken:])
	t.taken += n
	return n, err
}

// quad is how many characters stand for three bytes.
const quad = 4

// more decodes what has come, at least a quad of it. An error of the body sticks; one of ctx does not.
func (t *textExchange) more(ctx context.Context) error {
	if t.ended != nil {
		return t.ended
	}
	if err := t.Served.Want(ctx, quad); err != nil {
		if ctx.Err() == nil || err == io.EOF {
			t.ended = err
		}
		if err == io.EOF && t.Served.Buffered() > 0 {
			t.ended = malformedText()
		}
		if t.ended != nil {
			return t.ended
		}
		return err
	}
	if t.taken > 0 { // nobody needs what was taken any more
		t.decoded = t.decoded[:copy(t.decoded, t.decoded[t.taken:])]
		t.taken = 0
	}
	const most = 16 << 10
	text := t.Served.Next(min(t.Served.Buffered(), most) / quad * quad)
	for len(text) > 0 {
		piece := text
		if padding := bytes.IndexByte(text, '='); padding >= 0 {
			piece = text[:padding/quad*quad+quad]
		}
		text = text[len(piece):]
		var err error
		if t.decoded, err = base64.StdEncoding.AppendDecode(t.decoded, piece); err != nil || bytes.ContainsAny(piece, "\r\n") {
			t.ended = malformedText()
			return t.ended
		}
	}
	return nil
}

func malformedText() error {
	return farcall.Errorf(farcall.Internal, "the body is not base64, which the content-type application/grpc-web-text announces")
}

func (t *textExchange) Answer(head exchange.Head, body []byte, trailers []exchange.Field) error {
	return t.Served.Answer(head, base64.StdEncoding.AppendEncode(nil, body), trailers)
}

func (t *textExchange) Send(body []byte) error {
	return t.Served.Send(base64.StdEncoding.AppendEncode(nil, body))
}
