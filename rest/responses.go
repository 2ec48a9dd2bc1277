// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"io"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
)

// streamHeads begin the answers that are streams.
var streamHeads = func() map[string]*exchange.Fixed {
	heads := make(map[string]*exchange.Fixed)
	for _, offer := range streamOffers {
		heads[offer.media] = &exchange.Fixed{Fields: []exchange.Field{{Name: ":status", Value: "200"}, {Name: "content-type", Value: offer.media}}}
	}
	return heads
}()

// errSeen ends the call of a HEAD request: there is a message, and nobody wants it.
var errSeen = &farcall.Error{Code: farcall.Canceled, Message: "HEAD wants no messages"}

// responses is the answer of a call that returns a stream: each message is flushed as it comes, in the form that the
// client has asked for. A call that fails before its first message is answered as a unary one is, with the status that its
// code has; later a last element tells of it, {"error":{"code":…,"message":…,"details":…}}, since the status is on its way
// already. A body of google.api.HttpBody has no room for that: it is cut off.
//
// It belongs to the goroutine of Serve, on which the Invoker runs the call; a heartbeat shares what mu guards.
type responses struct {
	call   *call
	cancel context.CancelFunc // ends the call
	seen   bool               // HEAD has its answer
	count  int                // of messages

	mu         sync.Mutex        // guards what follows, and is held while sending
	started    bool              // the head has been sent
	compressed *compressedAnswer // the answer is compressed; nil if it is not
	ended      bool              // the end has been sent, or cannot be
}

// receive writes what the stream receives, until its end.
func (l *responses) receive(stream farcall.Stream) error {
	for {
		response := l.call.newResponse()
		switch err := stream.Receive(response); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := l.write(stream, response); err != nil {
			return err
		}
		if l.call.httpMethod == "HEAD" {
			l.seen = true
			return errSeen
		}
	}
}

// start sends the head of the answer, with mu held. After an error that is not the exchange's another answer can still be
// made.
func (l *responses) start(header farcall.Metadata, media string) error {
	out := responseFields{fields: make([]exchange.Field, 2, 6)}
	if err := out.add(l.call.router, header); err != nil {
		return err
	}
	status := out.success()
	if status >= 300 || bodiless(status) {
		return farcall.Errorf(farcall.Internal, "the handler returned messages with the %s %d, which has none", StatusKey, status)
	}
	var coding string
	if l.compressed, coding = l.call.compressAnswer(); coding != "" {
		out.encoded(coding)
	}
	head := exchange.Head{Fixed: streamHeads[media], Fields: out.fields[2:]}
	if head.Fixed == nil || status != 200 {
		head = exchange.Head{Fields: out.fields}
		head.Fields[0] = exchange.Field{Name: ":status", Value: strconv.Itoa(status)}
		head.Fields[1] = exchange.Field{Name: "content-type", Value: media}
	}
	l.started = true
	return l.call.x.Start(head)
}

// send sends some of the answer, compressed where that was agreed upon, with mu held. It returns how many bytes were sent.
func (l *responses) send(text []byte, last bool) (int, error) {
	if l.compressed != nil {
		return l.compressed.send(text, last)
	}
	if len(text) == 0 {
		return 0, nil
	}
	return len(text), l.call.x.Send(text)
}

// write sends a message, behind the head if it is the first.
func (l *responses) write(stream farcall.Stream, response any) error {
	out := buffer.Get(512)
	defer out.Free()
	media, err := l.appendElement(out, response)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started {
		if err := l.start(*stream.ResponseHeader(), media); err != nil {
			return err
		}
	}
	if l.call.httpMethod == "HEAD" {
		return nil
	}
	sent, err := l.send(out.B, false) // nothing, where a google.api.HttpBody is empty
	if err != nil {
		return err
	}
	l.count++
	l.call.step(farcall.StepAnswer, l.count, sent, nil)
	return nil
}

