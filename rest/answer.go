// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
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
	fields  []exchange.Field // headers of its answer
}

// refuse returns a refusal; the rest is as for farcall.Errorf.
func refuse(status int, code farcall.Code, format string, args ...any) *refusal {
	return &refusal{status: status, failure: farcall.AsError(farcall.Errorf(code, format, args...))}
}

// Error and Unwrap make a refusal an error with a code.
func (r *refusal) Error() string { return r.failure.Error() }
func (r *refusal) Unwrap() error { return r.failure }

// statusOf returns the failure as clients are told it.
func statusOf(failure error) *farcall.Error {
	if refused := (*refusal)(nil); errors.As(failure, &refused) {
		return refused.failure
	}
	return farcall.AsError(failure)
}

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

// heads are the beginnings of answers in JSON, by HTTP status: the same pointer each time, so that the connection remembers
// them.
var heads = func() map[int]*exchange.Fixed {
	heads := make(map[int]*exchange.Fixed)
	for _, status := range []int{200, 201, 400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 429, 499, 500, 501, 503, 504} {
		heads[status] = &exchange.Fixed{Fields: []exchange.Field{
			{Name: ":status", Value: strconv.Itoa(status)},
			{Name: "content-type", Value: mediaJSON},
		}}
	}
	return heads
}()

// The places of the fields that begin an answer's head.
const (
	statusField = iota
	typeField
	lengthField
	firstField
)

// head returns the head of an answer. fields has room for the first three, and what follows them. An answer without a
// body has an empty media.
func head(status int, media string, length int, fields []exchange.Field) exchange.Head {
	if media == "" { // RFC 9110 section 8.6: no content-length with 204
		fields[lengthField] = exchange.Field{Name: ":status", Value: strconv.Itoa(status)}
		return exchange.Head{Fields: fields[lengthField:]}
	}
	fields[lengthField] = exchange.Field{Name: "content-length", Value: strconv.Itoa(length)}
	if fixed := heads[status]; fixed != nil && media == mediaJSON {
		return exchange.Head{Fixed: fixed, Fields: fields[lengthField:]}
	}
	fields[statusField] = exchange.Field{Name: ":status", Value: strconv.Itoa(status)}
	fields[typeField] = exchange.Field{Name: "content-type", Value: media}
	return exchange.Head{Fields: fields}
}

// fieldLists are used for one head after the other: an exchange keeps none.
var fieldLists = sync.Pool{New: func() any {
	fields := make([]exchange.Field, 0, firstField+5)
	return &fields
}}

