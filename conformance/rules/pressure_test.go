// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"iter"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

const (
	pressureMessage = 64 << 10
	pressureTotal   = 1 << 30 // what the producer would send
	// pressureBound is what may be under way, windows, buffers of sockets and a few messages included: far from the total.
	pressureBound = 8 << 20
	pressureOn    = 12 << 20 // what the consumer takes in the end: more than was under way, so it goes on
)

// producer yields up to a gibibyte and counts what was taken from it.
func producer(taken *atomic.Int64) iter.Seq2[*rulespb.Item, error] {
	message := &rulespb.Item{Payload: make([]byte, pressureMessage)}
	return func(yield func(*rulespb.Item, error) bool) {
		for taken.Load() < pressureTotal {
			taken.Add(pressureMessage)
			if !yield(message, nil) {
				return
			}
		}
	}
}

// settled waits until the producer is held up: no more was taken in several looks.
func settled(t *testing.T, taken *atomic.Int64) int64 {
	t.Helper()
	deadline := time.Now().Add(patience)
	last, same := int64(-1), 0
	for same < 20 {
		if time.Now().After(deadline) {
			t.Fatalf("the producer is not held up: %d bytes", last)
		}
		now := taken.Load()
		if now == last && now > 0 {
			same++
		} else {
			last, same = now, 0
		}
		time.Sleep(5 * time.Millisecond)
	}
	return last
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// A producer of a gibibyte meets a consumer that stops: what is under way stays small, whichever side produces.
func TestBackpressureBoundsMemory(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var taken atomic.Int64
		stopped, resume := make(chan struct{}, 1), make(chan struct{})
		stop := func(in iter.Seq2[*rulespb.Item, error]) (received int64) {
			for message, err := range in {
				if err != nil {
					t.Error(err)
					break
				}
				if received += int64(len(message.GetPayload())); received == pressureMessage {
					stopped <- struct{}{}
					<-resume
				}
				if received > pressureOn {
					break
				}
			}
			return received
		}
		rules := m.start(t, &service{
			list: func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] { return producer(&taken) },
			talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return items(nil, stop(in))
			},
			collect: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				return item(stop(in)), nil
			},
		}, settings{})
		for name, run := range map[string]func(){
			"list": func() { stop(rules.List(t.Context(), item(1))) },
			"collect": func() {
				message, err := rules.Collect(t.Context(), producer(&taken))
				if err != nil || message.GetNumber() <= pressureOn {
					t.Errorf("collect: %v, %v", message, err)
				}
			},
			"talk": func() { all(t, rules.Talk(t.Context(), producer(&taken))) },
		} {
			taken.Store(0)
			before := heap()
			over := make(chan struct{})
			go func() { defer close(over); run() }()
			await(t, stopped, "the consumer")
			underWay := settled(t, &taken)
			t.Logf("%s: %d KiB under way", name, underWay>>10)
			if after := heap(); underWay > pressureBound || after > before+pressureBound {
				t.Errorf("%s: %d bytes were taken from the producer, the heap grew from %d to %d", name, underWay, before, after)
			}
			resume <- struct{}{}
			await(t, over, "the end of the call")
		}
	})
}

// A caller that goes away frees a producer that waits for room, on either side.
func TestAProducerThatWaitsIsFreed(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var taken atomic.Int64
		freed := make(chan struct{}, 1)
		rules := m.start(t, &service{
			list: func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
				return func(yield func(*rulespb.Item, error) bool) {
					defer func() { freed <- struct{}{} }()
					producer(&taken)(yield)
				}
			},
			collect: func(ctx context.Context, _ iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}, settings{})
		for _, err := range rules.List(t.Context(), item(1)) {
			if err != nil {
				t.Fatal(err)
			}
			settled(t, &taken)
			break
		}
		await(t, freed, "the handler's end")

		taken.Store(0)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		result := make(chan error, 1)
		go func() {
			_, err := rules.Collect(ctx, producer(&taken))
			result <- err
		}()
		settled(t, &taken)
		cancel()
		wantCode(t, await(t, result, "the caller"), farcall.Canceled)

		// And an early answer frees the caller.
		taken.Store(0)
		answer := make(chan struct{})
		early := m.start(t, &service{
			collect: func(context.Context, iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				<-answer
				return nil, farcall.OutOfRange
			},
		}, settings{})
		go func() {
			_, err := early.Collect(t.Context(), producer(&taken))
			result <- err
		}()
		settled(t, &taken)
		close(answer)
		wantCode(t, await(t, result, "the caller"), farcall.OutOfRange)
	})
}
