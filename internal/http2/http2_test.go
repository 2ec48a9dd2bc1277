// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// modes are the kinds of connection that every test runs over: the descriptor's own, and a wrapped one.
var modes = map[string]func(t *testing.T) (client, server net.Conn){
	"tcp":     func(t *testing.T) (net.Conn, net.Conn) { return dialPair(t, "tcp", "127.0.0.1:0") },
	"unix":    func(t *testing.T) (net.Conn, net.Conn) { return dialPair(t, "unix", filepath.Join(t.TempDir(), "s")) },
	"tls":     func(t *testing.T) (net.Conn, net.Conn) { return tlsPair(t) },
	"wrapped": func(t *testing.T) (net.Conn, net.Conn) { return net.Pipe() },
}

func dialPair(t *testing.T, network, address string) (client, server net.Conn) {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if client, err = net.Dial(network, listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func everyMode(t *testing.T, body func(t *testing.T, client, server net.Conn)) {
	for name, pair := range modes {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t)
			body(t, client, server)
		})
	}
}

// serveFunc is a Handler that runs a function for each request, on a goroutine of its own.
type serveFunc struct {
	serve   func(s *ServerStream)
	ended   func(s *ServerStream, err error)
	overdue func(s *ServerStream)
}

func (h serveFunc) Accept(s *ServerStream) {
	go func() {
		defer s.Release()
		h.serve(s)
	}()
}

func (h serveFunc) Ended(s *ServerStream, err error) {
	if h.ended != nil {
		h.ended(s, err)
	}
}

func (h serveFunc) Overdue(s *ServerStream) {
	if h.overdue != nil {
		h.overdue(s)
	}
}

// serve runs a server to its end, and returns why it has ended.
func serve(server *Conn) error {
	ended := make(chan error, 1)
	server.Serve(func(err error) { ended <- err })
	return <-ended
}

// connect runs a server and returns its client's and its own end. Both are closed, and waited for, at the test's end.
func connect(t *testing.T, clientEnd, serverEnd net.Conn, handler Handler, clientOptions, serverOptions Options) (client, server *Conn) {
	t.Helper()
	server = NewServer(serverEnd, handler, serverOptions)
	served := make(chan struct{})
	go server.Serve(func(error) { close(served) })
	client, err := NewClient(context.Background(), clientEnd, clientOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close(nil)
		server.Close(nil)
		<-served
	})
	return client, server
}

var postHead = exchange.Head{Fixed: &exchange.Fixed{Fields: []exchange.Field{
	{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "test"},
	{Name: ":path", Value: "/test.Echo/Say"}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
}}}

var okHead = exchange.Head{Fixed: &exchange.Fixed{Fields: []exchange.Field{
	{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"},
}}}

var okTrailers = []exchange.Field{{Name: "grpc-status", Value: "0"}}

const plenty = 64 << 20

// echo answers with the request's body.
func echo(s *ServerStream) {
	if err := s.WantEnd(context.Background(), plenty); err != nil {
		return
	}
	body := bytes.Clone(s.Next(s.Buffered()))
	s.Answer(okHead, body, okTrailers)
}

// call makes one request and returns the answer's body.
func call(ctx context.Context, c *Conn, head exchange.Head, body []byte) ([]byte, error) {
	s, err := c.Open(ctx, head, body, true)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.WantEnd(ctx, plenty); err != nil {
		return nil, err
	}
	answer := bytes.Clone(s.Next(s.Buffered()))
	if got, err := s.Head(ctx); err != nil || got.Get(":status") != "200" {
		return nil, fmt.Errorf("head %v, %v", got, err)
	}
	if trailers := s.Trailers(); len(trailers) != 1 || trailers[0].Value != "0" {
		return nil, fmt.Errorf("trailers %v", trailers)
	}
	return answer, nil
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 31 >> 3)
	}
	return b
}

func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestBodiesOfEverySize(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
		for _, size := range []int{0, 1, 5, 4096, 4097, 16384, 65535, 65536, streamWindow, streamWindow + 1, connectionWindow + 77777, 9 << 20} {
			body := pattern(size)
			got, err := call(withTimeout(t), client, postHead, body)
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if !bytes.Equal(got, body) {
				t.Fatalf("%d bytes: the answer differs (%d bytes)", size, len(got))
			}
		}
		if n := client.Active(); n != 0 {
			t.Errorf("%d streams left in the table", n)
		}
	})
}

// Bytes that arrive while the consumer is between two waits must earn credit as well, or the sender stalls for good.
func TestLargeBodiesNeverStall(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
		body := pattern(1 << 20)
		for range 40 {
			if got, err := call(withTimeout(t), client, postHead, body); err != nil || len(got) != len(body) {
				t.Fatal(len(got), err)
			}
		}
	})
}

