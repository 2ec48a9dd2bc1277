// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"fmt"
	"io"
	"math"

	"github.com/farcall/farcall/bench/plan"
)

// Goal is one number to reach.
type Goal struct {
	Name  string // without spaces, so that the output can be cut into columns
	About string
	Unit  string // "" for a ratio
	// Target may be reached at most; where higher is better, at least. 0 is none: what stands beside a goal, to be compared.
	Target float64
	Higher bool
	// Values are those of the rounds, none if it was not measured.
	Values func(*Results) []float64
}

// Verdict says how a goal stands.
type Verdict string

// A goal is short only when the whole interval is beyond the target, and undecided when the median is but the interval
// reaches it.
const (
	OK          Verdict = "ok"
	Undecided   Verdict = "undecided"
	Short       Verdict = "short"
	NotMeasured Verdict = "not measured"
	NoGoal      Verdict = "no goal"
)

// Judge returns where the median lies and what that means.
func (g Goal) Judge(r *Results) (Interval, Verdict) {
	values := g.Values(r)
	if len(values) == 0 {
		return Interval{}, NotMeasured
	}
	got := MedianOf(values)
	beyond := func(value float64) bool { return g.Higher && value < g.Target || !g.Higher && value > g.Target }
	switch {
	case g.Target == 0:
		return got, NoGoal
	case beyond(got.Low) && beyond(got.High):
		return got, Short
	case beyond(got.Median):
		return got, Undecided
	}
	return got, OK
}

// place is a contestant at a load.
type place struct{ section, cell, label string }

func (p place) values(r *Results, m Metric) []float64 {
	section, _ := r.Section(p.section)
	cell, _ := section.Find(p.cell)
	return m.Values(cell, p.label)
}

// paired compares two places, round by round.
func paired(m Metric, of, against place) func(*Results) []float64 {
	return func(r *Results) []float64 { return Ratios(of.values(r, m), against.values(r, m)) }
}

// against compares the subject with another system at the same load.
func against(m Metric, section, cell, other string) func(*Results) []float64 {
	return paired(m, place{section, cell, plan.Subject}, place{section, cell, other})
}

// QuickGoals are the rows of `make bench-quick`.
func QuickGoals() []Goal { return steering(plan.Quick.Name, plan.Quick.Name) }

// steering returns the rows that the work on speed is steered by, from the sections that have their cells.
func steering(unary, items string) []Goal {
	return []Goal{
		{Name: "charge-64-cpu/grpc-go", About: "unary, 64 in flight, CPU per call", Target: 1.0 / 4, Values: against(BothCPU, unary, "charge-64", plan.Baseline)},
		{Name: "charge-64-cpu/floor", About: "the same against the floor", Target: 1.3, Values: against(BothCPU, unary, "charge-64", plan.Floor)},
		{Name: "charge-512-rate/grpc-go", About: "unary, 512 in flight, calls per second", Target: 5, Higher: true, Values: against(Rate, unary, "charge-512", plan.Baseline)},
		{Name: "charge-1-p50/grpc-go", About: "unary, 1 in flight, p50", Target: 0.6, Values: against(P50, unary, "charge-1", plan.Baseline)},
		{Name: "charge-1-p50/floor", About: "the same against the floor", Target: 1.4, Values: against(P50, unary, "charge-1", plan.Floor)},
		{Name: "charge50-64-cpu/grpc-go", About: "unary with 50 items, 64 in flight, CPU per call", Target: 1.0 / 3, Values: against(BothCPU, items, "charge50-64", plan.Baseline)},
		{Name: "charge50-64-cpu/floor", About: "the same against the floor", Target: 1.3, Values: against(BothCPU, items, "charge50-64", plan.Floor)},
		{Name: "charge-64-cpu/http-json", About: "the gRPC hop against the JSON hop, 64 in flight, CPU per call", Target: 1.0 / 5, Values: against(BothCPU, unary, "charge-64", plan.HTTPJSON)},
	}
}

