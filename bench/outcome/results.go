// SPDX-License-Identifier: Apache-2.0

// Package outcome is what was measured, what follows from it, and how sure that is.
package outcome

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/farcall/farcall/bench/harness"
)

// Results are those of one run of `make bench`.
type Results struct {
	Began   time.Time         `json:"began"`
	Ended   time.Time         `json:"ended"`
	Machine Machine           `json:"machine"`
	Rounds  int               `json:"rounds"`
	Turn    time.Duration     `json:"turn"`
	WarmUp  time.Duration     `json:"warm_up"`
	Systems map[string]System `json:"systems"`
	// Missing are systems that could not be built, and why.
	Missing  map[string]string `json:"missing,omitempty"`
	Sections []Section         `json:"sections"`
	Idle     []Idle            `json:"idle,omitempty"`
	Cold     []Cold            `json:"cold,omitempty"`
	Binaries []Binary          `json:"binaries,omitempty"`
	// Profiles may be of another day than the rest: `go run . explain` measures them alone.
	Profiles *Profiles `json:"profiles,omitempty"`
}

// Machine is what the numbers were measured on, and what else it had to do.
type Machine struct {
	Processor  string `json:"processor"`
	Processors int    `json:"processors"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	System     string `json:"system"`
	Go         string `json:"go"`
	// LoadBefore and LoadAfter are the kernel's load averages over 1, 5 and 15 minutes. That after has our own processes in it.
	LoadBefore [3]float64 `json:"load_before"`
	LoadAfter  [3]float64 `json:"load_after"`
}

// System is what a system's own processes said about it.
type System struct {
	Settings string            `json:"settings"`
	Versions map[string]string `json:"versions,omitempty"`
}

// Section has the turns of one section of the plan.
type Section struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Peak is the rate, in calls a second, that open loops were parts of.
	Peak  float64 `json:"peak,omitempty"`
	Cells []Cell  `json:"cells"`
}

// Cell has every turn of every contestant at one load, Turns[label][round].
type Cell struct {
	Name     string            `json:"name"`
	Load     string            `json:"load"`
	About    string            `json:"about"`
	Unit     string            `json:"unit"`
	Bytes    int64             `json:"bytes,omitempty"` // payload of a unit, both directions together
	InFlight int               `json:"in_flight,omitempty"`
	Rate     float64           `json:"rate,omitempty"`
	OfPeak   float64           `json:"of_peak,omitempty"`
	Longer   int               `json:"longer,omitempty"` // how many times as long its turns were; 0 is once
	Turns    map[string][]Turn `json:"turns"`
}

// Turn is what one contestant did in one round.
type Turn struct {
	Client harness.Report `json:"client"`
	Server harness.Usage  `json:"server"`
	Edge   *harness.Usage `json:"edge,omitempty"`
	// Others is how many processors everything else on the machine used meanwhile.
	Others float64 `json:"others"`
}

// Idle is what connections without calls cost, both ends together.
type Idle struct {
	System      string         `json:"system"`
	TLS         bool           `json:"tls"`
	Connections int            `json:"connections"`
	Client      harness.Memory `json:"client"`
	Server      harness.Memory `json:"server"`
}

// Bytes returns the heap and the stacks of a connection, both ends.
func (i Idle) Bytes() float64 {
	return float64(i.Client.Heap+i.Client.Stacks+i.Server.Heap+i.Server.Stacks) / float64(i.Connections)
}

// Goroutines returns those of a connection, both ends.
func (i Idle) Goroutines() float64 {
	return float64(i.Client.Goroutines+i.Server.Goroutines) / float64(i.Connections)
}

// Cold is how long two processes took, one round after the other: a server until it listened, a client from its start to
// its first answer.
type Cold struct {
	System string          `json:"system"`
	Server []time.Duration `json:"server"`
	Client []time.Duration `json:"client"`
}

// Both returns the sums, by round.
func (c Cold) Both() []time.Duration {
	var sums []time.Duration
	for round := range min(len(c.Server), len(c.Client)) {
		sums = append(sums, c.Server[round]+c.Client[round])
	}
	return sums
}

// Binary is a small program, stripped.
type Binary struct {
	Name  string `json:"name"`
	About string `json:"about"`
	Bytes int64  `json:"bytes"`
	// Text is its machine code by TextGroups, in bytes.
	Text map[string]int64 `json:"text,omitempty"`
}

// Section returns the section of a name.
func (r *Results) Section(name string) (Section, bool) {
	for _, s := range r.Sections {
		if s.Name == name {
			return s, true
		}
	}
	return Section{}, false
}

// Find returns a section's cell.
func (s Section) Find(cell string) (Cell, bool) {
	for _, c := range s.Cells {
		if c.Name == cell {
			return c, true
		}
	}
	return Cell{}, false
}

// Write writes the results, a turn a line.
func (r *Results) Write(path string) error {
	encoded, err := json.Marshal(r)
	if err != nil {
		return err
	}
	for _, begin := range []string{`{"client":`, `{"name":`, `{"system":`, `"turns":`} { // no string can contain an unescaped quote
		encoded = bytes.ReplaceAll(encoded, []byte(begin), append([]byte{'\n'}, begin...))
	}
	return os.WriteFile(path, append(encoded, '\n'), 0o644)
}

// Read reads what Write has written.
func Read(path string) (*Results, error) {
	encoded, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	results := new(Results)
	if err := json.Unmarshal(encoded, results); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return results, nil
}

// Others returns the median of what everything else on the machine used during the turns, in processors.
func (r *Results) Others() float64 {
	var values []float64
	for _, section := range r.Sections {
		for _, cell := range section.Cells {
			for label := range cell.Turns {
				values = append(values, Others.Values(cell, label)...)
			}
		}
	}
	return MedianOf(values).Median
}
