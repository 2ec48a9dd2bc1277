// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/exchange"
)

// httpAnswer is the http.ResponseWriter of a request over HTTP/2. What is written goes out when the buffer is full, on
// Flush, and when the handler returns; an answer that fits into the buffer is sent whole, with its length.
type httpAnswer struct {
	served exchange.Served
	body   *httpBody
	drain  func() // what "Connection: close" does: the connection takes no new requests
	isHEAD bool

	header  http.Header // the handler's own
	late    atomic.Bool // the write deadline has passed
	timeout deadline

	mu       sync.Mutex // guards what follows, and is held while sending
	status   int        // 0 until it is chosen
	fixed    http.Header
	declared int64 // content-length as the handler has set it, -1 if not
	written  int64
	buffer   []byte
	err      error // why sending has failed, or that the handler has returned

	headMu    sync.Mutex // guards what follows; taken after mu. Reading sends 100 (Continue) while a Write may wait.
	started   bool       // the head is sent
	continued bool       // 100 (Continue) is sent
}

// answerBuffer is how much of an answer is gathered before it is sent.
const answerBuffer = 4096

// errReturned is what a Write gets that comes after the handler has returned.
var errReturned = errors.New("the handler of this request has returned: nothing can be written any more")

func newHTTPAnswer(served exchange.Served) *httpAnswer {
	return &httpAnswer{served: served, isHEAD: served.Request().Get(":method") == http.MethodHead, header: make(http.Header), declared: -1}
}

func (w *httpAnswer) Header() http.Header { return w.header }

// WriteHeader chooses the status, or sends an informational answer at once. As everywhere in net/http it panics if code is
// no status: that is a mistake in the handler.
func (w *httpAnswer) WriteHeader(code int) {
	if code < 100 || code > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %d", code))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if code < 200 {
		w.inform(code)
		return
	}
	w.choose(code)
}

// inform sends a 1xx answer, with mu held. 101 does not exist in HTTP/2 (RFC 9113 section 8.6).
func (w *httpAnswer) inform(code int) {
	if w.status != 0 || w.err != nil || code == http.StatusSwitchingProtocols {
		return
	}
	if code == http.StatusContinue {
		w.sendContinue()
		return
	}
	fields := appendAnswerFields([]exchange.Field{{Name: ":status", Value: strconv.Itoa(code)}}, w.header, func(name string) bool {
		return name != "Content-Length" && name != "Trailer"
	})
	w.err = w.served.Start(exchange.Head{Fields: fields})
}

// sendContinue tells a client that waits for it to send the body, unless it has its answer.
func (w *httpAnswer) sendContinue() {
	w.headMu.Lock()
	defer w.headMu.Unlock()
	if !w.started && !w.continued {
		w.continued = true
		_ = w.served.Start(exchange.Head{Fields: []exchange.Field{{Name: ":status", Value: "100"}}}) // Read finds out if the client has gone
	}
}

// choose sets the status and takes the header as it is now, with mu held. Only the first call counts.
func (w *httpAnswer) choose(code int) {
	if w.status != 0 {
		return
	}
	w.status, w.fixed = code, w.header.Clone()
	if given := w.fixed.Get("Content-Length"); given != "" {
		length, err := strconv.ParseInt(given, 10, 64)
		if err != nil || length < 0 || code == http.StatusNoContent {
			w.fixed.Del("Content-Length")
		} else {
			w.declared = length
		}
	}
	if strings.EqualFold(w.fixed.Get("Connection"), "close") && w.drain != nil {
		w.drain()
	}
}

// hasBody reports whether answers with the status have one (RFC 9110 section 6.4.1), with mu held.
func (w *httpAnswer) hasBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

func (w *httpAnswer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.failure()
	}
	w.choose(http.StatusOK)
	switch {
	case !w.hasBody():
		return 0, http.ErrBodyNotAllowed
	case w.declared >= 0 && w.written+int64(len(p)) > w.declared:
		return 0, http.ErrContentLength
	}
	w.written += int64(len(p))
	if len(w.buffer)+len(p) <= answerBuffer {
		w.buffer = append(w.buffer, p...)
		return len(p), nil
	}
	first := 0
	if !w.started { // what comes first tells the type
		first = min(len(p), answerBuffer-len(w.buffer))
		w.buffer = append(w.buffer, p[:first]...)
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	if err := w.send(p[first:]); err != nil {
		return first, err
	}
	return len(p), nil
}

func (w *httpAnswer) WriteString(text string) (int, error) { return w.Write([]byte(text)) }

// Flush sends what has been written.
func (w *httpAnswer) Flush() { _ = w.FlushError() }

// FlushError sends what has been written; see http.ResponseController.
func (w *httpAnswer) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.failure()
	}
	w.choose(http.StatusOK)
	return w.flush()
}

// flush sends the head if that is still to be done, and what is buffered, with mu held.
func (w *httpAnswer) flush() error {
	if !w.started { // nobody else writes it
		head := w.head(false)
		w.headMu.Lock()
		w.started = true
		w.err = w.served.Start(head)
		w.headMu.Unlock()
	}
	if w.err == nil {
		w.err = w.send(w.buffer)
	}
	w.buffer = w.buffer[:0]
	return w.failure()
}

