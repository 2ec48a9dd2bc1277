// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/suites/testingpb"
	"github.com/farcall/farcall/server"
)

// In two cases the client ends the call itself, and nearly always before a server can do anything wrong. What they are
// about is tested in ends_test.go and ends_client_test.go.
var sayNothing = []string{"timeout_on_sleeping_server", "cancel_after_begin"}

// mustFail checks the verdict on every case with a broken server, but for those that say nothing: only those in passes
// may pass, and must.
func mustFail(t *testing.T, judge func(name string) error, passes ...string) {
	t.Helper()
	for _, name := range cases {
		if slices.Contains(sayNothing, name) {
			continue
		}
		if err := judge(name); slices.Contains(passes, name) != (err == nil) {
			t.Errorf("%s ended with: %v", name, err)
		}
	}
}

// TestJudgeOfAnEmptyServer shows which cases a server without the service passes.
func TestJudgeOfAnEmptyServer(t *testing.T) {
	address := serve(t, server.Options{}, func(farcall.Registrar) {})
	mustFail(t, func(name string) error {
		_, err := judgeServer(t, name, address, nil)
		return err
	}, "unimplemented_method", "unimplemented_service")
}

// TestJudgeOfASloppyServer shows that the judge finds what is nearly right.
func TestJudgeOfASloppyServer(t *testing.T) {
	address := serve(t, server.Options{Interceptors: []farcall.Interceptor{beSloppy}}, registerSloppy)
	mustFail(t, func(name string) error {
		if name == "orca_oob" { // would wait half a minute for reports that do not come
			return errors.New("not tried")
		}
		_, err := judgeServer(t, name, address, nil)
		return err
	}, "empty_unary", "cancel_after_first_response") // nothing is wrong with an empty message, nor with a message at all
}

// sloppyService implements what no server does.
type sloppyService struct{ testService }

func (s *sloppyService) UnimplementedCall(context.Context, *testingpb.Empty) (*testingpb.Empty, error) {
	return &testingpb.Empty{}, nil
}

func registerSloppy(on farcall.Registrar) {
	service := &sloppyService{testService{load: newLoad()}}
	testingpb.RegisterTestService(on, service)
	testingpb.RegisterUnimplementedService(on, service)
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
