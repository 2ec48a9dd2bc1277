// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"errors"
	"fmt"

	"github.com/farcall/farcall/internal/frame"
)

// Scope is how far an error reaches.
type Scope uint8

// The scopes.
const (
	StreamScope     Scope = 1
	ConnectionScope Scope = 2
)

// Culprit is who caused an error.
type Culprit uint8

// The culprits.
const (
	ByUs      Culprit = 1 // this process: a Close, a reset, a limit of its own
	ByPeer    Culprit = 2 // the other end: a reset, a GOAWAY, a breach of the protocol
	ByNetwork Culprit = 3 // what lies between
)

// Error is the failure of a stream or of a connection.
type Error struct {
	Code    frame.ErrorCode
	Scope   Scope
	Culprit Culprit
	// Unprocessed says that the peer never handled the request (RFC 9113 section 8.7): it is safe to send it again.
	Unprocessed bool
	// Unsent says that nothing of the request was handed to the network, so that the peer never heard of it. It comes with
	// Unprocessed.
	Unsent bool
	Reason string
	Cause  error
}

func (e *Error) Error() string {
	text := e.Reason
	if e.Cause != nil {
		text = fmt.Sprintf("%s: %v", text, e.Cause)
	}
	if e.Code != frame.NoError {
		text = fmt.Sprintf("%s (%v)", text, e.Code)
	}
	return "http2: " + text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// ErrStreamLimit is what Open returns when the peer's MAX_CONCURRENT_STREAMS is reached. Nothing was sent.
var ErrStreamLimit = errors.New("http2: the peer's limit of concurrent streams is reached")

// errAnswered stops the sending of a request's body that the server has answered without waiting for it.
var errAnswered = errors.New("http2: the answer has ended")

func connectionError(code frame.ErrorCode, reason string) error {
	return &frame.Error{Code: code, Reason: reason}
}

func streamError(stream uint32, code frame.ErrorCode, reason string) error {
	return &frame.Error{Stream: stream, Code: code, Reason: reason}
}
