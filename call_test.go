// SPDX-License-Identifier: Apache-2.0

package farcall_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/farcall/farcall"
)

// handlerStream is as much of a stream as a Call needs.
type handlerStream struct {
	farcall.Stream
	headerSent int
}

var charge = &farcall.Method{Path: "/shop.v1.Payments/Charge"}

func (s *handlerStream) Method() *farcall.Method { return charge }
func (s *handlerStream) SendHeader() error       { s.headerSent++; return nil }

// newIncoming returns a handler's call; no deadline for a zero one.
func newIncoming(parent context.Context, deadline time.Time) *farcall.Call {
	call := new(farcall.Call)
	call.InitIncoming(parent, &handlerStream{}, farcall.Peer{Address: &net.TCPAddr{Port: 7}}, deadline,
		farcall.NewMetadata("tenant", "blue"))
	return call
}

type parentKey struct{}

func TestIncomingCallIsTheHandlersContext(t *testing.T) {
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), parentKey{}, "lent"))
	call := newIncoming(parent, time.Time{})
	var ctx context.Context = call
	if ctx.Value(parentKey{}) != "lent" || ctx.Value("absent") != nil {
		t.Error("the parent's values are not lent")
	}
	if _, ok := ctx.Deadline(); ok {
		t.Error("there is a deadline where none was set")
	}
	derived := context.WithValue(ctx, parentKey{}, "own")
	if farcall.IncomingCall(ctx) != call || farcall.IncomingCall(derived) != call {
		t.Error("IncomingCall does not find the call")
	}
	if farcall.IncomingCall(t.Context()) != nil {
		t.Error("there is an incoming call outside a handler")
	}
	cancel()
	if ctx.Err() != nil {
		t.Error("the parent's end became the call's; only the server ends it")
	}
	if call.Method() != charge || call.Peer().Address.String() != ":7" || call.RequestHeader().Get("tenant") != "blue" {
		t.Errorf("the call forgot what it was made with: %v, %v", call.Method(), call.Peer())
	}
	var none context.Context
	orphan := newIncoming(none, time.Time{})
	if orphan.Value(parentKey{}) != nil || farcall.IncomingCall(orphan) != orphan {
		t.Error("a call without a parent has no values but itself")
	}
}

func TestCancelEndsACallOnce(t *testing.T) {
	call := newIncoming(context.Background(), time.Time{})
	if call.Err() != nil {
		t.Fatal("ended before it began")
	}
	done := call.Done()
	select {
	case <-done:
		t.Fatal("done before the end")
	default:
	}
	call.Cancel(context.DeadlineExceeded)
	<-done
	call.Cancel(context.Canceled)
	if call.Err() != context.DeadlineExceeded {
		t.Errorf("Err = %v, the first Cancel counts", call.Err())
	}
	late := newIncoming(context.Background(), time.Time{})
	late.Cancel(nil)
	late.Cancel(nil)
	<-late.Done()
	if late.Err() != context.Canceled {
		t.Errorf("Err = %v after Cancel(nil)", late.Err())
	}
}

func TestDeadlineOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deadline := time.Now().Add(time.Second)
		asked, unasked := newIncoming(context.Background(), deadline), newIncoming(context.Background(), deadline)
		if got, ok := asked.Deadline(); !ok || !got.Equal(deadline) {
			t.Errorf("Deadline = %v, %v", got, ok)
		}
		<-asked.Done()
		if waited := time.Until(deadline); waited != 0 || asked.Err() != context.DeadlineExceeded {
			t.Errorf("done %v before the deadline with %v", waited, asked.Err())
		}
		if unasked.Err() != context.DeadlineExceeded {
			t.Error("Err does not see that the deadline has passed where no timer runs")
		}
		<-unasked.Done()
	})
}

func TestDeadlineOfAnEndedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := newIncoming(context.Background(), time.Now().Add(time.Hour))
		done := call.Done()
		call.Cancel(context.Canceled)
		time.Sleep(2 * time.Hour)
		<-done
		if call.Err() != context.Canceled {
			t.Errorf("Err = %v after the deadline of an ended call", call.Err())
		}
	})
}

func TestAfterFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := newIncoming(context.Background(), time.Now().Add(time.Second))
		var ran, stopped atomic.Int32
		keep := call.AfterFunc(func() { ran.Add(1) })
		drop := call.AfterFunc(func() { stopped.Add(1) })
		if !drop() || drop() {
			t.Error("stop must report once that it prevented the function")
		}
		time.Sleep(time.Second) // the deadline ends the call although nobody asked for Done
		synctest.Wait()
		if ran.Load() != 1 || stopped.Load() != 0 {
			t.Errorf("ran %d times, the stopped one %d", ran.Load(), stopped.Load())
		}
		if keep() {
			t.Error("stop claims to have prevented what has run")
		}
		if call.AfterFunc(func() { ran.Add(1) })() {
			t.Error("stop claims to have prevented what started at once")
		}
		synctest.Wait()
		if ran.Load() != 2 {
			t.Error("a function registered after the end did not run")
		}
	})
}

// Contexts derived from a call, in every way the library offers, start no goroutine and end with the call.
func TestDerivedContextsCostNoGoroutine(t *testing.T) {
	ways := map[string]func(*farcall.Call) context.Context{
		"the call itself": func(call *farcall.Call) context.Context { return call },
		"WithMetadata":    func(call *farcall.Call) context.Context { return farcall.WithMetadata(call, "a", "1") },
		"NewCall": func(call *farcall.Call) context.Context {
			ctx, _ := farcall.NewCall(farcall.WithMetadata(call, "a", "1"))
			return ctx
		},
	}
	for name, derive := range ways {
		t.Run(name, func(t *testing.T) {
			call := newIncoming(t.Context(), time.Time{})
			var children []context.Context
			before := runtime.NumGoroutine()
			for range 50 {
				child, cancel := context.WithCancel(derive(call))
				defer cancel()
				timed, cancel := context.WithTimeout(derive(call), time.Hour)
				defer cancel()
				children = append(children, child, timed)
			}
			if after := runtime.NumGoroutine(); after > before {
				t.Errorf("%d goroutines for %d contexts", after-before, len(children))
			}
			call.Cancel(context.Canceled)
			for _, child := range children {
				<-child.Done()
				if child.Err() != context.Canceled {
					t.Errorf("a derived context ended with %v", child.Err())
				}
			}
		})
	}
}

func TestDerivedContextEndsAlone(t *testing.T) {
	call := newIncoming(context.Background(), time.Time{})
	child, cancel := context.WithCancel(call)
	var ran atomic.Bool
	stop := context.AfterFunc(farcall.WithMetadata(call, "a", "1"), func() { ran.Store(true) })
	cancel()
	<-child.Done()
	if call.Err() != nil {
		t.Error("a derived context's end became the call's")
	}
	if !stop() || ran.Load() {
		t.Error("the function was not stopped")
	}
	call.Cancel(context.Canceled)
}

// For the race detector: a call may be asked and ended from many goroutines at once.
func TestCallIsSafeForConcurrentUse(t *testing.T) {
	for range 50 {
		call := newIncoming(context.Background(), time.Now().Add(time.Millisecond))
		var ended, ran sync.WaitGroup
		for i := range 8 {
			ran.Add(1)
			ended.Go(func() {
				call.AfterFunc(ran.Done)
				child, cancel := context.WithCancel(call)
				defer cancel()
				if i == 7 {
					call.Cancel(context.Canceled)
				}
				<-call.Done()
				<-child.Done()
				if call.Err() == nil || call.Value(parentKey{}) != nil {
					t.Error("done without an error")
				}
			})
		}
		ended.Wait()
		ran.Wait()
	}
}

