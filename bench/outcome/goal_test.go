// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/plan"
)

func turnOf(units int64, cpu time.Duration) Turn {
	return Turn{Client: harness.Report{Units: units, Took: time.Second, Usage: harness.Usage{CPU: cpu}}}
}

// resultsWith returns results with one cell.
func resultsWith(section, cell string, turns map[string][]Turn) *Results {
	return &Results{Sections: []Section{{Name: section, Cells: []Cell{{Name: cell, Turns: turns}}}}}
}

func TestRatioIsByRound(t *testing.T) {
	cell := Cell{Turns: map[string][]Turn{
		"slow": {turnOf(100, 400*time.Microsecond), turnOf(100, 800*time.Microsecond), turnOf(100, 1200*time.Microsecond)},
		"fast": {turnOf(200, 200*time.Microsecond), turnOf(400, 400*time.Microsecond), turnOf(500, 300*time.Microsecond)},
	}}
	if got := Rate.Ratio(cell, "fast", "slow"); got.Median != 4 || got.Low != 2 || got.High != 5 {
		t.Errorf("calls/s: %+v, want 4 from 2 to 5", got)
	}
	// 4 to 1, 8 to 1 and 12 to 0.6 microseconds a call.
	if got := BothCPU.Ratio(cell, "slow", "fast"); got.Median != 8 || got.Low != 4 || got.High != 20 {
		t.Errorf("CPU: %+v, want 8 from 4 to 20", got)
	}
}

func TestJudge(t *testing.T) {
	for _, want := range []struct {
		values  []float64
		target  float64
		higher  bool
		verdict Verdict
	}{
		{[]float64{0.10, 0.20}, 0.25, false, OK},
		{[]float64{0.20, 0.40}, 0.25, false, Undecided}, // the target may be met
		{[]float64{0.20, 0.24, 0.40}, 0.25, false, OK},  // the median meets it
		{[]float64{0.26, 0.40}, 0.25, false, Short},
		{[]float64{5.5, 6.5}, 5, true, OK},
		{[]float64{4.5, 5.5}, 5, true, OK},
		{[]float64{4.4, 5.5}, 5, true, Undecided},
		{[]float64{4.0, 4.9}, 5, true, Short},
		{nil, 5, true, NotMeasured},
		{[]float64{4.0, 4.9}, 0, false, NoGoal},
	} {
		goal := Goal{Target: want.target, Higher: want.higher, Values: func(*Results) []float64 { return want.values }}
		if _, got := goal.Judge(nil); got != want.verdict {
			t.Errorf("%v against %.2f: %s, want %s", want.values, want.target, got, want.verdict)
		}
	}
}

func TestWriteVerdicts(t *testing.T) {
	r := resultsWith("unary", "charge-64", map[string][]Turn{
		"farcall": {turnOf(100, 300*time.Microsecond), turnOf(100, 100*time.Microsecond), turnOf(100, 800*time.Microsecond)},
		"grpc-go": {turnOf(100, 1000*time.Microsecond), turnOf(100, 500*time.Microsecond), turnOf(100, 2000*time.Microsecond)},
	})
	var out strings.Builder
	short, missing := WriteVerdicts(&out, []Goal{
		{Name: "cpu/grpc-go", Target: 0.25, Values: against(BothCPU, "unary", "charge-64", "grpc-go")},
		{Name: "cpu/grpc-go", Target: 0.19, Values: against(BothCPU, "unary", "charge-64", "grpc-go")},
		{Name: "beside", Values: against(BothCPU, "unary", "charge-64", "grpc-go")},
		{Name: "cpu/floor", Target: 1, Values: against(BothCPU, "unary", "charge-64", "floor")},
	}, r)
	want := regexp.MustCompile(`^cpu/grpc-go +0\.300 +0\.200\.\.0\.400 +<=0\.250 ok\ncpu/grpc-go +0\.300 +0\.200\.\.0\.400 +<=0\.190 short\ncpu/floor .* not measured\n$`)
	if short != 1 || missing != 1 || !want.MatchString(out.String()) {
		t.Errorf("%d short, %d not measured:\n%s", short, missing, &out)
	}
}

// Every goal's values come from cells that the plan has: results with a turn for each of them leave no goal unmeasured.
func TestGoalsArePlanned(t *testing.T) {
	r := &Results{
		Idle:     []Idle{{System: plan.Subject, Connections: 1, Client: harness.Memory{Heap: 5000}}, {System: plan.Subject, TLS: true, Connections: 1, Client: harness.Memory{Heap: 9000}}},
		Binaries: []Binary{{Name: "everything", Bytes: 1}, {Name: "grpconly", Bytes: 1}},
	}
	for _, planned := range append([]plan.Section{plan.Quick}, plan.Sections...) {
		section := Section{Name: planned.Name}
		for _, cell := range planned.Cells {
			turns := map[string][]Turn{}
			for _, contestant := range planned.Contestants {
				if cell.Plays(contestant.Label) {
					turns[contestant.Label] = []Turn{turnOf(1, time.Second)}
				}
			}
			section.Cells = append(section.Cells, Cell{Name: cell.Name, Turns: turns})
		}
		r.Sections = append(r.Sections, section)
	}
	names := map[string]bool{}
	for _, g := range append(QuickGoals(), Goals()...) {
		if _, verdict := g.Judge(r); verdict == NotMeasured {
			t.Errorf("the plan does not measure %s", g.Name)
		}
		if strings.Contains(g.Name, " ") {
			t.Errorf("%q has a space", g.Name)
		}
		names[g.Name] = true
	}
	if len(names) != len(Goals()) {
		t.Errorf("%d names for %d goals", len(names), len(Goals()))
	}
}

func TestResultsAreReadAsWritten(t *testing.T) {
	r := resultsWith("unary", "charge-64", map[string][]Turn{"farcall": {turnOf(7, time.Second), turnOf(8, time.Second)}})
	r.Systems = map[string]System{"farcall": {Settings: `quotes " and {"name":`}}
	file := filepath.Join(t.TempDir(), "results.json")
	if err := r.Write(file); err != nil {
		t.Fatal(err)
	}
	back, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, r) {
		t.Errorf("got %+v, want %+v", back, r)
	}
}
