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
	body      bodyContext
	receiving sync.Mutex // held by whoever uses the receiving side, and to end the call; taken before a streaming's mu
}

// enter gives a body that is about to run its context.
func (r *running) enter(ctx context.Context, method *farcall.Method) error {
	r.body.mu.Lock()
	defer r.body.mu.Unlock()
	switch {
	case r.body.left:
		return errOver(method)
	case r.body.entered:
		return farcall.Errorf(farcall.FailedPrecondition, "an interceptor has called next twice for %s: a call runs once", method)
	}
	r.body.Context, r.body.entered = ctx, true
	return nil
}

// leave lets no body enter any more, and reports whether one has.
func (r *running) leave() (entered bool) {
	r.body.mu.Lock()
	defer r.body.mu.Unlock()
	r.body.left = true
	return r.body.entered
}

// takeBack takes a lock, which a goroutine that was left behind may hold: the end of its context makes it let go.
func (r *running) takeBack(lock *sync.Mutex) {
	if lock.TryLock() {
		return
	}
	if r.body.entered { // not changed any more
		r.body.stop()
	}
	lock.Lock()
}

// interceptable is a stream as interceptors see it, and how its call is ended.
type interceptable interface {
	farcall.Stream
	takeEnd(err error) error
}

// run runs body with the interceptors around it, as seen from self, and then ends the call. What interceptors make of ctx
// is what the call is opened with.
func (s *stream) run(self interceptable, body farcall.Handler) error {
	return s.runInside(self, func(ctx context.Context, wrapped farcall.Stream) error {
		if err := s.enter(ctx, s.method); err != nil {
			return err
		}
		s.ctx = s.body.derive()
		return body(s.ctx, wrapped)
	})
}

// runInside runs innermost, which enters the call, with the interceptors around it, and then ends the call.
func (s *stream) runInside(self interceptable, innermost farcall.Handler) (err error) {
	returned := false
	defer func() { // in a defer, because body or an interceptor may panic
		entered := s.leave()
		switch {
		case !returned:
			err = farcall.Errorf(farcall.Canceled, "%s: the caller panicked", s.method)
		case err == nil && !entered: // there is no answer that the caller could be given
			err = farcall.Errorf(farcall.Internal, "an interceptor ended %s without calling next, and without an error", s.method)
		}
		err = self.takeEnd(err)
		if entered {
			s.body.stop()
		}
	}()
	err = call.Run(s.ctx, s.conn.options.Interceptors, self, innermost)
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
