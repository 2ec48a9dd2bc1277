// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// Local returns an Invoker that calls this server's handlers in this process, as a client would from afar: through the
// interceptors, with deadline, cancellation, metadata and the limits of a request. Messages are copied both ways (see
// Options.ShareLocalMessages); causes of errors and the context's values stay behind. It works without a listener, and until
// Shutdown or Close has ended. docs/streams.md says how calling the implementation itself differs.
func (s *Server) Local() farcall.Invoker { return local{server: s} }

type local struct {
	server *Server
	// inherits makes handlers see the values of the caller's context: the REST edge is this server's own, and what its
	// observer has put there is the call's.
	inherits bool
}

// Invoke makes a unary call in this process.
func (l local) Invoke(ctx context.Context, method *farcall.Method, request, response any) error {
	if found, err := l.server.find(method.Path); err == nil && found.method.Kind != method.Kind && method.Kind == farcall.KindUnary {
		return l.invokeStream(ctx, method, request, response)
	}
	outgoing, err := call.Claim(ctx)
	if err != nil {
		release(request)
		return err
	}
	s, err := l.enter(ctx, method, request, outgoing.Metadata().Clone())
	if err != nil {
		outgoing.Deliver(method, farcall.Peer{}, farcall.Metadata{}, farcall.Metadata{})
		return call.Outcome(err)
	}
	err = s.invoke(ctx, l.inherits)
	var header, trailer farcall.Metadata
	if finished, packed := s.finished(); finished {
		if err == nil {
			err = packed.unpack(math.MaxInt, response)
		}
		packed.drop()
		if outgoing.Collects() {
			header, trailer = s.call.ResponseHeader().Clone(), s.call.ResponseTrailer().Clone()
		}
	}
	outgoing.Deliver(method, farcall.Peer{}, header, trailer)
	return err
}

// InvokeNear makes a unary call for the routes, with what is encoded already and is wanted encoded; see rest.
func (l local) InvokeNear(ctx context.Context, method *farcall.Method, metadata farcall.Metadata, request any) (*buffer.Buffer, farcall.Metadata, error) {
	s, err := l.enter(ctx, method, request, metadata)
	if err != nil {
		return nil, farcall.Metadata{}, call.Outcome(err)
	}
	err = s.invoke(ctx, l.inherits)
	finished, packed := s.finished()
	if !finished {
		return nil, farcall.Metadata{}, err
	}
	header := s.call.ResponseHeader().Clone()
	if err != nil {
		packed.drop()
		return nil, header, err
	}
	response, err := packed.bytes()
	return response, header, err
}

// invokeStream makes a unary call of a method whose handler is of another kind here: Options.Unknown, or one that was
// generated from another .proto file. Such a handler may send no message, or more than one.
func (l local) invokeStream(ctx context.Context, method *farcall.Method, request, response any) error {
	taken := false
	defer func() {
		if !taken {
			release(request)
		}
	}()
	return l.Stream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
		taken = true
		if err := stream.Send(request); err != nil && err != io.EOF {
			return err
		}
		return stream.Receive(response)
	})
}

// release gives a request back that will not be sent, if it holds memory.
func release(request any) {
	switch held := request.(type) {
	case *farcall.Raw:
		if held != nil {
			held.Done()
		}
	case *buffer.Buffer:
		held.Free()
	}
}

// localStream is one call in this process: the farcall.Stream of its handler and, with call, the handler's context. The
// caller may leave before the handler returns.
type localStream struct {
	call.Traffic
	call   farcall.Call
	server *Server
	method *registered
	tap    *call.Tap
	done   chan struct{} // closed when the handler has returned; nil if the caller runs it

	received atomic.Bool // the handler has asked for the request
	told     atomic.Bool // the observer has been told that the handler has its result

	mu       sync.Mutex // guards what follows
	left     bool       // the caller has gone
	over     bool       // the handler has returned
	request  parcel     // until it is received
	response parcel
	sent     bool
	sendErr  error // sticks
	outcome  error // the handler's
}

var _ farcall.Stream = (*localStream)(nil)

// enter checks the call as both ends of a wire would, and enters it with the server. The request is the caller's no more.
func (l local) enter(ctx context.Context, method *farcall.Method, request any, metadata farcall.Metadata) (*localStream, error) {
	found, err := l.check(ctx, method)
	if err != nil {
		release(request)
		return nil, err
	}
	s := l.server
	packed, err := s.pack(request)
	if err != nil {
		return nil, err
	}
	entered := &localStream{server: s, method: found, request: packed}
	if packed.size > s.options.MaxReceiveBytes {
		err = wire.TooLarge(packed.size, s.options.MaxReceiveBytes)
	} else {
		err = s.checkMetadata(method, metadata)
	}
	if err == nil && !l.admit(ctx, &entered.call, entered, metadata) {
		err = errServerClosed
	}
	if err != nil {
		entered.request.drop()
		return nil, err
	}
	return entered, nil
}

// check finds a method, for a call that can be made.
func (l local) check(ctx context.Context, method *farcall.Method) (*registered, error) {
	if err := call.CheckUnary(method); err != nil {
		return nil, err
	}
	if err := call.ContextEnded(ctx, method, "before it began"); err != nil {
		return nil, err
	}
	return l.server.find(method.Path)
}

var errServerClosed = &farcall.Error{Code: farcall.Unavailable, Message: "the server was closed"}

