// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall"
)

// agingServer is a server of one method, which waits for as long as it is told, with connections that would be there for ever.
// It returns one of them, and how the server sees it.
func agingServer(t *testing.T, grace time.Duration, method farcall.Handler) (net.Conn, func() *aging) {
	t.Helper()
	srv := New(Options{MaxConnectionAge: time.Hour, MaxConnectionAgeGrace: grace})
	srv.Register(&farcall.Method{Path: "/a.v1.S/Do"}, method)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() { srv.Close(); <-served })
	nc, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return nc, func() (only *aging) {
		http1 := &srv.edge.http1
		http1.ages.connections.Range(func(_, value any) bool { only = value.(*aging); return true })
		if only != nil {
			return only
		}
		http1.lanes.mu.Lock()
		defer http1.lanes.mu.Unlock()
		for lane := range http1.lanes.open {
			return lane.aging
		}
		return nil
	}
}

// agingCall is a call that the method refuses, and what the answer has then.
type agingCall struct{ contentType, refusal string }

// agingCalls are those that a lane has, and net/http.
var agingCalls = map[string]agingCall{
	"lane":     {"application/proto", `"permission_denied"`},
	"net/http": {"application/grpc-web+proto", "grpc-status: 7"},
}

func (c agingCall) send(t *testing.T, nc net.Conn) {
	t.Helper()
	if _, err := io.WriteString(nc, "POST /a.v1.S/Do HTTP/1.1\r\nhost: x\r\ncontent-type: "+c.contentType+"\r\ncontent-length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

// ask sends the call and returns the answer.
func (c agingCall) ask(t *testing.T, nc net.Conn, in *bufio.Reader) *http.Response {
	t.Helper()
	c.send(t, nc)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), c.refusal) {
		t.Fatalf("%q, %v", body, err)
	}
	return answer
}

func TestOldConnectionsOverHTTP1End(t *testing.T) {
	for who, call := range agingCalls {
		t.Run(who, func(t *testing.T) { testAging(t, call, who == "net/http") })
	}
}

func testAging(t *testing.T, call agingCall, streams bool) {
	refuse := func(context.Context, farcall.Stream) error { return farcall.PermissionDenied }
	t.Run("idle", func(t *testing.T) {
		nc, connection := agingServer(t, 0, refuse)
		in := bufio.NewReader(nc)
		for range 2 {
			if answer := call.ask(t, nc, in); answer.Close {
				t.Error("the connection is to be closed, and is not old")
			}
		}
		connection().grow()
		if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
			t.Errorf("%q, %v", rest, err)
		}
	})
	t.Run("with a request", func(t *testing.T) {
		var nc net.Conn
		var connection func() *aging
		nc, connection = agingServer(t, 0, func(context.Context, farcall.Stream) error {
			connection().grow()
			return farcall.PermissionDenied
		})
		in := bufio.NewReader(nc)
		if answer := call.ask(t, nc, in); !answer.Close {
			t.Error("the answer does not say that it is the last")
		}
		if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
			t.Errorf("%q, %v", rest, err)
		}
	})
	t.Run("with an answer that has begun", func(t *testing.T) {
		if !streams {
			return
		}
		var nc net.Conn
		var connection func() *aging
		nc, connection = agingServer(t, 0, func(_ context.Context, stream farcall.Stream) error {
			if err := stream.SendHeader(); err != nil {
				return err
			}
			connection().grow()
			return farcall.PermissionDenied
		})
		in := bufio.NewReader(nc)
		call.ask(t, nc, in)
		if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
			t.Errorf("%q, %v", rest, err)
		}
	})
	t.Run("with a request that does not end", func(t *testing.T) {
		told := make(chan error, 1)
		var nc net.Conn
		var connection func() *aging
		nc, connection = agingServer(t, time.Millisecond, func(ctx context.Context, _ farcall.Stream) error {
			connection().grow()
			<-ctx.Done()
			told <- ctx.Err()
			return ctx.Err()
		})
		call.send(t, nc)
		if rest, _ := io.ReadAll(nc); strings.Contains(string(rest), "200 OK") {
			t.Errorf("answered with %q", rest)
		}
		if err := <-told; err != context.Canceled {
			t.Errorf("the handler's context: %v", err)
		}
	})
}
