// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/farcall/farcall/bench/outcome"
)

// thisMachine says what the numbers are measured on.
func thisMachine() outcome.Machine {
	return outcome.Machine{
		Processor: processorName(), Processors: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), LoadBefore: loadAverages(),
	}
}

func processorName() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// loadAverages returns zeros where there is no /proc.
func loadAverages() (load [3]float64) {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return load
	}
	_, _ = fmt.Sscan(string(content), &load[0], &load[1], &load[2])
	return load
}

// watchOthers begins to look at the whole machine. The function that it returns says how many processors were used
// meanwhile by other processes than those that used own and this one: what the measurement had to share the machine with.
func watchOthers() func(own time.Duration) float64 {
	begin, busyBefore, selfBefore := time.Now(), machineBusy(), selfBusy()
	return func(own time.Duration) float64 {
		others := machineBusy() - busyBefore - (selfBusy() - selfBefore) - own
		return max(0, others.Seconds()/time.Since(begin).Seconds())
	}
}

// machineBusy returns how long all processors together have been busy since the machine started, to a hundredth of a
// second, what a hypervisor took included.
func machineBusy() time.Duration {
	content, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(content), "\n")
	fields := strings.Fields(first) // cpu user nice system idle iowait irq softirq steal guest guest_nice
	const idle, wait, steal = 4, 5, 8
	var ticks int64
	for i, field := range fields {
		if i == 0 || i == idle || i == wait || i > steal {
			continue
		}
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100)
}

func selfBusy() time.Duration {
	var kernel syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &kernel); err != nil {
		return 0
	}
	return time.Duration(kernel.Utime.Nano() + kernel.Stime.Nano())
}
