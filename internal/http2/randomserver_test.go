// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// randomServer serves requests as their plans say.
type randomServer struct {
	t *testing.T
	// What may go wrong:
	tight   bool // a budget is, and exchanges may be refused for that
	few     bool // streams are allowed at a time, and an exchange may be refused because one that was given up is still served
	leaving bool // the connection ends, and exchanges may fail that the server never saw
	cut     bool // or any that are under way
}

func (h *randomServer) Accept(s *ServerStream) {
	seed, _ := strconv.ParseUint(s.Request().Get("x-seed"), 10, 64)
	p := makePlan(seed)
	random := p.random(2)
	served := &randomServed{p, random}
	s.User = served
	if p.serve == serveLate {
		s.SetDeadline(time.Now().Add(time.Duration(random.IntN(3000)) * time.Microsecond))
	}
	inline := random.IntN(2) == 0
	run := func(s *ServerStream, reading bool) {
		if !inline || !reading || !s.Inline() {
			h.Detach(s)
		}
	}
	switch {
	case p.serve == serveOnEnd:
		s.OnEnd(plenty, run, false)
	case random.IntN(2) == 0:
		s.OnReady(random.IntN(100), run)
	default:
		run(s, false)
	}
}

// randomServed is what the server knows of an exchange.
type randomServed struct {
	plan   plan
	random *rand.Rand
}

// Handle serves on the reader goroutine, which others take over while it waits.
func (h *randomServer) Handle(s *ServerStream, _ *Run) {
	served := s.User.(*randomServed)
	h.serve(s, served.plan, served.random)
}

func (h *randomServer) Detach(s *ServerStream) { go h.Handle(s, nil) }
func (h *randomServer) Stuck(*ServerStream)    {}

func (h *randomServer) Ended(*ServerStream, error) {}
func (h *randomServer) Overdue(s *ServerStream)    { s.Reset(frame.Cancel) }

func (h *randomServer) serve(s *ServerStream, p plan, random *rand.Rand) {
	defer s.Recycle()
	ctx := context.Background()
	body := taker{body: s, seed: p.seed, random: random}
	switch p.serve {
	case serveWhole, serveOnEnd, serveLate:
		if err := s.WantEnd(ctx, plenty); err != nil {
			h.failed(p, "the server's WantEnd", err)
			return
		}
		body.check(s.Next(s.Buffered()))
		if body.at != p.request {
			h.t.Errorf("seed %d: a request of %d bytes, want %d", p.seed, body.at, p.request)
		}
		if p.serve == serveLate {
			<-time.After(time.Duration(random.IntN(4000)) * time.Microsecond)
		}
		if err := s.Answer(randomHead(p.seed), contents(p.seed+1, 0, p.response), randomTrailers); err != nil {
			h.failed(p, "the server's Answer", err)
		}
	case serveStream:
		h.answerInTurns(s, p, &body)
	case serveEarly:
		if err := body.upTo(ctx, min(p.reads, p.request)); err != nil {
			h.failed(p, "the server's reading", err)
			return
		}
		if err := s.Answer(randomHead(p.seed), contents(p.seed+1, 0, p.response), randomTrailers); err != nil {
			h.failed(p, "the server's Answer", err)
		}
	case serveAbort:
		body.upTo(ctx, p.reads)
		if random.IntN(2) == 0 && s.Start(randomHead(p.seed)) == nil {
			s.Send(contents(p.seed+1, 0, random.IntN(p.response+1)))
		}
		s.Abort(errors.New("given up"))
	case serveLeave:
		body.upTo(ctx, p.reads)
	}
}

// answerInTurns reads some and sends some until both are done.
func (h *randomServer) answerInTurns(s *ServerStream, p plan, body *taker) {
	err := s.Start(randomHead(p.seed))
	sent, ended := 0, false
	small := smallPieces(p.response, body.random)
	for err == nil && (sent < p.response || !ended) {
		if !ended && body.random.IntN(2) == 0 {
			if err = body.take(context.Background(), 40<<10); err == io.EOF {
				err, ended = nil, true
			}
			continue
		}
		most := 80 << 10
		if small {
			most = 300
		}
		n := min(p.response-sent, body.random.IntN(most))
		err = s.Send(spared(&s.stream, contents(p.seed+1, sent, sent+n), body.random))
		sent += n
	}
	if err == nil {
		err = s.Finish(randomTrailers)
	}
	if err != nil {
		h.failed(p, "a turn of the server's", err)
	} else if body.at != p.request {
		h.t.Errorf("seed %d: a request of %d bytes, want %d", p.seed, body.at, p.request)
	}
}

// failed takes note of a failure of either end.
func (h *randomServer) failed(p plan, what string, err error) {
	if p.peaceful() && !h.cut && !(h.tight && refused(err)) && !((h.leaving || h.few) && unseen(err)) {
		h.t.Errorf("seed %d: a peaceful exchange (%d, %d): %s: %v", p.seed, p.serve, p.call, what, err)
	}
}
