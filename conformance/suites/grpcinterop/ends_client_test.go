// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/suites/testingpb"
)

// watchedByThem starts a server of grpc-go's whose one handler takes messages and never answers, and returns a connection
// of ours to it, and two channels: one says that a message has reached the handler, the other how the call ended there.
func watchedByThem(t *testing.T) (conn *client.Conn, begun chan struct{}, over chan ended) {
	begun, over = make(chan struct{}, 1), make(chan ended, 1)
	handle := func(_ any, stream grpc.ServerStream) error {
		var end ended
		if deadline, ok := stream.Context().Deadline(); ok {
			end.deadline, end.timed = time.Until(deadline), true
		}
		for end.outcome == nil {
			if end.outcome = stream.RecvMsg(&testingpb.Empty{}); end.outcome == nil {
				begun <- struct{}{}
			}
		}
		end.cause = stream.Context().Err()
		over <- end
		return end.outcome
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := grpc.NewServer(grpc.UnknownServiceHandler(handle))
	done := make(chan error, 1)
	go func() { done <- serving.Serve(listener) }()
	t.Cleanup(func() {
		serving.Stop()
		<-done
	})
	conn, err = client.New(listener.Addr().String(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, begun, over
}

// TestCancelAfterBeginReachesTheirHandler is what the case of that name is about: the handler that waits for messages is
// told.
func TestCancelAfterBeginReachesTheirHandler(t *testing.T) {
	conn, begun, over := watchedByThem(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := testingpb.OpenTestServiceStreamingInputCall(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if err := stream.Send(&testingpb.StreamingInputCallRequest{}); err != nil {
		t.Fatal(err)
	}
	wait(t, begun)
	cancel()
	if _, err := stream.CloseAndReceive(); farcall.CodeOf(err) != farcall.Canceled {
		t.Errorf("the caller got %v", err)
	}
	if end := wait(t, over); end.timed || end.cause != context.Canceled || status.Code(end.outcome) != codes.Canceled {
		t.Errorf("the handler's end was %+v", end)
	}
}

// TestTimeoutReachesTheirHandler is what timeout_on_sleeping_server is about: the handler knows the deadline, and is not
// left waiting.
func TestTimeoutReachesTheirHandler(t *testing.T) {
	conn, begun, over := watchedByThem(t)
	const timeout = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	in := func(yield func(*testingpb.StreamingOutputCallRequest, error) bool) {
		if yield(&testingpb.StreamingOutputCallRequest{}, nil) {
			<-ctx.Done()
		}
	}
	var failed error
	for _, err := range testingpb.NewTestServiceStub(conn).FullDuplexCall(ctx, in) {
		failed = err
	}
	if farcall.CodeOf(failed) != farcall.DeadlineExceeded {
		t.Errorf("the caller got %v", failed)
	}
	wait(t, begun)
	// Whether the handler hears first of its own clock or of the client's reset is open.
	if end := wait(t, over); !end.timed || end.deadline > timeout || end.cause == nil {
		t.Errorf("the handler's end was %+v", end)
	}
}
