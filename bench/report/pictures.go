// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"

	"github.com/farcall/farcall/bench/chart"
	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// The files of the pictures.
const (
	goalsPicture    = "goals.svg"
	unaryPicture    = "unary.svg"
	growthPicture   = "growth.svg"
	latencyPicture  = "latency.svg"
	payloadsPicture = "payloads.svg"
	idlePicture     = "idle.svg"
)

// altTexts say what a picture shows to those who do not see it.
var altTexts = map[string]string{
	goalsPicture:    "What was measured beside the goals",
	unaryPicture:    "CPU of a small unary call of each system",
	growthPicture:   "CPU of a small unary call as the calls in flight become more",
	latencyPicture:  "Latency at an offered rate",
	payloadsPicture: "CPU per GiB as messages become larger",
	idlePicture:     "Memory of an idle connection of each system",
}

// show returns a picture's place in a page; nothing, if it was not drawn.
func show(r *outcome.Results, name string) string {
	if _, drawn := Pictures(r)[name]; !drawn {
		return ""
	}
	return fmt.Sprintf("![%s](%s)\n\n", altTexts[name], name)
}

// picturesOf returns those that belong to a section.
func picturesOf(section string) []string {
	switch section {
	case "unary":
		return []string{unaryPicture, growthPicture}
	case "open":
		return []string{latencyPicture}
	case "payloads":
		return []string{payloadsPicture}
	}
	return nil
}

// Pictures returns the SVG of every picture that there are figures for, by file.
func Pictures(r *outcome.Results) map[string]string {
	all := map[string]string{}
	for file, draw := range map[string]func(*outcome.Results) string{
		goalsPicture: drawGoals, unaryPicture: drawUnary, growthPicture: drawGrowth,
		latencyPicture: drawLatency, payloadsPicture: drawPayloads, idlePicture: drawIdle,
	} {
		if svg := draw(r); svg != "" {
			all[file] = svg
		}
	}
	return all
}

// drawGoals shows what was measured as a part of its goal, so that ratios, counts and sizes have one axis.
func drawGoals(r *outcome.Results) string {
	var bars []chart.Bar
	for _, g := range outcome.Goals() {
		got, verdict := g.Judge(r)
		if verdict == outcome.NotMeasured || verdict == outcome.NoGoal {
			continue
		}
		bar := chart.Bar{Label: g.About, Value: got.Median / g.Target, Low: got.Low / g.Target, High: got.High / g.Target, Target: 1, Emphasis: true}
		if g.Higher {
			bar.Value, bar.Low, bar.High = 1/bar.Value, 1/bar.High, 1/bar.Low
		}
		bar.Text = fmt.Sprintf("%s (%s)", number(got.Median), relation(g))
		bars = append(bars, bar)
	}
	if len(bars) == 0 {
		return ""
	}
	return chart.Bars{Title: "What was measured beside the goals, against grpc-go unless said", Axis: "in parts of the goal (orange), with the interval; lower is better (a goal ≥: the goal in parts of what was measured)", Bars: bars}.SVG()
}

// drawUnary shows the CPU of a small call of every system.
func drawUnary(r *outcome.Results) string {
	section, _ := r.Section("unary")
	cell, ok := section.Find("charge-64")
	if !ok {
		return ""
	}
	var bars []chart.Bar
	for _, name := range order(cell) {
		got := outcome.MedianOf(outcome.BothCPU.Values(cell, name))
		bars = append(bars, chart.Bar{Label: name, Value: got.Median, Low: got.Low, High: got.High, Emphasis: name == plan.Subject})
	}
	return chart.Bars{Title: "A small unary call, 64 in flight", Axis: "CPU µs per call, client and server together", Bars: bars}.SVG()
}

// seriesOf returns a line for each contestant over the cells that it played.
func seriesOf(cells []outcome.Cell, x func(outcome.Cell) float64, y outcome.Metric) []chart.Series {
	var all []chart.Series
	at := map[string]int{}
	for _, cell := range cells {
		for _, name := range order(cell) {
			if _, ok := at[name]; !ok {
				at[name] = len(all)
				all = append(all, chart.Series{Name: name, Colour: slices.Index(plan.AllSystems(), name)})
			}
			s := &all[at[name]]
			s.Points = append(s.Points, chart.Point{X: x(cell), Y: y.Median(cell, name)})
		}
	}
	return all
}

func drawGrowth(r *outcome.Results) string {
	section, ok := r.Section("unary")
	if !ok {
		return ""
	}
	x := func(c outcome.Cell) float64 { return float64(c.InFlight) }
	return chart.Lines{
		Title: "How the cost of a call grows with the calls in flight", XAxis: "calls in flight on one connection", YAxis: "CPU µs per call, both ends",
		Ticks: []float64{1, 8, 64, 512}, Series: seriesOf(section.Cells, x, outcome.BothCPU),
	}.SVG()
}

// drawLatency shows each system as far as it keeps up with what is offered.
func drawLatency(r *outcome.Results) string {
	section, ok := r.Section("open")
	if !ok {
		return ""
	}
	x := func(c outcome.Cell) float64 { return c.Rate }
	all := seriesOf(section.Cells, x, outcome.P99)
	for _, s := range seriesOf(section.Cells, x, outcome.P50) {
		s.Dashed = true
		all = append(all, s)
	}
	return chart.Lines{
		Title: "Latency at an offered rate", XAxis: "calls offered a second (open loop, Poisson)", YAxis: "µs from when the call was due",
		Note: "solid: p99; dashed: p50. A line that shoots up is a system that cannot keep up.", Series: all,
	}.SVG()
}

func drawPayloads(r *outcome.Results) string {
	section, ok := r.Section("payloads")
	if !ok {
		return ""
	}
	x := func(c outcome.Cell) float64 { return float64(c.Bytes / 2) }
	return chart.Lines{
		Title: "What payloads cost", XAxis: "size of a message, sent and returned", YAxis: "CPU s per GiB, both ends",
		Ticks: []float64{1 << 10, 64 << 10, 1 << 20, 16 << 20}, TickLabels: []string{"1 KiB", "64 KiB", "1 MiB", "16 MiB"},
		Series: seriesOf(section.Cells, x, outcome.CPUPerGiB),
	}.SVG()
}

func drawIdle(r *outcome.Results) string {
	most := 0
	for _, i := range r.Idle {
		most = max(most, i.Connections)
	}
	var bars []chart.Bar
	for _, i := range r.Idle {
		if i.Connections == most {
			value := i.Bytes() / 1000
			bars = append(bars, chart.Bar{Label: i.System + ", " + transport(i.TLS), Value: value, Low: value, High: value, Emphasis: i.System == plan.Subject})
		}
	}
	if len(bars) == 0 {
		return ""
	}
	return chart.Bars{Title: "An idle connection", Axis: "KB of heap and stacks, client and server together", Bars: bars}.SVG()
}
