// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
)

// How a call's body runs, inside the interceptors, and how the call is ended behind it.
//
// A body, or an interceptor, may return while a goroutine that it has started is still at work with the stream: an
// interceptor that gives up waiting for next, say. The call is over then all the same. What is left behind is told by the
// end of its context, and nothing is given back under its hands.

// running is what a stream knows of its body.
type running struct {
	receiving sync.Mutex // held by whoever uses the receiving side, and to end the call; taken before a streaming's mu
	over      bool       // guarded by receiving: everything was given back

	entering sync.Mutex         // guards what follows
	stop     context.CancelFunc // ends the context that the body has; nil until it runs
	left     bool               // the interceptors have returned
}

// enter gives a body that is about to run its context.
func (r *running) enter(ctx context.Context, method *farcall.Method) (context.Context, error) {
	r.entering.Lock()
	defer r.entering.Unlock()
	switch {
	case r.left:
		return nil, errOver(method)
	case r.stop != nil:
		return nil, farcall.Errorf(farcall.FailedPrecondition, "an interceptor has called next twice for %s: a call runs once", method)
	}
	ctx, r.stop = context.WithCancel(ctx)
	return ctx, nil
}

// leave lets no body enter any more, and reports whether one has.
func (r *running) leave() (entered bool) {
	r.entering.Lock()
	defer r.entering.Unlock()
	r.left = true
	return r.stop != nil
}

// takeBack takes a lock, which a goroutine that was left behind may hold: the end of its context makes it let go.
func (r *running) takeBack(lock *sync.Mutex) {
	if lock.TryLock() {
		return
	}
	if r.stop != nil { // not changed any more
		r.stop()
	}
	lock.Lock()
}

// run runs body with the interceptors around it, as seen from self, and then end. What interceptors make of ctx is what
// the call is opened with.
func (s *stream) run(self farcall.Stream, end func(error) error, body farcall.Handler) (err error) {
	returned := false
	defer func() { // in a defer, because body or an interceptor may panic
		entered := s.leave()
		switch {
		case !returned:
			err = farcall.Errorf(farcall.Canceled, "%s: the caller panicked", s.method)
		case err == nil && !entered: // there is no answer that the caller could be given
			err = farcall.Errorf(farcall.Internal, "an interceptor ended %s without calling next, and without an error", s.method)
		}
		err = end(err)
		if entered {
			s.stop()
		}
	}()
	innermost := func(ctx context.Context, wrapped farcall.Stream) error {
		ctx, err := s.enter(ctx, s.method)
		if err != nil {
			return err
		}
		s.ctx = ctx
		return body(ctx, wrapped)
	}
	err = call.Wrap(s.conn.options.Interceptors, innermost)(s.ctx, self)
	returned = true
	return err
}

// takeEnd ends a unary call that interceptors or a body have seen.
func (s *stream) takeEnd(err error) error {
	s.takeBack(&s.receiving)
	defer s.receiving.Unlock()
	s.over = true
	return s.end(err)
}

// errOver is for whoever goes on with a call that is over.
func errOver(method *farcall.Method) error {
	return farcall.Errorf(farcall.Canceled, "%s: the call is over", method)
}
