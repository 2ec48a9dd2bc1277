// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"mime"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/exchange"
)

// readBody returns the request's body, decompressed, nil if it has none. What it returns is valid until the exchange is next
// read. Whatever can be refused from the headers alone is refused before anything is waited for.
func (c *call) readBody(ctx context.Context) ([]byte, error) {
	declared := c.headers.contentLength
	// An empty body has no type to be wrong, and is none where the rule has none: only a first byte is a mistake then.
	limit, excess := 0, c.noBody
	var coding compress.Compressor
	if c.match.route.rule.HasBody() {
		refused := c.readType()
		if refused == nil {
			coding, refused = c.decompressor()
		}
		excess = func() *refusal { return refused }
		if refused == nil {
			limit, excess = c.router.options.MaxBodyBytes, c.router.tooLarge
		}
	}
	if declared > int64(limit) {
		return nil, excess()
	}
	if err := c.waitForBody(ctx, limit); errors.Is(err, exchange.ErrTooLong) {
		return nil, excess()
	} else if err != nil {
		return nil, err
	}
	received := c.x.Buffered()
	if declared >= 0 && int64(received) != declared {
		return nil, wrongLength(int64(received), declared)
	}
	if received == 0 {
		return nil, nil
	}
	body := c.x.Next(received)
	if coding != nil {
		return decompress(coding, body, limit)
	}
	return body, nil
}

func (r *Router) tooLarge() *refusal {
	return refuse(413, farcall.ResourceExhausted, "the body is larger than the %d bytes that are accepted here", r.options.MaxBodyBytes)
}

func wrongLength(received, declared int64) *refusal {
	return refuse(400, farcall.InvalidArgument, "the body has %d bytes, but content-length announced %d", received, declared)
}

// noBody returns why the request may not have a body, where the rule has none.
func (c *call) noBody() *refusal {
	return refuse(400, farcall.InvalidArgument, "%s takes no body: its fields are in the path and the query", c.match.route.rule)
}

// waitForBody waits until the whole body is there.
func (c *call) waitForBody(ctx context.Context, limit int) error {
	waiting, stop := ctx, func() {}
	if known, ok := c.x.(interface{ Whole() bool }); !ok || !known.Whole() { // nearly always it is there
		waiting, stop = c.patiently(ctx)
	}
	defer stop()
	err := c.x.WantEnd(waiting, limit)
	if err == nil || errors.Is(err, exchange.ErrTooLong) {
		return err
	}
	return c.bodyFailure(ctx, waiting, err)
}

// patiently returns a context that ends when the client has been waited for long enough.
func (c *call) patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	if patience := c.router.options.BodyTimeout; patience > 0 {
		return context.WithTimeout(ctx, patience)
	}
	return ctx, func() {}
}

// bodyFailure says why the body, or more of it, has not come: err is the exchange's word, waiting is ctx with patience.
func (c *call) bodyFailure(ctx, waiting context.Context, err error) error {
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return farcall.Errorf(farcall.DeadlineExceeded, "the call ended before the request's body had arrived: %w", ctx.Err())
	case waiting.Err() == context.DeadlineExceeded: // looked at before ctx, which net/http ends when a read of the body fails
		return refuse(408, farcall.DeadlineExceeded, "the request's body did not arrive within %s", c.router.options.BodyTimeout)
	}
	own := (*farcall.Error)(nil) // an exchange may know why
	switch errors.As(err, &own); {
	case own != nil && own.Code == farcall.DeadlineExceeded:
		return refuse(408, own.Code, "%s", own.Message)
	case own != nil:
		return farcall.Errorf(own.Code, "the request's body broke off: %s", own.Message)
	case ctx.Err() != nil:
		return farcall.Errorf(farcall.CodeOf(ctx.Err()), "the call ended before the request's body had arrived: %w", ctx.Err())
	default: // most likely nobody is there to read the answer
		return farcall.Errorf(farcall.Canceled, "the request's body broke off: %w", err)
	}
}

// readType sets the body's format from its content-type, or returns why it cannot be read.
func (c *call) readType() *refusal {
	route, value := c.match.route, c.headers.contentType
	switch {
	case route.takesBytes:
		c.format = formatBytes
		return nil
	case value == mediaJSON: // nearly always
		c.format = formatJSON
		return nil
	case value == "":
		return refuse(415, farcall.InvalidArgument, "the body has no content-type: send %s", route.accepts())
	}
	media, parameters, err := mime.ParseMediaType(value)
	switch {
	case err != nil:
		media = ""
	case media == mediaJSON:
		c.format = formatJSON
	case isProtobuf(media):
		c.format = formatProtobuf
	case media == "multipart/form-data":
		c.format, c.boundary = formatForm, parameters["boundary"]
	case media == mediaLines || media == "application/ndjson" || media == "application/jsonl":
		c.format = formatLines
	default:
		media = ""
	}
	switch charset := parameters["charset"]; {
	case media == "" || !route.reads(c.format):
		return refuse(415, farcall.InvalidArgument, "the content-type %q cannot be read: send %s", clip(value), route.accepts())
	case charset != "" && !strings.EqualFold(charset, "utf-8"):
		return refuse(415, farcall.InvalidArgument, "the charset %q cannot be read: JSON is sent in utf-8", clip(charset))
	case c.format == formatForm && c.boundary == "":
		return refuse(400, farcall.InvalidArgument, "the content-type multipart/form-data has no boundary")
	}
	return nil
}

// reads reports whether the route's body may have the format.
func (r *route) reads(body format) bool {
	switch body {
	case formatLines:
		return r.method.Kind.SendsStream()
	case formatProtobuf:
		return !r.method.Kind.SendsStream() && (r.rule.WholeBody || singular(r.rule.Body))
	}
	return true
}

// accepts names what can be sent.
func (r *route) accepts() string {
	switch {
	case r.method.Kind.SendsStream():
		return mediaLines + ", " + mediaJSON + " or multipart/form-data"
	case r.reads(formatProtobuf):
		return mediaJSON + ", application/protobuf or multipart/form-data"
	}
	return mediaJSON + " or multipart/form-data"
}

// singular reports whether a field holds one message.
func singular(field protoreflect.FieldDescriptor) bool {
	return field != nil && field.Message() != nil && !field.IsMap() && !field.IsList()
}