// send sends bytes of the body, with mu held. The answer to a HEAD has none.
func (w *httpAnswer) send(p []byte) error {
	if len(p) > 0 && !w.isHEAD {
		w.err = w.served.Send(p)
	}
	return w.failure()
}

// failure returns why sending has failed, nil if it has not, with mu held.
func (w *httpAnswer) failure() error {
	if w.err != nil && w.late.Load() {
		return os.ErrDeadlineExceeded
	}
	return w.err
}

// finish ends the answer: the handler has returned.
func (w *httpAnswer) finish() {
	w.timeout.set(time.Time{}, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.err = errReturned }()
	if w.err != nil {
		return
	}
	w.choose(http.StatusOK)
	if w.declared > w.written && w.hasBody() && !w.isHEAD {
		w.served.Abort(http.ErrContentLength) // the client would take it for whole
		return
	}
	body, trailers := w.buffer, w.trailers()
	if w.isHEAD {
		body, trailers = nil, nil
	}
	if !w.started {
		head := w.head(true)
		w.started = true                          // no Read is under way
		_ = w.served.Answer(head, body, trailers) // fails if the client has gone
		return
	}
	if w.send(body) == nil {
		_ = w.served.Finish(trailers) // likewise
	}
}

// abort resets the stream: the handler has not returned properly.
func (w *httpAnswer) abort(reason error) {
	w.timeout.set(time.Time{}, nil)
	w.served.Abort(reason)
	w.mu.Lock()
	w.err = errReturned
	w.mu.Unlock()
}

// SetWriteDeadline resets the stream at t unless the answer is whole by then; see http.ResponseController.
func (w *httpAnswer) SetWriteDeadline(t time.Time) error {
	w.timeout.set(t, func() {
		w.late.Store(true)
		w.served.Abort(context.DeadlineExceeded)
	})
	return nil
}

// head returns the head of the answer, with mu held. If whole is set the buffer is all that was written.
func (w *httpAnswer) head(whole bool) exchange.Head {
	fields := appendAnswerFields(append(make([]exchange.Field, 0, len(w.fixed)+4), exchange.Field{Name: ":status", Value: strconv.Itoa(w.status)}),
		w.fixed, func(string) bool { return true })
	_, hasType := w.fixed["Content-Type"]
	if !hasType && w.fixed.Get("Content-Encoding") == "" && w.hasBody() && len(w.buffer) > 0 {
		fields = append(fields, exchange.Field{Name: "content-type", Value: http.DetectContentType(w.buffer)})
	}
	if whole && w.declared < 0 && w.hasBody() && (len(w.buffer) > 0 || !w.isHEAD) {
		fields = append(fields, exchange.Field{Name: "content-length", Value: strconv.Itoa(len(w.buffer))})
	}
	if _, hasDate := w.fixed["Date"]; !hasDate {
		fields = append(fields, exchange.Field{Name: "date", Value: time.Now().UTC().Format(http.TimeFormat)})
	}
	return exchange.Head{Fields: fields}
}

// trailers returns the fields after the body, with mu held: those that the Trailer field has announced, and those under
// http.TrailerPrefix.
func (w *httpAnswer) trailers() (fields []exchange.Field) {
	announced := make(http.Header)
	for _, names := range w.fixed["Trailer"] {
		for name := range strings.SplitSeq(names, ",") {
			name = http.CanonicalHeaderKey(textproto.TrimString(name))
			if mayTrail(name) && len(w.header[name]) > 0 {
				announced[name] = w.header[name]
			}
		}
	}
	for name, values := range w.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok && mayTrail(http.CanonicalHeaderKey(name)) {
			announced[http.CanonicalHeaderKey(name)] = values
		}
	}
	return appendAnswerFields(nil, announced, mayTrail)
}

// appendAnswerFields appends those fields of header that keep admits and that HTTP/2 can carry: neither the connection's own
// of HTTP/1.1, nor what is malformed (RFC 9113 section 8.2).
func appendAnswerFields(fields []exchange.Field, header http.Header, keep func(name string) bool) []exchange.Field {
	for name, values := range header {
		switch name {
		case "Connection", "Proxy-Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Te":
			continue
		}
		if !isToken(name) || !keep(name) { // a name under http.TrailerPrefix is none
			continue
		}
		for _, value := range values {
			if value = textproto.TrimString(value); !strings.ContainsAny(value, "\x00\r\n") {
				fields = append(fields, exchange.Field{Name: strings.ToLower(name), Value: value})
			}
		}
	}
	return fields
}

// isToken reports whether name can be a field's (RFC 9110 section 5.6.2).
func isToken(name string) bool {
	for i := range len(name) {
		b := name[i]
		if (b < '0' || b > '9') && (b|0x20 < 'a' || b|0x20 > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(b)) {
			return false
		}
	}
	return name != ""
}

var _ http.Flusher = (*httpAnswer)(nil)