// A handler that asks neither for Done nor for a derived context pays for neither.
func TestCallCostsNothingUntilAsked(t *testing.T) {
	stream, deadline := &handlerStream{}, time.Now().Add(time.Hour)
	calls := make([]farcall.Call, 102)
	next := 0
	if n := testing.AllocsPerRun(100, func() {
		call := &calls[next]
		next++
		call.InitIncoming(context.Background(), stream, farcall.Peer{}, deadline, farcall.Metadata{})
		if call.Err() != nil || farcall.IncomingCall(call) != call {
			t.Fail()
		}
		call.Cancel(context.Canceled)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSendHeader(t *testing.T) {
	stream := &handlerStream{}
	var call farcall.Call
	call.InitIncoming(context.Background(), stream, farcall.Peer{}, time.Time{}, farcall.Metadata{})
	if err := call.SendHeader(); err != nil || stream.headerSent != 1 {
		t.Errorf("SendHeader = %v, sent %d times", err, stream.headerSent)
	}
	_, outgoing := farcall.NewCall(t.Context())
	if err := outgoing.SendHeader(); !errors.Is(err, farcall.FailedPrecondition) {
		t.Errorf("SendHeader of an outgoing call = %v", err)
	}
}

func TestIncomingMetadataNeverBecomesOutgoing(t *testing.T) {
	call := newIncoming(t.Context(), time.Time{})
	if m := farcall.OutgoingMetadata(call); m.Len() != 0 {
		t.Errorf("a handler's context sends %q by itself", text(m))
	}
	ctx := farcall.WithMetadata(call, "trace", "1")
	expect(t, farcall.OutgoingMetadata(ctx), "trace=1")
	expect(t, *farcall.IncomingCall(ctx).RequestHeader(), "tenant=blue")
}

func TestOutgoingMetadata(t *testing.T) {
	base := farcall.WithMetadata(t.Context(), "A", "1")
	left, right := farcall.WithMetadata(base, "a", "2"), farcall.WithMetadata(base, "b", "3")
	expect(t, farcall.OutgoingMetadata(t.Context()), "")
	expect(t, farcall.OutgoingMetadata(base), "a=1")
	expect(t, farcall.OutgoingMetadata(left), "a=1 a=2")
	expect(t, farcall.OutgoingMetadata(right), "a=1 b=3")
	// Any number of calls start from it, and an interceptor of one changes that one's only.
	one, two := farcall.OutgoingMetadata(left), farcall.OutgoingMetadata(left)
	one.Add("one", "1")
	two.Set("a", "two")
	expect(t, one, "a=1 a=2 one=1")
	expect(t, two, "a=two")
	expect(t, farcall.OutgoingMetadata(left), "a=1 a=2")
	if left.Value(parentKey{}) != nil || farcall.WithMetadata(context.WithValue(base, parentKey{}, "v")).Value(parentKey{}) != "v" {
		t.Error("WithMetadata hides or makes up values")
	}
}

func TestNewCallBelongsToTheFirstCall(t *testing.T) {
	ctx, call := farcall.NewCall(farcall.WithMetadata(t.Context(), "a", "1"))
	ctx = farcall.WithMetadata(ctx, "b", "2")
	expect(t, farcall.OutgoingMetadata(ctx), "a=1 b=2")
	claimed, err := farcall.ClaimCall(ctx)
	if err != nil || claimed != call {
		t.Fatalf("ClaimCall = %p, %v; want %p", claimed, err, call)
	}
	again, err := farcall.ClaimCall(ctx)
	if again != nil || farcall.CodeOf(err) != farcall.FailedPrecondition {
		t.Errorf("a second claim gave %v, %v", again, err)
	}
	inner, second := farcall.NewCall(ctx)
	expect(t, farcall.OutgoingMetadata(inner), "a=1 b=2")
	if claimed, err := farcall.ClaimCall(inner); err != nil || claimed != second {
		t.Errorf("a new Call in the same context cannot be claimed: %v", err)
	}
	if claimed, err := farcall.ClaimCall(farcall.WithMetadata(t.Context(), "a", "1")); claimed != nil || err != nil {
		t.Errorf("ClaimCall without NewCall = %v, %v", claimed, err)
	}
}

func TestOnlyOneOfManyCallsClaims(t *testing.T) {
	ctx, _ := farcall.NewCall(t.Context())
	var calls sync.WaitGroup
	var won atomic.Int32
	for range 8 {
		calls.Go(func() {
			if call, err := farcall.ClaimCall(ctx); err == nil && call != nil {
				won.Add(1)
			}
		})
	}
	calls.Wait()
	if won.Load() != 1 {
		t.Errorf("%d calls claimed the same Call", won.Load())
	}
}

func TestDeliverFillsTheCallersCall(t *testing.T) {
	_, call := farcall.NewCall(t.Context())
	peer := farcall.Peer{Address: &net.TCPAddr{Port: 9090}}
	call.Deliver(charge, peer, farcall.NewMetadata("q", "1"), farcall.NewMetadata("h", "2"), farcall.NewMetadata("t", "3"))
	if call.Method() != charge || call.Peer() != peer {
		t.Errorf("method %v, peer %v", call.Method(), call.Peer())
	}
	expect(t, *call.RequestHeader(), "q=1")
	expect(t, *call.ResponseHeader(), "h=2")
	expect(t, *call.ResponseTrailer(), "t=3")
}
