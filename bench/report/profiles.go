// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/farcall/farcall/bench/attribution"
	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// Profiles returns two tables: where the CPU of each system goes at each load, and farcall's by its packages.
func Profiles(r *outcome.Results) string {
	if r.Profiles == nil || len(r.Profiles.All) == 0 {
		return "No profiles were taken with these results: `go run . explain` in bench does that."
	}
	return fmt.Sprintf("%s\n\n%s\n%s", profiled(r.Profiles), byGroup(r.Profiles), byPackage(r.Profiles))
}

// profiled says how the tables came about, and of what day and machine's mood they are.
func profiled(p *outcome.Profiles) string {
	var others, samples []float64
	for _, one := range p.All {
		others, samples = append(others, one.Others), append(samples, float64(one.Samples))
	}
	return fmt.Sprintf("CPU of client and server together, in µs for each call (of streams: for each message), and how much of it that is. The sums are getrusage's, "+
		"the parts those of CPU profiles. Time in the kernel counts for the system call, time in the Go runtime for its part, wherever they were called from; what "+
		"remains, for the innermost package. Profiled on %s, each system for %v at each load, with %.0f to %.0f samples; "+
		"other processes used %.2f processors meanwhile (median).",
		p.Began.UTC().Format("2 January 2006"), p.Turn, slices.Min(samples), slices.Max(samples), outcome.MedianOf(others).Median)
}

// byGroup is a row for each system at each load.
func byGroup(p *outcome.Profiles) string {
	var table strings.Builder
	table.WriteString("| | | CPU µs |")
	for _, group := range attribution.Groups {
		fmt.Fprintf(&table, " %s |", group.Name)
	}
	table.WriteString("\n|---|---|--:|" + strings.Repeat("--:|", len(attribution.Groups)) + "\n")
	last := ""
	for _, one := range p.All {
		load := ""
		if one.Cell != last {
			load = one.Cell
		}
		last = one.Cell
		fmt.Fprintf(&table, "| %s | %s | %s |", load, one.System, number(one.CPU))
		for _, group := range attribution.Groups {
			fmt.Fprintf(&table, " %s |", part(one, group.Layers...))
		}
		table.WriteString("\n")
	}
	return table.String()
}

// byPackage is a row for each load, with a column for each of the subject's packages.
func byPackage(p *outcome.Profiles) string {
	var table strings.Builder
	table.WriteString("| farcall's own code, µs | together |")
	for _, layer := range attribution.OwnLayers {
		fmt.Fprintf(&table, " %s |", layer)
	}
	table.WriteString("\n|---|--:|" + strings.Repeat("--:|", len(attribution.OwnLayers)) + "\n")
	for _, one := range p.All {
		if one.System != plan.Subject {
			continue
		}
		fmt.Fprintf(&table, "| %s | %s |", one.Cell, part(one, attribution.OwnLayers...))
		for _, layer := range attribution.OwnLayers {
			fmt.Fprintf(&table, " %s |", number(one.Of(layer)))
		}
		table.WriteString("\n")
	}
	return table.String()
}

// part writes what some layers cost.
func part(of outcome.Profile, layers ...attribution.Layer) string {
	cost := of.Of(layers...)
	if cost == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%.0f %%)", number(cost), 100*cost/of.CPU)
}
