// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"math"
	"mime"
	"strconv"
	"strings"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// readBody returns the request's body, nil if it has none. What it returns is valid until the exchange is next read.
// Whatever can be refused from the headers alone is refused before anything is waited for.
func (c *call) readBody(ctx context.Context) ([]byte, error) {
	declared, err := contentLength(c.head)
	if err != nil {
		return nil, err
	}
	// An empty body has no type to be wrong, and is none where the rule has none: only a first byte is a mistake then.
	limit, excess := 0, c.noBody()
	if excess == nil {
		if excess = checkType(c.head); excess == nil {
			limit = c.router.options.MaxBodyBytes
			if limit < 0 {
				limit = math.MaxInt32
			}
			excess = refuse(413, farcall.ResourceExhausted, "the body is larger than the %d bytes that are accepted here", limit)
		}
	}
	if declared > int64(limit) {
		return nil, excess
	}
	if err := c.waitForBody(ctx, limit); errors.Is(err, exchange.ErrTooLong) {
		return nil, excess
	} else if err != nil {
		return nil, err
	}
	received := c.x.Buffered()
	if declared >= 0 && int64(received) != declared {
		return nil, refuse(400, farcall.InvalidArgument,
			"the body has %d bytes, but content-length announced %d", received, declared)
	}
	if received == 0 {
		return nil, nil
	}
	return c.x.Next(received), nil
}

// noBody returns why the request may not have a body, nil if it may.
func (c *call) noBody() *refusal {
	rule := c.match.route.rule
	if rule.HasBody() {
		return nil
	}
	return refuse(400, farcall.InvalidArgument, "%s takes no body: its fields are in the path and the query", rule)
}

// waitForBody waits until the whole body is there.
func (c *call) waitForBody(ctx context.Context, limit int) error {
	patience := c.router.options.BodyTimeout
	waiting := ctx
	if patience > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	err := c.x.WantEnd(waiting, limit)
	switch {
	case err == nil, errors.Is(err, exchange.ErrTooLong):
		return err
	case ctx.Err() == context.DeadlineExceeded:
		return farcall.Errorf(farcall.DeadlineExceeded, "the call ended before the request's body had arrived: %w", ctx.Err())
	case waiting.Err() == context.DeadlineExceeded: // looked at before ctx, which net/http ends when a read of the body fails
		return refuse(408, farcall.DeadlineExceeded, "the request's body did not arrive within %s", patience)
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

// contentLength returns the length that the request announces, -1 if it announces none.
func contentLength(head exchange.Head) (int64, error) {
	value, ok := head.Lookup("content-length")
	if !ok {
		return -1, nil
	}
	length, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return 0, refuse(400, farcall.InvalidArgument, "content-length %q is not a number of bytes", clip(value))
	}
	return int64(length), nil
}

// checkType returns why the body's type cannot be read, nil if it can.
func checkType(head exchange.Head) *refusal {
	if coding := head.Get("content-encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return refuse(415, farcall.InvalidArgument, "the content-encoding %q cannot be read: send the body uncompressed", clip(coding))
	}
	value := head.Get("content-type")
	if value == "" {
		return refuse(415, farcall.InvalidArgument, "the body has no content-type: send application/json")
	}
	media, parameters, err := mime.ParseMediaType(value)
	switch {
	case err != nil || media != "application/json":
		return refuse(415, farcall.InvalidArgument, "the content-type %q cannot be read: send application/json", clip(value))
	case parameters["charset"] != "" && !strings.EqualFold(parameters["charset"], "utf-8"):
		return refuse(415, farcall.InvalidArgument, "the charset %q cannot be read: JSON is sent in utf-8", clip(parameters["charset"]))
	}
	return nil
}
