// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// metric is one number of a turn.
type metric struct {
	name   string
	of     func(turn) float64
	higher bool // higher is better
}

var (
	rate        = metric{"calls/s", func(t turn) float64 { return float64(t.Client.Calls) / t.Client.Took.Seconds() }, true}
	p50         = metric{"p50 µs", func(t turn) float64 { return microseconds(t.Client.P50) }, false}
	p99         = metric{"p99 µs", func(t turn) float64 { return microseconds(t.Client.P99) }, false}
	clientCPU   = metric{"client CPU", func(t turn) float64 { return perCall(t, microseconds(t.Client.Usage.CPU)) }, false}
	serverCPU   = metric{"server CPU", func(t turn) float64 { return perCall(t, microseconds(t.Server.CPU)) }, false}
	bothCPU     = metric{"CPU/call", func(t turn) float64 { return clientCPU.of(t) + serverCPU.of(t) }, false}
	clientAlloc = metric{"client allocs", func(t turn) float64 { return perCall(t, float64(t.Client.Usage.Allocations)) }, false}
	serverAlloc = metric{"server allocs", func(t turn) float64 { return perCall(t, float64(t.Server.Allocations)) }, false}
	bothAlloc   = metric{"allocs/call", func(t turn) float64 { return clientAlloc.of(t) + serverAlloc.of(t) }, false}
	bothBytes   = metric{"B/call", func(t turn) float64 { return perCall(t, float64(t.Client.Usage.Bytes+t.Server.Bytes)) }, false}
)

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func perCall(t turn, total float64) float64 { return total / float64(t.Client.Calls) }

// spread is the middle and the ends of what several rounds gave.
type spread struct {
	Median  float64 `json:"median"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
}

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Lowest: sorted[0], Highest: sorted[n-1]}
}

func (m metric) median(turns []turn) float64 {
	values := make([]float64, len(turns))
	for i, t := range turns {
		values[i] = m.of(t)
	}
	return spreadOf(values).Median
}

// advantage says how many times better than the baseline a system was, compared round by round.
func (m metric) advantage(turns, base []turn) spread {
	ratios := make([]float64, len(turns))
	for i := range turns {
		own, other := m.of(turns[i]), m.of(base[i])
		if m.higher {
			ratios[i] = own / other
		} else {
			ratios[i] = other / own
		}
	}
	return spreadOf(ratios)
}

// publish writes the tables to w, and the files.
func (p plan) publish(w io.Writer, results []result) error {
	p.describe(w, results)
	if p.out == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(p.out), 0o755); err != nil {
		return err
	}
	var page strings.Builder
	p.describe(&page, results)
	if err := os.WriteFile(p.out+".md", []byte(page.String()), 0o644); err != nil {
		return err
	}
	settings := map[string]string{}
	for _, s := range p.systems {
		settings[s.name] = s.settings
	}
	encoded, err := json.MarshalIndent(map[string]any{
		"machine": machine(), "versions": versions(), "settings": settings, "rounds": p.rounds, "seconds": p.lasting.Seconds(), "results": results,
	}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(p.out+".json", append(encoded, '\n'), 0o644)
}

// describe writes the results as Markdown that is readable as it stands.
func (p plan) describe(w io.Writer, results []result) {
	fmt.Fprintf(w, "# farcall beside its peers\n\n%s. Client and server in two processes over loopback TCP, one connection,\n", machine())
	fmt.Fprintf(w, "no TLS; %d rounds of %v in turns; medians. CPU is user and system time per call, from getrusage. Versions: %s.\n", p.rounds, p.lasting, versions())
	for _, r := range results {
		fmt.Fprintf(w, "\n## %s, %d in flight\n\n", r.About, r.InFlight)
		p.table(w, r)
		p.comparison(w, r)
	}
	fmt.Fprint(w, "\n## Settings\n\n")
	for _, s := range p.systems {
		fmt.Fprintf(w, "* %s: %s.\n", s.name, s.settings)
	}
}

func (p plan) table(w io.Writer, r result) {
	fmt.Fprintf(w, "| %-10s | %9s | %8s | %8s | %-28s | %-22s | %7s |\n", "", "calls/s", "p50 µs", "p99 µs", "CPU µs/call: client + server", "allocs: client + server", "B/call")
	fmt.Fprintln(w, "|---|--:|--:|--:|---|---|--:|")
	for _, s := range p.systems {
		turns := r.Turns[s.name]
		cpu := fmt.Sprintf("%.2f + %.2f = %.2f", clientCPU.median(turns), serverCPU.median(turns), bothCPU.median(turns))
		allocations := fmt.Sprintf("%.1f + %.1f = %.1f", clientAlloc.median(turns), serverAlloc.median(turns), bothAlloc.median(turns))
		fmt.Fprintf(w, "| %-10s | %9.0f | %8.1f | %8.1f | %-28s | %-23s | %7.0f |\n", s.name,
			rate.median(turns), p50.median(turns), p99.median(turns), cpu, allocations, bothBytes.median(turns))
	}
}

// comparison writes how many times better than the baseline each other system was.
func (p plan) comparison(w io.Writer, r result) {
	base := r.Turns[baseline]
	if base == nil || len(p.systems) < 2 {
		return
	}
	fmt.Fprintf(w, "\nTimes better than %s, the median of the rounds (lowest to highest):\n\n", baseline)
	compared := []metric{bothCPU, rate, p50, p99, bothAlloc}
	fmt.Fprintf(w, "| %-10s |", "")
	for _, m := range compared {
		fmt.Fprintf(w, " %-20s |", m.name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(compared)))
	for _, s := range p.systems {
		if s.name == baseline {
			continue
		}
		fmt.Fprintf(w, "| %-10s |", s.name)
		for _, m := range compared {
			a := m.advantage(r.Turns[s.name], base)
			fmt.Fprintf(w, " %-20s |", fmt.Sprintf("%.2f (%.2f to %.2f)", a.Median, a.Lowest, a.Highest))
		}
		fmt.Fprintln(w)
	}
}

// machine says what the numbers were measured on.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d processors, GOMAXPROCS %d, %s, %s", model, runtime.NumCPU(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.Version())
}

// versions names the modules that were measured.
func versions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	var found []string
	for _, module := range info.Deps {
		switch module.Path {
		case "google.golang.org/grpc", "google.golang.org/protobuf":
			found = append(found, module.Path+" "+module.Version)
		}
	}
	return strings.Join(found, ", ")
}
