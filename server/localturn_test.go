// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"io"
	"runtime"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// TestLocalStreamsLetOthersRun: the ends of a stream in this process wake each other, and would hand the processor to and fro
// for whole time slices. Here they have one processor, and somebody else wants it too.
func TestLocalStreamsLetOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const messages = 6400
	srv := register(collect, func(_ context.Context, stream farcall.Stream) error {
		message := new(wrapperspb.StringValue)
		for {
			switch err := stream.Receive(message); err {
			case nil:
			case io.EOF:
				return stream.Send(message)
			default:
				return err
			}
		}
	}, server.Options{})
	defer srv.Close()
	over, turns := make(chan struct{}), atomic.Int64{}
	defer func() { <-over }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			turns.Add(1)
			runtime.Gosched()
		}
	}()
	err := srv.Local().Stream(ctx, collect, func(_ context.Context, stream farcall.Stream) error {
		for range messages {
			if err := stream.Send(wrapperspb.String("x")); err != nil {
				return err
			}
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		return stream.Receive(new(wrapperspb.StringValue))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := turns.Load(); got < messages/100 {
		t.Errorf("somebody else had %d turns while %d messages passed", got, messages)
	}
}
