// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"sync"

	"golang.org/x/net/http2"
)

// polite is an attacker's connection that keeps to flow control, because what it has to say is longer than a window.
type polite struct {
	*hostile
	ctx    context.Context
	attack *attacker
	nc     net.Conn

	mu      sync.Mutex // guards what follows
	changed *sync.Cond
	initial int64 // a stream's window
	ours    int64 // the connection's
	streams map[uint32]int64
	gone    error
}

// errReset is what send returns for a stream that the server has ended.
var errReset = errors.New("the server has ended the stream")

func newPolite(ctx context.Context, w *attacker, nc net.Conn) *polite {
	p := &polite{hostile: newHostile(nil), ctx: ctx, attack: w, nc: nc, initial: 65535, ours: 65535, streams: map[uint32]int64{}}
	p.changed = sync.NewCond(&p.mu)
	go p.listen() // ends with the connection, which occupy closes
	return p
}

// listen takes what the server says about windows and streams.
func (p *polite) listen() {
	framer := http2.NewFramer(nil, p.nc)
	for {
		f, err := framer.ReadFrame()
		p.mu.Lock()
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if window, ok := f.Value(http2.SettingInitialWindowSize); ok {
				for id := range p.streams {
					p.streams[id] += int64(window) - p.initial
				}
				p.initial = int64(window)
			}
		case *http2.WindowUpdateFrame:
			if f.StreamID == 0 {
				p.ours += int64(f.Increment)
			} else if _, open := p.streams[f.StreamID]; open {
				p.streams[f.StreamID] += int64(f.Increment)
			}
		case *http2.RSTStreamFrame:
			delete(p.streams, f.StreamID)
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				delete(p.streams, f.StreamID)
			}
		case *http2.DataFrame: // of an answer that is no gRPC
			if f.StreamEnded() {
				delete(p.streams, f.StreamID)
			}
		}
		var inStream http2.StreamError
		if err != nil && !errors.As(err, &inStream) {
			p.gone = err
		}
		over := p.gone != nil
		p.changed.Broadcast()
		p.mu.Unlock()
		if over {
			return
		}
	}
}

// begin opens a stream.
func (p *polite) begin(path string, more ...string) uint32 {
	id := p.stream()
	p.head(id, p.requestFields(path, more...), false)
	p.opened(id)
	return id
}

// opened gives a stream its window.
func (p *polite) opened(id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[id] = p.initial
}

// send sends a body in frames of at most so many bytes, as the windows allow.
func (p *polite) send(id uint32, body []byte, most int) error {
	for len(body) > 0 {
		n, err := p.claim(id, min(len(body), most))
		if err != nil {
			return err
		}
		p.data(id, false, body[:n])
		body = body[n:]
		if p.full() {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// claim takes up to n bytes off the windows, and waits until there are any.
func (p *polite) claim(id uint32, n int) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for flushed := false; ; {
		window, open := p.streams[id]
		switch {
		case p.gone != nil:
			return 0, p.gone
		case !open:
			return 0, errReset
		}
		if n = int(min(int64(n), window, p.ours)); n > 0 {
			p.streams[id] -= int64(n)
			p.ours -= int64(n)
			return n, nil
		}
		if !flushed { // what is not sent earns no window
			flushed = true
			p.mu.Unlock()
			err := p.flush()
			p.mu.Lock()
			if err != nil {
				return 0, err
			}
			continue
		}
		p.changed.Wait()
		n = max(n, 1)
	}
}

// flush sends what is appended, within the attacker's share.
func (p *polite) flush() error {
	if !p.attack.share.wait(p.ctx) {
		return errLeave
	}
	n, err := p.nc.Write(p.out.Bytes())
	p.attack.bytes.Add(int64(n))
	p.attack.frames.Add(int64(p.frames))
	p.out.Reset()
	p.frames = 0
	return err
}
