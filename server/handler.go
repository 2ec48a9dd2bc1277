// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
)

// serveUsers lets the user's http.Handler answer a request over HTTP/2, on the request's goroutine. ctx is the request's:
// it ends when the client goes away.
func (e *edge) serveUsers(ctx context.Context, transport *http2.ServerStream) {
	ctx = context.WithValue(ctx, http.ServerContextKey, e.http1.http) // some ask whether a server is there that recovers ErrAbortHandler
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, transport.Conn().LocalAddr())
	answer := newHTTPAnswer(transport)
	answer.drain = transport.Conn().GoAway
	body := newHTTPBody(ctx, transport, answer)
	answer.body = body
	returned := false
	defer func() {
		cause := recover()
		body.end() // before the stream is released
		if returned {
			answer.finish()
			return
		}
		answer.abort(errPanicked)
		if cause != nil && cause != http.ErrAbortHandler {
			e.server.logger.ErrorContext(ctx, "panic in the HTTP handler", "path", transport.Request().Get(":path"),
				"panic", cause, "stack", string(debug.Stack()))
		}
	}()
	request, err := newHTTPRequest(ctx, transport, body)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
	} else {
		e.server.options.HTTPHandler.ServeHTTP(answer, request)
	}
	returned = true
}

var errPanicked = errors.New("the handler has panicked")

// ended is a context for those who do not wait.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// newHTTPRequest returns what net/http's own server makes of a request over HTTP/2.
func newHTTPRequest(ctx context.Context, served exchange.Served, body *httpBody) (*http.Request, error) {
	r := &http.Request{Proto: "HTTP/2.0", ProtoMajor: 2, Header: make(http.Header)}
	var host string
	var cookies []string
	for field := range served.Request().All {
		switch name := field.Name; name {
		case ":method":
			r.Method = field.Value
		case ":path":
			r.RequestURI = field.Value
		case ":authority":
			r.Host = field.Value
		case "host":
			host = field.Value
		case "trailer":
			declareTrailers(r, field.Value)
		case "cookie": // HTTP/2 may split it (RFC 9113 section 8.2.3)
			cookies = append(cookies, field.Value)
		default:
			if name[0] != ':' {
				r.Header.Add(name, field.Value)
			}
		}
	}
	if r.Host == "" {
		r.Host = host
	}
	if len(cookies) > 0 {
		r.Header["Cookie"] = []string{strings.Join(cookies, "; ")}
	}
	var err error
	switch {
	case r.Method == http.MethodConnect: // which has no path, and asks for a tunnel to its authority
		r.RequestURI, r.URL = r.Host, &url.URL{Host: r.Host}
	case !strings.HasPrefix(r.RequestURI, "/") && r.RequestURI != "*":
		return nil, errors.New("the path of a request begins with a slash")
	default:
		if r.URL, err = url.ParseRequestURI(r.RequestURI); err != nil {
			return nil, errors.New("the path of the request is malformed")
		}
	}
	if peer, ok := exchange.PeerFrom(ctx); ok {
		r.TLS = peer.TLS
		if peer.Address != nil {
			r.RemoteAddr = peer.Address.String()
		}
	}
	r.ContentLength, r.Body = -1, body
	if length, err := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64); err == nil {
		r.ContentLength = length
	}
	if served.Want(ended, 1) == io.EOF {
		r.ContentLength, r.Body = 0, http.NoBody
	}
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		r.Header.Del("Expect")
		body.expected = r.Body == body
	}
	r = r.WithContext(ctx)
	body.request = r
	return r, nil
}

// declareTrailers enters the names that a Trailer field announces. Others are dropped, as net/http does.
func declareTrailers(r *http.Request, names string) {
	for name := range strings.SplitSeq(names, ",") {
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		if mayTrail(name) {
			if r.Trailer == nil {
				r.Trailer = make(http.Header)
			}
			r.Trailer[name] = nil
		}
	}
}

// mayTrail reports whether a field, in canonical form, may come after the body: not what frames or routes a message, nor
// authenticates, nor says how to read the body (RFC 9110 section 6.5.1).
func mayTrail(name string) bool {
	switch name {
	case "", "Transfer-Encoding", "Content-Length", "Trailer", "Te", "Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "Host",
		"Cache-Control", "Expect", "Max-Forwards", "Pragma", "Range", "Authorization", "Proxy-Authorization",
		"Www-Authenticate", "Proxy-Authenticate", "Set-Cookie", "Content-Encoding", "Content-Type", "Content-Range":
		return false
	}
	return !strings.HasPrefix(name, "If-")
}

// httpBody is the body of a request, for one reader at a time.
type httpBody struct {
	served  exchange.Served
	answer  *httpAnswer
	request *http.Request
	ctx     context.Context // ends with the request, at the deadline of reading, and in Close
	cancel  context.CancelCauseFunc
	closed  atomic.Bool

	mu       sync.Mutex // held while reading, so that end waits for that; guards what follows
	expected bool       // the client waits for 100 (Continue)
	err      error      // how the body ended

	deadline deadline
}

func newHTTPBody(ctx context.Context, served exchange.Served, answer *httpAnswer) *httpBody {
	b := &httpBody{served: served, answer: answer}
	b.ctx, b.cancel = context.WithCancelCause(ctx)
	return b
}

func (b *httpBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed.Load():
		return 0, http.ErrBodyReadAfterClose
	case b.err != nil:
		return 0, b.err
	case len(p) == 0:
		return 0, nil
	}
	if b.expected {
		b.expected = false
		b.answer.sendContinue()
	}
	if err := b.served.Want(b.ctx, 1); err != nil {
		if b.err = err; b.ctx.Err() != nil && err == b.ctx.Err() {
			b.err = context.Cause(b.ctx)
		}
		if err == io.EOF {
			b.takeTrailers()
		}
		return 0, b.err
	}
	return b.served.Into(b.ctx, p[:min(len(p), b.served.Buffered())])
}

func (b *httpBody) takeTrailers() {
	for _, field := range b.served.Trailers() {
		name := http.CanonicalHeaderKey(field.Name)
		if _, declared := b.request.Trailer[name]; declared {
			b.request.Trailer[name] = append(b.request.Trailer[name], field.Value)
		}
	}
}

// Close ends a Read that waits, and any later one.
func (b *httpBody) Close() error {
	b.closed.Store(true)
	b.cancel(http.ErrBodyReadAfterClose)
	return nil
}

// end takes the body from whoever still reads it: the handler has returned.
func (b *httpBody) end() {
	b.Close()
	b.deadline.set(time.Time{}, nil)
	b.mu.Lock() // a Read under way ends first
	b.err = http.ErrBodyReadAfterClose
	b.mu.Unlock()
}

// deadline is a timer that can be set anew at any time.
type deadline struct {
	mu    sync.Mutex // guards timer
	timer *time.Timer
}

// set makes f run at t, on a goroutine of its own and instead of what was set before; the zero t is never.
func (d *deadline) set(t time.Time, f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), f)
	}
}

// SetReadDeadline makes reading the request's body fail from t on; see http.ResponseController.
func (w *httpAnswer) SetReadDeadline(t time.Time) error {
	w.body.deadline.set(t, func() { w.body.cancel(os.ErrDeadlineExceeded) })
	return nil
}

// EnableFullDuplex says that reading and writing may alternate, which they may in HTTP/2.
func (w *httpAnswer) EnableFullDuplex() error { return nil }
