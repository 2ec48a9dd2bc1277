// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/wire"
)

// Tap reports the steps of one call to the Observer, if there is one. Whoever reports asks On first, so that a call that
// nobody watches costs that branch: no clock is read and nothing is allocated. A nil Tap reports nothing.
type Tap struct {
	observer farcall.Observer
	info     *farcall.CallInfo
	attempt  atomic.Int32 // the number of the client's attempt under way; 0 on the server
	clock    *Clock
}

// Begin tells the observer of a new call, and returns the context that the call has from there on. Without an observer the
// Tap is nil.
func Begin(ctx context.Context, observer farcall.Observer, method *farcall.Method, side farcall.Side) (context.Context, *Tap) {
	if observer == nil {
		return ctx, nil
	}
	tap := &Tap{observer: observer, info: &farcall.CallInfo{Method: method, Side: side, Start: time.Now()}}
	if side == farcall.SideClient {
		tap.attempt.Store(1) // what comes before the attempt itself is the first one's
	}
	return observer.Begin(ctx, tap.info), tap
}

// Attempt tells the observer of the client's nth attempt at the call, and returns the attempt's context. Events go on
// naming the call as a whole.
func (t *Tap) Attempt(ctx context.Context, n int) context.Context {
	attempt := &farcall.CallInfo{Method: t.info.Method, Side: t.info.Side, Attempt: n, Start: time.Now()}
	t.attempt.Store(int32(n))
	return t.observer.Begin(ctx, attempt)
}

// Timed returns the Tap of a call whose steps are noted as well, observer or not.
func (t *Tap) Timed() *Tap {
	if t == nil {
		t = &Tap{}
	}
	t.clock = &Clock{}
	return t
}

// Times returns the steps as they are told to the client, nil unless they were noted.
func (t *Tap) Times() []wire.StepTime {
	if t == nil || t.clock == nil {
		return nil
	}
	return t.clock.Times()
}

// On reports whether steps are wanted.
func (t *Tap) On() bool { return t != nil }

// Step reports that a step was done just now. message counts from 1; 0 where the step concerns none.
func (t *Tap) Step(step farcall.Step, message, bytes int, err error) {
	t.StepAt(time.Now(), step, message, bytes, err)
}

// StepAt reports a step of another moment; the zero time is now.
func (t *Tap) StepAt(at time.Time, step farcall.Step, message, bytes int, err error) {
	if at.IsZero() {
		at = time.Now()
	}
	if t.clock != nil {
		t.clock.note(step, at, bytes)
	}
	if t.observer != nil {
		t.observer.Event(farcall.Event{Call: t.info, Attempt: int(t.attempt.Load()), Message: message, Step: step,
			Side: t.info.Side, Bytes: bytes, Time: at, Err: err})
	}
}

// Remote reports a step that the server timed.
func (t *Tap) Remote(at time.Time, step farcall.Step, bytes int) {
	if t.observer != nil {
		t.observer.Event(farcall.Event{Call: t.info, Attempt: int(t.attempt.Load()), Step: step, Side: farcall.SideServer,
			Bytes: bytes, Time: at, Remote: true})
	}
}

// Clock notes when a served call's steps were done, for a client that asked to be told. Of a step that happens for each
// message it keeps the first time.
type Clock struct {
	steps [farcall.StepSendResponse + 1]struct {
		at    time.Time
		bytes int
	}
}

func (c *Clock) note(step farcall.Step, at time.Time, bytes int) {
	if int(step) < len(c.steps) && c.steps[step].at.IsZero() {
		c.steps[step].at, c.steps[step].bytes = at, bytes
	}
}

// Times returns the steps as they are told to the client, since the request was received.
func (c *Clock) Times() []wire.StepTime {
	begin := c.steps[farcall.StepReceiveRequest].at
	times := make([]wire.StepTime, 0, len(c.steps))
	for step, noted := range c.steps {
		if !noted.at.IsZero() {
			times = append(times, wire.StepTime{Step: farcall.Step(step), Since: noted.at.Sub(begin), Bytes: noted.bytes})
		}
	}
	return times
}
