// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// still returns the tables of what needs no turns.
func still(r *outcome.Results) string {
	var text strings.Builder
	if len(r.Idle) > 0 {
		text.WriteString("## Idle connections\n\nWhat a connection holds, client and server together, after one call on it and a collection. " +
			"Every connection has a client of its own.\n\n")
		text.WriteString(show(r, idlePicture))
		text.WriteString("| | connections | | KB: heap + stacks | resident KB | goroutines |\n|---|--:|---|--:|--:|--:|\n")
		for _, i := range r.Idle {
			each := func(bytes int64) float64 { return float64(bytes) / float64(i.Connections) / 1000 }
			heap, stacks := each(i.Client.Heap+i.Server.Heap), each(i.Client.Stacks+i.Server.Stacks)
			fmt.Fprintf(&text, "| %s | %d | %s | %.1f + %.1f = %.1f | %.1f | %.1f |\n", i.System, i.Connections, transport(i.TLS),
				heap, stacks, heap+stacks, each(i.Client.Resident+i.Server.Resident), i.Goroutines())
		}
		text.WriteString("\n")
	}
	if len(r.Cold) > 0 {
		text.WriteString("## Cold start\n\nFrom the start of a process to a listening server, and from the start of another to its first answer: the medians, with " +
			"their intervals for both together and for what that is of " + plan.Baseline + "'s in the same round.\n\n" +
			"| | server ms | client ms | together ms | to " + plan.Baseline + "'s |\n|---|--:|--:|--:|--:|\n")
		for _, c := range r.Cold {
			fmt.Fprintf(&text, "| %s | %s | %s | %s | %s |\n", c.System, number(outcome.MedianOf(milliseconds(c.Server)).Median),
				number(outcome.MedianOf(milliseconds(c.Client)).Median), interval(outcome.MedianOf(milliseconds(c.Both()))), interval(coldRatio(r, c)))
		}
		text.WriteString("\n")
	}
	text.WriteString(binaries(r.Binaries))
	return text.String()
}

// binaries returns the sizes of programs, and what they consist of where that is known.
func binaries(all []outcome.Binary) string {
	if len(all) == 0 {
		return ""
	}
	var text strings.Builder
	text.WriteString("## Binaries\n\nStripped (-trimpath -ldflags='-s -w').\n\n| | MB |\n|---|--:|\n")
	for _, b := range all {
		fmt.Fprintf(&text, "| %s | %.2f |\n", b.About, float64(b.Bytes)/1e6)
	}
	text.WriteString("\n")
	if all[0].Text == nil {
		return text.String()
	}
	text.WriteString("What is in them, in MB: the machine code by packages (`go tool nm -size`); the rest is its tables for tracebacks and the garbage collector, types and data.\n\n|")
	for _, b := range all {
		fmt.Fprintf(&text, " | %s", b.Name)
	}
	text.WriteString(" |\n|---|" + strings.Repeat("--:|", len(all)) + "\n")
	row := func(name string, of func(outcome.Binary) int64) {
		fmt.Fprintf(&text, "| %s |", name)
		for _, b := range all {
			fmt.Fprintf(&text, " %.2f |", float64(of(b))/1e6)
		}
		text.WriteString("\n")
	}
	code := func(b outcome.Binary) (sum int64) {
		for _, size := range b.Text {
			sum += size
		}
		return sum
	}
	for _, group := range outcome.TextGroups {
		row(group.Name, func(b outcome.Binary) int64 { return b.Text[group.Name] })
	}
	row("code together", code)
	row("tables, types, data", func(b outcome.Binary) int64 { return b.Bytes - code(b) })
	text.WriteString("\n")
	return text.String()
}

func transport(tls bool) string {
	if tls {
		return "TLS"
	}
	return "plaintext"
}

func milliseconds(all []time.Duration) []float64 {
	var values []float64
	for _, one := range all {
		values = append(values, outcome.Microseconds(one)/1000)
	}
	return values
}

// coldRatio compares a cold start with the baseline's, which has none with itself.
func coldRatio(r *outcome.Results, of outcome.Cold) outcome.Interval {
	var baseline outcome.Cold
	for _, c := range r.Cold {
		if c.System == plan.Baseline && of.System != plan.Baseline {
			baseline = c
		}
	}
	return outcome.MedianOf(outcome.Ratios(milliseconds(of.Both()), milliseconds(baseline.Both())))
}