// Goals are the rows of the whole table.
func Goals() []Goal {
	goals := steering("unary", "items")
	goals = append(goals,
		Goal{Name: "realistic-64-cpu/grpc-go", About: "realistic call, 64 in flight, CPU per call", Target: 1.0 / 3, Values: against(BothCPU, "realistic", "realistic-64", plan.Baseline)},
		Goal{Name: "server-stream-cpu/grpc-go", About: "server streaming, CPU per message", Target: 1.0 / 4, Values: against(BothCPU, "streams", "server-8", plan.Baseline)},
		Goal{Name: "client-stream-cpu/grpc-go", About: "client streaming, CPU per message", Target: 1.0 / 4, Values: against(BothCPU, "streams", "client-8", plan.Baseline)},
		Goal{Name: "two-way-cpu/grpc-go", About: "two-way streaming, CPU per message and answer", Target: 1.0 / 4, Values: against(BothCPU, "streams", "two-way-8", plan.Baseline)},
		Goal{Name: "echo1m-cpu/floor", About: "1 MiB messages, CPU per GiB, against the floor", Target: 1.5, Values: against(CPUPerGiB, "payloads", "echo1m-4", plan.Floor)},
		Goal{Name: "echo1m-cpu/grpc-go", About: "1 MiB messages, CPU per GiB", Target: 1 / 1.5, Values: against(CPUPerGiB, "payloads", "echo1m-4", plan.Baseline)},
		Goal{Name: "echo16m-cpu/floor", About: "16 MiB messages, CPU per GiB, against the floor", Target: 1.5, Values: against(CPUPerGiB, "payloads", "echo16m-2", plan.Floor)},
		Goal{Name: "echo16m-cpu/grpc-go", About: "16 MiB messages, CPU per GiB", Target: 1 / 1.5, Values: against(CPUPerGiB, "payloads", "echo16m-2", plan.Baseline)},
		Goal{Name: "tls-64-cpu/grpc-go", About: "with TLS, 64 in flight, CPU per call", Target: 1 / 2.5, Values: against(BothCPU, "tls", "charge-64", plan.Baseline)},
		Goal{Name: "charge-64-allocations", About: "allocations of a unary call, both sides, the two messages included", Unit: "allocations", Target: 12, Values: rounded(1, func(r *Results) []float64 {
			return place{"unary", "charge-64", plan.Subject}.values(r, Allocations)
		})},
		Goal{Name: "realistic-64-allocations", About: "the same with a deadline, ten metadata entries, and two interceptors on either end", Unit: "allocations", Values: rounded(1, func(r *Results) []float64 {
			return place{"realistic", "realistic-64", plan.Subject}.values(r, Allocations)
		})},
		Goal{Name: "growth-512-over-64", About: "growth: CPU per call at 512 in flight over that at 64", Target: 1.1, Values: paired(BothCPU, place{"unary", "charge-512", plan.Subject}, place{"unary", "charge-64", plan.Subject})},
		Goal{Name: "growth-parked", About: "growth: CPU per call with 10,000 parked streams over that without", Target: 1.1, Values: paired(BothCPU, place{"parked", "charge-64", plan.Subject + " parked"}, place{"parked", "charge-64", plan.Subject})},
		Goal{Name: "growth-beside-16m", About: "growth: p99 of 8 small calls in flight beside uploads of 16 MiB over that without them", Target: 3, Values: paired(P99, place{"beside", "charge-8-beside-16m", plan.Subject}, place{"beside", "charge-8", plan.Subject})},
		Goal{Name: "beside-16m-over-apart", About: "the same over that with the uploads on a connection of their own", Target: 1.5, Values: paired(P99, place{"beside", "charge-8-beside-16m", plan.Subject}, place{"beside", "charge-8-apart-16m", plan.Subject + " apart"})},
		Goal{Name: "p99-at-70%/grpc-go", About: "p99 at 70 % of grpc-go's peak rate, open loop", Target: 1.0 / 4, Values: against(P99, "open", "offered-70%", plan.Baseline)},
		Goal{Name: "journey-64-cpu/grpc-gateway", About: "REST journey over HTTP/1.1, 64 in flight, CPU at the edge and behind it, against grpc-gateway's", Target: 1.0 / 3, Values: against(ServingCPU, "journey", "charge-64", plan.Gateway)},
		Goal{Name: "journey-64-cpu/http-json", About: "the same against net/http JSON's", Target: 0.45, Values: against(ServingCPU, "journey", "charge-64", plan.HTTPJSON)},
		Goal{Name: "journey2-64-cpu/grpc-gateway", About: "REST journey over HTTP/2, the same against grpc-gateway's", Target: 1.0 / 4, Values: against(ServingCPU, "journey-http2", "charge-64", plan.Gateway)},
		Goal{Name: "journey2-64-cpu/http-json", About: "the same against net/http JSON's", Target: 1.0 / 3, Values: against(ServingCPU, "journey-http2", "charge-64", plan.HTTPJSON)},
	)
	return append(goals, still()...)
}

