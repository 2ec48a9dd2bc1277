// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"syscall"
	"time"
)

// usage is what a process has consumed since it began.
type usage struct {
	CPU         time.Duration `json:"cpu"` // user and system
	Allocations uint64        `json:"allocations"`
	Bytes       uint64        `json:"bytes"` // allocated, not held
	Collections uint32        `json:"collections"`
}

func ownUsage() (usage, error) {
	var kernel syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &kernel); err != nil {
		return usage{}, err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return usage{
		CPU:         time.Duration(kernel.Utime.Nano() + kernel.Stime.Nano()),
		Allocations: memory.Mallocs,
		Bytes:       memory.TotalAlloc,
		Collections: memory.NumGC,
	}, nil
}

func (u usage) since(earlier usage) usage {
	return usage{
		CPU:         u.CPU - earlier.CPU,
		Allocations: u.Allocations - earlier.Allocations,
		Bytes:       u.Bytes - earlier.Bytes,
		Collections: u.Collections - earlier.Collections,
	}
}
