// SPDX-License-Identifier: Apache-2.0

package server

import (
	"testing"
	"time"
)

// quickly makes a method quick at a time, and reports whether it is.
func quickly(p *pace, now time.Duration) bool {
	for range quickCalls {
		p.tried(quickTime/2, now)
	}
	return p.quick.Load()
}

func TestPace(t *testing.T) {
	now := time.Hour
	var p pace
	if p.quick.Load() {
		t.Error("a method is quick that has never run")
	}
	for range 10 * quickCalls {
		for range quickCalls - 1 {
			p.tried(quickTime/2, now)
		}
		p.tried(quickTime, now)
	}
	if p.quick.Load() {
		t.Error("a method is quick that never was so often in a row")
	}
	if !quickly(&p, now) {
		t.Fatal("a method is not quick whose calls are")
	}
	for range 1000 { // a fiftieth of the time is borne
		now += patience * mostSlow
		if p.kept(time.Hour, now); !p.quick.Load() {
			t.Fatal("a method is not quick any more that keeps the reader now and then")
		}
	}
	for calls := 1; p.quick.Load(); calls++ {
		p.kept(time.Hour, now)
		if calls > int(mostDebt/mostSlow)+1 {
			t.Fatal("a method that keeps the reader each time is still quick")
		}
	}
	if quickly(&p, now+firstPause-1) {
		t.Error("the pause has no effect")
	}
	if now += firstPause; !quickly(&p, now) {
		t.Error("the first pause does not end")
	}
}

func TestPausesDouble(t *testing.T) {
	now := time.Hour
	var p pace
	pause := func() (length time.Duration) {
		for p.quick.Load() {
			p.kept(time.Hour, now)
		}
		length = p.paused - now
		now = p.paused
		return length
	}
	want := firstPause
	for range mostPauses + 3 {
		if !quickly(&p, now) {
			t.Fatal("a method is not quick behind its pause")
		}
		want = min(2*want, firstPause<<mostPauses)
		if got := pause(); got != want {
			t.Fatalf("a pause of %v, want %v", got, want)
		}
	}
	for range 3 {
		quickly(&p, now)
		now += shortTime
		if got := pause(); got != want/2 {
			t.Fatalf("a pause of %v behind a long time without one, want %v", got, want/2)
		}
		want /= 2
	}
}

func TestStuckMethodPauses(t *testing.T) {
	now := time.Hour
	var p pace
	quickly(&p, now)
	p.stuck(now)
	if p.quick.Load() || quickly(&p, now) {
		t.Error("a method is quick in which the reader is stuck")
	}
	if !quickly(&p, now+stuckPause) {
		t.Error("a method is never quick again in which the reader was stuck")
	}
}
