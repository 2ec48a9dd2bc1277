// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// TestGoAwayBeforeServe lets a server go away before it serves: SETTINGS come first all the same (RFC 9113 section 3.4).
func TestGoAwayBeforeServe(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		server := NewServer(serverEnd, acceptFunc(nil), Options{})
		go server.GoAway()
		peer := newScripted(t, clientEnd)
		h, _, err := peer.next()
		if err != nil || h.Type != frame.Settings {
			t.Errorf("the first frame is %v, %v", h.Type, err)
		}
		server.Close(nil)
	})
}

// TestTheLastAnswerArrivesWhole lets a client that reads slowly send something when the server has written everything and
// goes away. Had the server closed its socket, what the kernel still holds for the client would be lost.
func TestTheLastAnswerArrivesWhole(t *testing.T) {
	for _, mode := range []string{"tcp", "tls"} {
		t.Run(mode, func(t *testing.T) {
			clientEnd, serverEnd := modes[mode](t)
			peer := newScripted(t, clientEnd)
			body := pattern(300_000)
			server := NewServer(serverEnd, serveFunc{serve: func(s *ServerStream) { s.Answer(okHead, body, okTrailers) }}, Options{})
			done := make(chan struct{})
			go func() { serve(server); close(done) }()
			t.Cleanup(func() { server.Close(nil); <-done })
			if tcp, ok := clientEnd.(*net.TCPConn); ok {
				tcp.SetReadBuffer(16 << 10)
			}
			peer.send(join([]byte(frame.Preface), frame.AppendSettings(nil, frame.Setting{ID: frame.InitialWindowSize, Value: 1 << 20}),
				frame.AppendWindowUpdate(nil, 0, 1<<20), headers(1, getBlock, true)))
			for h, _, err := peer.next(); h.Type != frame.Data; h, _, err = peer.next() {
				if err != nil {
					t.Fatal(err)
				}
			}
			server.GoAway()
			written := func() bool {
				server.mu.Lock()
				defer server.mu.Unlock()
				return server.err != nil || server.draining == drainClosed
			}
			peer.send(frame.AppendPing(nil, true, drainPing)) // the answer to the server's, which is still on its way
			for deadline := time.Now().Add(10 * time.Second); !written(); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Skip("the kernel does not hold so much")
				}
			}
			peer.nc.Write(frame.AppendWindowUpdate(nil, 0, 1000))
			got, ended := frame.SmallestMaxFrame, false
			for {
				h, _, err := peer.next()
				if err != nil {
					break
				}
				if h.Type == frame.Data {
					got += h.Length
				}
				ended = ended || h.Stream == 1 && h.Flags.Has(frame.EndStream)
			}
			if got != len(body) || !ended {
				t.Errorf("%d bytes of %d came; with their end: %v", got, len(body), ended)
			}
			peer.nc.Close()
			await(t, "the end of Serve", done)
		})
	}
}

// TestAMistakeIsToldOverAnyConnection checks that a GOAWAY says what the client did wrong.
func TestAMistakeIsToldOverAnyConnection(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		server := NewServer(serverEnd, acceptFunc(nil), Options{})
		done := make(chan struct{})
		go func() { serve(server); close(done) }()
		peer := newScripted(t, clientEnd)
		go clientEnd.Write(join([]byte(frame.Preface), frame.AppendSettings(nil), frame.AppendWindowUpdate(nil, 0, 0)))
		if got := peer.verdict(); got != "GOAWAY PROTOCOL_ERROR" {
			t.Errorf("an increment of 0 is answered with %s", got)
		}
		await(t, "the end of Serve", done)
	})
}

// brokenPipe is a connection whose writes fail once it is broken, while what the peer has written can still be read.
type brokenPipe struct {
	net.Conn
	broken atomic.Bool
}

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.broken.Load() {
		return 0, syscall.EPIPE
	}
	return b.Conn.Write(p)
}

