// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"io"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// stream is the client's end of one call. Nothing is sent before the first Send, so that interceptors can still change
// the context and the metadata that the call is opened with. It belongs to the caller's goroutine, and where interceptors
// or a body have seen it to whoever holds receiving (see run.go).
type stream struct {
	call.Traffic
	running
	conn     *Conn
	method   *farcall.Method
	ctx      context.Context // the call's; what reaches the innermost handler, once it runs
	outgoing call.Outgoing
	tap      *call.Tap
	format   *call.Format // of the messages, both ways; conn's own until the call has something else

	request  *buffer.Buffer // the encoded request of a unary call behind its prefix, kept for another attempt
	attempts int32
	refused  int32 // attempts that the server has not handled
	unsent   int32 // attempts of which nothing has left

	over       bool                // everything was given back
	answered   bool                // the whole answer is here, and what follows is set
	compressed bool                // the response is
	received   bool                // the response was handed out
	transport  *http2.ClientStream // of the attempt under way, or of the last one until the response is decoded
	message    []byte              // the encoded response, a view into transport's buffer
	header     farcall.Metadata    // the answer's
	trailer    farcall.Metadata    // likewise
	peer       farcall.Peer
	outcome    error // sticks
}

var _ farcall.Stream = (*stream)(nil)

func (s *stream) init(ctx context.Context, c *Conn, method *farcall.Method, outgoing call.Outgoing, tap *call.Tap) {
	s.conn, s.method, s.ctx, s.outgoing, s.tap = c, method, ctx, outgoing, tap
	s.format = &c.format
}

// ownFormat returns the format of the messages, for the call to change. A stream that is sent on and received on at a time
// has it from the beginning.
func (s *stream) ownFormat() *call.Format {
	if s.format == &s.conn.format {
		own := s.conn.format
		s.format = &own
	}
	return s.format
}

// chooseCompression settles how the requests are compressed, when the call is about to be sent.
func (s *stream) chooseCompression() error {
	name := s.outgoing.Compression()
	if len(s.conn.options.Interceptors) > 0 { // which may have said otherwise
		name = farcall.OutgoingCompression(s.ctx)
	}
	if name == "" {
		return nil
	}
	var err error
	if s.ownFormat().Compressor, err = s.conn.findCompressor(name); err != nil {
		return farcall.Errorf(farcall.InvalidArgument, "%s: farcall.WithCompression: %w", s.method, err)
	}
	return nil
}

// recycle gives a stream back that nobody else has seen.
func (s *stream) recycle() {
	*s = stream{}
	streams.Put(s)
}

func (s *stream) Method() *farcall.Method { return s.method }

func (s *stream) RequestHeader() *farcall.Metadata { return s.outgoing.RequestHeader() }

// ResponseHeader waits for the answer, once the request is sent.
func (s *stream) ResponseHeader() *farcall.Metadata {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if s.transport != nil && !s.answered && !s.over {
		s.await()
	}
	return &s.header
}

func (s *stream) ResponseTrailer() *farcall.Metadata { return &s.trailer }

// CloseSend is implied by the one Send.
func (s *stream) CloseSend() error { return nil }

func (s *stream) SendHeader() error {
	return farcall.Errorf(farcall.FailedPrecondition, "SendHeader is for a server: the client's header leaves with its first message")
}

// Send opens the call with its request.
func (s *stream) Send(message any) error {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if s.over {
		release(message)
		return errOver(s.method)
	}
	return s.send(message)
}

func (s *stream) send(message any) error {
	if s.outcome != nil || s.request != nil {
		release(message)
		if s.outcome == nil {
			s.fail(farcall.Errorf(farcall.Internal, "%s takes one message, and a second was sent", s.method))
		}
		return s.outcome
	}
	if err := call.ContextEnded(s.ctx, s.method, "before it was sent"); err != nil {
		release(message)
		return s.fail(err)
	}
	if err := s.chooseCompression(); err != nil {
		release(message)
		return s.fail(err)
	}
	encoded, err := s.encode(1, message)
	if err != nil {
		return s.fail(err)
	}
	s.request = encoded
	return s.fail(s.try(nil))
}

// encode encodes the nth request.
func (s *stream) encode(n int, message any) (*buffer.Buffer, error) {
	_, owned, err := s.encodeInto(nil, n, message)
	return owned, err
}

// encodeInto encodes the nth request: into place, or else into owned.
func (s *stream) encodeInto(place []byte, n int, message any) (encoded []byte, owned *buffer.Buffer, err error) {
	encoded, owned, err = s.format.EncodeInto(place, message, s.Compressing() && s.outgoing.Compressing())
	if err != nil {
		s.step(farcall.StepEncodeRequest, n, 0, err)
		return nil, nil, call.Outcome(err)
	}
	s.CountSent(len(encoded) - wire.PrefixBytes)
	s.step(farcall.StepEncodeRequest, n, len(encoded)-wire.PrefixBytes, nil)
	return encoded, owned, nil
}

// Receive waits for the answer and decodes the response. The call has succeeded if it returns nil.
func (s *stream) Receive(message any) error {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if s.over && s.outcome == nil && !s.received {
		return errOver(s.method)
	}
	return s.receive(message)
}

func (s *stream) receive(message any) error {
	switch {
	case s.outcome != nil:
		return s.outcome
	case s.received:
		return io.EOF
	case s.request == nil:
		return s.fail(farcall.Errorf(farcall.FailedPrecondition, "%s waits for its request: Send comes before Receive", s.method))
	case !s.answered:
		s.await()
		if s.outcome != nil {
			return s.outcome
		}
	}
	s.received = true
	if err := s.format.Decode(s.ctx, s.message, s.compressed, s.conn.options.MaxReceiveBytes, message); err != nil {
		return s.fail(err)
	}
	return nil
}

// fail makes an error the call's outcome, unless it has one.
func (s *stream) fail(err error) error {
	if err != nil && s.outcome == nil {
		s.outcome = call.Outcome(err)
	}
	return s.outcome
}

// end gives everything back and returns the call's outcome as it leaves the library: err, which interceptors may have
// made of the stream's own.
func (s *stream) end(err error) error {
	bytes := len(s.message)
	if s.transport != nil {
		s.message = nil
		s.transport.Recycle()
		s.transport = nil // it may be another call's by now
	}
	s.request.Free()
	s.request = nil
	return s.conclude(err, bytes)
}

// conclude hands the caller what was collected, and reports the end of the call.
func (s *stream) conclude(err error, bytes int) error {
	s.outgoing.Deliver(s.method, s.peer, s.header, s.trailer)
	err = call.Outcome(err)
	only := 1
	if s.method.Kind != farcall.KindUnary { // its messages have been reported: this is the call's end
		only = 0
	}
	s.step(farcall.StepDecodeResponse, only, bytes, err)
	return err
}

// step reports a step if anybody wants to know.
func (s *stream) step(step farcall.Step, message, bytes int, err error) {
	if s.tap.On() {
		s.tap.Step(step, message, bytes, err)
	}
}
