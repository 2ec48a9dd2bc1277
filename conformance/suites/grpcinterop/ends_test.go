// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/suites/testingpb"
	"github.com/farcall/farcall/server"
)

// ended is a call as the server has seen it.
type ended struct {
	deadline time.Duration // how far off it was
	timed    bool          // there was one
	cause    error         // of the context's end
	outcome  error
}

// watched starts our server and returns a connection of grpc-go's to it, and two channels: one says that a call has reached
// its handler, the other how it ended.
func watched(t *testing.T) (conn *grpc.ClientConn, begun chan struct{}, over chan ended) {
	begun, over = make(chan struct{}, 1), make(chan ended, 1)
	watch := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		var end ended
		if deadline, ok := ctx.Deadline(); ok {
			end.deadline, end.timed = time.Until(deadline), true
		}
		begun <- struct{}{}
		err := next(ctx, stream)
		select {
		case <-ctx.Done(): // of the two, the handler may hear of its stream's end first
		case <-time.After(patience):
		}
		end.cause, end.outcome = ctx.Err(), err
		over <- end
		return err
	}
	address := serve(t, server.Options{Interceptors: []farcall.Interceptor{watch}}, register)
	conn, err := grpc.NewClient(address.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, begun, over
}

// TestCancelAfterBeginReachesOurHandler is what the case of that name is about: the handler that waits for messages is
// told.
func TestCancelAfterBeginReachesOurHandler(t *testing.T) {
	conn, begun, over := watched(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, testingpb.TestServiceStreamingInputCallMethod.Path)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, begun)
	cancel()
	if err := stream.RecvMsg(&testingpb.StreamingInputCallResponse{}); status.Code(err) != codes.Canceled {
		t.Errorf("the caller got %v", err)
	}
	end := wait(t, over)
	if end.timed || !errors.Is(end.cause, context.Canceled) || farcall.CodeOf(end.outcome) != farcall.Canceled {
		t.Errorf("the handler's end was %+v", end)
	}
}

// TestTimeoutReachesOurHandler is what timeout_on_sleeping_server is about: the handler knows the deadline, and does not
// wait longer.
func TestTimeoutReachesOurHandler(t *testing.T) {
	conn, begun, over := watched(t)
	const timeout = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, testingpb.TestServiceFullDuplexCallMethod.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(&testingpb.StreamingOutputCallRequest{}); err != nil {
		t.Fatal(err)
	}
	wait(t, begun)
	if err := stream.RecvMsg(&testingpb.StreamingOutputCallResponse{}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("the caller got %v", err)
	}
	// Whether the handler hears first of its own clock or of the client's reset is open.
	end := wait(t, over)
	if !end.timed || end.deadline > timeout || end.cause == nil || end.outcome == nil {
		t.Errorf("the handler's end was %+v", end)
	}
}

// wait returns the next value, and fails the test where none comes.
func wait[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}