// TestAnswersAreReadBehindABrokenWrite lets a server close behind its answer, and the client write before it has read that.
func TestAnswersAreReadBehindABrokenWrite(t *testing.T) {
	near, far := net.Pipe()
	clientEnd := &brokenPipe{Conn: near}
	peer := newScripted(t, far)
	asked := make(chan struct{})
	go func() {
		io.ReadFull(peer.reader, make([]byte, len(frame.Preface)))
		for h, _, err := peer.next(); err == nil; h, _, err = peer.next() {
			if h.Type == frame.Headers {
				close(asked)
			}
		}
	}()
	go far.Write(frame.AppendSettings(nil))
	client, err := NewClient(context.Background(), clientEnd, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(nil)
	ctx := withTimeout(t)
	s, err := client.Open(ctx, postHead, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	await(t, "the request", asked)
	clientEnd.broken.Store(true)
	other, err := client.Open(ctx, postHead, nil, true)
	if err == nil {
		defer other.Close()
	}
	for client.Available() { // bounded by the test's own timeout
		time.Sleep(time.Millisecond)
	}
	go func() {
		peer.nc.Write(join(headers(1, block(":status", "200"), false), frame.AppendData(nil, 1, []byte("late"), true)))
		peer.nc.Close()
	}()
	if err := s.WantEnd(ctx, plenty); err != nil || string(s.Next(s.Buffered())) != "late" {
		t.Errorf("the answer that had come: %v", err)
	}
	if other != nil {
		var failure *Error
		if err := other.WantEnd(ctx, plenty); !errors.As(err, &failure) || !failure.Unsent {
			t.Errorf("a request that never left: %v", err)
		}
	}
	await(t, "the end of the connection", client.Done())
}

// TestADribblingHandshakeEnds sends so much of the preface, byte by byte, that the reader would be hot, and then nothing: the
// cooler, which takes a hot reader out of its wait, must not take the handshake's deadline away.
func TestADribblingHandshakeEnds(t *testing.T) {
	t.Parallel()
	clientEnd, serverEnd := modes["tcp"](t)
	defer clientEnd.Close()
	server := NewServer(serverEnd, acceptFunc(nil), Options{HandshakeTimeout: 5 * coolTime / 2})
	done := make(chan struct{})
	go func() { serve(server); close(done) }()
	for i := range uint32(2 * hotReads) {
		io.WriteString(clientEnd, frame.Preface[i:i+1])
		for server.reader.reads.Load() <= i { // bounded by the test's own timeout
			time.Sleep(time.Millisecond)
		}
	}
	await(t, "the end of the handshake", done)
	if err := server.Err(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

// TestTheReaderHeatsUpWithTheCooler checks under the race detector that the cooler sees what heats the reader.
func TestTheReaderHeatsUpWithTheCooler(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	defer clientEnd.Close()
	c := NewServer(serverEnd, acceptFunc(nil), Options{})
	defer c.Close(nil)
	c.reader.reads.Store(hotReads)
	c.heat()
	pokes := make(chan struct{})
	go func() {
		for !c.reader.poked.Load() {
			time.Sleep(time.Millisecond)
		}
		close(pokes)
	}()
	await(t, "the cooling of an idle reader", pokes)
}

// slowConn takes one byte with each write, and then reports that its deadline has passed.
type slowConn struct {
	net.Conn
	taken int
}

func (s *slowConn) SetWriteDeadline(time.Time) error { return nil }

func (s *slowConn) Write(b []byte) (int, error) {
	if s.taken++; s.taken > 1000 {
		return 0, os.ErrDeadlineExceeded
	}
	return 1, os.ErrDeadlineExceeded
}

// TestASlowPeerIsNotAStalledOne writes to a peer that takes little, and at last nothing.
func TestASlowPeerIsNotAStalledOne(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	slow := &slowConn{Conn: near}
	c := newConn(slow, Options{})
	defer c.Close(nil)
	if err := c.blockingWrite(pattern(2000)); !errors.Is(err, os.ErrDeadlineExceeded) || slow.taken != 1001 {
		t.Errorf("%v after %d writes", err, slow.taken)
	}
}

// manyReasons is an error that cannot be compared.
type manyReasons []string

func (m manyReasons) Error() string { return "many reasons" }

func TestCloseForAnyReason(t *testing.T) {
	s := loneStream(t, Options{})
	s.conn.Close(manyReasons{"one", "two"})
	var failure *Error
	if _, err := s.conn.Open(context.Background(), postHead, nil, true); !errors.As(err, &failure) || !failure.Unprocessed {
		t.Errorf("Open on a closed connection: %v", err)
	}
}

// Whoever watches a connection's frames sees the last as well.
func TestTheTapSeesTheGoAwayOfAFailure(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	var seen []frame.ErrorCode
	server := NewServer(serverEnd, serveFunc{}, Options{Tap: sentTap(func(h frame.Header, payload []byte) {
		if h.Type == frame.GoAway {
			_, code, _, _ := frame.ParseGoAway(h, payload)
			seen = append(seen, code)
		}
	})})
	newScripted(t, clientEnd).send(join([]byte(frame.Preface), frame.AppendSettings(nil), frame.AppendWindowUpdate(nil, 0, 0)))
	if err := serve(server); err == nil {
		t.Error("Serve returned no error")
	}
	if len(seen) != 1 || seen[0] != frame.ProtocolError {
		t.Errorf("the tap saw the errors %v", seen)
	}
}

// Stream identifiers are not used twice: a connection that has used them up takes no more calls, and ends with its last.
func TestAConnectionWithoutIdentifiersEnds(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	client, _ := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{})
	client.mu.Lock()
	client.nextStream = frame.LargestStream
	client.mu.Unlock()
	s, err := client.Open(withTimeout(t), postHead, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	var failure *Error
	if _, err := client.Open(withTimeout(t), postHead, nil, true); !errors.As(err, &failure) || !failure.Unprocessed {
		t.Errorf("one more: %v", err)
	}
	if client.Available() {
		t.Error("the connection says that it takes more calls")
	}
	if err := s.Send(withTimeout(t), []byte("x"), true); err != nil {
		t.Error(err)
	}
	if err := s.WantEnd(withTimeout(t), plenty); err != nil || s.Buffered() != 1 {
		t.Errorf("the last call's answer has %d bytes, %v", s.Buffered(), err)
	}
	s.Close()
	select {
	case <-client.Done():
	case <-withTimeout(t).Done():
		t.Error("the connection stays")
	}
}

// reluctant is a connection whose Close waits, as that of crypto/tls does for a peer that reads nothing.
type reluctant struct {
	net.Conn
	closes, proceed chan struct{}
	first           sync.Once
}

func (r *reluctant) Close() error {
	r.first.Do(func() { close(r.closes) }) // the writer closes as well
	<-r.proceed
	return r.Conn.Close()
}

// TestNobodyWaitsForAClose ends a connection that does not want to be closed: its streams end at once, and so does Close.
func TestNobodyWaitsForAClose(t *testing.T) {
	near, far := net.Pipe()
	clientEnd := &reluctant{Conn: near, closes: make(chan struct{}), proceed: make(chan struct{})}
	peer := newScripted(t, far)
	go io.Copy(io.Discard, peer.reader)
	go far.Write(frame.AppendSettings(nil))
	client, err := NewClient(context.Background(), clientEnd, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.Open(withTimeout(t), postHead, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client.Close(nil)
	if err := s.WantEnd(withTimeout(t), plenty); errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the stream waits for the close: %v", err)
	}
	await(t, "the close", clientEnd.closes)
	close(clientEnd.proceed)
}
