// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"context"
	"io"
	"sync"

	"google.golang.org/protobuf/proto"
)

// The Open forms of the streaming methods, for conversations that an iterator does not fit: headers before the first
// message; send, then receive, then send. Generated Open functions return them.

// openStream is a call whose interceptors run on a goroutine of their own while the caller holds the stream. That
// goroutine ends with the call.
type openStream struct {
	stream Stream
	end    chan error    // the caller's word for how the call ended; has room for one
	once   sync.Once     // for end
	done   chan struct{} // closed when the interceptors have returned
	err    error         // the outcome; set before done is closed
	cancel context.CancelFunc

	panicked any // what an interceptor panicked with; set before done is closed

	receiving sync.Mutex // held while the caller receives; guards over
	over      bool       // the stream is being taken back: err says how the call ended once done is closed
}

// open starts a call and returns once its interceptors have let it through.
func open(ctx context.Context, via Invoker, method *Method) (*openStream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &openStream{end: make(chan error, 1), done: make(chan struct{}), cancel: cancel}
	opened := make(chan Stream, 1)
	go func() {
		defer close(s.done)
		defer cancel()
		returned := false
		defer func() {
			if s.panicked = recover(); s.panicked != nil {
				s.err = Errorf(Internal, "an interceptor of %s panicked", method)
			} else if !returned { // runtime.Goexit, such as by t.FailNow
				s.err = Errorf(Internal, "an interceptor of %s ended its goroutine", method)
			}
		}()
		s.err = via.Stream(ctx, method, func(ctx context.Context, stream Stream) error {
			opened <- stream
			return s.lend(ctx, method)
		})
		returned = true
	}()
	select {
	case s.stream = <-opened:
		return s, nil
	case <-s.done:
		s.raise()
		if s.err == nil {
			s.err = Errorf(Internal, "an interceptor ended %s without calling next", method)
		}
		return nil, s.err
	}
}

// lend waits until the caller needs the stream no more, takes it back and returns how the call ended.
func (s *openStream) lend(ctx context.Context, method *Method) error {
	var err error
	select {
	case err = <-s.end:
	case <-ctx.Done():
		err = Errorf(CodeOf(ctx.Err()), "%s: the caller's context ended while it was running: %w", method, ctx.Err())
	}
	s.receiving.Lock() // a Receive that is at work returns by the context's end
	defer s.receiving.Unlock()
	s.over = true
	select {
	case err = <-s.end: // which that Receive has found
	default:
	}
	return err
}

// decide says how the call ended. The first word counts.
func (s *openStream) decide(err error) { s.once.Do(func() { s.end <- err }) }

// finish ends the call with err and returns its outcome, which interceptors may have changed.
func (s *openStream) finish(err error) error {
	s.decide(err)
	<-s.done
	s.raise()
	return s.err
}

// raise panics again, on the caller's goroutine, with what an interceptor panicked with on the library's.
func (s *openStream) raise() {
	if s.panicked != nil {
		panic(s.panicked)
	}
}

// failed ends a call that failed with err. There is no response, whatever interceptors make of the error.
func (s *openStream) failed(err error) error {
	if outcome := s.finish(err); outcome != nil {
		return outcome
	}
	if err == io.EOF {
		return Errorf(FailedPrecondition, "the one response of %s was taken before", s.stream.Method())
	}
	return err
}

// receive waits for the next response, or with last for the only one. It decides on the call where that is its end.
func (s *openStream) receive(message any, last bool) error {
	s.receiving.Lock()
	if s.over {
		s.receiving.Unlock()
		return s.outcome()
	}
	err := s.stream.Receive(message)
	switch {
	case err == io.EOF || err == nil && last:
		s.decide(nil)
	case err != nil:
		s.decide(err)
	}
	s.receiving.Unlock()
	if err == nil {
		return nil
	}
	return s.outcome()
}

// outcome waits until the call is over and returns its error, or io.EOF if it has succeeded.
func (s *openStream) outcome() error {
	<-s.done
	s.raise()
	if s.err == nil {
		return io.EOF
	}
	return s.err
}

