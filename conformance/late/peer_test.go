// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
)

// peer is a server that is a script: what it does with each connection, once TLS is up if there is any. A script that
// waits does so by reading, or until the test is over.
func peer(t *testing.T, s security, script func(p *scripted)) string {
	t.Helper()
	listener := listen(t)
	var playing sync.WaitGroup
	over := make(chan struct{})
	var mu sync.Mutex
	var open []net.Conn
	playing.Go(func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, nc)
			mu.Unlock()
			playing.Go(func() {
				defer nc.Close()
				p := &scripted{over: over, nc: nc}
				if s.server != nil {
					config := s.server.Clone()
					config.NextProtos = []string{"h2"}
					p.nc = tls.Server(nc, config)
				}
				p.reader = bufio.NewReader(p.nc)
				script(p)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		close(over)
		mu.Lock()
		for _, nc := range open {
			nc.Close()
		}
		mu.Unlock()
		playing.Wait()
	})
	return listener.Addr().String()
}

// scripted is one connection of a peer.
type scripted struct {
	nc     net.Conn
	reader *bufio.Reader
	over   chan struct{}
}

// send sends frames; what goes wrong with that the client shows.
func (p *scripted) send(frames ...[]byte) {
	for _, f := range frames {
		_, _ = p.nc.Write(f)
	}
}

// openConnection stands for a WINDOW_UPDATE that opens the connection's window, as far as it goes.
var openConnection = frame.Setting{ID: 0xfafa}

// greet takes the preface and sends SETTINGS, in one write with the answer to the client's.
func (p *scripted) greet(settings ...frame.Setting) {
	_, _ = io.ReadFull(p.reader, make([]byte, len(frame.Preface)))
	greeting := frame.AppendSettingsAck(frame.AppendSettings(nil, settings...))
	for _, setting := range settings {
		if setting == openConnection {
			greeting = frame.AppendWindowUpdate(greeting, 0, 1<<30)
		}
	}
	p.send(greeting)
}

// next returns the next frame, or false when there is none any more.
func (p *scripted) next() (h frame.Header, payload []byte, ok bool) {
	first := make([]byte, frame.HeaderBytes)
	if _, err := io.ReadFull(p.reader, first); err != nil {
		return h, nil, false
	}
	h = frame.ParseHeader(first)
	payload = make([]byte, h.Length)
	_, err := io.ReadFull(p.reader, payload)
	return h, payload, err == nil
}

// each reads the client's frames to their end, and answers its pings if it is told to.
func (p *scripted) each(pong bool, do func(h frame.Header, payload []byte)) {
	for {
		h, payload, ok := p.next()
		if !ok {
			return
		}
		if h.Type == frame.Ping && !h.Flags.Has(frame.Ack) && pong {
			p.send(frame.AppendPing(nil, true, [8]byte(payload)))
		}
		if do != nil {
			do(h, payload)
		}
	}
}

// sleep waits for the end of the test.
func (p *scripted) sleep() { <-p.over }

// answerHead is the head of a good answer.
func answerHead(stream uint32) []byte {
	block := hpack.NewEncoder(4096).AppendStateless(nil, []exchange.Field{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"}})
	return frame.AppendHeaders(nil, stream, block, false, frame.SmallestMaxFrame)
}

// okTrailers end a good answer well.
func okTrailers(stream uint32) []byte {
	block := hpack.NewEncoder(4096).AppendStateless(nil, []exchange.Field{{Name: "grpc-status", Value: "0"}})
	return frame.AppendHeaders(nil, stream, block, true, frame.SmallestMaxFrame)
}