// appendElement appends what is sent for a message, and returns the type of the whole answer.
func (l *responses) appendElement(out *buffer.Buffer, response any) (media string, err error) {
	route := l.call.match.route
	if route.answersBytes {
		media, data, err := route.httpBody(response.(proto.Message))
		out.B = append(out.B, data...)
		return media, err
	}
	l.open(out)
	if out.B, err = route.appendResponse(out.B, response, formatJSON); err != nil {
		return "", farcall.Errorf(farcall.Internal, "the response: %w", err)
	}
	l.close(out)
	return l.call.offer.media, nil
}

// open and close append what stands around an element.
func (l *responses) open(out *buffer.Buffer) {
	switch {
	case l.call.offer.format == formatEvents:
		out.B = append(out.B, "data: "...)
	case l.call.offer.format == formatArray && l.count == 0:
		out.B = append(out.B, '[')
	case l.call.offer.format == formatArray:
		out.B = append(out.B, ',')
	}
}

func (l *responses) close(out *buffer.Buffer) {
	switch l.call.offer.format {
	case formatLines:
		out.B = append(out.B, '\n')
	case formatEvents:
		out.B = append(out.B, "\n\n"...)
	}
}

// release gives back what was held to compress the answer, when the heartbeat has stopped.
func (l *responses) release() {
	if l.compressed != nil {
		l.compressed.close()
	}
}

// finish ends the answer, whatever has become of the call.
func (l *responses) finish(outgoing *farcall.Call, failure error) {
	if l.seen {
		failure = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if failure == nil && !l.started { // no message at all
		media := l.call.offer.media
		if l.call.offer.format == formatBytes {
			media = mediaUnknown
		}
		failure = l.start(*outgoing.ResponseHeader(), media)
	}
	l.ended = true
	if !l.started {
		l.call.answer(nil, *outgoing.ResponseHeader(), failure)
		return
	}
	out := buffer.Get(512)
	defer out.Free()
	sent, err := 0, error(nil)
	if l.call.httpMethod != "HEAD" {
		l.appendEnd(out, failure)
		sent, err = l.send(out.B, true)
	}
	switch {
	case err == nil && failure != nil && l.call.offer.format == formatBytes:
		err = failure
	case err == nil:
		err = l.call.x.Finish(nil)
	}
	if err != nil { // the client has gone: what failed first says more
		l.call.x.Abort(err)
		if failure == nil {
			failure = err
		}
	}
	l.call.step(farcall.StepAnswer, 0, sent, failure)
}

// appendEnd appends what ends the answer, with the failure in it if there was one.
func (l *responses) appendEnd(out *buffer.Buffer, failure error) {
	events, array := l.call.offer.format == formatEvents, l.call.offer.format == formatArray
	switch {
	case l.call.offer.format == formatBytes:
		return
	case failure != nil:
		if events {
			out.B = append(out.B, "event: error\n"...)
		}
		l.open(out)
		out.B = append(out.B, `{"error":`...)
		out.B = l.call.appendStatus(out.B, statusOf(failure))
		out.B = append(out.B, '}')
		l.close(out)
	case events: // a browser would connect again unless its script closes the EventSource
		out.B = append(out.B, "event: end\ndata: {}\n\n"...)
	case array && l.count == 0:
		out.B = append(out.B, '[')
	}
	if array {
		out.B = append(out.B, ']')
	}
}

// beat sends a comment whenever an interval has passed, until stop is closed: whatever is in between sees that the
// connection is in use, and a client that has gone is noticed. The first one sends the head too, if no message has: a
// failure is an event from then on.
func (l *responses) beat(interval time.Duration, stop <-chan struct{}) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-stop:
			return
		}
		if !l.beatOnce() {
			return
		}
	}
}

func (l *responses) beatOnce() (more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	if !l.started {
		if err := l.start(farcall.Metadata{}, l.call.offer.media); err != nil {
			l.cancel()
			return false
		}
	}
	if _, err := l.send([]byte(": \n\n"), false); err != nil {
		l.cancel()
		return false
	}
	return true
}
