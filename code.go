// SPDX-License-Identifier: Apache-2.0

package farcall

import "strconv"

// Code says how a call ended. The values are gRPC's (grpc/grpc doc/statuscodes.md).
//
// A Code is an error, so a handler may return one bare and a caller may ask errors.Is(err, farcall.NotFound).
type Code uint32

// The codes. Each comment says when to use it.
const (
	OK                 Code = 0  // the call succeeded; as an error value it is a mistake and becomes Internal
	Canceled           Code = 1  // the caller gave up
	Unknown            Code = 2  // an error that carries no code
	InvalidArgument    Code = 3  // the request is wrong whatever the state of the system
	DeadlineExceeded   Code = 4  // the deadline passed before the call ended
	NotFound           Code = 5  // what was asked for does not exist
	AlreadyExists      Code = 6  // what was to be created exists
	PermissionDenied   Code = 7  // the caller is known and may not do this
	ResourceExhausted  Code = 8  // a limit or quota is used up; a message was too large
	FailedPrecondition Code = 9  // the system is not in the state that the call needs
	Aborted            Code = 10 // a conflict with a concurrent call; start the larger operation again
	OutOfRange         Code = 11 // past the end of what there is
	Unimplemented      Code = 12 // no such method here
	Internal           Code = 13 // something that must never happen did
	Unavailable        Code = 14 // the service cannot be reached now; a retry may help
	DataLoss           Code = 15 // data was lost or is corrupt
	Unauthenticated    Code = 16 // the caller is not known
)

var codeNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// String returns the name of the code as the gRPC specification spells it, such as "NOT_FOUND".
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "CODE_" + strconv.FormatUint(uint64(c), 10)
}

// Error returns the same as String; it makes a Code an error.
func (c Code) Error() string { return c.String() }

// ParseCode returns the code of a name that String returned, such as "NOT_FOUND".
func ParseCode(name string) (Code, bool) {
	for code, known := range codeNames {
		if known == name {
			return Code(code), true
		}
	}
	return Unknown, false
}
