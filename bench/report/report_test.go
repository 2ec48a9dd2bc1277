// SPDX-License-Identifier: Apache-2.0

package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/bench/attribution"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// wholeResults returns results with two turns for everything that the plan has.
func wholeResults() *outcome.Results {
	turn := outcome.Turn{
		Client: harness.Report{Units: 1000, Took: time.Second, Usage: harness.Usage{CPU: 4 * time.Millisecond}, Latencies: harness.Latencies{P50: 100, P99: 900, P999: 2000}},
		Server: harness.Usage{CPU: 6 * time.Millisecond, Allocations: 5000},
	}
	r := &outcome.Results{
		Rounds: 2, Turn: time.Second, Systems: map[string]outcome.System{"farcall": {Settings: "defaults", Versions: map[string]string{"std": "1.26"}}, "rest-client": {Settings: "written by hand"}},
		Missing: map[string]string{"kitex": "no network\nat all"},
		Idle:    []outcome.Idle{{System: plan.Subject, Connections: 10, Client: harness.Memory{Heap: 50_000, Goroutines: 20}}},
		Cold: []outcome.Cold{
			{System: plan.Subject, Server: []time.Duration{5 * time.Millisecond, 7 * time.Millisecond}, Client: []time.Duration{7 * time.Millisecond, 9 * time.Millisecond}},
			{System: plan.Baseline, Server: []time.Duration{10 * time.Millisecond, 10 * time.Millisecond}, Client: []time.Duration{14 * time.Millisecond, 10 * time.Millisecond}},
		},
		Binaries: []outcome.Binary{{Name: "everything", About: "all", Bytes: 8_500_000, Text: map[string]int64{"farcall": 1_500_000, "net/http": 2_000_000}}},
	}
	r.Profiles = &outcome.Profiles{Turn: time.Second}
	for _, system := range []string{plan.Subject, plan.Floor} {
		r.Profiles.All = append(r.Profiles.All, outcome.Profile{
			Cell: "charge-64", System: system, Unit: "call", InFlight: 64, CPU: 10, Samples: 300,
			Layers: map[attribution.Layer]float64{attribution.KernelWrite: 4, attribution.HTTP2: 3, attribution.Client: 0.5, attribution.KernelFutex: 1, attribution.KernelPoll: 1.5},
		})
	}
	for _, planned := range plan.Sections {
		section := outcome.Section{Name: planned.Name, Title: planned.Title, Peak: 1000}
		for _, cell := range planned.Cells {
			l, _ := harness.FindLoad(cell.Load)
			measured := outcome.Cell{Name: cell.Name, About: l.About, Unit: l.Unit, Bytes: l.Bytes, InFlight: cell.InFlight, OfPeak: cell.OfPeak, Longer: cell.Longer, Rate: cell.OfPeak * 1000, Turns: map[string][]outcome.Turn{}}
			for _, contestant := range planned.Contestants {
				if !cell.Plays(contestant.Label) {
					continue
				}
				own := turn
				if contestant.Behind != "" {
					own.Edge = &harness.Usage{CPU: time.Millisecond}
				}
				measured.Turns[contestant.Label] = []outcome.Turn{own, own}
			}
			section.Cells = append(section.Cells, measured)
		}
		r.Sections = append(r.Sections, section)
	}
	return r
}

func TestPage(t *testing.T) {
	page := Page(wholeResults())
	for _, want := range []string{
		"| unary, 64 in flight, CPU per call | 1.00 | 1.00 to 1.00 | ≤ 0.25 | short |", // all systems are the same here
		"| server binary, stripped, everything on | 8.50 |",
		"**unary Charge, 91 bytes, 512 in flight**",
		"700 calls/s offered: 70 % of grpc-go's peak",
		"* farcall: defaults. std 1.26\n* rest-client: written by hand.\n",
		"kitex is missing: it could not be built here (no network at all).",
		"| farcall | 10 | plaintext | 5.0 + 0.0 = 5.0 | 0.0 | 2.0 |",
		"| farcall | 6.00 | 8.00 | 14.0 (12.0 to 16.0) | 0.65 (0.50 to 0.80) |",
		"| grpc-go | 10.0 | 12.0 | 22.0 (20.0 to 24.0) |  |",
		"| the same with a deadline, ten metadata entries, and two interceptors on either end | 5.00 | 5.00 to 5.00 | allocations | no goal |",
		"| the same over TLS | – | – | KB | not measured |",
		"(" + latencyPicture + ")",
		"| charge-64 | farcall | 10.0 | 4.00 (40 %) | – | 2.50 (25 %) | – | – | – | – | 3.50 (35 %) | – | – |",
		"|  | floor | 10.0 |",
		"| charge-64 | 3.50 (35 %) | 3.00 | – | – | – | – | – | – | 0.50 | – | – | – |",
		"| | everything |",
		"| code together | 3.50 |\n| tables, types, data | 5.00 |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "%!") {
		t.Errorf("the page is broken:\n%s", page)
	}
	if got := Page(&outcome.Results{}); !strings.Contains(got, string(outcome.NotMeasured)) {
		t.Errorf("a page of nothing says:\n%s", got)
	}
}

// A page of a machine that had other work says so before any figure.
func TestConditions(t *testing.T) {
	r := wholeResults()
	if got := Conditions(r); strings.Contains(got, "not quiet") || !strings.Contains(got, "2 rounds of 1s (up to 5 times as long for large messages) after") {
		t.Errorf("a quiet run: %s", got)
	}
	for _, cell := range r.Sections[0].Cells {
		for _, turns := range cell.Turns {
			for i := range turns {
				turns[i].Others = 1.5
			}
		}
	}
	r.Sections = r.Sections[:1]
	if got := Conditions(r); !strings.HasPrefix(got, "**The machine was not quiet") || !strings.Contains(got, "used 1.50 processors") {
		t.Errorf("a disturbed run: %s", got)
	}
}

