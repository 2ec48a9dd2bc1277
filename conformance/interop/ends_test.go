// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall/conformance/paymentspb"
)

func TestDeadlineCrossesTheWire(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		type seen struct {
			left time.Duration
			has  bool
		}
		received := make(chan seen, 1)
		calling, _ := start(func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
			deadline, has := in.ctx.Deadline()
			received <- seen{time.Until(deadline), has}
			return response, nil
		})
		for _, want := range []time.Duration{time.Minute, time.Hour, 1000 * time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), want)
			wantResponse(t, calling.charge(ctx, request), response)
			cancel()
			got := mustGet(t, received, "the call")
			// The protocol has eight digits for a time; what is left of a minute for the call itself is generous.
			if !got.has || got.left > want+want/1000 || got.left < want-patience {
				t.Errorf("the handler has %v left, the caller gave %v", got.left, want)
			}
		}
		wantResponse(t, calling.charge(context.WithoutCancel(t.Context()), request), response)
		if got := mustGet(t, received, "the call"); got.has {
			t.Errorf("the handler has a deadline in %v, the caller had none", got.left)
		}
	})
}

// ended is how a handler's context ended.
type ended struct{ err error }

// untilEnd returns a service that waits for the end of its context, a channel that says that a call has begun, and one
// that says how its context ended.
func untilEnd() (s service, begun chan struct{}, over chan ended) {
	begun, over = make(chan struct{}, 1), make(chan ended, 1)
	return func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
		begun <- struct{}{}
		<-in.ctx.Done()
		err := in.ctx.Err()
		over <- ended{err}
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, &failure{code: codeDeadlineExceeded}
		}
		return nil, &failure{code: codeCanceled}
	}, begun, over
}

func TestDeadlineExpires(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		s, begun, over := untilEnd()
		calling, _ := start(s)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		wantCode(t, calling.charge(ctx, request).failure, codeDeadlineExceeded)
		mustGet(t, begun, "the call")
		// The handler may hear of its own clock or of the client's reset, whichever is first.
		if end := mustGet(t, over, "the end of the handler's context"); end.err == nil {
			t.Error("the handler's context has ended without an error")
		}
	})
}

// A caller is not kept waiting by a service that ignores the deadline.
func TestDeadlineOfCallersIsTheirOwn(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		release, left := make(chan struct{}), make(chan struct{})
		calling, _ := start(func(*incoming) (*paymentspb.ChargeResponse, *failure) {
			defer close(left)
			<-release
			return response, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		wantCode(t, calling.charge(ctx, request).failure, codeDeadlineExceeded)
		close(release)
		mustGet(t, left, "the handler's end")
	})
}

func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		s, begun, over := untilEnd()
		calling, _ := start(s)
		ctx, cancel := context.WithCancel(within(t))
		result := make(chan answer, 1)
		go func() { result <- calling.charge(ctx, request) }()
		mustGet(t, begun, "the call")
		cancel()
		wantCode(t, mustGet(t, result, "the caller's end").failure, codeCanceled)
		if end := mustGet(t, over, "the end of the handler's context"); !errors.Is(end.err, context.Canceled) {
			t.Errorf("the handler's context ended with %v, want context.Canceled", end.err)
		}
	})
}

// A call that was cancelled must not harm the next on the same connection.
func TestCallsAfterCancel(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		s, begun, over := untilEnd()
		calling, _ := start(func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
			if len(in.metadata["wait"]) > 0 {
				return s(in)
			}
			return response, nil
		})
		for range 50 {
			ctx, cancel := context.WithCancel(within(t))
			result := make(chan answer, 1)
			go func() { result <- calling.charge(ctx, request, "wait", "yes") }()
			mustGet(t, begun, "the call")
			cancel()
			wantCode(t, mustGet(t, result, "the caller's end").failure, codeCanceled)
			mustGet(t, over, "the end of the handler's context")
			wantResponse(t, calling.charge(within(t), request), response)
		}
	})
}

func TestShutdownLetsCallsFinish(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		begun, release := make(chan struct{}), make(chan struct{})
		var once sync.Once
		calling, serving := start(func(*incoming) (*paymentspb.ChargeResponse, *failure) {
			once.Do(func() { close(begun) })
			<-release
			return response, nil
		})
		result := make(chan answer, 1)
		go func() { result <- calling.charge(within(t), request) }()
		mustGet(t, begun, "the call")
		stopped := make(chan error, 1)
		go func() { stopped <- serving.shutdown(within(t)) }()
		// New calls are refused once the server's word has arrived; until then they may still begin.
		for late := uint32(0); late != codeUnavailable; {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			got := calling.charge(ctx, request)
			cancel()
			if got.failure == nil {
				t.Fatal("a call that nobody released was answered")
			}
			if late = got.failure.code; late != codeUnavailable && late != codeDeadlineExceeded {
				t.Fatalf("a call during the shutdown ended with %v", got.failure)
			}
		}
		close(release)
		wantResponse(t, mustGet(t, result, "the answer to the call in flight"), response)
		if err := mustGet(t, stopped, "the end of the shutdown"); err != nil {
			t.Error(err)
		}
	})
}

func TestServerIsGone(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		calling, serving := start(func(*incoming) (*paymentspb.ChargeResponse, *failure) { return response, nil })
		wantResponse(t, calling.charge(within(t), request), response)
		serving.close()
		wantCode(t, calling.charge(within(t), request).failure, codeUnavailable)
	})
}
