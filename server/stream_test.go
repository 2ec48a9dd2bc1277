// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/server"
)

// receiveAll reads requests until there are no more.
func receiveAll(stream farcall.Stream) (texts []string, err error) {
	for {
		request := new(wrapperspb.StringValue)
		if err := stream.Receive(request); err != nil {
			if err == io.EOF {
				err = nil
			}
			return texts, err
		}
		texts = append(texts, request.Value)
	}
}

func TestClientStreamingMethod(t *testing.T) {
	conn := raw(t, run(t, register(collect, func(_ context.Context, stream farcall.Stream) error {
		texts, err := receiveAll(stream)
		if err != nil {
			return err
		}
		if again := stream.Receive(new(wrapperspb.StringValue)); again != io.EOF {
			return fmt.Errorf("the end does not stick: %v", again)
		}
		return stream.Send(wrapperspb.String(strings.Join(texts, "+")))
	}, server.Options{MaxReceiveBytes: 20})))
	head := requestHead(collect.Path)
	if a := ask(t, conn, head, join(message("a"), message(""), message("c"))); a.status() != "200 0" || !slices.Equal(a.messages, []string{"a++c"}) {
		t.Errorf("three messages: %+v", a)
	}
	if a := ask(t, conn, head, nil); a.status() != "200 0" || !slices.Equal(a.messages, []string{""}) {
		t.Errorf("no message: %+v", a)
	}
	compressed := message("x")
	compressed[0] = 1
	for status, body := range map[string][]byte{
		"200 13 the body ended inside a message": join(message("a"), message("hello")[:6]),
		"200 13 the body ended inside":           join(message("a"), message("hello")[:3]),
		"200 8 received a message of 42 bytes":   message(strings.Repeat("x", 40)),
		"200 13 a message has the compressed":    compressed,
	} {
		if a := ask(t, conn, head, body); !strings.HasPrefix(a.status(), status) || len(a.messages) > 0 {
			t.Errorf("got %s\nwant %s", a.status(), status)
		}
	}
}

func TestServerStreamingMethod(t *testing.T) {
	conn := raw(t, run(t, register(count, func(_ context.Context, stream farcall.Stream) error {
		request := new(wrapperspb.StringValue)
		if err := stream.Receive(request); err != nil {
			return err
		}
		stream.ResponseHeader().Set("x-header", "1")
		for i := range len(request.Value) {
			if err := stream.Send(wrapperspb.String(request.Value[i : i+1])); err != nil {
				return err
			}
		}
		stream.ResponseTrailer().Set("x-trailer", "2")
		if request.Value == "fail" {
			return farcall.Errorf(farcall.Aborted, "after %d", len(request.Value))
		}
		return nil
	}, server.Options{})))
	head := requestHead(count.Path)
	for word, status := range map[string]string{"abc": "200 0", "": "200 0", "fail": "200 10 after 4"} {
		a := ask(t, conn, head, message(word))
		if a.status() != status || strings.Join(a.messages, "") != word || a.head.Get("x-header") != "1" || a.trailersOnly() {
			t.Errorf("%q: %s, %+v", word, a.status(), a)
		}
		if !slices.ContainsFunc(a.trailers, func(f field) bool { return f.Name == "x-trailer" && f.Value == "2" }) {
			t.Errorf("%q: trailers %v", word, a.trailers)
		}
	}
	if a := ask(t, conn, head, join(message("a"), message("b"))); !strings.HasPrefix(a.status(), "200 12 more than one message came") {
		t.Errorf("two requests: %s", a.status())
	}
}

