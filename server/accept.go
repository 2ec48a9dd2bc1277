// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// acceptor is what the engine tells of requests. Its methods run on the connection's reader goroutine, or under a timer,
// and must not wait: answers, which may have to wait for room, are made on goroutines of their own.
type acceptor struct{ server *Server }

var _ http2.Handler = acceptor{}

// Accept takes a request whose head is complete.
func (a acceptor) Accept(transport *http2.ServerStream) {
	var request wire.Request
	if err := wire.ParseRequest(transport.Request(), &request); err != nil {
		a.acceptOther(transport, err)
		return
	}
	if refusal := a.server.refusals.grpc; refusal != nil {
		a.acceptLeftOut(transport, refusal)
		return
	}
	known, _ := request.Route().(*route)
	var asked *form
	if known != nil && known.form.says(&request) {
		asked = known.form
	} else if asked = a.server.form(&request); asked == nil {
		a.acceptOther(transport, wire.UnreadSubtype(request.Subtype))
		return
	}
	s := a.stream(transport, asked)
	var deadline time.Time
	if request.HasTimeout {
		deadline = time.Now().Add(request.Timeout)
	}
	if known != nil {
		s.method = known.registered
	} else if found, err := a.server.find(request.Path); err == nil {
		s.method = found
	} else {
		s.refuse(err)
		return
	}
	if known == nil || known.form != asked {
		request.SetRoute(&route{s.method, asked})
	}
	s.call.InitIncoming(context.Background(), s, farcall.Peer(transport.Peer()), deadline, request.Metadata)
	s.stepTimes = request.StepTimes && a.server.options.StepTimes
	if asked.unknown {
		s.refuse(wire.UnknownEncoding(request.Encoding))
		return
	}
	if request.HasTimeout && request.Timeout <= 0 {
		s.refuse(s.overdue())
		return
	}
	if !deadline.IsZero() {
		transport.SetDeadline(deadline)
	}
	if s.method.method.Kind.SendsStream() {
		s.start()
		return
	}
	transport.OnReady(wire.PrefixBytes, onPrefix)
}

// route is what is noted of requests that have their head's beginning in common. It is never changed.
type route struct {
	registered *registered
	form       *form // of the last of them
}

// stream returns the stream of a call that has begun.
func (a acceptor) stream(transport *http2.ServerStream, asked *form) *stream {
	s := &stream{server: a.server, transport: transport, form: asked, responses: &asked.Format}
	transport.User = s
	return s
}

// acceptLeftOut takes a request in gRPC where the server speaks none: it is the user's, if there is a handler.
func (a acceptor) acceptLeftOut(transport *http2.ServerStream, refusal error) {
	if a.server.options.HTTPHandler != nil {
		a.server.edge.accept(transport)
		return
	}
	s := a.stream(transport, &noForm)
	s.refuse(refusal)
}

// acceptOther takes a request that is not gRPC, or is malformed.
func (a acceptor) acceptOther(transport *http2.ServerStream, err error) {
	rejection, rejected := errors.AsType[*wire.Rejection](err)
	if !rejected {
		a.server.edge.accept(transport)
		return
	}
	s := a.stream(transport, &noForm)
	s.own()
	a.server.crowd.start(func() { // ends when the rejection is on its way
		defer transport.Release()
		_ = transport.Answer(rejection.Head(), nil, nil) // fails if the peer has gone
	})
}

// onPrefix runs when the prefix of a call's only message is there. What it finds wrong is answered by the call's own
// goroutine; a message above the limit is refused before it comes.
func onPrefix(transport *http2.ServerStream, reading bool) {
	s := transport.User.(*stream)
	s.gate.Lock() // Overdue must not release the body that is read here
	defer s.gate.Unlock()
	switch {
	case s.state.Load()&owned != 0:
		return
	case transport.Buffered() < wire.PrefixBytes: // the request ended too early, or failed
		s.start()
		return
	}
	length, compressed, err := wire.ParsePrefix(transport.Next(wire.PrefixBytes), s.server.options.MaxReceiveBytes)
	if err == nil {
		err = wire.CheckCompressed(compressed, s.form.received())
	}
	if err != nil {
		s.receiveErr = err
		s.start()
		return
	}
	s.prefixed, s.length, s.compressed = true, uint32(length), compressed
	if wantsTrial(compressed, length) {
		transport.OnReady(call.TrialBytes, onTrial)
		return
	}
	transport.OnEnd(length, onWhole, reading)
}

// onWhole runs when the call's only message is there and nothing comes behind it: the handler can run without waiting, and
// where that is quick, on the goroutine that has read it.
func onWhole(transport *http2.ServerStream, reading bool) {
	s := transport.User.(*stream)
	if !reading || !s.method.pace.quick.Load() || s.method.method.Kind != farcall.KindUnary {
		s.start()
		return
	}
	if s.own() && !transport.Inline() {
		s.server.workers.run(s)
	}
}

// start gives the call the goroutine that answers it, unless Overdue was faster.
func (s *stream) start() {
	if s.own() {
		s.server.workers.run(s)
	}
}

// refuse answers a call that no handler will see, on a goroutine that ends when the answer is on its way.
func (s *stream) refuse(err error) {
	s.own()
	s.server.crowd.start(func() {
		defer s.transport.Release()
		s.finish(err)
	})
}

// Ended is told that the peer has gone: the handler's context ends. A request that is still incomplete has failed then,
// so that what waits for the rest of it runs, and ends the call.
func (a acceptor) Ended(transport *http2.ServerStream, _ error) {
	switch user := transport.User.(type) {
	case *stream:
		user.call.Cancel(context.Canceled)
	case *edgeRequest:
		user.cancel()
	}
}

// Overdue is told that a call's deadline has passed. The peer is told at once, whatever the handler does.
func (a acceptor) Overdue(transport *http2.ServerStream) {
	s := transport.User.(*stream) // REST requests have no deadline of their own
	s.call.Cancel(context.DeadlineExceeded)
	s.gate.Lock() // see onPrefix
	unstarted := s.own()
	s.gate.Unlock()
	if unstarted {
		s.refuse(s.overdue())
		return
	}
	go s.finishOverdue() // ends when the answer is on its way
}