func TestManyCallsAtOnce(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
		ctx := withTimeout(t)
		var wait sync.WaitGroup
		for worker := range 32 {
			wait.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(worker)))
				for range 60 {
					size := random.IntN(300)
					if random.IntN(20) == 0 {
						size = random.IntN(400 << 10)
					}
					body := pattern(size)
					head := postHead
					head.Fields = []exchange.Field{{Name: "x-number", Value: fmt.Sprint(random.IntN(1000))}}
					got, err := call(ctx, client, head, body)
					if err != nil || !bytes.Equal(got, body) {
						t.Errorf("%d bytes: %v", size, err)
						return
					}
				}
			})
		}
		wait.Wait()
		if client.Active() != 0 || server.Active() != 0 {
			t.Errorf("streams left: %d and %d", client.Active(), server.Active())
		}
		if used := server.options.Budget.Used(); used != 0 {
			t.Errorf("%d bytes left in the server's budget", used)
		}
	})
}

func TestStreamingBothWays(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: func(s *ServerStream) {
			s.Start(okHead)
			for {
				if err := s.Want(context.Background(), 1000); err != nil {
					break
				}
				s.Send(bytes.Clone(s.Next(1000)))
			}
			s.Finish(okTrailers)
		}}, Options{}, Options{})
		ctx := withTimeout(t)
		s, err := client.Open(ctx, postHead, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		sent := pattern(1000)
		for range 2000 {
			if err := s.Send(ctx, sent, false); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 1000)
			if n, err := s.Into(ctx, got); n != 1000 || err != nil {
				t.Fatal(n, err)
			}
			if !bytes.Equal(got, sent) {
				t.Fatal("the echo differs")
			}
		}
		if err := s.Send(ctx, nil, true); err != nil {
			t.Fatal(err)
		}
		if err := s.Want(ctx, 1); err != io.EOF {
			t.Fatalf("after the last: %v", err)
		}
	})
}

func TestIntoFillsAcrossFramesAndReportsTheEnd(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
		ctx := withTimeout(t)
		body := pattern(1 << 20)
		s, err := client.Open(ctx, postHead, body, true)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		got := make([]byte, len(body)+10)
		n, err := s.Into(ctx, got)
		if n != len(body) || err != io.EOF || !bytes.Equal(got[:n], body) {
			t.Fatalf("%d bytes, %v", n, err)
		}
	})
}

func TestNextStaysValidWhileMoreArrives(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	proceed := make(chan struct{})
	client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: func(s *ServerStream) {
		s.Start(okHead)
		s.Send(pattern(100))
		<-proceed
		s.Send(make([]byte, 100_000))
		s.Finish(okTrailers)
	}}, Options{}, Options{})
	ctx := withTimeout(t)
	s, err := client.Open(ctx, postHead, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Want(ctx, 100); err != nil {
		t.Fatal(err)
	}
	view := s.Next(100)
	close(proceed)
	for s.Buffered() < 100_000 { // bounded by the test's own timeout
		time.Sleep(time.Millisecond)
	}
	if !bytes.Equal(view, pattern(100)) {
		t.Error("what Next returned was overwritten by what came later")
	}
}

func TestCancelReachesTheHandler(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		started, ended := make(chan struct{}), make(chan error, 1)
		waited, told := make(chan error, 1), make(chan struct{})
		client, server := connect(t, clientEnd, serverEnd, serveFunc{
			serve: func(s *ServerStream) {
				close(started)
				waited <- s.Want(context.Background(), 1)
				<-told // a handler that has ended is told nothing
			},
			ended: func(s *ServerStream, err error) { ended <- err },
		}, Options{}, Options{})
		ctx, cancel := context.WithCancel(withTimeout(t))
		s, err := client.Open(ctx, postHead, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		<-started
		cancel()
		if err := s.WantEnd(ctx, plenty); !errors.Is(err, context.Canceled) {
			t.Fatalf("WantEnd: %v", err)
		}
		s.Close()
		var failure *Error
		if err := <-ended; !errors.As(err, &failure) || failure.Code != frame.Cancel || failure.Culprit != ByPeer {
			t.Errorf("the handler was told %v", err)
		}
		close(told)
		if err := <-waited; !errors.As(err, &failure) {
			t.Errorf("Want in the handler: %v", err)
		}
		if client.Active()+server.Active() != 0 {
			t.Error("the stream is still in a table")
		}
	})
}

func TestASilentServerDoesNotHoldACaller(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		block := make(chan struct{})
		defer close(block)
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: func(s *ServerStream) { <-block }}, Options{}, Options{})
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		// Larger than any window: Open itself must wait, and end by ctx.
		if _, err := client.Open(ctx, postHead, pattern(8<<20), true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Open: %v", err)
		}
	})
}