func TestConversation(t *testing.T) {
	conn := raw(t, run(t, register(chat, func(_ context.Context, stream farcall.Stream) error {
		if err := stream.SendHeader(); err != nil {
			return err
		}
		if err := stream.SendHeader(); farcall.CodeOf(err) != farcall.FailedPrecondition {
			return fmt.Errorf("a second SendHeader: %v", err)
		}
		for {
			request := new(wrapperspb.StringValue)
			if err := stream.Receive(request); err == io.EOF {
				return stream.CloseSend()
			} else if err != nil {
				return err
			}
			if err := stream.Send(wrapperspb.String("to " + request.Value)); err != nil {
				return err
			}
		}
	}, server.Options{})))
	stream, err := conn.Open(t.Context(), requestHead(chat.Path), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Head(t.Context()); err != nil { // before anything was said
		t.Fatal(err)
	}
	for _, word := range []string{"a", "b", strings.Repeat("c", 40000)} {
		if err := stream.Send(t.Context(), message(word), false); err != nil {
			t.Fatal(err)
		}
		if got, err := receiveOne(t.Context(), stream); err != nil || got != "to "+word {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	}
	if err := stream.Send(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, stream); a.status() != "200 0" || len(a.messages) != 0 {
		t.Errorf("the end: %+v", a)
	}
}

func TestHandlerMayReturnWithoutDraining(t *testing.T) {
	conn := raw(t, run(t, register(chat, func(_ context.Context, stream farcall.Stream) error {
		if err := stream.Receive(new(wrapperspb.StringValue)); err != nil {
			return err
		}
		return stream.Send(wrapperspb.String("enough"))
	}, server.Options{})))
	stream, err := conn.Open(t.Context(), requestHead(chat.Path), message("first"), false)
	if err != nil {
		t.Fatal(err)
	}
	if a := receive(t, stream); a.status() != "200 0" || !slices.Equal(a.messages, []string{"enough"}) {
		t.Errorf("got %+v", a)
	}
}

func TestStreamAfterItsEnd(t *testing.T) {
	kept := make(chan farcall.Stream, 1)
	conn := raw(t, run(t, register(chat, func(_ context.Context, stream farcall.Stream) error {
		kept <- stream
		return nil
	}, server.Options{})))
	if a := ask(t, conn, requestHead(chat.Path), message("x")); a.status() != "200 0" {
		t.Fatalf("got %s", a.status())
	}
	stream := <-kept
	if err := stream.Send(wrapperspb.String("late")); err == nil {
		t.Error("Send works after the end")
	}
	if err := stream.SendHeader(); err == nil {
		t.Error("SendHeader works after the end")
	}
	if err := stream.Receive(new(wrapperspb.StringValue)); err == nil {
		t.Error("Receive works after the end")
	}
}

func TestOverdueEndsStreams(t *testing.T) {
	handlers := map[string]farcall.Handler{
		"waiting for requests": func(_ context.Context, stream farcall.Stream) error {
			_, err := receiveAll(stream)
			return err
		},
		"waiting after the head": func(ctx context.Context, stream farcall.Stream) error {
			if err := stream.Send(wrapperspb.String("first")); err != nil {
				return err
			}
			<-ctx.Done()
			return stream.Send(wrapperspb.String("late"))
		},
		"waiting for credit": func(_ context.Context, stream farcall.Stream) error {
			for {
				if err := stream.Send(wrapperspb.String(strings.Repeat("x", 10000))); err != nil {
					return err
				}
			}
		},
	}
	for name, handler := range handlers {
		returned := make(chan error, 1)
		conn := raw(t, run(t, register(chat, func(ctx context.Context, stream farcall.Stream) error {
			err := handler(ctx, stream)
			returned <- err
			return err
		}, server.Options{})))
		stream, err := conn.Open(t.Context(), requestHead(chat.Path, "grpc-timeout", "30m"), nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := <-returned; farcall.CodeOf(err) != farcall.DeadlineExceeded {
			t.Errorf("%s: the handler got %v", name, err)
		}
		if name == "waiting for credit" { // no trailers are possible: what is queued comes first
			stream.Close()
			continue
		}
		if a := receive(t, stream); !strings.HasPrefix(a.status(), "200 4 ") {
			t.Errorf("%s: the client got %s", name, a.status())
		}
	}
}

func TestPeerThatGoesAwayEndsStreams(t *testing.T) {
	returned, entered := make(chan error, 1), make(chan struct{})
	conn := raw(t, run(t, register(chat, func(_ context.Context, stream farcall.Stream) error {
		close(entered)
		_, err := receiveAll(stream)
		returned <- errors.Join(err, stream.Send(wrapperspb.String("x")))
		return err
	}, server.Options{})))
	stream, err := conn.Open(t.Context(), requestHead(chat.Path), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	stream.Reset(frame.Cancel)
	if err := <-returned; farcall.CodeOf(err) != farcall.Canceled {
		t.Errorf("the handler got %v", err)
	}
}

func TestOneSendsWhileAnotherReceives(t *testing.T) {
	const messages = 500
	conn := raw(t, run(t, register(chat, func(_ context.Context, stream farcall.Stream) error {
		var sending sync.WaitGroup
		sending.Go(func() {
			for i := range messages {
				if err := stream.Send(wrapperspb.String(fmt.Sprint(i))); err != nil {
					t.Errorf("Send: %v", err)
					return
				}
			}
		})
		texts, err := receiveAll(stream)
		sending.Wait()
		if len(texts) != messages {
			t.Errorf("the handler received %d messages", len(texts))
		}
		return err
	}, server.Options{})))
	stream, err := conn.Open(t.Context(), requestHead(chat.Path), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range messages {
			if err := stream.Send(t.Context(), message(fmt.Sprint(i)), i == messages-1); err != nil {
				t.Errorf("Send: %v", err)
				return
			}
		}
	})
	a := receive(t, stream)
	sending.Wait()
	if len(a.messages) != messages || a.messages[messages-1] != fmt.Sprint(messages-1) || a.status() != "200 0" {
		t.Errorf("the client received %d messages, %s", len(a.messages), a.status())
	}
}
