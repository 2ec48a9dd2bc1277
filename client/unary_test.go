// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

func TestUnaryCall(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{})
	for _, word := range []string{"hello", "", "again", strings.Repeat("x", 3<<20)} {
		got, err := call(t.Context(), conn, word)
		if err != nil || got != word {
			t.Fatalf("%d bytes: got %d bytes, %v", len(word), len(got), err)
		}
	}
}

func TestManyCallsAtATime(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{})
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			for j := range 50 {
				word := fmt.Sprintf("%d/%d %s", i, j, strings.Repeat("y", i*j))
				if got, err := call(t.Context(), conn, word); err != nil || got != word {
					t.Errorf("call %d/%d: got %d bytes, %v", i, j, len(got), err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestErrorsCrossTheWireWithoutTheirCause(t *testing.T) {
	secret := errors.New("cause")
	answers := map[string]error{
		"detailed": farcall.NewError(farcall.InvalidArgument, "100 % wrong: ü", &errdetails.ErrorInfo{Reason: "R", Domain: "D"}),
		"bare":     farcall.NotFound,
		"caused":   farcall.Errorf(farcall.Aborted, "with %w", secret),
		"foreign":  errors.New("some text"),
		"deadline": context.DeadlineExceeded,
	}
	conn := dial(t, serveTCP(t, server.Options{}, func(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		return request, answers[request.Value] // with both the error wins
	}), client.Options{})
	for name, want := range map[string]string{
		"detailed": "INVALID_ARGUMENT: 100 % wrong: ü",
		"bare":     "NOT_FOUND",
		"caused":   "ABORTED: with cause",
		"foreign":  "UNKNOWN: some text",
		"deadline": "DEADLINE_EXCEEDED: context deadline exceeded",
	} {
		got, err := call(t.Context(), conn, name)
		var own *farcall.Error
		if !errors.As(err, &own) || err.Error() != want || own.Unwrap() != nil || got != "" {
			t.Errorf("%s: got %q, %v (cause %v), want %s", name, got, err, errors.Unwrap(err), want)
		}
	}
	_, err := call(t.Context(), conn, "detailed")
	if info, ok := farcall.Detail[*errdetails.ErrorInfo](err); !ok || info.Reason != "R" || info.Domain != "D" {
		t.Errorf("the detail did not arrive: %v", info)
	}
	if _, err := call(t.Context(), conn, "deadline"); errors.Is(err, context.DeadlineExceeded) {
		t.Error("a remote DEADLINE_EXCEEDED claims to be the caller's own")
	}
}

func TestMetadataBothWays(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		incoming := farcall.IncomingCall(ctx)
		for key, value := range incoming.RequestHeader().All() {
			if strings.HasPrefix(key, "x-") {
				incoming.ResponseHeader().Add(key, value)
				incoming.ResponseTrailer().Add(key+"", value+value)
			}
		}
		if request.Value == "fail" {
			return nil, farcall.NotFound
		}
		return request, nil
	}), client.Options{})
	for _, word := range []string{"succeed", "fail"} {
		sent := farcall.WithMetadata(t.Context(), "X-One", "1", "x-two-bin", "\x00\xff", "x-one", "2")
		ctx, collected := farcall.NewCall(sent)
		if _, err := call(ctx, conn, word); (err != nil) != (word == "fail") {
			t.Fatalf("%s: %v", word, err)
		}
		header, trailer := collected.ResponseHeader(), collected.ResponseTrailer()
		if got := fmt.Sprintf("%q %q", header.Values("x-one"), header.Values("x-two-bin")); got != `["1" "2"] ["\x00\xff"]` {
			t.Errorf("%s: header %s", word, got)
		}
		if got := fmt.Sprintf("%q %q", trailer.Values("x-one"), trailer.Values("x-two-bin")); got != `["11" "22"] ["\x00\xff\x00\xff"]` {
			t.Errorf("%s: trailer %s", word, got)
		}
		if collected.Method() != say || collected.Peer().Address == nil || collected.RequestHeader().Get("x-one") != "1" {
			t.Errorf("%s: the Call was not filled: %v %v", word, collected.Method(), collected.Peer())
		}
		if _, err := call(ctx, conn, word); farcall.CodeOf(err) != farcall.FailedPrecondition {
			t.Errorf("%s: a second call with the Call: %v", word, err)
		}
	}
	for key, value := range map[string]string{"grpc-own": "1", "bad key": "1", "x-text": "ü"} {
		if _, err := call(farcall.WithMetadata(t.Context(), key, value), conn, "x"); farcall.CodeOf(err) != farcall.Internal || !strings.Contains(err.Error(), key) {
			t.Errorf("metadata %q=%q: %v", key, value, err)
		}
	}
}

