// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Usage is what a process has consumed since it began.
type Usage struct {
	CPU         time.Duration `json:"cpu"` // user and system
	Allocations uint64        `json:"allocations"`
	Bytes       uint64        `json:"bytes"` // allocated, not held
	Collections uint32        `json:"collections"`
}

func ownUsage() (Usage, error) {
	var kernel syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &kernel); err != nil {
		return Usage{}, err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return Usage{
		CPU:         time.Duration(kernel.Utime.Nano() + kernel.Stime.Nano()),
		Allocations: memory.Mallocs,
		Bytes:       memory.TotalAlloc,
		Collections: memory.NumGC,
	}, nil
}

// Since returns what was consumed after an earlier look.
func (u Usage) Since(earlier Usage) Usage {
	return Usage{
		CPU:         u.CPU - earlier.CPU,
		Allocations: u.Allocations - earlier.Allocations,
		Bytes:       u.Bytes - earlier.Bytes,
		Collections: u.Collections - earlier.Collections,
	}
}

// Memory is what a process holds.
type Memory struct {
	Heap       int64 `json:"heap"`     // of live objects, after a collection
	Stacks     int64 `json:"stacks"`   // of goroutines
	Resident   int64 `json:"resident"` // what the kernel counts, code included
	Goroutines int   `json:"goroutines"`
}

const (
	settleLook  = 100 * time.Millisecond // between two looks
	settleLooks = 50                     // at most
)

// heldMemory waits until the number of goroutines rests and returns what is held then.
func heldMemory() Memory {
	last, same := -1, 0
	for range settleLooks {
		if now := runtime.NumGoroutine(); now != last {
			last, same = now, 0
		} else if same++; same == 3 {
			break
		}
		time.Sleep(settleLook)
	}
	runtime.GC() // the first empties pools into their victims, the second empties those and frees stacks
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return Memory{
		Heap: int64(memory.HeapAlloc), Stacks: int64(memory.StackInuse), Resident: residentBytes(), Goroutines: runtime.NumGoroutine(),
	}
}

// residentBytes returns 0 where there is no /proc.
func residentBytes() int64 {
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(content))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// Since returns what is held more than at an earlier look.
func (m Memory) Since(earlier Memory) Memory {
	return Memory{
		Heap: m.Heap - earlier.Heap, Stacks: m.Stacks - earlier.Stacks,
		Resident: m.Resident - earlier.Resident, Goroutines: m.Goroutines - earlier.Goroutines,
	}
}
