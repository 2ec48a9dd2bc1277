// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// Local returns an Invoker that calls this server's handlers in this process, as a client would from afar: through the
// interceptors, with deadline, cancellation, metadata and limits. Messages are copied both ways, causes of errors and
// the context's values stay behind. It works without a listener, and until Shutdown or Close has ended.
func (s *Server) Local() farcall.Invoker { return local{server: s} }

type local struct {
	server *Server
	// inherits makes handlers see the values of the caller's context: the REST edge is this server's own, and what its
	// observer has put there is the call's.
	inherits bool
}

// Invoke makes a unary call in this process.
func (l local) Invoke(ctx context.Context, method *farcall.Method, request, response any) error {
	outgoing, err := call.Claim(ctx)
	if err != nil {
		release(request)
		return err
	}
	s, err := l.enter(ctx, method, request, outgoing.Metadata())
	if err != nil {
		release(request)
		outgoing.Deliver(method, farcall.Peer{}, farcall.Metadata{}, farcall.Metadata{})
		return call.Outcome(err)
	}
	s.response = response
	err = s.invoke(ctx)
	var header, trailer farcall.Metadata
	if outgoing.Collects() && s.finished() {
		header, trailer = s.call.ResponseHeader().Clone(), s.call.ResponseTrailer().Clone()
	}
	outgoing.Deliver(method, farcall.Peer{}, header, trailer)
	return err
}

// release gives a Raw back that will not be sent.
func release(request any) {
	if raw, ok := request.(*farcall.Raw); ok && raw != nil {
		raw.Done()
	}
}

// localStream is one call in this process: the farcall.Stream of its handler and, with call, the handler's context. The
// caller may leave before the handler returns; from then on the messages are the caller's again.
type localStream struct {
	call.Traffic
	call   farcall.Call
	server *Server
	method *registered
	tap    call.Tap
	done   chan struct{} // closed when the handler has returned; nil if the caller runs it

	received atomic.Bool // the handler has asked for the request
	told     atomic.Bool // the observer has been told that the handler has its result

	mu       sync.Mutex // guards what follows
	left     bool       // the caller has gone
	over     bool       // the handler has returned
	request  any        // the caller's; nil once received
	size     int        // of the request
	response any        // the caller's
	sent     bool
	sendErr  error // sticks
	outcome  error // the handler's
}

var _ farcall.Stream = (*localStream)(nil)

// enter checks the call as both ends of a wire would, and enters it with the server.
func (l local) enter(ctx context.Context, method *farcall.Method, request any, metadata farcall.Metadata) (*localStream, error) {
	if err := call.CheckUnary(method); err != nil {
		return nil, err
	}
	if err := call.ContextEnded(ctx, method, "before it began"); err != nil {
		return nil, err
	}
	s := l.server
	found, err := s.find(method.Path)
	if err != nil {
		return nil, err
	}
	size, err := codec.Size(request)
	if err != nil {
		return nil, err
	}
	if size > s.options.MaxReceiveBytes {
		return nil, farcall.Errorf(farcall.ResourceExhausted, "received a message of %d bytes, the limit is %d: raise Options.MaxReceiveBytes, or send less at a time",
			size, s.options.MaxReceiveBytes)
	}
	if metadata.Len() > 0 {
		if _, err := wire.AppendRequest(nil, &wire.RequestFields{Metadata: metadata}); err != nil {
			return nil, err
		}
		metadata = metadata.Clone()
	}
	entered := &localStream{server: s, method: found, request: request, size: size}
	deadline, _ := ctx.Deadline()
	peer, _ := exchange.PeerFrom(ctx)
	values := context.Background()
	if l.inherits {
		values = ctx
	}
	entered.call.InitIncoming(values, entered, farcall.Peer(peer), deadline, metadata)
	if !s.enterLocal(&entered.call) {
		return nil, farcall.Errorf(farcall.Unavailable, "the server was closed")
	}
	return entered, nil
}

func (s *Server) enterLocal(entered *farcall.Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == closed {
		return false
	}
	s.locals[entered] = struct{}{}
	return true
}

func (s *Server) leaveLocal(left *farcall.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.locals, left)
	s.checkIdleLocked()
}

// invoke runs the handler, on a goroutine of its own if the caller may leave before it returns.
func (s *localStream) invoke(ctx context.Context) error {
	if ctx.Done() == nil {
		s.run()
		return s.outcome
	}
	s.done = make(chan struct{})
	go s.run() // ends with the handler, whose context ends with the caller's
	select {
	case <-s.done:
		return call.Returned(ctx, s.method.method, s.outcome)
	case <-ctx.Done():
	}
	s.call.Cancel(ctx.Err())
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	return call.ContextEnded(ctx, s.method.method, "while it was running")
}

// run calls the handler.
func (s *localStream) run() {
	err := farcall.Errorf(farcall.Internal, "the handler of %s ended its goroutine", s.method.method)
	defer func() { // in a defer, because a handler may end its goroutine (runtime.Goexit, t.FailNow)
		s.call.Cancel(context.Canceled)
		s.end(err)
		s.server.leaveLocal(&s.call)
		if s.done != nil {
			close(s.done)
		}
	}()
	ctx, tap := call.Begin(&s.call, s.server.options.Observer, s.method.method, farcall.SideServer)
	s.tap = tap
	err = call.Guard(ctx, s, s.method.handler, s.server.logger)
	if s.call.Err() == context.DeadlineExceeded { // whatever the handler makes of it, as over a wire
		err = overdue(s.method.method)
	}
}