func TestDeadlineTellsTheHandlerOnce(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	release := make(chan struct{})
	var overdue atomic.Int32
	client, _ := connect(t, clientEnd, serverEnd, serveFunc{
		serve: func(s *ServerStream) {
			s.SetDeadline(time.Now().Add(5 * time.Millisecond))
			<-release
		},
		overdue: func(s *ServerStream) {
			overdue.Add(1)
			s.Answer(okHead, nil, []exchange.Field{{Name: "grpc-status", Value: "4"}})
		},
	}, Options{}, Options{})
	ctx := withTimeout(t)
	s, err := client.Open(ctx, postHead, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WantEnd(ctx, plenty); err != nil {
		t.Fatal(err)
	}
	if trailers := s.Trailers(); len(trailers) != 1 || trailers[0].Value != "4" {
		t.Errorf("trailers %v", trailers)
	}
	s.Close()
	close(release)
	if n := overdue.Load(); n != 1 {
		t.Errorf("Overdue was called %d times", n)
	}
}

func TestGoAwayFinishesWhatWasAccepted(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		accepted, proceed := make(chan struct{}), make(chan struct{})
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: func(s *ServerStream) {
			close(accepted)
			<-proceed
			echo(s)
		}}, Options{}, Options{})
		ctx := withTimeout(t)
		s, err := client.Open(ctx, postHead, []byte("hello"), true)
		if err != nil {
			t.Fatal(err)
		}
		<-accepted
		server.GoAway()
		for client.Available() { // bounded by ctx
			if ctx.Err() != nil {
				t.Fatal("the client was not told")
			}
			time.Sleep(time.Millisecond)
		}
		var failure *Error
		if _, err := client.Open(ctx, postHead, nil, true); !errors.As(err, &failure) || !failure.Unprocessed {
			t.Errorf("Open after GOAWAY: %v", err)
		}
		close(proceed)
		if err := s.WantEnd(ctx, plenty); err != nil {
			t.Errorf("the accepted call: %v", err)
		}
		s.Close()
		<-server.Done()
		<-client.Done()
	})
}

func TestLostConnectionFailsEveryCall(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		started, ended := make(chan struct{}), make(chan error, 1)
		client, _ := connect(t, clientEnd, serverEnd, serveFunc{
			serve: func(s *ServerStream) { close(started); <-ended },
			ended: func(s *ServerStream, err error) { ended <- err },
		}, Options{}, Options{})
		ctx := withTimeout(t)
		s, err := client.Open(ctx, postHead, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		<-started
		clientEnd.Close()
		var failure *Error
		if err := s.WantEnd(ctx, plenty); !errors.As(err, &failure) || failure.Scope != ConnectionScope {
			t.Errorf("the call: %v", err)
		}
		s.Close()
		if _, err := client.Open(ctx, postHead, nil, true); !errors.As(err, &failure) || !failure.Unprocessed {
			t.Errorf("Open on a dead connection: %v", err)
		}
	}) // the handler ends only when it is told; goleak would see it
}

func TestAPeerThatStopsReadingIsClosed(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	defer clientEnd.Close()
	server := NewServer(serverEnd, serveFunc{serve: func(s *ServerStream) {
		s.Start(okHead)
		for s.Send(make([]byte, 64<<10)) == nil {
		}
	}}, Options{StallTimeout: 50 * time.Millisecond})
	done := make(chan struct{})
	go func() { serve(server); close(done) }()
	peer := []byte(frame.Preface)
	peer = frame.AppendSettings(peer, frame.Setting{ID: frame.InitialWindowSize, Value: 1<<31 - 1})
	peer = frame.AppendWindowUpdate(peer, 0, 1<<30)
	block := []byte{0x83, 0x86, 0x84, 0x41, 1, 'x'} // POST, http, /, :authority x
	peer = frame.AppendHeaders(peer, 1, block, true, frame.SmallestMaxFrame)
	if _, err := clientEnd.Write(peer); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the server still writes to a peer that reads nothing")
	}
	if err := server.Err(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection ended with %v", err)
	}
}

func TestIdleReaderHoldsNoBuffer(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
	for range 3 * hotReads { // enough to make both readers hot
		if _, err := call(withTimeout(t), client, postHead, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*Conn{client, server} {
		deadline := time.Now().Add(20 * time.Second)
		for c.reader.holds.Load() {
			if time.Now().After(deadline) {
				t.Fatal("the reader still holds its buffer")
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	if _, err := call(withTimeout(t), client, postHead, []byte("warm again")); err != nil {
		t.Fatal(err)
	}
}
