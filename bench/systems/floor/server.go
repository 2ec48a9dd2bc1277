// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/codec"
)

type server struct {
	listener net.Listener
	tls      *tls.Config // nil for plaintext
	running  sync.WaitGroup

	mu   sync.Mutex // guards open
	open map[net.Conn]struct{}
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.tls != nil {
			conn = tls.Server(conn, s.tls)
		}
		s.mu.Lock()
		s.open[conn] = struct{}{}
		s.mu.Unlock()
		s.running.Go(func() { s.answer(conn) })
	}
}

// answer ends when the connection does.
func (s *server) answer(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
	}()
	requests := messages{from: conn}
	var out []byte
	for {
		method, encoded, err := requests.next()
		if err != nil {
			return
		}
		answer, err := handle(method, encoded)
		if err != nil {
			return
		}
		if out, err = appendMessage(out, method, answer); err != nil {
			return
		}
		if _, _, more := requests.buffered(); more && len(out) < largeMessage {
			continue // answer it with the same write
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
		out = out[:0]
	}
}

func handle(method byte, encoded []byte) (proto.Message, error) {
	switch method {
	case methodCharge:
		request := new(chargepb.ChargeRequest)
		if err := codec.Decode(encoded, request); err != nil {
			return nil, err
		}
		return harness.Charge(request), nil
	case methodEcho:
		payload := new(chargepb.Payload)
		if err := codec.Decode(encoded, payload); err != nil {
			return nil, err
		}
		return harness.Echo(payload), nil
	default:
		return nil, fmt.Errorf("no method %q", method)
	}
}

func (s *server) stop() {
	s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}
