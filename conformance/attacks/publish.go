// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// What is demanded of farcall (docs/security.md says so).
const (
	longestP99 = 50 * time.Millisecond
	mostGrown  = 64 << 20
)

// outcome is what several turns gave: the median of each figure, and every lost call.
type outcome struct {
	p99   time.Duration
	grown int64
	calls int
	lost  int
	dead  bool
	sent  int64 // frames of the attacker's
}

func outcomeOf(turns []turn) outcome {
	var o outcome
	var latencies []time.Duration
	var sizes, frames []int64
	for _, t := range turns {
		o.dead = o.dead || t.Dead
		o.lost += t.lost()
		o.calls += t.Attacked.Calls + t.After.Calls
		latencies, sizes = append(latencies, t.Attacked.P99), append(sizes, t.grown())
		frames = append(frames, t.Spoils.Frames)
	}
	o.p99, o.grown, o.sent = median(latencies), median(sizes), median(frames)
	return o
}

func median[T int64 | time.Duration](values []T) T {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// failures says what is not as it is demanded.
func (r result) failures() (why []string) {
	turns := r.turns[farcallSystem.name]
	if len(turns) == 0 {
		return nil
	}
	o := outcomeOf(turns)
	add := func(format string, arguments ...any) {
		why = append(why, fmt.Sprintf("%s, %d connections: ", r.attack.name, r.connections)+fmt.Sprintf(format, arguments...))
	}
	if o.dead {
		add("the server is dead")
	}
	if o.lost > 0 {
		add("%d calls were lost", o.lost)
		for _, t := range turns {
			if reason := t.Attacked.Why + t.After.Why; reason != "" {
				add("%s", reason)
			}
		}
	}
	if !r.attack.happened(spoils{Connections: 1, Frames: o.sent}) {
		add("the attacker has sent %d frames only: that was no attack", o.sent)
	}
	if o.p99 >= longestP99 {
		add("the p99 is %v", o.p99)
	}
	if o.grown > r.attack.mostGrown() {
		add("the memory grew by %.0f MiB", mebibytes(o.grown))
	}
	return why
}

// publish writes the table to w and into the document, and fails if farcall does.
func (p plan) publish(w io.Writer, results []result) error {
	var table bytes.Buffer
	p.describe(&table, results)
	if _, err := w.Write(table.Bytes()); err != nil {
		return err
	}
	if p.document != "" {
		if err := replace(p.document, table.String()); err != nil {
			return err
		}
	}
	var failed []error
	for _, r := range results {
		for _, why := range r.failures() {
			failed = append(failed, errors.New(why))
		}
	}
	return errors.Join(failed...)
}

// The lines of the document between which the table is.
const (
	beginMarker = "<!-- attacks:begin -->\n"
	endMarker   = "<!-- attacks:end -->\n"
)

// replace puts the table between the document's markers.
func replace(document, table string) error {
	content, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(content), beginMarker)
	_, after, ends := strings.Cut(rest, endMarker)
	if !begins || !ends {
		return fmt.Errorf("%s lacks the lines %q and %q", document, beginMarker, endMarker)
	}
	return os.WriteFile(document, []byte(before+beginMarker+table+endMarker+after), 0o644)
}

// describe writes the results as Markdown that is readable as it stands.
func (p plan) describe(w io.Writer, results []result) {
	fmt.Fprintf(w, "%s%s.\nVersions: %s.\n", machine(), p.load, versions())
	fmt.Fprintf(w, "%d rounds of %v for each line and system; the attacker has %.0f %% of one processor. Each cell: p99 of the\n", p.rounds, p.lasting, 100*p.share)
	fmt.Fprintf(w, "well-behaved client in milliseconds / growth of the server's memory in MiB, both medians, and calls lost in all rounds.\n")
	for _, f := range families {
		about := false
		for _, r := range results {
			if !slices.ContainsFunc(f.attacks, func(a attack) bool { return a.name == r.attack.name }) {
				continue
			}
			if !about {
				about = true
				fmt.Fprintf(w, "\n**%s**\n\n| the attacker | connections |", strings.ToUpper(f.about[:1])+f.about[1:])
				for _, s := range p.systems {
					fmt.Fprintf(w, " %s |", s.name)
				}
				fmt.Fprintf(w, "\n|---|--:|%s\n", strings.Repeat("---|", len(p.systems)))
			}
			p.row(w, r)
		}
	}
}

func (p plan) row(w io.Writer, r result) {
	fmt.Fprintf(w, "| `%s`", r.attack.name)
	if r.connections == p.connections[0] {
		if r.attack.cve != "" {
			fmt.Fprintf(w, " (%s)", r.attack.cve)
		}
		fmt.Fprintf(w, " %s", r.attack.about)
	}
	fmt.Fprintf(w, " | %d |", r.connections*max(1, r.attack.each))
	for _, s := range p.systems {
		fmt.Fprintf(w, " %s |", cell(r.turns[s.name]))
	}
	fmt.Fprintln(w)
}

func cell(turns []turn) string {
	if len(turns) == 0 {
		return "–"
	}
	o := outcomeOf(turns)
	if o.dead {
		return "**the server dies**"
	}
	text := fmt.Sprintf("%.1f / %+.0f", milliseconds(o.p99), mebibytes(o.grown))
	if o.lost > 0 {
		text += fmt.Sprintf(", **%d of %d calls lost**", o.lost, o.calls)
	}
	return text
}

// machine says what the figures were measured on.
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
	return fmt.Sprintf("%s, %d processors, %s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.Version())
}

// loadBefore says what else the machine does.
func loadBefore() string {
	average, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(average), " ")
	return ", with a load of " + first + " of its own before this began"
}

// versions names the modules that were measured.
func versions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	var found []string
	for _, module := range info.Deps {
		if module.Path == "google.golang.org/grpc" {
			found = append(found, "grpc-go "+module.Version)
		}
	}
	return strings.Join(append(found, "net/http of "+runtime.Version()), ", ")
}
