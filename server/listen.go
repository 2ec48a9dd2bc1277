// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
)

// The protocols that a connection can speak, by their ALPN names (RFC 7301; RFC 9113 section 3.2).
const (
	protocolHTTP2 = "h2"
	protocolHTTP1 = "http/1.1"
)

// ListenAndServe listens on a TCP address, such as "127.0.0.1:9090" or ":0", or on a unix socket, "unix:///path/of/socket",
// and serves until Shutdown or Close. A socket that a server has left behind is replaced, one that is in use is not.
func (s *Server) ListenAndServe(address string) error {
	listener, err := listen(address)
	if err != nil {
		return farcall.Errorf(farcall.Unavailable, "cannot listen on %s: %w", address, err)
	}
	return s.Serve(listener)
}

// Serve accepts connections from listener, which it closes in the end. Several listeners may be served at a time. It
// returns nil after Shutdown or Close, once that has done its work: a program whose main function ends with Serve ends
// when everything is answered.
func (s *Server) Serve(listener net.Listener) error {
	defer listener.Close()
	if err := s.compressors.Check(s.options.Compression); err != nil {
		return farcall.Errorf(farcall.InvalidArgument, "server.Options.Compression: %w", err)
	}
	s.edge.checkRules()
	if !s.enterListener(listener) {
		<-s.ended
		return nil
	}
	defer s.leaveListener(listener)
	var pause time.Duration
	for {
		nc, err := listener.Accept()
		if err == nil {
			pause = 0
			go s.serveConnection(nc) // ends with its connection, which Shutdown and Close end
			continue
		}
		if s.stateNow() != serving {
			<-s.ended
			return nil
		}
		if !isTemporary(err) {
			return farcall.Errorf(farcall.Unavailable, "listening on %s has failed: %w", listener.Addr(), err)
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.logger.Log(context.Background(), slog.LevelWarn, "a connection could not be accepted", "listener", listener.Addr().String(), "error", err, "again_in", pause)
		s.sleep(pause)
	}
}

// isTemporary reports whether accepting may work again later: out of file descriptors, or a client that left too early.
func isTemporary(err error) bool {
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary() && !errors.Is(err, net.ErrClosed)
}

// sleep waits for d or for the server's end.
func (s *Server) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ended:
	}
}

func (s *Server) enterListener(listener net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != serving {
		return false
	}
	s.listeners[listener] = struct{}{}
	return true
}

func (s *Server) leaveListener(listener net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, listener)
}

