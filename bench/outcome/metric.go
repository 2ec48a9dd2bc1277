// SPDX-License-Identifier: Apache-2.0

package outcome

import "time"

// Metric is one number of a turn.
type Metric struct {
	Name   string // with its unit
	Of     func(Cell, Turn) float64
	Higher bool // higher is better
}

// What is computed from a turn. "Both" is client and server.
var (
	Rate        = Metric{"calls/s", rateOf, true}
	P50         = Metric{"p50 µs", func(_ Cell, t Turn) float64 { return Microseconds(t.Client.Latencies.P50) }, false}
	P99         = Metric{"p99 µs", func(_ Cell, t Turn) float64 { return Microseconds(t.Client.Latencies.P99) }, false}
	P999        = Metric{"p99.9 µs", func(_ Cell, t Turn) float64 { return Microseconds(t.Client.Latencies.P999) }, false}
	Lateness    = Metric{"pacer late µs (p99)", func(_ Cell, t Turn) float64 { return Microseconds(t.Client.Lateness.P99) }, false}
	ClientCPU   = Metric{"client CPU µs", func(_ Cell, t Turn) float64 { return perUnit(t, Microseconds(t.Client.Usage.CPU)) }, false}
	ServerCPU   = Metric{"server CPU µs", func(_ Cell, t Turn) float64 { return perUnit(t, Microseconds(t.Server.CPU)) }, false}
	EdgeCPU     = Metric{"edge CPU µs", edgeCPUOf, false}
	BothCPU     = Metric{"CPU µs", func(c Cell, t Turn) float64 { return ClientCPU.Of(c, t) + ServerCPU.Of(c, t) }, false}
	ServingCPU  = Metric{"CPU µs at the edge and behind it", func(c Cell, t Turn) float64 { return EdgeCPU.Of(c, t) + ServerCPU.Of(c, t) }, false}
	CPUPerGiB   = Metric{"CPU s/GiB", cpuPerGiBOf, false}
	Throughput  = Metric{"MiB/s", func(c Cell, t Turn) float64 { return rateOf(c, t) * float64(c.Bytes) / (1 << 20) }, true}
	Allocations = Metric{"allocations", func(_ Cell, t Turn) float64 {
		return perUnit(t, float64(t.Client.Usage.Allocations+t.Server.Allocations))
	}, false}
	AllocatedBytes = Metric{"B allocated", func(_ Cell, t Turn) float64 {
		return perUnit(t, float64(t.Client.Usage.Bytes+t.Server.Bytes))
	}, false}
	Others = Metric{"processors used by others", func(_ Cell, t Turn) float64 { return t.Others }, false}
)

// Microseconds returns d as a number.
func Microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func perUnit(t Turn, total float64) float64 { return total / float64(t.Client.Units) }

func rateOf(_ Cell, t Turn) float64 { return float64(t.Client.Units) / t.Client.Took.Seconds() }

func edgeCPUOf(_ Cell, t Turn) float64 {
	if t.Edge == nil {
		return 0
	}
	return perUnit(t, Microseconds(t.Edge.CPU))
}

func cpuPerGiBOf(c Cell, t Turn) float64 {
	return (t.Client.Usage.CPU + t.Server.CPU).Seconds() / (float64(t.Client.Units) * float64(c.Bytes) / (1 << 30))
}

// Values returns the metric of every round.
func (m Metric) Values(cell Cell, label string) []float64 {
	var values []float64
	for _, t := range cell.Turns[label] {
		values = append(values, m.Of(cell, t))
	}
	return values
}

// Median returns that of the rounds.
func (m Metric) Median(cell Cell, label string) float64 {
	return MedianOf(m.Values(cell, label)).Median
}

// Ratio returns what one contestant's number was of another's in the same round: below 1 is better, unless higher is.
func (m Metric) Ratio(cell Cell, label, against string) Interval {
	return MedianOf(Ratios(m.Values(cell, label), m.Values(cell, against)))
}

// Ratios divides round by round, as far as both have rounds.
func Ratios(of, by []float64) []float64 {
	var all []float64
	for round := range min(len(of), len(by)) {
		all = append(all, of[round]/by[round])
	}
	return all
}
