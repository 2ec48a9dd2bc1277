// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
	"syscall"
	"time"
)

// governor holds this process to a share of one processor: a token bucket whose tokens are processor time. Priority alone
// would not do on a machine with idle processors.
type governor struct {
	share float64 // of one processor
	begin time.Time
	spent time.Duration // before begin

	// turn is held by the one goroutine that looks at the clock. The others wait for it, which costs nothing: two hundred
	// that each look again and again would use up the share by looking, and no attack would take place.
	turn sync.Mutex
}

const (
	slack    = 5 * time.Millisecond // how far ahead of its share the process may be
	restTime = time.Millisecond     // the shortest wait
)

func newGovernor(share float64) *governor {
	return &governor{share: share, begin: time.Now(), spent: processorTime()}
}

// processorTime returns what this process has consumed.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// consumed returns the processor time since the governor began.
func (g *governor) consumed() time.Duration { return processorTime() - g.spent }

// wait waits until the process is within its share, and returns false once ctx has ended.
func (g *governor) wait(ctx context.Context) bool {
	g.turn.Lock()
	defer g.turn.Unlock()
	for {
		entitled := time.Duration(float64(time.Since(g.begin)) * g.share)
		ahead := g.consumed() - entitled - slack
		if ahead <= 0 {
			return ctx.Err() == nil
		}
		if !pause(ctx, max(restTime, time.Duration(float64(ahead)/g.share))) {
			return false
		}
	}
}

// pause waits for d, and returns false once ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
