// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/suites/testingpb"
	"github.com/farcall/farcall/server"
)

// Two cases pass whatever the server does, because the client ends their calls itself. What they are about is tested in
// ends_test.go.
var passAnyway = []string{"timeout_on_sleeping_server", "cancel_after_begin"}

// TestJudgeOfAnEmptyServer shows which cases a server without the service passes.
func TestJudgeOfAnEmptyServer(t *testing.T) {
	address := serve(t, server.Options{}, func(farcall.Registrar) {})
	for _, name := range cases {
		_, err := judgeServer(t, name, address, nil)
		passes := slices.Contains(passAnyway, name) || name == "unimplemented_method" || name == "unimplemented_service"
		if passes != (err == nil) {
			t.Errorf("%s ended with %v, passing is %v", name, err, passes)
		}
	}
}

// TestJudgeOfASloppyServer shows that the judge finds what is nearly right.
func TestJudgeOfASloppyServer(t *testing.T) {
	address := serve(t, server.Options{Interceptors: []farcall.Interceptor{beSloppy}}, func(on farcall.Registrar) {
		registerAll(on)
		answer := farcall.HandleUnary((&testService{}).EmptyCall)
		on.Register(method(service+"UnimplementedCall", farcall.KindUnary), answer)
		on.Register(method("/grpc.testing.UnimplementedService/UnimplementedCall", farcall.KindUnary), answer)
	})
	for _, name := range cases {
		if name == "orca_oob" { // waits half a minute for reports that do not come
			continue
		}
		_, err := judgeServer(t, name, address, nil)
		// Nothing is wrong with an empty message and with a message at all.
		passes := slices.Contains(passAnyway, name) || name == "empty_unary" || name == "cancel_after_first_response"
		if passes != (err == nil) {
			t.Errorf("%s ended with %v, passing is %v", name, err, passes)
		}
	}
}

// beSloppy makes small mistakes in every call.
func beSloppy(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
	err := next(ctx, &sloppyStream{stream})
	for _, key := range []string{echoTrailing, orcaTrailer} {
		stream.ResponseTrailer().Delete(key)
	}
	if err != nil {
		return farcall.NewError(farcall.CodeOf(err), "something went wrong")
	}
	return nil
}

type sloppyStream struct{ farcall.Stream }

// Send loses a byte of every payload, counts one too many, and has another name every time.
func (s *sloppyStream) Send(message any) error {
	switch message := message.(type) {
	case *testingpb.SimpleResponse:
		loseByte(message.GetPayload())
		if message.GetServerId() != "" {
			message.ServerId = fmt.Sprint("server ", names.Add(1))
		}
	case *testingpb.StreamingInputCallResponse:
		message.AggregatedPayloadSize++
	case *testingpb.StreamingOutputCallResponse:
		loseByte(message.GetPayload())
	}
	return s.Stream.Send(message)
}

var names atomic.Int64

func loseByte(payload *testingpb.Payload) {
	if n := len(payload.GetBody()); n > 0 {
		payload.Body = payload.Body[:n-1]
	}
}

// Receive has a last word in every conversation.
func (s *sloppyStream) Receive(message any) error {
	err := s.Stream.Receive(message)
	if err == io.EOF && s.Method().Kind == farcall.KindBidi {
		if err := s.Stream.Send(&testingpb.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
	return err
}
