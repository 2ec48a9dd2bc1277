// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"slices"
	"syscall"
	"time"
)

// figures are what the rounds have given for one task.
type figures struct {
	system      string
	nanoseconds []float64 // of processor time, in each round
	allocations float64   // in one run
	bytes       float64
}

// result is what is known of a load.
type result struct {
	load                        load
	encode, decode, write, read []figures
}

func measure(l load, rounds int, lasting time.Duration) result {
	return result{
		l, measureTasks(l.encode, rounds, lasting), measureTasks(l.decode, rounds, lasting),
		measureTasks(l.write, rounds, lasting), measureTasks(l.read, rounds, lasting),
	}
}

// measureTasks lets the tasks take turns.
func measureTasks(tasks []task, rounds int, lasting time.Duration) []figures {
	all := make([]figures, len(tasks))
	counts := make([]int, len(tasks))
	for k, t := range tasks {
		all[k].system = t.system
		counts[k] = count(t, lasting)
		all[k].allocations, all[k].bytes = allocations(t)
	}
	for range rounds {
		for k, t := range tasks {
			all[k].nanoseconds = append(all[k].nanoseconds, float64(repeat(t, counts[k]))/float64(counts[k]))
		}
	}
	return all
}

// count finds how many runs take lasting.
func count(t task, lasting time.Duration) int {
	for n := 1; ; n *= 2 {
		if took := repeat(t, n); took > lasting/8 {
			return max(1, int(float64(n)*float64(lasting)/float64(took)))
		}
	}
}

// repeat returns how much processor time n runs take.
func repeat(t task, n int) time.Duration {
	begin := processorTime()
	for range n {
		if err := t.run(); err != nil {
			panic(t.system + ": " + err.Error())
		}
	}
	return processorTime() - begin
}

// processorTime is that of this process so far, all threads together.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// allocations returns how many there are in a run, and their bytes.
func allocations(t task) (count, bytes float64) {
	const runs = 200
	repeat(t, 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	repeat(t, runs)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / runs, float64(after.TotalAlloc-before.TotalAlloc) / runs
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// times says how many times faster f is than other: the median of the rounds.
func (f figures) times(other figures) float64 {
	ratios := make([]float64, len(f.nanoseconds))
	for i := range ratios {
		ratios[i] = other.nanoseconds[i] / f.nanoseconds[i]
	}
	return median(ratios)
}
