// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/farcall/farcall/bench/chargepb"
)

// load is what the workers of a client do again and again.
type load struct {
	name  string
	about string
	// prepare returns one worker's operation; the worker is the only one to call it.
	prepare func(on client) (func() error, error)
}

var loads = []load{
	{"charge", "unary Charge, 91 bytes", func(on client) (func() error, error) {
		return unary(on, newRequest(0, 0), context.Background()), nil
	}},
	{"charge-50", "unary Charge with 50 items", func(on client) (func() error, error) {
		return unary(on, newRequest(50, 0), context.Background()), nil
	}},
	{"charge-deadline", "unary Charge, 91 bytes, each call with a deadline of its own", func(on client) (func() error, error) {
		request := newRequest(0, 0)
		return func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			return unary(on, request, ctx)()
		}, nil
	}},
	{"charge-work50us", "unary Charge, 91 bytes, a handler that works for about 50 µs", func(on client) (func() error, error) {
		return unary(on, newRequest(0, 25_000), context.Background()), nil
	}},
	{"charge-work1ms", "unary Charge, 91 bytes, a handler that works for about 1 ms", func(on client) (func() error, error) {
		return unary(on, newRequest(0, 500_000), context.Background()), nil
	}},
}

func findLoad(name string) (load, error) {
	var known []string
	for _, l := range loads {
		if l.name == name {
			return l, nil
		}
		known = append(known, l.name)
	}
	return load{}, fmt.Errorf("no load %q; there are: %s", name, strings.Join(known, ", "))
}

// newRequest returns a request of 91 bytes, and more with items or work.
func newRequest(items int, work int64) *chargepb.ChargeRequest {
	request := &chargepb.ChargeRequest{
		IdempotencyKey: "ik_5f0c3d8a9b7e4216a8c1f2d3e4b5",
		OrderId:        "ord_2026_11_22_000000001",
		Card:           "tok_visa_424242",
		Amount:         &chargepb.Money{CurrencyCode: "EUR", Units: 42, Nanos: 990_000_000},
		Work:           work,
	}
	for i := range items {
		request.Items = append(request.Items, &chargepb.Item{
			Sku:      fmt.Sprintf("sku-%05d", i),
			Quantity: int32(i%5 + 1),
			Price:    &chargepb.Money{CurrencyCode: "EUR", Units: int64(i + 1), Nanos: 990_000_000},
		})
	}
	return request
}

func unary(on client, request *chargepb.ChargeRequest, ctx context.Context) func() error {
	return func() error {
		response, err := on.Charge(ctx, request)
		if err != nil {
			return err
		}
		if response.GetStatus() != chargepb.Status_STATUS_PAID {
			return fmt.Errorf("the answer is not the service's: %v", response)
		}
		return nil
	}
}

// The latencies that a histogram tells apart: from 100 ns to 100 s, to three digits.
const (
	shortestLatency = int64(100 * time.Nanosecond)
	longestLatency  = int64(100 * time.Second)
	latencyDigits   = 3
)

// run keeps inFlight calls in flight for a while. The workers share nothing while they run: each has a histogram of its
// own and reads the clock once a call, since the end of a call is the beginning of the next.
func run(on client, l load, inFlight int, lasting time.Duration) (report, error) {
	operations := make([]func() error, inFlight)
	histograms := make([]*hdrhistogram.Histogram, inFlight)
	for i := range operations {
		operation, err := l.prepare(on)
		if err != nil {
			return report{}, err
		}
		operations[i], histograms[i] = operation, hdrhistogram.New(shortestLatency, longestLatency, latencyDigits)
	}
	var (
		workers sync.WaitGroup
		once    sync.Once // guards failure until workers.Wait
		failure error
	)
	before, err := ownUsage()
	if err != nil {
		return report{}, err
	}
	begin := time.Now()
	for i := range operations {
		workers.Go(func() {
			if err := work(operations[i], histograms[i], begin, lasting); err != nil {
				once.Do(func() { failure = err })
			}
		})
	}
	workers.Wait()
	took := time.Since(begin)
	after, err := ownUsage()
	if err = cmp.Or(failure, err); err != nil {
		return report{}, err
	}
	latencies := histograms[0]
	for _, own := range histograms[1:] {
		latencies.Merge(own)
	}
	at := func(percent float64) time.Duration { return time.Duration(latencies.ValueAtPercentile(percent)) }
	return report{
		Usage: after.since(before), Calls: latencies.TotalCount(), Took: took,
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Longest: time.Duration(latencies.Max()),
	}, nil
}

func work(operation func() error, latencies *hdrhistogram.Histogram, begin time.Time, lasting time.Duration) error {
	for last := time.Since(begin); last < lasting; {
		if err := operation(); err != nil {
			return err
		}
		now := time.Since(begin)
		if err := latencies.RecordValue(max(int64(now-last), shortestLatency)); err != nil {
			return err
		}
		last = now
	}
	return nil
}