// answer writes the answer of the call: the response with its header metadata, or what became of it.
func (c *call) answer(response any, header farcall.Metadata, failure error) {
	list := fieldLists.Get().(*[]exchange.Field)
	out := responseFields{fields: (*list)[:firstField]}
	defer func() {
		clear(out.fields)
		*list = out.fields[:0]
		fieldLists.Put(list)
	}()
	if err := out.add(c.router, header); err != nil && failure == nil {
		failure = err
	}
	body := buffer.Get(512)
	status, media := out.success(), ""
	if failure == nil {
		if media, failure = c.appendAnswer(body, response, status); failure != nil {
			out.status = 0
		}
	}
	if failure != nil {
		status, media = c.appendFailure(body, &out, failure)
	}
	body, coding := c.compress(body)
	defer func() { body.Free() }()
	if coding != "" {
		out.encoded(coding)
	}
	sent := body.B
	if c.httpMethod == "HEAD" {
		sent = nil
	}
	if err := c.x.Answer(head(status, media, len(body.B), out.fields), sent, nil); err != nil {
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

// success returns the status of an answer that is none of a failure.
func (f *responseFields) success() int {
	if f.status == 0 {
		return 200
	}
	return f.status
}

// bodiless reports whether answers of the status have no body (RFC 9110 section 6.4.1).
func bodiless(status int) bool { return status == 204 || status == 205 || status == 304 }

// appendAnswer appends the body of a success and returns its type, "" for one without a body.
func (c *call) appendAnswer(body *buffer.Buffer, response any, status int) (media string, err error) {
	switch route := c.match.route; {
	case status >= 400:
		return "", farcall.Errorf(farcall.Internal, "the handler returned a response with the %s %d, which is one of failures: it must return an error", StatusKey, status)
	case bodiless(status):
		release(response)
		return "", nil
	case route.answersBytes:
		var data []byte
		if media, data, err = route.httpBody(response.(proto.Message)); err == nil {
			body.B = append(body.B, data...)
		}
		return media, err
	default:
		body.B, err = route.appendResponse(body.B, response, c.offer.format)
	}
	if err != nil {
		return "", farcall.Errorf(farcall.Internal, "the response: %w", err)
	}
	return c.offer.media, nil
}

// appendFailure replaces the body by that of a failure, and returns its status and type.
func (c *call) appendFailure(body *buffer.Buffer, out *responseFields, failure error) (status int, media string) {
	own := farcall.AsError(failure)
	status = httpStatus(own.Code)
	if out.status >= 400 {
		status = out.status
	}
	var refused *refusal
	if errors.As(failure, &refused) {
		status, own = refused.status, refused.failure
		out.fields = append(out.fields, refused.fields...)
	}
	if c.offer.format == formatProtobuf {
		encoded, err := proto.Marshal(&rpcstatus.Status{Code: int32(own.Code), Message: strings.ToValidUTF8(own.Message, "\ufffd"), Details: own.Details})
		if err == nil {
			body.B = append(body.B[:0], encoded...)
			return status, c.offer.media
		}
	}
	body.B = c.appendStatus(body.B[:0], own)
	return status, mediaJSON
}

// answerOptions answers OPTIONS where no route has it: with the methods that there are.
func (c *call) answerOptions() {
	fields := make([]exchange.Field, firstField, firstField+1)
	if allowed := c.match.allowed(); allowed != "" {
		fields = append(fields, exchange.Field{Name: "allow", Value: allowed + ", OPTIONS"})
	}
	err := c.x.Answer(head(204, "", 0, fields), nil, nil)
	if err != nil {
		c.x.Abort(err)
	}
	c.step(farcall.StepAnswer, 0, 0, err)
}

// appendResponse appends the response, or the field of it that the rule names.
func (r *route) appendResponse(dst []byte, response any, format format) ([]byte, error) {
	if format != formatProtobuf {
		return r.appendJSON(dst, response)
	}
	message := response.(proto.Message)
	if r.rule.Answer != nil {
		message = message.ProtoReflect().Get(r.rule.Answer).Message().Interface()
	}
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend(dst, message)
}

// appendStatus appends the JSON of the google.rpc.Status of a failure. It cannot fail: a detail of a type that the
// options' resolver does not know keeps its bytes, in base64.
func (c *call) appendStatus(dst []byte, failure *farcall.Error) []byte {
	dst = fmt.Appendf(dst, `{"code":%d,"message":`, uint32(failure.Code))
	dst = appendString(dst, failure.Message)
	if len(failure.Details) > 0 {
		dst = append(dst, `,"details":`...)
		details := c.details()
		for i, detail := range failure.Details {
			separator := byte(',')
			if i == 0 {
				separator = '['
			}
			dst = appendDetail(append(dst, separator), detail, details)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// details returns what writes the details of a failure: with the types that the messages are written with.
func (c *call) details() *transcode.Converter {
	options := transcode.Options{Resolver: c.router.options.JSON.Resolver}
	if c.match.route != nil {
		options.Resolver = c.match.route.types
	}
	return transcode.New((*anypb.Any)(nil).ProtoReflect().Descriptor(), options)
}

func appendDetail(dst []byte, detail *anypb.Any, details *transcode.Converter) []byte {
	encoded, err := proto.Marshal(detail)
	if err == nil {
		if written, err := details.AppendJSON(dst, encoded); err == nil {
			return written
		}
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
