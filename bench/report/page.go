// SPDX-License-Identifier: Apache-2.0

// Package report makes pages of results: Markdown with pictures, and the figures in docs/performance.md.
package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// quiet is up to how many processors others may use for figures to be taken as those of a quiet machine.
const quiet = 0.1

// explanation says what the intervals are.
const explanation = "Systems take turns, and each ratio is taken within a round; shown is the median of the rounds with its confidence interval, " +
	"which reaches from one of the lowest to one of the highest rounds, chosen so that it misses the true median in at most 5 % of such runs whatever the noise is like, as long as it is independent from round to round (6.25 % with five rounds). " +
	"With six to eight rounds that is from the least to the greatest."

// Page returns the whole report.
func Page(r *outcome.Results) string {
	var page strings.Builder
	fmt.Fprint(&page, "# farcall beside its peers\n\n")
	fmt.Fprintf(&page, "%s\n\n%s\n", Conditions(r), explanation)
	fmt.Fprintf(&page, "\nCPU is user and system time from getrusage, client and server together. Client and server are two processes on one machine "+
		"over loopback, one connection unless said otherwise.\n\n## The goals\n\n%s%s\n", show(r, goalsPicture), Goals(r))
	for _, section := range r.Sections {
		fmt.Fprintf(&page, "## %s\n\n", section.Title)
		for _, name := range picturesOf(section.Name) {
			page.WriteString(show(r, name))
		}
		if table := settings[section.Name]; table != nil {
			fmt.Fprintf(&page, "%s\n", table(section))
			continue
		}
		for _, cell := range section.Cells {
			fmt.Fprintf(&page, "%s\n\n%s\n", headline(cell), Table(cell))
		}
	}
	page.WriteString(still(r))
	fmt.Fprintf(&page, "## Where the CPU goes\n\n%s\n", Profiles(r))
	page.WriteString(systems(r))
	return page.String()
}

// Conditions says what the figures were measured on, and whether it was quiet.
func Conditions(r *outcome.Results) string {
	longer := ""
	if times := longest(r); times > 1 {
		longer = fmt.Sprintf(" (up to %d times as long for large messages)", times)
	}
	text := fmt.Sprintf("Measured on %s: %s, %d processors, GOMAXPROCS %d, %s, %s; %d rounds of %v%s after %v of warm-up. "+
		"Load average before %.2f and after %.2f; during the turns, other processes used %.2f processors (median).",
		r.Began.UTC().Format("2 January 2006"), r.Machine.Processor, r.Machine.Processors, r.Machine.GOMAXPROCS, r.Machine.System, r.Machine.Go,
		r.Rounds, r.Turn, longer, r.WarmUp, r.Machine.LoadBefore[0], r.Machine.LoadAfter[0], r.Others())
	if r.Others() > quiet {
		text = "**The machine was not quiet: these figures show that the bench works, and no more than tendencies.**\n" + text
	}
	return text
}

// verdicts says what the last column of the goals means.
const verdicts = "A goal is ok when the median meets it, undecided when the median misses it and the interval reaches it, and short when the whole interval misses it."

// longest is how many times as long as others the longest turns were.
func longest(r *outcome.Results) (times int) {
	for _, section := range r.Sections {
		for _, cell := range section.Cells {
			times = max(times, cell.Longer)
		}
	}
	return times
}

