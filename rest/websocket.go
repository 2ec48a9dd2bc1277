// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
)

// A WebSocket is a call of a method with a stream: each of its messages is one message of the call, as JSON. An empty one says
// that the client sends no more, since closing a WebSocket ends both directions. The last message of a call that fails is
// {"error":{"code":…,"message":…,"details":…}}.

// Close codes (RFC 6455 section 7.4): a call that ends well, and the first of those for the codes of failures.
const (
	closeNormal  = 1000
	closeFailure = 4000
)

// MatchConversation reports whether a request to open a WebSocket at the path has a route: that of GET, or any other, whose
// method has a stream.
func (r *Router) MatchConversation(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	return r.conversation(path).route != nil
}

func (r *Router) conversation(path string) match {
	found := r.root.find("GET", path)
	if found.route != nil && found.route.method.Kind != farcall.KindUnary {
		return found
	}
	found.route = nil
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		other := r.root.find(method, path)
		if other.route != nil && other.route.method.Kind != farcall.KindUnary {
			return other
		}
	}
	return found
}

// Converse serves a WebSocket. It blocks until that is closed; ctx is that of the request, with its peer.
func (r *Router) Converse(ctx context.Context, x exchange.Conversation) {
	ctx, cancel := context.WithCancel(ctx)
	s := &socket{call: call{router: r, head: x.Request(), httpMethod: "GET"}, x: x, cancel: cancel}
	defer s.watching.Wait() // Close has ended it
	defer cancel()
	s.call.target = s.call.head.Get(":path")
	path, query, _ := strings.Cut(s.call.target, "?")
	s.call.match, s.call.query = r.conversation(path), query
	if r.options.Observer != nil {
		s.call.info = &farcall.CallInfo{Side: farcall.SideEdge, Start: time.Now()}
		if s.call.match.route != nil {
			s.call.info.Method = s.call.match.route.method
		}
		ctx = r.options.Observer.Begin(ctx, s.call.info)
	}
	s.end(s.serve(ctx))
}

// socket is a WebSocket on its way.
type socket struct {
	call     call
	x        exchange.Conversation
	cancel   context.CancelFunc // ends the call
	received int                // messages
	sent     int
	watching sync.WaitGroup
}

func (s *socket) serve(ctx context.Context) error {
	c := &s.call
	var err error
	if c.headers, err = readHeaders(c.head); err == nil {
		err = c.check()
	}
	if err == nil {
		err = c.readMetadata()
	}
	var release context.CancelFunc
	if err == nil {
		ctx, release, err = c.withTimeout(ctx)
	}
	c.step(farcall.StepRequestArrives, 0, 0, err)
	if err != nil {
		return err
	}
	defer release()
	requests, err := s.requests(ctx)
	if err != nil {
		return err
	}
	return c.converse(c.outgoing(ctx), s.cancel, requests, func(stream farcall.Stream) error {
		for {
			response := c.match.route.method.NewResponse()
			switch err := stream.Receive(response); {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			}
			if err := s.send(ctx, response); err != nil {
				return err
			}
			if !c.match.route.method.Kind.ReturnsStream() {
				return nil
			}
		}
	})
}

// requests returns the messages of the call. A method that takes one gets it from the path and the query, or, if its rule
// has a body, from the first message.
func (s *socket) requests(ctx context.Context) (messages, error) {
	route := s.call.match.route
	if route.method.Kind.SendsStream() {
		return s, nil
	}
	if !route.rule.HasBody() {
		message, err := route.bind(input{}, s.call.match.path, s.call.query)
		s.call.step(farcall.StepCallStub, 1, 0, err)
		s.watch()
		return &oneMessage{message}, err
	}
	message, err := s.next(ctx)
	if err == io.EOF {
		message, err = route.bind(input{}, s.call.match.path, s.call.query)
	} else if err == nil {
		s.watch()
	}
	return &oneMessage{message}, err
}

// next waits for the client's next message.
func (s *socket) next(ctx context.Context) (proto.Message, error) {
	text, err := s.x.Receive(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, farcall.AsError(ctx.Err())
	case err != nil:
		return nil, farcall.Errorf(farcall.Canceled, "the client has closed the WebSocket: %w", err)
	case len(text) == 0:
		s.watch()
		return nil, io.EOF
	}
	s.received++
	s.call.step(farcall.StepRequestArrives, s.received, len(text), nil)
	message, err := s.call.match.route.bind(input{body: text, number: s.received}, s.call.match.path, s.call.query)
	s.call.step(farcall.StepCallStub, s.received, 0, err)
	return message, err
}

// watch ends the call when the client closes the WebSocket. What it still sends is not wanted. It ends at the latest when the WebSocket is closed here.
func (s *socket) watch() {
	s.watching.Go(func() {
		for {
			if _, err := s.x.Receive(context.Background()); err != nil {
				s.cancel()
				return
			}
		}
	})
}

func (s *socket) send(ctx context.Context, response proto.Message) error {
	out := buffer.Get(512)
	defer out.Free()
	var err error
	if out.B, err = s.call.match.route.appendResponse(out.B, response, formatJSON); err != nil {
		return farcall.Errorf(farcall.Internal, "the response: %w", err)
	}
	if err := s.x.Send(ctx, out.B); err != nil {
		return err
	}
	s.sent++
	s.call.step(farcall.StepAnswer, s.sent, len(out.B), nil)
	return nil
}

// end tells the client how the call has ended, and closes the WebSocket.
func (s *socket) end(failure error) {
	if failure == nil {
		s.x.Close(closeNormal, "")
		s.call.step(farcall.StepAnswer, 0, 0, nil)
		return
	}
	own := statusOf(failure)
	out := buffer.Get(512)
	defer out.Free()
	out.B = append(s.call.appendStatus(append(out.B, `{"error":`...), own), '}')
	ctx, cancel := context.WithTimeout(context.Background(), s.call.router.lateness)
	defer cancel()
	_ = s.x.Send(ctx, out.B) // fails if the client has gone
	s.x.Close(closeFailure+int(own.Code), own.Message)
	s.call.step(farcall.StepAnswer, 0, len(out.B), failure)
}
