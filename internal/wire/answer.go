// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"slices"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

var (
	fixedAnswer  = newFixedAnswer(answerForm{})
	otherAnswers sync.Map // answerForm to *exchange.Fixed; as many as a server has codecs times compressors
)

// answerForm is what the fixed part of an answer's head says of its messages.
type answerForm struct{ subtype, encoding string }

func newFixedAnswer(form answerForm) *exchange.Fixed {
	contentType := ContentType
	if form.subtype != "" {
		contentType += "+" + form.subtype
	}
	fields := []exchange.Field{{Name: fieldStatus, Value: "200"}, {Name: fieldContentType, Value: contentType}}
	if form.encoding != "" {
		fields = append(fields, exchange.Field{Name: fieldEncoding, Value: form.encoding})
	}
	return &exchange.Fixed{Fields: fields}
}

// AnswerHead returns the head of an answer whose messages have a content subtype and an encoding, "" for none, that the
// server knows; it is complete where the handler adds no headers. For the same two it is the same pointer every time.
func AnswerHead(subtype, encoding string) exchange.Head {
	form := answerForm{subtype, encoding}
	if form == (answerForm{}) {
		return exchange.Head{Fixed: fixedAnswer}
	}
	known, ok := otherAnswers.Load(form)
	if !ok {
		known, _ = otherAnswers.LoadOrStore(form, newFixedAnswer(form))
	}
	return exchange.Head{Fixed: known.(*exchange.Fixed)}
}

// AppendAnswer appends the varying fields of an answer's head: the handler's headers. It fails with INTERNAL, naming the
// key, on metadata that must not be sent.
func AppendAnswer(dst []exchange.Field, header farcall.Metadata) ([]exchange.Field, error) {
	if header.Len() == 0 {
		return dst, nil
	}
	return AppendMetadata(dst, withoutShown(header))
}

// OKTrailers are the trailers of a call that succeeded and has nothing else to say. Never changed.
var OKTrailers = []exchange.Field{{Name: fieldGRPCStatus, Value: "0"}}

// AppendTrailers appends the trailers of a call: its status (a nil failure is OK), the handler's trailers, and the step
// times if there are any. Behind AnswerHead and without a body they are a Trailers-Only answer. Metadata that must not be
// sent is left out and makes the call fail with INTERNAL; the error says which, and what is returned can be sent.
func AppendTrailers(dst []exchange.Field, failure *farcall.Error, trailer farcall.Metadata, times []StepTime) ([]exchange.Field, error) {
	if dst == nil && failure == nil && trailer.Len() == 0 && len(times) == 0 {
		return OKTrailers, nil
	}
	start := len(dst)
	dst = appendStatus(slices.Grow(dst, 4+trailer.Len()), failure) // status and step times are four fields at most
	var err error
	if trailer.Len() > 0 {
		if dst, err = AppendMetadata(dst, withoutShown(trailer)); err != nil {
			dst = appendStatus(dst[:start], farcall.AsError(err))
		}
	}
	if len(times) > 0 {
		dst = append(dst, exchange.Field{Name: fieldStepTimes, Value: string(AppendStepTimes(nil, times))})
	}
	return dst, err
}

// withoutShown returns metadata without the two keys that a request shows although they cannot be sent: a handler that
// answers with the metadata it received must not fail by that.
func withoutShown(metadata farcall.Metadata) farcall.Metadata {
	metadata.Delete(fieldAuthority)
	metadata.Delete(fieldUserAgent)
	return metadata
}

// answerFields is what the fields of an answer's head or trailers say.
type answerFields struct {
	httpStatus, contentType string
	encoding, stepTimes     string
	status                  receivedStatus
	metadata                farcall.Metadata
	malformed               error // of metadata
}

