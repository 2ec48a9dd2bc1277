// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestVerdict(t *testing.T) {
	atMost := goal{metric: bothCPU, target: 0.25}
	atLeast := goal{metric: rate, target: 5}
	for _, want := range []struct {
		goal    goal
		low     float64
		high    float64
		verdict string
	}{
		{atMost, 0.10, 0.20, "ok"},
		{atMost, 0.20, 0.40, "ok"}, // the target may be met
		{atMost, 0.26, 0.40, "short"},
		{atLeast, 5.5, 6.5, "ok"},
		{atLeast, 4.5, 5.5, "ok"},
		{atLeast, 4.0, 4.9, "short"},
	} {
		if got := want.goal.verdict(interval{Low: want.low, High: want.high}); got != want.verdict {
			t.Errorf("%.2f..%.2f against %.2f: %s, want %s", want.low, want.high, want.goal.target, got, want.verdict)
		}
	}
}

func TestReportGoals(t *testing.T) {
	turnOf := func(cpu time.Duration) turn {
		return turn{Client: report{Calls: 100, Took: time.Second, Usage: usage{CPU: cpu}}}
	}
	measured := map[contestKey]map[string][]turn{{"charge", 64}: {
		"farcall": {turnOf(300 * time.Microsecond), turnOf(100 * time.Microsecond), turnOf(800 * time.Microsecond)},
		"grpc-go": {turnOf(1000 * time.Microsecond), turnOf(500 * time.Microsecond), turnOf(2000 * time.Microsecond)},
	}}
	var out strings.Builder
	short := reportGoals(&out, []goal{
		{"cpu", "charge", 64, bothCPU, "grpc-go", 0.25}, {"cpu", "charge", 64, bothCPU, "grpc-go", 0.19},
	}, measured)
	want := regexp.MustCompile(`^cpu/grpc-go +0\.300 +0\.200\.\.0\.400 +<=0\.250 ok\ncpu/grpc-go +0\.300 +0\.200\.\.0\.400 +<=0\.190 short\n$`)
	if short != 1 || !want.MatchString(out.String()) {
		t.Errorf("%d short:\n%s", short, &out)
	}
}

// Every system is measured once for all goals that need its turn, also under load and number of calls that two goals share.
func TestContestsFor(t *testing.T) {
	contests, err := contestsFor(quickGoals)
	if err != nil {
		t.Fatal(err)
	}
	turns := 0
	for _, c := range contests {
		if c.systems[0].name != subject {
			t.Errorf("%s with %d in flight begins with %s", c.load.name, c.inFlight, c.systems[0].name)
		}
		turns += len(c.systems)
	}
	if len(contests) != 4 || turns != 12 {
		t.Errorf("%d contests with %d turns a round, want 4 with 12", len(contests), turns)
	}
}

func TestQuick(t *testing.T) {
	var out strings.Builder
	err := quick(context.Background(), []string{"-rounds", "1", "-turn", "20ms", "-warmup", "0s"}, &out)
	if err != nil && !strings.Contains(err.Error(), "short of their target") {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(quickGoals) || strings.Contains(out.String(), "NaN") {
		t.Errorf("want a line for each goal:\n%s", &out)
	}
	if err := quick(context.Background(), []string{"charge"}, &out); err == nil {
		t.Error("a stray argument is accepted")
	}
}