// still are the goals that no turns are needed for.
func still() []Goal {
	return []Goal{
		{Name: "idle-bytes", About: "idle h2c connection, both sides together", Unit: "KB", Target: 16, Values: idle(false, kilobytes)},
		{Name: "idle-tls-bytes", About: "the same over TLS", Unit: "KB", Values: idle(true, kilobytes)},
		{Name: "idle-goroutines", About: "idle h2c connection in goroutines", Unit: "goroutines", Target: 2, Values: rounded(0.1, idle(false, Idle.Goroutines))},
		{Name: "binary-everything", About: "server binary, stripped, everything on", Unit: "MB", Target: 9, Values: binary("everything")},
		{Name: "binary-grpconly", About: "server binary, stripped, built with farcall_grpconly", Unit: "MB", Target: 7.5, Values: binary("grpconly")},
	}
}

// rounded is for counts that contain what a process does now and then, beside the calls.
func rounded(to float64, values func(*Results) []float64) func(*Results) []float64 {
	return func(r *Results) []float64 {
		all := values(r)
		for i := range all {
			all[i] = math.Round(all[i]/to) * to
		}
		return all
	}
}

func kilobytes(i Idle) float64 { return i.Bytes() / 1000 }

// idle takes the largest number of connections.
func idle(tls bool, value func(Idle) float64) func(*Results) []float64 {
	return func(r *Results) []float64 {
		var most Idle
		for _, i := range r.Idle {
			if i.System == plan.Subject && i.TLS == tls && i.Connections > most.Connections {
				most = i
			}
		}
		if most.Connections == 0 {
			return nil
		}
		return []float64{value(most)}
	}
}

func binary(name string) func(*Results) []float64 {
	return func(r *Results) []float64 {
		for _, b := range r.Binaries {
			if b.Name == name {
				return []float64{float64(b.Bytes) / 1e6}
			}
		}
		return nil
	}
}

// Relation returns the target as a condition.
func (g Goal) Relation() string {
	if g.Higher {
		return fmt.Sprintf(">=%.3f", g.Target)
	}
	return fmt.Sprintf("<=%.3f", g.Target)
}

// WriteVerdicts writes `name ratio low..high target ok|short` for each goal that has a target, and returns how many are short and how many were
// not measured. What is undecided is ok here: who is stopped by a verdict must not be stopped by chance.
func WriteVerdicts(out io.Writer, goals []Goal, r *Results) (short, missing int) {
	for _, g := range goals {
		got, verdict := g.Judge(r)
		if g.Target == 0 {
			continue
		}
		switch verdict {
		case Short:
			short++
		case NotMeasured:
			missing++
		case Undecided:
			verdict = OK
		}
		fmt.Fprintf(out, "%-27s %6.3f %6.3f..%-6.3f %s %s\n", g.Name, got.Median, got.Low, got.High, g.Relation(), verdict)
	}
	return short, missing
}