// take reads one field; more fields follow it.
func (a *answerFields) take(field *exchange.Field, more int) {
	switch field.Name {
	case fieldStatus:
		a.httpStatus = field.Value
	case fieldContentType:
		a.contentType = field.Value
	case fieldEncoding:
		if a.encoding = field.Value; a.encoding == "identity" {
			a.encoding = ""
		}
	case fieldGRPCStatus:
		a.status.present, a.status.code = true, field.Value
	case fieldGRPCMessage:
		a.status.message = field.Value
	case fieldDetails:
		a.status.details = field.Value
		a.status.detailFields++
	case fieldStepTimes:
		a.stepTimes = field.Value
	default:
		if err := AddReceived(&a.metadata, field, more); err != nil && a.malformed == nil {
			a.malformed = err
		}
	}
}

// CheckSubtype returns an error for an answer whose messages have another form than those of its request.
func (a *Answer) CheckSubtype(asked string) error {
	subtype, _ := Subtype(a.head.contentType)
	if a.head.status.present || sameSubtype(subtype, asked) { // an answer that is only a status has no messages
		return nil
	}
	if asked == "" {
		asked = "proto"
	}
	return farcall.Errorf(farcall.Internal, "the server answered in application/grpc+%s, application/grpc+%s was asked for", clip(subtype), asked)
}

// Answer is what the head of an answer says.
type Answer struct {
	Header   farcall.Metadata // empty where the head is, or may be, a Trailers-Only answer
	Encoding string           // how messages are compressed, "" for not at all

	head answerFields
}

// ParseAnswer reads the head of an answer. An error says how the call failed, and nothing else of the answer matters
// then: it is not an answer of gRPC, or its metadata is malformed.
func ParseAnswer(head exchange.Head) (Answer, error) {
	var answer Answer
	if head.Fixed != nil {
		for i := range head.Fixed.Fields {
			answer.head.take(&head.Fixed.Fields[i], len(head.Fixed.Fields)-i-1+len(head.Fields))
		}
	}
	for i := range head.Fields {
		answer.head.take(&head.Fields[i], len(head.Fields)-i-1)
	}
	answer.Encoding = answer.head.encoding
	if answer.head.status.present {
		return answer, nil // what it means shows at the end of the body
	}
	if err := answer.head.notGRPC(); err != nil {
		return answer, err
	}
	if answer.head.malformed != nil {
		return answer, answer.head.malformed
	}
	answer.Header = answer.head.metadata
	return answer, nil
}

// End is what the end of an answer says besides the status.
type End struct {
	Trailer   farcall.Metadata
	StepTimes string // for ParseStepTimes
}

// End reads how the call ended: from the trailers or, where there is neither a body nor trailers, from the head. The
// error is the call's outcome, nil for OK.
func (a *Answer) End(trailers []exchange.Field, bodyEmpty bool) (End, error) {
	if a.head.status.present {
		if len(trailers) == 0 && bodyEmpty { // Trailers-Only
			return a.head.end()
		}
		// The status in the head counts for nothing then, and the rest of the head must be in order.
		if err := a.head.notGRPC(); err != nil {
			return End{}, err
		}
		a.Header = a.head.metadata
	}
	if len(trailers) == 1 && trailers[0].Name == fieldGRPCStatus && trailers[0].Value == "0" { // the usual case
		return End{}, nil
	}
	var fields answerFields
	for i := range trailers {
		fields.take(&trailers[i], len(trailers)-i-1)
	}
	if fields.status.present {
		return fields.end()
	}
	if len(trailers) == 0 {
		return End{}, farcall.Errorf(farcall.Internal,
			"the answer ended without trailers, so whether the call succeeded is not known: does a proxy in between drop trailers?")
	}
	return End{Trailer: fields.metadata, StepTimes: fields.stepTimes}, farcall.Errorf(farcall.Unknown,
		"the answer's trailers have no grpc-status, so whether the call succeeded is not known")
}

func (a *answerFields) end() (End, error) {
	err := a.status.failure()
	if err == nil {
		err = a.malformed
	}
	return End{Trailer: a.metadata, StepTimes: a.stepTimes}, err
}
