// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/server"
)

// everyProtocol is what a client may speak to a port, by each version of HTTP that it can speak it over.
var everyProtocol = map[string]client.Options{
	"gRPC":                   {},
	"gRPC-Web":               {Protocol: client.GRPCWeb},
	"gRPC-Web over HTTP/1.1": {Protocol: client.GRPCWeb, HTTP1: true},
	"Connect":                {Protocol: client.Connect},
	"Connect over HTTP/1.1":  {Protocol: client.Connect, HTTP1: true},
	"Connect in JSON":        {Protocol: client.Connect, Codec: codec.JSON},
}

// inEveryProtocol runs a test for a call of a unary method and for one with streams in each protocol.
func inEveryProtocol(t *testing.T, test func(t *testing.T, options client.Options, method *farcall.Method)) {
	for name, options := range everyProtocol {
		for _, method := range []*farcall.Method{say, chat} {
			t.Run(name+"/"+method.Name(), func(t *testing.T) { test(t, options, method) })
		}
	}
}

// exchangeTexts makes a call of any kind that sends texts, and returns what came back.
func exchangeTexts(ctx context.Context, conn *client.Conn, method *farcall.Method, texts ...string) (answers []string, err error) {
	err = conn.Stream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
		for _, text := range texts {
			if err := stream.Send(wrapperspb.String(text)); err != nil {
				break // Receive says why
			}
		}
		if err := stream.CloseSend(); err != nil && err != io.EOF {
			return err
		}
		for {
			message := new(wrapperspb.StringValue)
			if err := stream.Receive(message); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			answers = append(answers, message.GetValue())
		}
	})
	return answers, err
}

// echo answers each request with the same, whatever the kind of the method.
func echo(_ context.Context, stream farcall.Stream) error {
	for {
		message := new(wrapperspb.StringValue)
		if err := stream.Receive(message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
}

func TestMessageLimitInEveryProtocol(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, options client.Options, method *farcall.Method) {
		conn := dialWith(t, run(t, register(method, echo, server.Options{MaxReceiveBytes: 100})), options)
		fits := strings.Repeat("x", 90)
		if got, err := exchangeTexts(t.Context(), conn, method, fits); err != nil || len(got) != 1 || got[0] != fits {
			t.Errorf("a message that fits: %q, %v", got, err)
		}
		_, err := exchangeTexts(t.Context(), conn, method, strings.Repeat("x", 101))
		if farcall.CodeOf(err) != farcall.ResourceExhausted || !strings.Contains(err.Error(), "100") {
			t.Errorf("a message that does not: %v", err)
		}
	})
}

// The handler has the client's deadline, and the client its answer when that has passed, whatever the handler does.
func TestDeadlineInEveryProtocol(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, options client.Options, method *farcall.Method) {
		ended, release := make(chan error, 1), make(chan struct{})
		defer close(release)
		conn := dialWith(t, run(t, register(method, func(ctx context.Context, _ farcall.Stream) error {
			if _, ok := ctx.Deadline(); !ok {
				ended <- fmt.Errorf("there is no deadline")
			}
			<-ctx.Done()
			ended <- ctx.Err()
			<-release
			return nil
		}, server.Options{})), options)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := exchangeTexts(ctx, conn, method, "x"); farcall.CodeOf(err) != farcall.DeadlineExceeded {
			t.Errorf("the call: %v", err)
		}
		if err := <-ended; err != context.DeadlineExceeded && err != context.Canceled { // the client may have gone a moment before
			t.Errorf("the handler's context: %v", err)
		}
	})
}

// Shutdown in the middle of a call lets it come to its end, messages of streams included.
func TestDrainInEveryProtocol(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, options client.Options, method *farcall.Method) {
		told, entered := make(chan struct{}), make(chan struct{})
		srv := register(method, func(_ context.Context, stream farcall.Stream) error {
			message := new(wrapperspb.StringValue)
			if err := stream.Receive(message); err != nil {
				return err
			}
			if method.Kind.ReturnsStream() {
				if err := stream.Send(wrapperspb.String("before")); err != nil {
					return err
				}
			}
			close(entered)
			<-told
			return stream.Send(message)
		}, server.Options{})
		srv.OnShutdown(func() { close(told) })
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served, shut := make(chan error, 1), make(chan error, 1)
		go func() { served <- srv.Serve(listener) }()
		conn := dialWith(t, listener.Addr().String(), options)
		go func() {
			<-entered
			shut <- srv.Shutdown(context.Background())
		}()
		want := []string{"x"}
		if method.Kind.ReturnsStream() {
			want = []string{"before", "x"}
		}
		if got, err := exchangeTexts(t.Context(), conn, method, "x"); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
		if err := <-shut; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if _, err := exchangeTexts(t.Context(), conn, method, "x"); farcall.CodeOf(err) != farcall.Unavailable {
			t.Errorf("a call afterwards: %v", err)
		}
	})
}