func TestPictures(t *testing.T) {
	all := Pictures(wholeResults())
	for _, file := range []string{goalsPicture, unaryPicture, growthPicture, latencyPicture, payloadsPicture, idlePicture} {
		if !strings.Contains(all[file], "</svg>") || strings.Contains(all[file], "NaN") {
			t.Errorf("%s: %s", file, all[file])
		}
	}
	for _, goal := range outcome.Goals() { // all that were measured, in the table's words
		if _, verdict := goal.Judge(wholeResults()); verdict != outcome.NotMeasured && verdict != outcome.NoGoal && !strings.Contains(all[goalsPicture], ">"+goal.About+"</text>") {
			t.Errorf("the picture of the goals lacks %q", goal.About)
		}
	}
	texts := map[string]bool{}
	for file := range all {
		if altTexts[file] == "" || texts[altTexts[file]] {
			t.Errorf("%s has no text of its own: %q", file, altTexts[file])
		}
		texts[altTexts[file]] = true
	}
	if none := Pictures(&outcome.Results{}); len(none) != 0 {
		t.Errorf("pictures of nothing: %v", none)
	}
}

// What a setting brings is seen beside the same system without it, and peers beside each other with it.
func TestPairs(t *testing.T) {
	cell := outcome.Cell{About: "a call", InFlight: 64, Turns: map[string][]outcome.Turn{}}
	for label, cpu := range map[string]time.Duration{"farcall": 10, "farcall GOGC=400": 8, "grpc-go": 40, "grpc-go GOGC=400": 20} {
		turn := outcome.Turn{Client: harness.Report{Units: 1, Usage: harness.Usage{CPU: cpu * time.Microsecond}}}
		cell.Turns[label] = []outcome.Turn{turn, turn}
	}
	table := settings[plan.GC](outcome.Section{Cells: []outcome.Cell{cell}})
	for _, want := range []string{
		"| a call, 64 in flight | farcall | 10.0 | 8.00 | 0.80 (0.80 to 0.80) |  |  |\n",
		"|  | grpc-go | 40.0 | 20.0 | 0.50 (0.50 to 0.50) | 0.25 (0.25 to 0.25) | 0.40 (0.40 to 0.40) |\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
}

func TestYields(t *testing.T) {
	cell := outcome.Cell{About: "a call", InFlight: 64, Turns: map[string][]outcome.Turn{}}
	for label, cpu := range map[string]time.Duration{
		"farcall GOMAXPROCS=2": 10, "farcall-noyield GOMAXPROCS=2": 14, "farcall GOMAXPROCS=16": 20, "farcall-noyield GOMAXPROCS=16": 18,
	} {
		turn := outcome.Turn{Client: harness.Report{Units: 1, Usage: harness.Usage{CPU: cpu * time.Microsecond}}}
		cell.Turns[label] = []outcome.Turn{turn, turn}
	}
	want := "| a call, 64 in flight | 10.0 | 1.40 (1.40 to 1.40) | 20.0 | 0.90 (0.90 to 0.90) |\n"
	if table := settings[plan.Yield](outcome.Section{Cells: []outcome.Cell{cell}}); !strings.HasSuffix(table, want) {
		t.Errorf("the table does not end in %q:\n%s", want, table)
	}
}

func TestFill(t *testing.T) {
	r := wholeResults()
	document := "before\n<!-- bench: unary charge-64 -->\nold\n<!-- /bench -->\nafter\n"
	filled, err := Fill(document, r)
	if err != nil || !strings.HasPrefix(filled, "before\n<!-- bench: unary charge-64 -->\n\n**unary Charge") || !strings.HasSuffix(filled, "<!-- /bench -->\nafter\n") || strings.Contains(filled, "old") {
		t.Errorf("filled, %v:\n%s", err, filled)
	}
	if again, err := Fill(filled, r); err != nil || again != filled {
		t.Errorf("filled twice it is another, %v:\n%s", err, again)
	}
	for _, planned := range []string{"unary charge-64", "gc", "pgo", "yield"} { // not measured is no mistake
		if filled, err := Fill("<!-- bench: "+planned+" -->\n<!-- /bench -->", new(outcome.Results)); err != nil || !strings.Contains(filled, unmeasured) {
			t.Errorf("%s without results, %v: %s", planned, err, filled)
		}
	}
	for _, wrong := range []string{"unary none", "none charge-64", "unary", "gc none"} {
		if _, err := Fill("<!-- bench: "+wrong+" -->\n<!-- /bench -->", r); err == nil {
			t.Errorf("a block %q is accepted", wrong)
		}
	}
}

// The figures in the documentation are those of the committed results, and its blocks exist.
func TestDocumentIsCurrent(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Fill(string(content), wholeResults()); err != nil {
		t.Error(err)
	}
	results, err := outcome.Read(filepath.Join("..", "results", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	filled, err := Fill(string(content), results)
	if err != nil {
		t.Fatal(err)
	}
	if filled != string(content) {
		t.Error("docs/performance.md has other figures than bench/results/results.json: run 'go run . page' in bench")
	}
	page, err := os.ReadFile(filepath.Join("..", "results", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != Page(results) {
		t.Error("bench/results/README.md is not the page of bench/results/results.json: run 'go run . page' in bench")
	}
}