// end settles the outcome: what would be found wrong on the way to the wire is found here.
func (s *localStream) end(err error) {
	s.tell(err)
	for _, metadata := range []*farcall.Metadata{s.call.ResponseHeader(), s.call.ResponseTrailer()} {
		if _, invalid := wire.AppendAnswer(nil, *metadata); invalid != nil && err == nil {
			err = invalid
		}
	}
	s.mu.Lock()
	s.over = true
	release(s.request)
	s.request = nil
	if err == nil {
		err = s.sendErr
	}
	if err == nil && !s.sent {
		err = farcall.Errorf(farcall.Internal, "the handler of %s returned neither a message nor an error", s.method.method)
	}
	if err != nil {
		s.outcome = call.Crossed(err)
		s.takeBackLocked()
	}
	s.mu.Unlock()
	s.step(farcall.StepSendResponse, 1, 0, s.outcome)
}

// takeBackLocked empties a response that was copied before the call failed.
func (s *localStream) takeBackLocked() {
	if s.left || !s.sent {
		return
	}
	release(s.response)
	if message, ok := s.response.(proto.Message); ok {
		proto.Reset(message)
	}
}

// finished reports whether the handler has returned, so that its metadata is nobody's any more.
func (s *localStream) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// tell tells the observer, once, that the handler has its result.
func (s *localStream) tell(err error) {
	if !s.told.Swap(true) {
		s.step(farcall.StepHandlerReturns, 0, 0, err)
	}
}

func (s *localStream) step(step farcall.Step, message, bytes int, err error) {
	if s.tap.On() {
		s.tap.Step(step, message, bytes, err)
	}
}

func (s *localStream) Method() *farcall.Method            { return s.method.method }
func (s *localStream) RequestHeader() *farcall.Metadata   { return s.call.RequestHeader() }
func (s *localStream) ResponseHeader() *farcall.Metadata  { return s.call.ResponseHeader() }
func (s *localStream) ResponseTrailer() *farcall.Metadata { return s.call.ResponseTrailer() }
func (s *localStream) CloseSend() error                   { return nil }

// UseCompression has nothing to compress, and finds the same mistakes as over a wire.
func (s *localStream) UseCompression(names string) error { return s.server.checkCompression(names) }

// SendHeader has nobody to send to before the call returns.
func (s *localStream) SendHeader() error { return nil }

// Receive copies the request.
func (s *localStream) Receive(message any) error {
	if s.received.Swap(true) {
		return io.EOF
	}
	err := s.takeRequest(message)
	s.CountReceived(s.size)
	s.step(farcall.StepDecodeRequest, 1, s.size, err)
	if err == nil {
		s.step(farcall.StepInvokeHandler, 0, 0, nil)
	}
	return call.Outcome(err)
}

func (s *localStream) takeRequest(message any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.left:
		return s.callerLeft()
	case s.over:
		return errHandlerReturned
	}
	err := copyMessage(message, s.request)
	release(s.request)
	s.request = nil
	return err
}

// Send copies the response. If the call fails after all, the copy is taken back.
func (s *localStream) Send(message any) error {
	s.tell(nil)
	if raw, ok := message.(*farcall.Raw); ok && raw != nil {
		defer raw.Done()
	}
	size, err := codec.Size(message)
	if err == nil {
		err = s.giveResponse(message)
	}
	s.step(farcall.StepEncodeResponse, 1, size, err)
	if err != nil {
		return s.failSend(err)
	}
	s.CountSent(size)
	return nil
}

func (s *localStream) giveResponse(message any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.sendErr != nil:
		return s.sendErr
	case s.left:
		return s.callerLeft()
	case s.over:
		return errHandlerReturned
	case s.sent:
		return farcall.Errorf(farcall.Internal, "%s returns one message, and its handler sent a second", s.method.method)
	}
	err := copyMessage(s.response, message)
	s.sent = err == nil
	return err
}

func (s *localStream) failSend(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sendErr == nil {
		s.sendErr = call.Outcome(err)
	}
	return s.sendErr
}

var errHandlerReturned = &farcall.Error{Code: farcall.FailedPrecondition, Message: "the call has ended: its handler has returned"}

func (s *localStream) callerLeft() error {
	return farcall.Errorf(farcall.CodeOf(s.call.Err()), "the caller has gone: %w", s.call.Err())
}

// copyMessage makes to equal from, sharing nothing: by copying where both are of one type, by way of bytes otherwise.
func copyMessage(to, from any) error {
	source, fromMessage := from.(proto.Message)
	target, toMessage := to.(proto.Message)
	if fromMessage && toMessage && target.ProtoReflect().IsValid() &&
		target.ProtoReflect().Descriptor() == source.ProtoReflect().Descriptor() {
		proto.Reset(target)
		proto.Merge(target, source)
		return nil
	}
	if raw, ok := from.(*farcall.Raw); ok {
		return codec.Decode(raw.Data, to)
	}
	encoded, err := codec.Append(nil, from)
	if err != nil {
		return err
	}
	return codec.Decode(encoded, to)
}