// A call on an old connection has its grace, and not more.
func TestConnectionAgeInEveryProtocol(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, options client.Options, method *farcall.Method) {
		told := make(chan error, 1)
		conn := dialWith(t, run(t, register(method, func(ctx context.Context, _ farcall.Stream) error {
			<-ctx.Done()
			told <- ctx.Err()
			return ctx.Err()
		}, server.Options{MaxConnectionAge: 50 * time.Millisecond, MaxConnectionAgeGrace: 20 * time.Millisecond})), options)
		if _, err := exchangeTexts(t.Context(), conn, method, "x"); farcall.CodeOf(err) != farcall.Unavailable {
			t.Errorf("the call: %v", err)
		}
		if err := <-told; err != context.Canceled {
			t.Errorf("the handler's context: %v", err)
		}
	})
}

// mutable is a connection whose peer can be made to hear nothing more.
type mutable struct {
	net.Conn
	muted atomic.Bool
}

func (m *mutable) Write(b []byte) (int, error) {
	if m.muted.Load() {
		return len(b), nil
	}
	return m.Conn.Write(b)
}

// A client that answers no ping is not there, whatever call it had made. HTTP/1.1 has no pings.
func TestKeepaliveInEveryProtocol(t *testing.T) {
	inEveryProtocol(t, func(t *testing.T, options client.Options, method *farcall.Method) {
		if options.HTTP1 {
			return
		}
		t.Parallel()
		entered, told := make(chan struct{}), make(chan error, 1)
		address := run(t, register(method, func(ctx context.Context, _ farcall.Stream) error {
			close(entered)
			<-ctx.Done()
			told <- ctx.Err()
			return ctx.Err()
		}, server.Options{Keepalive: server.Keepalive{Interval: 5 * time.Millisecond, Timeout: time.Second}}))
		options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			silent := &mutable{Conn: nc}
			go func() { // ends with the call
				<-entered
				silent.muted.Store(true)
			}()
			return silent, nil
		}
		if _, err := exchangeTexts(t.Context(), dialWith(t, address, options), method, "x"); farcall.CodeOf(err) != farcall.Unavailable {
			t.Errorf("the call: %v", err)
		}
		if err := <-told; err != context.Canceled {
			t.Errorf("the handler's context: %v", err)
		}
	})
}

// witness is an interceptor that writes down all that it sees.
type witness struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

func (w *witness) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return lines
}

// witnessed is a stream that a witness looks at.
type witnessed struct {
	farcall.Stream
	witness *witness
}

func (s *witnessed) Receive(message any) error {
	err := s.Stream.Receive(message)
	s.witness.note("receives %v, %v", message.(*wrapperspb.StringValue).GetValue(), err)
	return err
}

func (s *witnessed) Send(message any) error {
	err := s.Stream.Send(message)
	s.witness.note("sends %v, %v", message.(*wrapperspb.StringValue).GetValue(), err)
	return err
}

func (w *witness) intercept(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
	w.note("%v %v, metadata %q", stream.Method().Path, stream.Method().Kind, stream.RequestHeader().Get("x-trace"))
	err := next(ctx, &witnessed{stream, w})
	w.note("header %q, trailer %q, %v %v", stream.ResponseHeader().Get("x-header"), stream.ResponseTrailer().Get("x-trailer"), farcall.CodeOf(err), err)
	return err
}

// An interceptor sees the same call in each protocol.
func TestInterceptorsInEveryProtocol(t *testing.T) {
	for _, method := range []*farcall.Method{say, chat} {
		var want []string
		for _, name := range slices.Sorted(maps.Keys(everyProtocol)) {
			w := &witness{}
			conn := dialWith(t, run(t, register(method, func(ctx context.Context, stream farcall.Stream) error {
				stream.ResponseHeader().Set("x-header", "h")
				stream.ResponseTrailer().Set("x-trailer", "t")
				message := new(wrapperspb.StringValue)
				if err := stream.Receive(message); err != nil {
					return err
				}
				if message.GetValue() == "fail" {
					return farcall.Errorf(farcall.NotFound, "as wanted")
				}
				return stream.Send(message)
			}, server.Options{Interceptors: []farcall.Interceptor{w.intercept}})), everyProtocol[name])
			ctx := farcall.WithMetadata(t.Context(), "x-trace", "7")
			for _, text := range []string{"x", "fail"} {
				_, err := exchangeTexts(ctx, conn, method, text)
				if want := map[string]farcall.Code{"x": farcall.OK, "fail": farcall.NotFound}[text]; farcall.CodeOf(err) != want {
					t.Errorf("%s: %v", name, err)
				}
			}
			conn.Close()
			got := w.take()
			if want == nil {
				want = got
			}
			if len(got) != 7 || !slices.Equal(got, want) {
				t.Errorf("%s, %s: the interceptor saw\n%s\nwant\n%s", name, method, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}
