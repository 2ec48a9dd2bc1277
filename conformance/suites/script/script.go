// SPDX-License-Identifier: Apache-2.0

// Package script is the server's end of HTTP/2 connections as the tests of a suite play it, frame by frame: to do what a
// server must not do, or rarely does, and to see what a client makes of it.
package script

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
)

// patience is how long a connection may last.
const patience = 20 * time.Second

// Peer is the server's end of one connection. One goroutine uses it.
type Peer struct {
	nc      net.Conn
	reader  *bufio.Reader
	decoder *hpack.Decoder
}

// Listen plays every connection to the address that it returns, each on a goroutine of its own, until the test ends.
// Clients must have ended their connections by then. What play returns is nobody's business but its own.
func Listen(t *testing.T, play func(p *Peer)) *net.TCPAddr {
	t.Helper()
	return ListenTLS(t, nil, play)
}

// ListenTLS is Listen under TLS, unless config is nil.
func ListenTLS(t *testing.T, config *tls.Config, play func(p *Peer)) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	var playing sync.WaitGroup
	playing.Go(func() { // ends with the listener
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			playing.Go(func() {
				defer nc.Close()
				if nc.SetDeadline(time.Now().Add(patience)) == nil {
					play(&Peer{nc: nc, reader: bufio.NewReader(nc), decoder: hpack.NewDecoder(4096, 1<<20)})
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		playing.Wait()
	})
	return address
}

// Send writes frames, or anything else.
func (p *Peer) Send(frames ...[]byte) error {
	var all []byte
	for _, one := range frames {
		all = append(all, one...)
	}
	_, err := p.nc.Write(all)
	return err
}

// Next reads the next frame.
func (p *Peer) Next() (frame.Header, []byte, error) {
	first := make([]byte, frame.HeaderBytes)
	if _, err := io.ReadFull(p.reader, first); err != nil {
		return frame.Header{}, nil, err
	}
	h := frame.ParseHeader(first)
	payload := make([]byte, h.Length)
	_, err := io.ReadFull(p.reader, payload)
	return h, payload, err
}

// Preface reads the client's connection preface.
func (p *Peer) Preface() error {
	preface := make([]byte, len(frame.Preface))
	if _, err := io.ReadFull(p.reader, preface); err != nil {
		return err
	}
	if string(preface) != frame.Preface {
		return fmt.Errorf("the connection began with %q", preface)
	}
	return nil
}

// Head decodes the block of a HEADERS frame. Every one that comes must be decoded, in order.
func (p *Peer) Head(h frame.Header, payload []byte) (exchange.Head, error) {
	if !h.Flags.Has(frame.EndHeaders) {
		return exchange.Head{}, errors.New("a head that needs CONTINUATION")
	}
	block, err := frame.ParseHeaders(h, payload)
	if err != nil {
		return exchange.Head{}, err
	}
	return p.decoder.Decode(block)
}

// Block encodes the fields of a head, names and values in turn, without a compression table.
func Block(namesAndValues ...string) []byte {
	var fields []exchange.Field
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		fields = append(fields, exchange.Field{Name: namesAndValues[i], Value: namesAndValues[i+1]})
	}
	return hpack.NewEncoder(0).AppendStateless(nil, fields)
}

// Headers is a head in one HEADERS frame.
func Headers(stream uint32, end bool, namesAndValues ...string) []byte {
	return frame.AppendHeaders(nil, stream, Block(namesAndValues...), end, frame.LargestMaxFrame)
}

// Raw is a frame of any form.
func Raw(kind frame.Type, flags frame.Flags, stream uint32, payload []byte) []byte {
	return append(frame.AppendHeader(nil, frame.Header{Length: len(payload), Type: kind, Flags: flags, Stream: stream}), payload...)
}
