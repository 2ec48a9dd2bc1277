// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// chaos is a service whose handlers end in every way there is, as dice have it. What a request asks for makes no
// difference: nothing that one end does may trouble the other's next call.
type chaos struct {
	seed atomic.Uint64
	calm atomic.Bool // from now on Talk gives back what it gets
}

func (c *chaos) dice() *rand.Rand { return rand.New(rand.NewPCG(c.seed.Add(1), 7)) }

// end returns how a handler ends.
func end(dice *rand.Rand) error {
	switch dice.IntN(8) {
	case 0:
		return farcall.Aborted
	case 1:
		return errors.New("foreign")
	case 2:
		panic("in the handler")
	case 3:
		return context.Canceled
	}
	return nil
}

func payload(dice *rand.Rand) *rulespb.Item {
	size := dice.IntN(100)
	if dice.IntN(10) == 0 {
		size = dice.IntN(200_000)
	}
	return &rulespb.Item{Number: 1, Payload: make([]byte, size)}
}

func (c *chaos) Get(ctx context.Context, _ *rulespb.Item) (*rulespb.Item, error) {
	dice := c.dice()
	if dice.IntN(10) == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := end(dice); err != nil {
		return nil, err
	}
	return payload(dice), nil
}

func (c *chaos) List(ctx context.Context, _ *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	dice := c.dice()
	return func(yield func(*rulespb.Item, error) bool) {
		for range dice.IntN(20) {
			if !yield(payload(dice), nil) {
				return
			}
		}
		if dice.IntN(10) == 0 {
			<-ctx.Done()
		}
		if err := end(dice); err != nil {
			yield(nil, err)
		}
	}
}

// take ranges some of the input, or all.
func take(dice *rand.Rand, in iter.Seq2[*rulespb.Item, error]) {
	left := dice.IntN(30)
	for _, err := range in {
		if left--; err != nil || left < 0 {
			return
		}
	}
}

func (c *chaos) Collect(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
	dice := c.dice()
	take(dice, in)
	return c.Get(ctx, nil)
}

func (c *chaos) Talk(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
	if c.calm.Load() {
		return in
	}
	dice := c.dice()
	return func(yield func(*rulespb.Item, error) bool) {
		left := dice.IntN(30)
		for message, err := range in {
			if left--; left < 0 || !yield(message, err) || err != nil {
				break
			}
		}
		c.List(ctx, nil)(yield)
	}
}

// input yields some messages and ends in one of the ways of inputs.
func input(ctx context.Context, dice *rand.Rand) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		for range dice.IntN(20) {
			if !yield(payload(dice), nil) {
				return
			}
		}
		switch dice.IntN(10) {
		case 0:
			yield(nil, errors.New("the input failed"))
		case 1:
			yield(nil, nil)
		case 2:
			panic(panicked)
		case 3: // blocks, and ends by its context, as its author is told to see to
			<-ctx.Done()
		}
	}
}

const panicked = "in the caller"

// leave ranges a result in one of the ways of callers.
func leave(dice *rand.Rand, result iter.Seq2[*rulespb.Item, error]) {
	left := dice.IntN(60)
	for _, err := range result {
		if err != nil {
			return
		}
		if left--; left < 0 {
			if dice.IntN(4) == 0 {
				panic(panicked)
			}
			return
		}
	}
}

// converse uses an opened stream from two goroutines, and gives it up in one of the ways there are.
func converse(ctx context.Context, dice *rand.Rand, via farcall.Invoker) {
	stream, err := rulespb.OpenRulesTalk(ctx, via)
	if err != nil {
		return
	}
	defer stream.Close()
	messages, half, other := dice.IntN(20), dice.IntN(2) == 0, rand.New(rand.NewPCG(dice.Uint64(), 1))
	var sending sync.WaitGroup
	sending.Go(func() {
		for range messages {
			if stream.Send(payload(other)) != nil {
				return
			}
		}
		if half {
			_ = stream.CloseSend() // what is to be known of it Receive tells
		}
	})
	if dice.IntN(3) == 0 {
		_ = stream.Header()
	}
	for range dice.IntN(20) {
		if _, err := stream.Receive(); err != nil {
			break
		}
	}
	if dice.IntN(2) == 0 {
		stream.Close()
	}
	if dice.IntN(3) == 0 { // nobody receives to the end: Close is the end
		stream.Close()
	}
	stream.Close()
	sending.Wait()
}

// one call of a random kind with a random end.
func chaoticCall(ctx context.Context, dice *rand.Rand, rules *ends) {
	defer func() {
		if got := recover(); got != nil && got != panicked {
			panic(got)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // what waits for the other's end has one
	defer cancel()
	switch dice.IntN(4) {
	case 0:
		ctx, cancel = context.WithTimeout(ctx, time.Duration(dice.IntN(3000))*time.Microsecond)
		defer cancel()
	case 1:
		timer := time.AfterFunc(time.Duration(dice.IntN(3000))*time.Microsecond, cancel)
		defer timer.Stop()
	default:
		ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
	}
	switch dice.IntN(6) {
	case 0:
		_, _ = rules.Get(ctx, payload(dice))
	case 1:
		leave(dice, rules.List(ctx, payload(dice)))
	case 2:
		_, _ = rules.Collect(ctx, input(ctx, dice))
	case 3:
		leave(dice, rules.Talk(ctx, input(ctx, rand.New(rand.NewPCG(dice.Uint64(), 2)))))
	case 4:
		converse(ctx, dice, rules.via)
	case 5:
		if stream, err := rulespb.OpenRulesList(ctx, rules.via, payload(dice)); err == nil {
			if dice.IntN(2) == 0 {
				_, _ = stream.Receive()
			}
			if dice.IntN(2) == 0 {
				stream.Close() // or its context ends it
			}
		}
	}
}

// Thousands of streams of every kind with random ends from either side. Afterwards every call still works, no goroutine
// is left (TestMain) and no stream (the server's Shutdown, which start sees to). FARCALL_STRESS_CALLS makes it longer,
// FARCALL_STRESS_SEED repeats one.
func TestStreamsWithRandomEnds(t *testing.T) {
	calls := fromEnvironment("FARCALL_STRESS_CALLS", 2000)
	seed := fromEnvironment("FARCALL_STRESS_SEED", time.Now().UnixNano())
	t.Logf("FARCALL_STRESS_SEED=%d", seed)
	called(t, func(t *testing.T, m mode) {
		impl := &chaos{}
		impl.seed.Store(uint64(seed))
		rules := m.start(t, impl, settings{})
		const callers = 16
		var calling sync.WaitGroup
		for caller := range callers {
			calling.Go(func() {
				dice := rand.New(rand.NewPCG(uint64(seed), uint64(caller)))
				for range int(calls) / callers {
					chaoticCall(t.Context(), dice, rules)
				}
			})
		}
		calling.Wait()
		// The connection is as good as new: no window, and no place for a stream, has leaked away.
		impl.calm.Store(true)
		var numbers []int64
		in := func(yield func(*rulespb.Item, error) bool) {
			for number := range int64(100) {
				numbers = append(numbers, number)
				if !yield(&rulespb.Item{Number: number, Payload: make([]byte, 50_000)}, nil) {
					return
				}
			}
		}
		got := all(t, rules.Talk(t.Context(), in))
		got.want(t, farcall.OK, numbers...)
		if len(numbers) != 100 {
			t.Errorf("%d messages were sent", len(numbers))
		}
	})
}

func fromEnvironment(name string, otherwise int64) int64 {
	if given, err := strconv.ParseInt(os.Getenv(name), 10, 64); err == nil {
		return given
	}
	return otherwise
}
