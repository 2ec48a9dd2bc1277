// SPDX-License-Identifier: Apache-2.0

// Package compare measures what one call of the payment service costs: by farcall, and by JSON over HTTP/1.1.
package compare

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how long to measure.
type Options struct {
	Rounds   int           // of each way
	Round    time.Duration // how long one round takes
	InFlight int           // calls at a time
}

// way is one way to charge.
type way struct {
	name   string
	charge func(ctx context.Context, key string) (paymentID string, err error)
	cost   []time.Duration // CPU time of both processes for one call, by round
	rate   []float64       // calls a second
}

// Run measures both ways in turn, against a server in another process, and prints the rounds and the outcome.
func Run(ctx context.Context, farcallAddress, jsonAddress string, options Options, out io.Writer) error {
	near, err := newFarcallClient(farcallAddress)
	if err != nil {
		return err
	}
	defer near.close()
	plain := newJSONClient(jsonAddress, options.InFlight)
	defer plain.close()
	ways := []*way{
		{name: "farcall", charge: near.charge},
		{name: "JSON over HTTP/1.1", charge: plain.charge},
	}
	for _, w := range ways { // connections, caches, the heap's size
		if _, err := w.run(ctx, options.Round/4, options.InFlight); err != nil {
			return err
		}
	}
	for round := range options.Rounds {
		for _, w := range ways {
			if err := w.measure(ctx, plain, options); err != nil {
				return err
			}
			fmt.Fprintf(out, "round %d  %-18s  %8.0f calls/s  %6.1f µs of CPU per call\n",
				round+1, w.name, w.rate[round], microseconds(w.cost[round]))
		}
	}
	near0, plain0 := median(ways[0].cost), median(ways[1].cost)
	fmt.Fprintf(out, "%.1f times cheaper: a payment takes %.1f µs of CPU by farcall and %.1f µs by JSON over HTTP/1.1 "+
		"(net/http and encoding/json; client and server processes together, %d in flight, median of %d rounds)\n",
		float64(plain0)/float64(near0), microseconds(near0), microseconds(plain0), options.InFlight, options.Rounds)
	return nil
}

// measure runs one round and notes what its calls cost.
func (w *way) measure(ctx context.Context, server *jsonClient, options Options) error {
	serverBefore, err := server.cpuTime(ctx)
	if err != nil {
		return err
	}
	before, err := cpuTime()
	if err != nil {
		return err
	}
	begun := time.Now()
	calls, err := w.run(ctx, options.Round, options.InFlight)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	after, err := cpuTime()
	if err != nil {
		return err
	}
	serverAfter, err := server.cpuTime(ctx)
	if err != nil {
		return err
	}
	w.cost = append(w.cost, (after-before+serverAfter-serverBefore)/time.Duration(calls))
	w.rate = append(w.rate, float64(calls)/took.Seconds())
	return nil
}

// run charges for a while, and returns how many charges there were. Each of the callers charges with a key of its own,
// so that the service's memory does not grow: all but the first are repetitions, by either way.
func (w *way) run(ctx context.Context, d time.Duration, inFlight int) (calls int64, err error) {
	var (
		count   atomic.Int64
		over    atomic.Bool
		failure error
		failed  sync.Once
		callers sync.WaitGroup
	)
	timer := time.AfterFunc(d, func() { over.Store(true) })
	defer timer.Stop()
	for caller := range inFlight {
		callers.Go(func() { // ends when over is set
			key := "caller-" + strconv.Itoa(caller)
			for again := true; again; again = !over.Load() { // once at least
				if _, err := w.charge(ctx, key); err != nil {
					failed.Do(func() { failure = fmt.Errorf("%s: %w", w.name, err) })
					over.Store(true)
					return
				}
				count.Add(1)
			}
		})
	}
	callers.Wait()
	return count.Load(), failure
}

// cpuTime asks the server's process how much CPU time it has used.
func (c *jsonClient) cpuTime(ctx context.Context) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/cpu", nil)
	if err != nil {
		return 0, err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return 0, err
	}
	nanoseconds, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the server's CPU time: %s", text)
	}
	return time.Duration(nanoseconds), nil
}

func median(values []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