// Header waits for the response's header and returns it; it is empty if the call failed before. Like Receive it may not be
// called while another goroutine receives.
func (s *openStream) Header() Metadata {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if s.over {
		<-s.done
	}
	return *s.stream.ResponseHeader()
}

// Trailer returns the response's trailer, once Receive has returned an error or io.EOF.
func (s *openStream) Trailer() Metadata { return *s.stream.ResponseTrailer() }

// Close gives the call up if it has not ended: the other end is told to stop. It may be called at any time, also twice.
func (s *openStream) Close() {
	s.decide(errClosedByCaller)
	s.cancel() // a Send or a Receive that still waits returns
	<-s.done
}

var errClosedByCaller = &Error{Code: Canceled, Message: "the caller closed the stream"}

// Compress says whether the messages sent from now on are compressed; see Call.Compress.
func (s *openStream) Compress(on bool) { s.stream.Compress(on) }

// ServerStream is the caller's end of a call of a server-streaming method. The call ends when Receive has returned an error or
// io.EOF, with Close, or with its context: one of them must happen.
type ServerStream[Response any] struct{ *openStream }

// ClientStream is the caller's end of a call of a client-streaming method. The call ends when CloseAndReceive has returned,
// with Close, or with its context: one of them must happen.
type ClientStream[Request, Response any] struct{ *openStream }

// BidiStream is the caller's end of a call of a two-way method. One goroutine may send while another receives. The call ends
// when Receive has returned an error or io.EOF, with Close, or with its context: one of them must happen.
type BidiStream[Request, Response any] struct{ *openStream }

// OpenServerStream starts a call of a server-streaming method and sends its request.
func OpenServerStream[Response any](ctx context.Context, via Invoker, method *Method, request proto.Message) (*ServerStream[Response], error) {
	s, err := open(ctx, via, method)
	if err != nil {
		return nil, err
	}
	if err := s.stream.Send(request); err != nil && err != io.EOF {
		return nil, s.failed(err)
	}
	return &ServerStream[Response]{s}, nil
}

// OpenClientStream starts a call of a client-streaming method. The request's header leaves with the first message.
func OpenClientStream[Request, Response any](ctx context.Context, via Invoker, method *Method) (*ClientStream[Request, Response], error) {
	s, err := open(ctx, via, method)
	if err != nil {
		return nil, err
	}
	return &ClientStream[Request, Response]{s}, nil
}

// OpenBidi starts a call of a two-way method.
func OpenBidi[Request, Response any](ctx context.Context, via Invoker, method *Method) (*BidiStream[Request, Response], error) {
	s, err := open(ctx, via, method)
	if err != nil {
		return nil, err
	}
	return &BidiStream[Request, Response]{s}, nil
}

// Receive waits for the next response. It returns io.EOF after the last one.
func (s *ServerStream[Response]) Receive() (*Response, error) {
	return receiveNext[Response](s.openStream)
}

// Receive waits for the next response. It returns io.EOF after the last one.
func (s *BidiStream[Request, Response]) Receive() (*Response, error) {
	return receiveNext[Response](s.openStream)
}

func receiveNext[Response any](s *openStream) (*Response, error) {
	response := new(Response)
	if err := s.receive(response, false); err != nil {
		return nil, err
	}
	return response, nil
}

// Send sends a request. It returns io.EOF when the other end has ended the call: CloseAndReceive says how.
func (s *ClientStream[Request, Response]) Send(request *Request) error { return s.stream.Send(request) }

// CloseAndReceive says that no more requests will be sent, and waits for the response.
func (s *ClientStream[Request, Response]) CloseAndReceive() (*Response, error) {
	if err := s.stream.CloseSend(); err != nil && err != io.EOF {
		return nil, s.failed(err)
	}
	response := new(Response)
	if err := s.receive(response, true); err != nil {
		return nil, s.failed(err)
	}
	if err := s.outcome(); err != io.EOF {
		return nil, err
	}
	return response, nil
}

// Send sends a request. It returns io.EOF when the other end has ended the call: Receive says how.
func (s *BidiStream[Request, Response]) Send(request *Request) error { return s.stream.Send(request) }

// CloseSend says that no more requests will be sent.
func (s *BidiStream[Request, Response]) CloseSend() error { return s.stream.CloseSend() }