func (s *Server) stateNow() state {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// connection is one accepted connection, for Shutdown to find.
type connection struct {
	nc     net.Conn
	host   string      // the client's; handshakes'
	engine *http2.Conn // guarded by the server's mu; nil until the connection turned out to be HTTP/2
}

// serveConnection runs on the connection's own goroutine, which becomes HTTP/2's reader, and ends with the connection or when
// that rests.
func (s *Server) serveConnection(nc net.Conn) {
	c := &connection{nc: nc}
	if !s.enterConnection(c) {
		nc.Close()
		return
	}
	http2.LimitSilence(nc, s.options.StallTimeout) // for HTTP/1.1 too, and while it shakes hands
	s.handshakes.enter(c)
	greeted, err := s.greet(nc)
	if err != nil {
		defer s.leave(c)
		defer nc.Close()
		level := slog.LevelDebug
		if errors.Is(err, errClientCertificate) {
			level = slog.LevelInfo
			letRead(nc)
		}
		s.logger.Log(context.Background(), level, "a connection ended before its first request", "peer", nc.RemoteAddr().String(), "error", err)
		return
	}
	if greeted.protocol == protocolHTTP1 {
		s.leave(c) // it is net/http's, and Shutdown must not close it as one that has asked for nothing
		s.edge.serveHTTP1(greeted)
		return
	}
	engine := http2.NewServer(greeted.nc, acceptor{s}, http2.Options{
		MaxConcurrentStreams: s.options.MaxConcurrentStreams,
		MaxHeaderListBytes:   s.options.MaxHeaderListBytes,
		HandshakeTimeout:     s.options.HandshakeTimeout,
		StallTimeout:         s.options.StallTimeout,
		Keepalive:            http2.Keepalive{Interval: s.options.Keepalive.Interval, Timeout: s.options.Keepalive.Timeout, WithoutStreams: true},
		LeastPingInterval:    s.options.Keepalive.LeastInterval,
		HeaderTableBytes:     s.options.HTTP2.HeaderTableBytes,
		MaxFrameBytes:        s.options.HTTP2.MaxFrameBytes,
		StreamWindow:         s.options.HTTP2.StreamWindowBytes,
		ConnectionWindow:     s.options.HTTP2.ConnectionWindowBytes,
		MaxWindow:            s.options.HTTP2.MaxWindowBytes,
		IdleTimeout:          s.options.MaxConnectionIdle,
		MaxAge:               s.options.MaxConnectionAge,
		MaxAgeGrace:          s.options.MaxConnectionAgeGrace,
		Budget:               s.budget,
		Standby:              &s.standby,
		Tap:                  s.tap,
		Timed:                s.options.Observer != nil,
		Received:             greeted.received,
		Greeted:              func() { s.handshakes.leave(c) },
	})
	s.becomeHTTP2(c, engine)
	engine.Serve(func(err error) {
		defer s.leave(c)
		if err != nil {
			s.logger.Log(context.Background(), slog.LevelDebug, "a connection has failed", "peer", nc.RemoteAddr().String(), "error", err)
		}
	})
}

// leave forgets a connection that has ended, or that is somebody else's.
func (s *Server) leave(c *connection) {
	s.handshakes.leave(c)
	s.leaveConnection(c)
}

// enterConnection makes Shutdown wait for c, and reports false if it is too late for newcomers.
func (s *Server) enterConnection(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != serving {
		return false
	}
	s.connections[c] = struct{}{}
	return true
}

func (s *Server) leaveConnection(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
	s.checkIdleLocked()
}

// becomeHTTP2 lets Shutdown find the engine; a Shutdown that has come before is told to it now.
func (s *Server) becomeHTTP2(c *connection, engine *http2.Conn) {
	s.mu.Lock()
	c.engine = engine
	state := s.state
	s.mu.Unlock()
	switch state {
	case draining:
		engine.GoAway()
	case closed:
		engine.Close(errClosed)
	}
}

// greeted is a connection whose protocol is known.
type greeted struct {
	nc       net.Conn
	protocol string
	received []byte               // what was read to find out
	tls      *tls.ConnectionState // nil in plaintext
	aging    *aging               // over HTTP/1.1; nil where none has an age
}

// greet finds out what a new connection speaks: TLS says it (ALPN), otherwise the first bytes do.
func (s *Server) greet(nc net.Conn) (*greeted, error) {
	if err := nc.SetDeadline(time.Now().Add(s.options.HandshakeTimeout)); err != nil {
		return nil, fmt.Errorf("cannot set a deadline: %w", err)
	}
	g := &greeted{nc: nc}
	if s.secure != nil {
		var err error
		if g.nc, g.tls, err = s.secure.handshake(nc); err != nil {
			return nil, err
		}
		g.protocol = g.tls.NegotiatedProtocol
	}
	if g.protocol == "" {
		var err error
		if g.protocol, g.received, err = sniff(g.nc); err != nil {
			return nil, err
		}
	}
	if g.tls == nil { // a listener may bring TLS of its own
		g.tls = exchange.PeerOf(g.nc).TLS
	}
	if g.protocol == protocolHTTP2 && g.tls != nil {
		if err := g.checkTLS(); err != nil {
			return nil, err
		}
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("cannot clear a deadline: %w", err)
	}
	return g, nil
}
