// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Error is the one error type that leaves the library. Code, Message and Details cross the wire; the cause stays on
// the side where it arose.
type Error struct {
	Code    Code
	Message string
	Details []*anypb.Any // usually google.rpc messages; see Detail

	cause error
}

// Errorf returns an *Error with the code and the formatted message. A %w operand becomes its cause: errors.Is and
// errors.As find it in this process, and it never crosses the wire.
func Errorf(code Code, format string, args ...any) error {
	formatted := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: formatted.Error(), cause: unwrapAny(formatted)}
}

// unwrapAny returns what formatted wraps: nothing, the one error, or formatted itself where it wraps several.
func unwrapAny(formatted error) error {
	if _, several := formatted.(interface{ Unwrap() []error }); several {
		return formatted
	}
	return errors.Unwrap(formatted)
}

// NewError returns an *Error with typed details. A detail that cannot be packed into an Any is left out, and the
// message says so.
func NewError(code Code, message string, details ...proto.Message) error {
	failure := &Error{Code: code, Message: message}
	for _, detail := range details {
		packed, err := anypb.New(detail)
		if err != nil {
			failure.Message += fmt.Sprintf(" (a detail could not be packed: %v)", err)
			continue
		}
		failure.Details = append(failure.Details, packed)
	}
	return failure
}

// Error returns "CODE: message".
func (e *Error) Error() string {
	if e == nil {
		return "a nil *farcall.Error"
	}
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Message
}

// Unwrap returns the local cause, nil for an error that came over the wire.
func (e *Error) Unwrap() error {
	if e == nil { // a mistake that errors.Is must survive, so that AsError can name it
		return nil
	}
	return e.cause
}

// Is makes errors.Is(err, farcall.NotFound) true for every error with that code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && e != nil && code == e.Code
}

// WithoutCause returns the error as the other side of a wire would see it.
func (e *Error) WithoutCause() *Error {
	if e.cause == nil {
		return e
	}
	return &Error{Code: e.Code, Message: e.Message, Details: e.Details}
}

// CodeOf returns the code that err has at the library's boundary: OK for nil, the outermost code in its chain,
// Canceled and DeadlineExceeded for the context's own errors, Unknown for anything else.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	if own, ok := err.(*Error); ok && own != nil && own.Code != OK && own.Code <= Unauthenticated { // the usual case, without a walk
		return own.Code
	}
	return AsError(err).Code
}

// AsError returns err as the library's boundary does: nil for nil; an *Error as it is; an error that wraps a coded one
// with that code, its details and the whole message; context.Canceled as Canceled and context.DeadlineExceeded as
// DeadlineExceeded; anything else, and a code that gRPC does not have, as Unknown. OK as an error is Internal. err stays
// reachable as the cause.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if own, ok := err.(*Error); ok {
		switch {
		case own == nil:
			return &Error{Code: Internal, Message: "a nil *farcall.Error was returned as an error: return a plain nil for success"}
		case own.Code == OK:
			return &Error{Code: Internal, Message: "an error with code OK was returned: return nil for success", cause: err}
		case own.Code > Unauthenticated: // it would not cross the wire
			return &Error{Code: Unknown, Message: err.Error(), Details: own.Details, cause: err}
		}
		return own
	}
	code, details := classify(err)
	message := err.Error()
	if bare, ok := err.(Code); ok {
		switch {
		case bare == OK:
			message = "farcall.OK was returned as an error: return nil for success"
		case bare <= Unauthenticated:
			message = ""
		}
	}
	return &Error{Code: code, Message: message, Details: details, cause: err}
}

// classify finds the outermost code in err's chain.
func classify(err error) (Code, []*anypb.Any) {
	var found Code
	var details []*anypb.Any
	switch coded := outermostCoded(err).(type) {
	case *Error:
		found, details = coded.Code, coded.Details
	case Code:
		found = coded
	default:
		switch {
		case errors.Is(err, context.Canceled):
			return Canceled, nil
		case errors.Is(err, context.DeadlineExceeded):
			return DeadlineExceeded, nil
		}
		return Unknown, nil
	}
	switch {
	case found == OK:
		return Internal, nil
	case found > Unauthenticated:
		return Unknown, details
	}
	return found, details
}

// outermostCoded walks err's tree in the order of errors.As and returns the first *Error or Code, or nil.
func outermostCoded(err error) error {
	for err != nil {
		switch coded := err.(type) {
		case *Error:
			if coded == nil {
				return nil
			}
			return coded
		case Code:
			return coded
		}
		switch wrapper := err.(type) {
		case interface{ Unwrap() error }:
			err = wrapper.Unwrap()
		case interface{ Unwrap() []error }:
			for _, branch := range wrapper.Unwrap() {
				if coded := outermostCoded(branch); coded != nil {
					return coded
				}
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

// Detail returns the first detail of err that is a T, such as *errdetails.BadRequest.
func Detail[T proto.Message](err error) (T, bool) {
	var none T
	var failure *Error
	if !errors.As(err, &failure) || failure == nil || any(none) == nil {
		return none, false
	}
	for _, packed := range failure.Details {
		if packed.MessageName() != none.ProtoReflect().Descriptor().FullName() {
			continue
		}
		detail, ok := none.ProtoReflect().New().Interface().(T)
		if ok && packed.UnmarshalTo(detail) == nil {
			return detail, true
		}
	}
	return none, false
}