func TestRawInThePlaceOfMessages(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{})
	encoded, err := proto.Marshal(wrapperspb.String("raw"))
	if err != nil {
		t.Fatal(err)
	}
	released := 0
	request := &farcall.Raw{Data: encoded, Release: func() { released++ }}
	var response farcall.Raw
	if err := conn.Invoke(t.Context(), say, request, &response); err != nil || string(response.Data) != string(encoded) {
		t.Errorf("got % x, %v", response.Data, err)
	}
	response.Done()
	if released != 1 {
		t.Errorf("the request was released %d times", released)
	}
	released = 0
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_ = conn.Invoke(ended, say, &farcall.Raw{Data: encoded, Release: func() { released++ }}, &response)
	streaming := &farcall.Method{Path: "/test.v1.Echo/Chat", Kind: farcall.KindBidi}
	err = conn.Invoke(t.Context(), streaming, &farcall.Raw{Data: encoded, Release: func() { released++ }}, &response)
	if farcall.CodeOf(err) != farcall.Internal || released != 2 {
		t.Errorf("two calls that cannot be made released %d requests; the second's error: %v", released, err)
	}
}

func TestDeadlineCrossesTheWire(t *testing.T) {
	remaining := make(chan time.Duration, 1)
	conn := dial(t, serveTCP(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			deadline = time.Time{}
		}
		remaining <- time.Until(deadline)
		return request, nil
	}), client.Options{})
	if _, err := call(t.Context(), conn, "x"); err != nil {
		t.Fatal(err)
	}
	if left := <-remaining; left > 0 {
		t.Errorf("a call without a deadline has %v left", left)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := call(ctx, conn, "x"); err != nil {
		t.Fatal(err)
	}
	if left := <-remaining; left <= 59*time.Minute || left > time.Hour+time.Minute {
		t.Errorf("of an hour the handler sees %v", left)
	}
}

func TestOwnDeadlineAndOwnCancel(t *testing.T) {
	ended := make(chan error, 1)
	conn := dial(t, serveTCP(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if request.Value == "wait" {
			<-ctx.Done()
			ended <- ctx.Err()
		}
		return request, nil
	}), client.Options{})
	if _, err := call(t.Context(), conn, "connect"); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := call(ctx, conn, "wait")
	if farcall.CodeOf(err) != farcall.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	if got := <-ended; got == nil {
		t.Error("the handler's context did not end")
	}

	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, stop)
	_, err = call(ctx, conn, "wait")
	if farcall.CodeOf(err) != farcall.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("cancel: %v", err)
	}
	if got := <-ended; got != context.Canceled {
		t.Errorf("the handler saw %v", got)
	}

	_, err = call(ctx, conn, "late") // ctx has ended
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "before it was sent") {
		t.Errorf("a call with an ended context: %v", err)
	}
	if got, err := call(t.Context(), conn, "alive"); err != nil || got != "alive" {
		t.Errorf("the connection does not live on: %v", err)
	}
}

func TestResponseAboveTheLimit(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{MaxReceiveBytes: 100})
	if _, err := call(t.Context(), conn, strings.Repeat("x", 98)); err != nil {
		t.Errorf("100 bytes: %v", err)
	}
	for _, size := range []int{99, 1 << 20} {
		_, err := call(t.Context(), conn, strings.Repeat("x", size))
		if farcall.CodeOf(err) != farcall.ResourceExhausted || !strings.Contains(err.Error(), "MaxReceiveBytes") {
			t.Errorf("%d bytes: %v", size+2, err)
		}
	}
	if got, err := call(t.Context(), conn, "small"); err != nil || got != "small" {
		t.Errorf("the connection does not live on: %v", err)
	}
}

func TestMessagesThatCannotBeEncoded(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{})
	response := new(wrapperspb.StringValue)
	for name, request := range map[string]any{"nil": nil, "nil message": (*wrapperspb.StringValue)(nil), "no message": 7, "UTF-8": wrapperspb.String("\xff")} {
		if err := conn.Invoke(t.Context(), say, request, response); farcall.CodeOf(err) != farcall.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := conn.Invoke(t.Context(), say, wrapperspb.String("x"), "no message"); farcall.CodeOf(err) != farcall.Internal {
		t.Errorf("a response that is no message: %v", err)
	}
}

func TestCallsAfterCloseAreCancelled(t *testing.T) {
	entered := make(chan struct{})
	conn := dial(t, serveTCP(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		close(entered)
		<-ctx.Done()
		return request, nil
	}), client.Options{})
	running := make(chan error, 1)
	go func() {
		_, err := call(context.Background(), conn, "x")
		running <- err
	}()
	<-entered
	conn.Close()
	for name, err := range map[string]error{"running": <-running, "late": func() error { _, err := call(t.Context(), conn, "x"); return err }()} {
		if farcall.CodeOf(err) != farcall.Canceled || !strings.Contains(err.Error(), "closed") || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
