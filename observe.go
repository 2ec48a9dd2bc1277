// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"context"
	"time"
)

// Step is one of the fourteen things that happen to a call on its way there and back. The same fourteen are the rows of
// ARCHITECTURE.md's table.
type Step uint8

// The fourteen steps. A plain gRPC call has 3 to 13; the client has 3, 4, 5, 12 and 13, the server 6 to 11, the REST edge
// 1, 2 and 14.
const (
	StepRequestArrives  Step = 1  // a REST call with a JSON body reaches the service
	StepCallStub        Step = 2  // it has become a typed call, made like a local function's
	StepEncodeRequest   Step = 3  // the message is encoded to binary
	StepSendRequest     Step = 4  // headers and bytes are handed to the transport
	StepRequestFrames   Step = 5  // the transport sends HTTP/2 frames
	StepReceiveRequest  Step = 6  // the other service has received the frames
	StepDecodeRequest   Step = 7  // headers and message are decoded
	StepInvokeHandler   Step = 8  // the handler is invoked
	StepHandlerReturns  Step = 9  // the handler returned its result
	StepEncodeResponse  Step = 10 // the result is encoded
	StepSendResponse    Step = 11 // headers, message and trailers are handed to the transport
	StepReceiveResponse Step = 12 // the frames are back
	StepDecodeResponse  Step = 13 // status and message are decoded; the stub returns
	StepAnswer          Step = 14 // the REST response is written
)

var stepNames = [...]string{"",
	"REST request arrives", "stub is called", "request is encoded", "request is handed to the transport",
	"request frames are sent", "request frames are received", "request is decoded", "handler is invoked",
	"handler returns", "response is encoded", "response is handed to the transport", "response frames are received",
	"response is decoded", "REST response is written",
}

// String says the step in a few words.
func (s Step) String() string {
	if int(s) < len(stepNames) {
		return stepNames[s]
	}
	return "unknown step"
}

// Side says where an event was seen.
type Side uint8

// The sides of a call.
const (
	SideClient Side = 1 // the caller's end of a gRPC call
	SideServer Side = 2 // the service's end
	SideEdge   Side = 3 // a REST request on its way to becoming a call
)

// String returns "client", "server" or "edge".
func (s Side) String() string {
	switch s {
	case SideClient:
		return "client"
	case SideServer:
		return "server"
	case SideEdge:
		return "edge"
	}
	return "unknown"
}

// CallInfo says which call an observer is told of. Its pointer is the call's identity for as long as the call lives.
type CallInfo struct {
	Method  *Method // nil at the edge until the route is known
	Side    Side
	Attempt int // 0 for the call as a whole, 1 and more for the client's attempts
	Start   time.Time
}

// Event is one step of one call.
type Event struct {
	Call    *CallInfo
	Attempt int // on the client from 1; 0 elsewhere
	Message int // which message of its direction, from 1; 0 where the step concerns no message
	Step    Step
	Side    Side
	Bytes   int // encoded bytes that the step handled, 0 where it handled none
	Time    time.Time
	Err     error // how the step failed, nil if it did not
	// Remote is true for steps that the server timed and sent back in its trailers: Time is then the server's interval
	// laid onto this machine's clock, midway between the frames sent and received.
	Remote bool
}

// Observer is told what happens to calls, as it happens, on the goroutine where it happens: it must be quick and safe
// for concurrent use. A nil Observer costs one branch.
type Observer interface {
	// Begin is called once for each call and once for each attempt of a client. The context it returns is the call's from
	// there on, so that what it holds reaches interceptors, the handler and calls further down.
	Begin(ctx context.Context, call *CallInfo) context.Context
	// Event is called at each step.
	Event(event Event)
}