// checkMetadata returns the error for a request's metadata that could not be sent, or that this server would not take.
func (s *Server) checkMetadata(method *farcall.Method, metadata farcall.Metadata) error {
	if metadata.Len() == 0 {
		return nil
	}
	fields, err := wire.AppendRequest(nil, &wire.RequestFields{Metadata: metadata})
	if err != nil {
		return err
	}
	size, limit := 0, s.options.MaxHeaderListBytes
	for _, field := range fields {
		size += len(field.Name) + len(field.Value) + 32 // as RFC 9113 counts it (section 6.5.2)
	}
	if size > limit {
		return farcall.Errorf(farcall.ResourceExhausted, "the metadata sent with %s is too large: %d bytes, and the server takes %d", method, size, limit)
	}
	return nil
}

// admit makes a call the incoming one that stream's handler serves, and enters it with the server unless that is closed. The
// metadata is the call's own.
func (l local) admit(ctx context.Context, incoming *farcall.Call, stream farcall.Stream, metadata farcall.Metadata) bool {
	deadline, _ := ctx.Deadline()
	peer, _ := exchange.PeerFrom(ctx)
	values := context.Background()
	if own, ok := ctx.(ownContext); l.inherits && ok { // whose end is seen to
		values = own.lent()
	} else if l.inherits {
		values = ctx
	}
	incoming.InitIncoming(values, stream, farcall.Peer(peer), deadline, metadata)
	return l.server.enterLocal(incoming)
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

// ownGoroutine is the key of a value that a context has if its goroutine is the server's, which knows what to do when a
// handler ends it.
type ownGoroutine struct{}

// ownContext is the context of a request that is served by such a goroutine, and knows how to end one call without a function
// for it.
type ownContext interface {
	// lent returns what has the context's values, without the request that it is a part of.
	lent() context.Context
	// ends makes the end of the context that of a call as well, until left.
	ends(*farcall.Call)
	left()
}

// invoke runs the handler, on a goroutine of its own if the caller may leave before it returns. The edge leaves when a deadline
// passes, because its client is told; when the client has gone there is nobody to tell, and the handler's context ends.
func (s *localStream) invoke(ctx context.Context, edge bool) error {
	if own, ok := ctx.(ownContext); ok && edge {
		own.ends(&s.call)
		defer own.left()
		s.run()
		return call.Returned(ctx, s.method.method, s.outcome)
	}
	if _, timed := ctx.Deadline(); edge && !timed && ctx.Value(ownGoroutine{}) != nil {
		defer afterFunc(ctx, func() { s.call.Cancel(context.Canceled) })()
		s.run()
		return call.Returned(ctx, s.method.method, s.outcome)
	}
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

// afterFunc is context.AfterFunc, without its detour where ctx itself knows how.
func afterFunc(ctx context.Context, f func()) (stop func() bool) {
	if direct, ok := ctx.(interface{ AfterFunc(func()) func() bool }); ok {
		return direct.AfterFunc(f)
	}
	return context.AfterFunc(ctx, f)
}

// run calls the handler.
func (s *localStream) run() {
	var err error
	returned := false
	defer func() { // in a defer, because a handler may end its goroutine (runtime.Goexit, t.FailNow)
		if !returned {
			err = endedGoroutine(s.method.method)
		}
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
	returned = true
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
	s.request.drop()
	if err == nil {
		err = s.sendErr
	}
	if err == nil && !s.sent {
		err = farcall.Errorf(farcall.Internal, "the handler of %s returned neither a message nor an error", s.method.method)
	}
	if err != nil {
		s.outcome = call.Crossed(err)
	}
	if err != nil || s.left {
		s.response.drop()
	}
	s.mu.Unlock()
	s.step(farcall.StepSendResponse, 1, 0, s.outcome)
}

// finished reports whether the handler has returned, so that its metadata is nobody's any more, and its response the
// caller's.
func (s *localStream) finished() (bool, parcel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		return false, parcel{}
	}
	response := s.response
	s.response = parcel{}
	return true, response
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

// Receive unpacks the request.
func (s *localStream) Receive(message any) error {
	if s.received.Swap(true) {
		return io.EOF
	}
	request, err := s.takeRequest()
	if err == nil {
		err = request.unpack(math.MaxInt, message) // the limit was checked
	}
	s.CountReceived(request.size)
	s.step(farcall.StepDecodeRequest, 1, request.size, err)
	if err == nil {
		s.step(farcall.StepInvokeHandler, 0, 0, nil)
	}
	return call.Outcome(err)
}

func (s *localStream) takeRequest() (parcel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.left:
		return parcel{}, s.callerLeft()
	case s.over:
		return parcel{}, errHandlerReturned
	}
	request := s.request
	s.request = parcel{}
	return request, nil
}

// Send packs the response, which crosses if the call succeeds.
func (s *localStream) Send(message any) error {
	s.tell(nil)
	response, err := s.server.pack(message)
	if err == nil {
		err = s.giveResponse(response)
	}
	s.step(farcall.StepEncodeResponse, 1, response.size, err)
	if err != nil {
		response.drop()
		return s.failSend(err)
	}
	s.CountSent(response.size)
	return nil
}

func (s *localStream) giveResponse(response parcel) error {
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
	s.response, s.sent = response, true
	return nil
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