// Goals returns the table of what is to be reached.
func Goals(r *outcome.Results) string {
	var table strings.Builder
	table.WriteString(verdicts + "\n\n")
	table.WriteString("| farcall against grpc-go unless said | measured | interval | goal | |\n|---|--:|--:|--:|---|\n")
	for _, g := range outcome.Goals() {
		got, verdict := g.Judge(r)
		measured, between := "–", "–"
		if verdict != outcome.NotMeasured {
			measured, between = number(got.Median), number(got.Low)+" to "+number(got.High)
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", g.About, measured, between, relation(g), verdict)
	}
	return table.String()
}

// relation returns the goal with its sign and unit; of what has no goal, the unit.
func relation(g outcome.Goal) string {
	if g.Target == 0 {
		return g.Unit
	}
	sign := "≤"
	if g.Higher {
		sign = "≥"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", sign, number(g.Target), g.Unit))
}

// interval writes a median and what it may as well be; nothing, if there is none.
func interval(of outcome.Interval) string {
	if math.IsNaN(of.Median) {
		return ""
	}
	return fmt.Sprintf("%s (%s to %s)", number(of.Median), number(of.Low), number(of.High))
}

// number writes about three digits. Nothing measured is 0: that is something that a system does not tell.
func number(value float64) string {
	switch {
	case value == 0:
		return "–"
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}

func headline(cell outcome.Cell) string {
	if cell.Rate > 0 {
		return fmt.Sprintf("**%s, %.0f calls/s offered: %.0f %% of grpc-go's peak**", cell.About, cell.Rate, 100*cell.OfPeak)
	}
	return fmt.Sprintf("**%s, %d in flight**", cell.About, cell.InFlight)
}

// column is one number of a table.
type column struct {
	title string
	of    func(cell outcome.Cell, label string) string
}

func median(title string, m outcome.Metric) column {
	return column{title, func(cell outcome.Cell, label string) string { return number(m.Median(cell, label)) }}
}

// against returns the subject's ratio to each row. Where rows have other connections or edges, it is the same.
func against(title string, m outcome.Metric) column {
	return column{title, func(cell outcome.Cell, label string) string {
		if label == plan.Subject || len(cell.Turns[plan.Subject]) == 0 {
			return ""
		}
		return interval(m.Ratio(cell, plan.Subject, label))
	}}
}

// columns are chosen by what a cell is about.
func columns(cell outcome.Cell) []column {
	switch {
	case cell.Rate > 0:
		return []column{median("answered/s", outcome.Rate), median("p50 µs", outcome.P50), median("p99 µs", outcome.P99), median("p99.9 µs", outcome.P999), median(outcome.Lateness.Name, outcome.Lateness), against("farcall's p99 to it", outcome.P99)}
	case cell.Bytes >= 1<<16:
		return []column{median("MiB/s", outcome.Throughput), median("CPU s/GiB", outcome.CPUPerGiB), median("p50 µs", outcome.P50), median("p99 µs", outcome.P99), median("B allocated", outcome.AllocatedBytes), against("farcall's CPU to it", outcome.CPUPerGiB)}
	case hasEdge(cell):
		return []column{median("calls/s", outcome.Rate), median("p50 µs", outcome.P50), median("p99 µs", outcome.P99), median("edge CPU µs", outcome.EdgeCPU), median("CPU µs behind it", outcome.ServerCPU), against("farcall's CPU to it", outcome.ServingCPU)}
	case cell.Unit == "message":
		return []column{median("messages/s", outcome.Rate), median("client CPU µs", outcome.ClientCPU), median("server CPU µs", outcome.ServerCPU), median("allocations", outcome.Allocations), median("B allocated", outcome.AllocatedBytes), against("farcall's CPU to it", outcome.BothCPU)}
	}
	return []column{
		median("calls/s", outcome.Rate), median("p50 µs", outcome.P50), median("p99 µs", outcome.P99), median("p99.9 µs", outcome.P999),
		median("client CPU µs", outcome.ClientCPU), median("server CPU µs", outcome.ServerCPU), median("allocations", outcome.Allocations),
		median("B allocated", outcome.AllocatedBytes), against("farcall's CPU to it", outcome.BothCPU),
	}
}

func hasEdge(cell outcome.Cell) bool {
	for _, turns := range cell.Turns {
		return len(turns) > 0 && turns[0].Edge != nil
	}
	return false
}

// Table returns a cell's medians.
func Table(cell outcome.Cell) string {
	var table strings.Builder
	chosen := columns(cell)
	table.WriteString("| |")
	for _, c := range chosen {
		fmt.Fprintf(&table, " %s |", c.title)
	}
	table.WriteString("\n|---|" + strings.Repeat("--:|", len(chosen)) + "\n")
	for _, name := range order(cell) {
		fmt.Fprintf(&table, "| %s |", name)
		for _, c := range chosen {
			fmt.Fprintf(&table, " %s |", c.of(cell, name))
		}
		table.WriteString("\n")
	}
	return table.String()
}

// order returns the labels of a cell: the subject, the baseline, then the others by name.
func order(cell outcome.Cell) []string {
	rank := func(name string) int {
		switch {
		case strings.HasPrefix(name, plan.Subject):
			return 0
		case strings.HasPrefix(name, plan.Baseline):
			return 1
		default:
			return 2
		}
	}
	names := slices.Sorted(maps.Keys(cell.Turns))
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

// systems says how each system was set, and what could not be measured.
func systems(r *outcome.Results) string {
	var text strings.Builder
	text.WriteString("## Systems and settings\n\n")
	for _, name := range slices.Sorted(maps.Keys(r.Systems)) {
		var versions []string
		for _, module := range slices.Sorted(maps.Keys(r.Systems[name].Versions)) {
			versions = append(versions, module+" "+r.Systems[name].Versions[module])
		}
		if len(versions) == 0 { // it is made of nothing that has a version
			fmt.Fprintf(&text, "* %s: %s.\n", name, r.Systems[name].Settings)
			continue
		}
		fmt.Fprintf(&text, "* %s: %s. %s\n", name, r.Systems[name].Settings, strings.Join(versions, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Missing)) {
		reason := strings.Join(strings.Fields(r.Missing[name]), " ")
		fmt.Fprintf(&text, "* %s is missing: it could not be built here (%s).\n", name, reason)
	}
	return text.String()
}
