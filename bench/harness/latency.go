// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The latencies that a histogram tells apart: from 100 ns to 100 s, to three digits.
const (
	shortestLatency = int64(100 * time.Nanosecond)
	longestLatency  = int64(100 * time.Second)
	latencyDigits   = 3
)

// recorder collects the latencies of all workers. They share a few histograms: one for each would be a hundred megabytes
// with a thousand workers, and so large a heap puts off the collections that belong to what is measured.
type recorder [8]shard

type shard struct {
	mu        sync.Mutex // guards histogram
	histogram *hdrhistogram.Histogram
	_         [48]byte // keeps two shards' locks off one cache line
}

func newRecorder() *recorder {
	r := new(recorder)
	for i := range r {
		r[i].histogram = hdrhistogram.New(shortestLatency, longestLatency, latencyDigits)
	}
	return r
}

// of returns the shard of a worker.
func (r *recorder) of(worker int) *shard { return &r[worker%len(r)] }

func (s *shard) record(latency time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.histogram.RecordValue(min(max(int64(latency), shortestLatency), longestLatency))
}

// latencies ends the recording.
func (r *recorder) latencies() Latencies {
	all := r[0].histogram
	for i := range r[1:] {
		all.Merge(r[1+i].histogram)
	}
	at := func(percent float64) time.Duration { return time.Duration(all.ValueAtPercentile(percent)) }
	return Latencies{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Longest: time.Duration(all.Max())}
}

// Latencies are the quantiles of what one run saw.
type Latencies struct {
	P50     time.Duration `json:"p50"`
	P90     time.Duration `json:"p90"`
	P99     time.Duration `json:"p99"`
	P999    time.Duration `json:"p999"`
	Longest time.Duration `json:"longest"`
}
