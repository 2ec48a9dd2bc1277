// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// holder is a handler whose calls stay until they are let go.
type holder struct{ entered, leave chan struct{} }

func newHolder() *holder {
	return &holder{entered: make(chan struct{}, 100), leave: make(chan struct{})}
}

func (h *holder) say(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	h.entered <- struct{}{}
	select {
	case <-h.leave:
		return request, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type result struct {
	text string
	err  error
}

// background makes a call on a goroutine of its own.
func background(via farcall.Invoker) <-chan result {
	done := make(chan result, 1)
	go func() {
		text, err := call(context.Background(), via, "x")
		done <- result{text, err}
	}()
	return done
}

func TestShutdownWaitsForCalls(t *testing.T) {
	hold := newHolder()
	srv := register(say, farcall.HandleUnary(hold.say), server.Options{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	told := make(chan struct{})
	srv.OnShutdown(func() { close(told) })
	conn := dial(t, listener.Addr().String())
	remote, local := background(conn), background(srv.Local())
	<-hold.entered
	<-hold.entered
	silent, err := net.Dial("tcp", listener.Addr().String()) // asks for nothing: nobody waits for it
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()

	shut := make(chan error, 2)
	go func() { shut <- srv.Shutdown(context.Background()) }()
	go func() { shut <- srv.Shutdown(context.Background()) }()
	<-told
	select {
	case err := <-shut:
		t.Fatalf("Shutdown returned %v while calls are under way", err)
	case err := <-served:
		t.Fatalf("Serve returned %v while calls are under way", err)
	default:
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		// The kernel may have let one more in before the listener closed; it is closed then.
		t.Log("a connection came in between")
	}
	close(hold.leave)
	for _, done := range []<-chan result{remote, local} {
		if r := <-done; r.err != nil || r.text != "x" {
			t.Errorf("a call under way got %q, %v", r.text, r.err)
		}
	}
	for range 2 {
		if err := <-shut; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != farcall.Unavailable {
		t.Errorf("a call after Shutdown: %v", err)
	}
	if err := srv.Serve(listener); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
	late := false
	if srv.OnShutdown(func() { late = true }); !late {
		t.Error("OnShutdown after Shutdown was not called")
	}
}

func TestShutdownCutsOffWhenItsContextEnds(t *testing.T) {
	hold := newHolder()
	srv := register(say, farcall.HandleUnary(hold.say), server.Options{})
	conn := dial(t, run(t, srv))
	remote, local := background(conn), background(srv.Local())
	<-hold.entered
	<-hold.entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := srv.Shutdown(ctx)
	if farcall.CodeOf(err) != farcall.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if r := <-remote; farcall.CodeOf(r.err) != farcall.Unavailable && farcall.CodeOf(r.err) != farcall.Canceled {
		t.Errorf("the remote call: %v", r.err)
	}
	if r := <-local; farcall.CodeOf(r.err) != farcall.Canceled {
		t.Errorf("the local call: %v", r.err)
	}
}

func TestCloseBeforeServe(t *testing.T) {
	srv := server.New(server.Options{Logger: quiet})
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := srv.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := srv.ListenAndServe("127.0.0.1:0"); err != nil {
		t.Errorf("ListenAndServe: %v", err)
	}
}

func TestSeveralListeners(t *testing.T) {
	srv := register(say, farcall.HandleUnary(repeat), server.Options{})
	for range 2 {
		if got, err := call(t.Context(), dial(t, run(t, srv)), "x"); err != nil || got != "x" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if err := srv.ListenAndServe("no such address"); farcall.CodeOf(err) != farcall.Unavailable {
		t.Errorf("ListenAndServe: %v", err)
	}
}

// failing is a listener that fails now and then, and in the end for good.
type failing struct {
	net.Listener
	failures []error
}

type temporary struct{}

func (temporary) Error() string   { return "too many open files" }
func (temporary) Temporary() bool { return true }

func (l *failing) Accept() (net.Conn, error) {
	if len(l.failures) == 0 {
		return l.Listener.Accept()
	}
	err := l.failures[0]
	l.failures = l.failures[1:]
	return nil, err
}

func TestServeOutlastsTemporaryErrors(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := register(say, farcall.HandleUnary(repeat), server.Options{})
	defer srv.Close()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(&failing{listener, []error{temporary{}, temporary{}}}) }()
	if got, err := call(t.Context(), dial(t, listener.Addr().String()), "x"); err != nil || got != "x" {
		t.Errorf("got %q, %v", got, err)
	}
	broken := errors.New("broken")
	if err := srv.Serve(&failing{listener, []error{broken}}); !errors.Is(err, broken) {
		t.Errorf("a listener that fails for good: %v", err)
	}
	srv.Close()
	<-served
}

// A hook that does not return keeps neither Shutdown nor Close; the hooks behind it have their turn when it does.
func TestAHookThatHangs(t *testing.T) {
	for name, end := range map[string]func(*server.Server) error{
		"Shutdown": func(srv *server.Server) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			return srv.Shutdown(ctx)
		},
		"Close": (*server.Server).Close,
	} {
		t.Run(name, func(t *testing.T) {
			srv := register(say, farcall.HandleUnary(repeat), server.Options{})
			conn := dial(t, run(t, srv))
			if _, err := call(t.Context(), conn, "x"); err != nil {
				t.Fatal(err)
			}
			leave, second := make(chan struct{}), make(chan struct{})
			srv.OnShutdown(func() { <-leave })
			srv.OnShutdown(func() { close(second) })
			if err := end(srv); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != farcall.Unavailable {
				t.Errorf("a call afterwards: %v", err)
			}
			close(leave)
			<-second
		})
	}
}
