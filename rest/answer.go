// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/transcode"
)

// refusal is a failure that has an HTTP status of its own, besides the one that its code has.
type refusal struct {
	status  int
	failure *farcall.Error
	allow   string // for 405
}

// refuse returns a refusal; the rest is as for farcall.Errorf.
func refuse(status int, code farcall.Code, format string, args ...any) *refusal {
	return &refusal{status: status, failure: farcall.AsError(farcall.Errorf(code, format, args...))}
}

// Error and Unwrap make a refusal an error with a code.
func (r *refusal) Error() string { return r.failure.Error() }
func (r *refusal) Unwrap() error { return r.failure }

// httpStatus returns the HTTP status of a code, as google/rpc/code.proto documents it.
func httpStatus(code farcall.Code) int {
	switch code {
	case farcall.OK:
		return 200
	case farcall.Canceled:
		return 499 // the client has gone: nobody is expected to see it
	case farcall.InvalidArgument, farcall.FailedPrecondition, farcall.OutOfRange:
		return 400
	case farcall.DeadlineExceeded:
		return 504
	case farcall.NotFound:
		return 404
	case farcall.AlreadyExists, farcall.Aborted:
		return 409
	case farcall.PermissionDenied:
		return 403
	case farcall.ResourceExhausted:
		return 429
	case farcall.Unimplemented:
		return 501
	case farcall.Unavailable:
		return 503
	case farcall.Unauthenticated:
		return 401
	}
	return 500 // UNKNOWN, INTERNAL, DATA_LOSS, and codes that do not exist
}

// heads are the beginnings of answers, by HTTP status: the same pointer each time, so that the connection remembers them.
var heads = func() map[int]*exchange.Fixed {
	heads := make(map[int]*exchange.Fixed)
	for _, status := range []int{200, 400, 401, 403, 404, 405, 408, 409, 413, 415, 429, 499, 500, 501, 503, 504} {
		heads[status] = &exchange.Fixed{Fields: []exchange.Field{
			{Name: ":status", Value: strconv.Itoa(status)},
			{Name: "content-type", Value: "application/json"},
		}}
	}
	return heads
}()

// answer writes the answer of the call: the response, or what became of it. outgoing holds the header metadata, nil if no
// call was made.
func (c *call) answer(response proto.Message, outgoing *farcall.Call, failure error) {
	body := buffer.Get(512)
	defer body.Free()
	fields := make([]exchange.Field, 1, 4) // the first is content-length
	if outgoing != nil {
		var err error
		if fields, err = appendMetadata(fields, *outgoing.ResponseHeader()); err != nil && failure == nil {
			failure = err
		}
	}
	if failure == nil {
		var err error
		if body.B, err = c.match.route.appendResponse(body.B, response); err != nil {
			failure = farcall.Errorf(farcall.Internal, "the response: %w", err)
		}
	}
	status := 200
	if failure != nil {
		own := farcall.AsError(failure)
		status = httpStatus(own.Code)
		var refused *refusal
		if errors.As(failure, &refused) {
			status, own = refused.status, refused.failure
			if refused.allow != "" {
				fields = append(fields, exchange.Field{Name: "allow", Value: refused.allow})
			}
		}
		body.B = appendStatus(body.B[:0], own)
	}
	fields[0] = exchange.Field{Name: "content-length", Value: strconv.Itoa(len(body.B))}
	sent := body.B
	if c.httpMethod == "HEAD" {
		sent = nil
	}
	if err := c.x.Answer(exchange.Head{Fixed: heads[status], Fields: fields}, sent, nil); err != nil {
		c.x.Abort(err)
		if failure == nil {
			failure = err
		}
	}
	message := 1
	if failure != nil {
		message = 0
	}
	c.step(farcall.StepAnswer, message, len(body.B), failure)
}

// appendResponse appends the JSON of the response, or of the field of it that the rule names.
func (r *route) appendResponse(dst []byte, response proto.Message) ([]byte, error) {
	if r.rule.Answer != nil {
		return transcode.AppendField(dst, response, r.rule.Answer)
	}
	return transcode.Append(dst, response)
}

// appendStatus appends the JSON of the google.rpc.Status of a failure. It cannot fail: a detail of a type that this
// process does not know keeps its bytes, in base64.
func appendStatus(dst []byte, failure *farcall.Error) []byte {
	dst = fmt.Appendf(dst, `{"code":%d,"message":`, uint32(failure.Code))
	dst = appendString(dst, failure.Message)
	if len(failure.Details) > 0 {
		dst = append(dst, `,"details":`...)
		for i, detail := range failure.Details {
			separator := byte(',')
			if i == 0 {
				separator = '['
			}
			dst = appendDetail(append(dst, separator), detail)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendDetail(dst []byte, detail *anypb.Any) []byte {
	if written, err := transcode.Append(dst, detail); err == nil {
		return written
	}
	dst = appendString(append(dst, `{"@type":`...), detail.GetTypeUrl())
	dst = append(dst, `,"value":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, detail.GetValue())
	return append(dst, `"}`...)
}

// appendString appends text as a JSON string.
func appendString(dst []byte, text string) []byte {
	written, err := transcode.Append(dst, wrapperspb.String(strings.ToValidUTF8(text, "\ufffd")))
	if err != nil {
		return append(dst, `""`...) // cannot be: every valid string has a JSON form
	}
	return written
}
