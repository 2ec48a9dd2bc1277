// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// memory is what a server holds.
type memory struct {
	Resident   uint64 `json:"resident"` // bytes, as the kernel counts them
	Heap       uint64 `json:"heap"`     // bytes of objects and stacks, as Go counts them; what is garbage included
	Goroutines uint64 `json:"goroutines"`
}

// most returns the larger of each.
func (m memory) most(other memory) memory {
	return memory{max(m.Resident, other.Resident), max(m.Heap, other.Heap), max(m.Goroutines, other.Goroutines)}
}

// meter looks at this process's memory again and again, so that no peak is missed.
type meter struct {
	ended chan struct{}
	looks sync.WaitGroup

	mu   sync.Mutex // guards what follows
	peak memory
	last memory
}

// meterInterval is the time between two looks.
const meterInterval = 5 * time.Millisecond

// startMeter starts a meter, whose goroutine ends in stop.
func startMeter() *meter {
	m := &meter{ended: make(chan struct{})}
	m.look()
	m.looks.Go(func() {
		ticker := time.NewTicker(meterInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				m.look()
			case <-m.ended:
				return
			}
		}
	})
	return m
}

func (m *meter) stop() {
	close(m.ended)
	m.looks.Wait()
}

func (m *meter) look() {
	now := ownMemory()
	m.mu.Lock()
	m.last, m.peak = now, m.peak.most(now)
	m.mu.Unlock()
}

// level is what a server answers when it is asked how it is.
type level struct {
	Now  memory `json:"now"`
	Peak memory `json:"peak"` // since it was asked before
}

// read returns the level, and begins a new peak.
func (m *meter) read() level {
	m.look()
	m.mu.Lock()
	defer m.mu.Unlock()
	answer := level{Now: m.last, Peak: m.peak}
	m.peak = m.last
	return answer
}

// ownMemory returns what this process holds now.
func ownMemory() memory {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	held := memory{
		Heap:       samples[0].Value.Uint64() + samples[1].Value.Uint64(),
		Goroutines: samples[2].Value.Uint64(),
		Resident:   samples[3].Value.Uint64() - samples[4].Value.Uint64(),
	}
	// The kernel's own count where it gives one (proc(5), statm): it knows what Go's does not, such as the page tables' lag.
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, resident uint64
		if _, err := fmt.Sscan(string(statm), &size, &resident); err == nil {
			held.Resident = resident * uint64(os.Getpagesize())
		}
	}
	return held
}

// settle collects the garbage, so that what is quiet looks quiet.
func settle() {
	runtime.GC()
	runtime.GC() // pools let go in the second
}
