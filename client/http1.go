// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// idleHTTP1 is how many connections wait for another call.
const idleHTTP1 = 64

// http1 makes requests over HTTP/1.1, by net/http. Each that is under way has a connection of its own.
type http1 struct {
	scheme    string
	transport *http.Transport
}

// newHTTP1 returns the requests' way to the target of c.
func newHTTP1(c *Conn) (*http1, error) {
	h := &http1{scheme: "http", transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, c.options.ConnectTimeout)
			defer cancel()
			return c.options.Dialer(ctx, c.target.network, c.target.address)
		},
		TLSHandshakeTimeout: c.options.ConnectTimeout, IdleConnTimeout: c.options.IdleTimeout,
		MaxIdleConnsPerHost: idleHTTP1, MaxResponseHeaderBytes: int64(c.options.MaxHeaderListBytes),
		DisableCompression: true, Protocols: new(http.Protocols),
	}}
	h.transport.Protocols.SetHTTP1(true)
	if c.tls != nil {
		h.scheme, h.transport.TLSClientConfig = "https", c.tls.Clone()
		h.transport.TLSClientConfig.NextProtos = nil
	}
	return h, nil
}

func (h *http1) close() { h.transport.CloseIdleConnections() }

// Open sends a request's head and the first bytes of its body; see exchange.Sender.
func (h *http1) Open(ctx context.Context, head exchange.Head, body []byte, end bool) (exchange.Sent, error) {
	s := &http1Sent{done: make(chan struct{})}
	ctx, s.cancel = context.WithCancel(ctx)
	var pipe *io.PipeReader
	var from io.Reader
	if end {
		if len(body) > 0 {
			from = bytes.NewReader(bytes.Clone(body))
		}
	} else {
		pipe, s.body = io.Pipe()
		from = io.MultiReader(bytes.NewReader(bytes.Clone(body)), pipe)
	}
	authority := head.Get(":authority")
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: s.connected}),
		head.Get(":method"), h.scheme+"://"+authority+head.Get(":path"), from)
	if err != nil {
		s.cancel()
		return nil, farcall.Errorf(farcall.Internal, "the request cannot be made: %w", err)
	}
	for field := range head.All {
		if field.Name[0] != ':' {
			r.Header[http.CanonicalHeaderKey(field.Name)] = append(r.Header[http.CanonicalHeaderKey(field.Name)], field.Value)
		}
	}
	go s.run(h.transport, r, pipe) // ends with the answer's head, or the request's context
	return s, nil
}

// http1Sent is one request that net/http makes.
type http1Sent struct {
	cancel context.CancelFunc
	body   *io.PipeWriter // nil where the whole body was there from the beginning

	mu   sync.Mutex // guards what follows
	peer exchange.Peer

	done     chan struct{} // closed when what follows is set
	response *http.Response
	err      error

	// The receiving goroutine's:
	in    []byte // in[taken:] was received and not taken
	taken int
	ended error
}

var _ exchange.Sent = (*http1Sent)(nil)

func (s *http1Sent) connected(info httptrace.GotConnInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer = exchange.PeerOf(info.Conn)
}

// Peer returns the other end.
func (s *http1Sent) Peer() exchange.Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer
}

func (s *http1Sent) run(transport *http.Transport, r *http.Request, pipe *io.PipeReader) {
	s.response, s.err = transport.RoundTrip(r)
	if s.err != nil && pipe != nil {
		pipe.CloseWithError(io.EOF) // nobody reads it any more
	}
	close(s.done)
}

// Send sends bytes of the request's body.
func (s *http1Sent) Send(ctx context.Context, body []byte, end bool) error {
	stop := context.AfterFunc(ctx, func() { s.body.CloseWithError(ctx.Err()) })
	defer stop()
	if len(body) > 0 {
		if _, err := s.body.Write(body); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return io.EOF
		}
	}
	if end && ctx.Err() == nil {
		s.body.Close()
	}
	return ctx.Err()
}

// Head waits for the answer's head.
func (s *http1Sent) Head(ctx context.Context) (exchange.Head, error) {
	select {
	case <-s.done:
	case <-ctx.Done():
		return exchange.Head{}, ctx.Err()
	}
	if s.err != nil {
		return exchange.Head{}, s.err
	}
	head := exchange.Head{Fields: []exchange.Field{{Name: ":status", Value: strconv.Itoa(s.response.StatusCode)}}}
	head.Fields = appendHTTPFields(head.Fields, s.response.Header)
	return head, nil
}

func appendHTTPFields(fields []exchange.Field, header http.Header) []exchange.Field {
	for name, values := range header {
		for _, value := range values {
			fields = append(fields, exchange.Field{Name: strings.ToLower(name), Value: value})
		}
	}
	return fields
}

// Close ends the request, whatever others do with it.
func (s *http1Sent) Close() {
	s.cancel()
	if s.body != nil {
		s.body.CloseWithError(context.Canceled)
	}
	<-s.done // net/http ends with the context
	if s.response != nil {
		s.response.Body.Close()
	}
}

func (s *http1Sent) Buffered() int { return len(s.in) - s.taken }

func (s *http1Sent) Next(n int) []byte {
	s.taken += n
	return s.in[s.taken-n : s.taken]
}

func (s *http1Sent) Want(ctx context.Context, n int) error {
	for s.Buffered() < n {
		if err := s.read(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *http1Sent) WantEnd(ctx context.Context, limit int) error {
	for s.Buffered() <= limit {
		switch err := s.read(ctx); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
	return exchange.ErrTooLong
}

func (s *http1Sent) Into(ctx context.Context, dst []byte) (int, error) {
	err := s.Want(ctx, len(dst))
	n := copy(dst, s.in[s.taken:])
	s.taken += n
	return n, err
}

// read adds to the buffer what one read brings. The buffer grows with what has come.
func (s *http1Sent) read(ctx context.Context) error {
	if s.ended != nil {
		return s.ended
	}
	if s.response == nil {
		if _, err := s.Head(ctx); err != nil {
			return err
		}
	}
	if s.taken == len(s.in) {
		s.in, s.taken = s.in[:0], 0
	}
	if len(s.in) == cap(s.in) {
		larger := make([]byte, s.Buffered(), max(4096, 2*s.Buffered()))
		copy(larger, s.in[s.taken:])
		s.in, s.taken = larger, 0
	}
	n, err := s.response.Body.Read(s.in[len(s.in):cap(s.in)]) // ends with the request's context
	s.in = s.in[:len(s.in)+n]
	switch {
	case n > 0 && err != io.EOF:
		return nil // an error comes again
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(err, io.EOF):
		return ctx.Err()
	}
	s.ended = err
	if n > 0 {
		return nil
	}
	return err
}

func (s *http1Sent) Trailers() []exchange.Field { return appendHTTPFields(nil, s.response.Trailer) }
