// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// TestMain lets the test binary be the server and client processes that the parent starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "serve" || os.Args[1] == "load") {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestRequestIs91Bytes(t *testing.T) {
	if got := proto.Size(newRequest(0, 0)); got != 91 {
		t.Errorf("the request has %d bytes, want 91", got)
	}
	if got := len(newRequest(50, 0).Items); got != 50 {
		t.Errorf("the request has %d items, want 50", got)
	}
}

// Every system must carry the same calls, also when many goroutines share the connection.
func TestSystemsAnswer(t *testing.T) {
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			stop, err := s.serve(listener)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			on, err := s.connect(ctx, listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer on.Close()
			var callers sync.WaitGroup
			for caller := range 32 {
				callers.Go(func() {
					for call := range 20 {
						request := newRequest(caller, 0)
						request.Amount.Units = int64(caller*1000 + call)
						response, err := on.Charge(ctx, request)
						if err != nil {
							t.Error(err)
							return
						}
						if !proto.Equal(response, charge(request)) {
							t.Errorf("got %v, want %v", response, charge(request))
						}
					}
				})
			}
			callers.Wait()
		})
	}
}

func TestCallsFailWhenTheServerIsGone(t *testing.T) {
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			stop, err := s.serve(listener)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			on, err := s.connect(ctx, listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer on.Close()
			if _, err := on.Charge(ctx, newRequest(0, 0)); err != nil {
				t.Fatal(err)
			}
			stop()
			l, _ := findLoad("charge")
			if _, err := run(on, l, 4, time.Minute); err == nil {
				t.Error("a run without a server reports no failure")
			}
		})
	}
}

// The whole program, with two processes for each system.
func TestProgram(t *testing.T) {
	out := filepath.Join(t.TempDir(), "unary")
	arguments := []string{"-rounds", "2", "-seconds", "0.05", "-warmup", "0s", "-inflight", "1,8", "-systems", "farcall,grpc-go,floor,http-json", "-out", out}
	if err := runProgram(context.Background(), arguments, io.Discard); err != nil {
		t.Fatal(err)
	}
	encoded, err := os.ReadFile(out + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var written struct{ Results []result }
	if err := json.Unmarshal(encoded, &written); err != nil {
		t.Fatal(err)
	}
	if len(written.Results) != 2 {
		t.Fatalf("%d results, want one for each number of calls in flight", len(written.Results))
	}
	for _, r := range written.Results {
		for _, name := range []string{"farcall", "grpc-go", "floor", "http-json"} {
			if len(r.Turns[name]) != 2 {
				t.Errorf("%s had %d turns with %d in flight, want 2", name, len(r.Turns[name]), r.InFlight)
			}
			for _, done := range r.Turns[name] {
				if done.Client.Calls == 0 || done.Client.Usage.CPU <= 0 || done.Server.CPU <= 0 || done.Server.Allocations < uint64(done.Client.Calls) {
					t.Errorf("%s: an impossible turn: %+v", name, done)
				}
			}
		}
	}
	page, err := os.ReadFile(out + ".md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "Times better than grpc-go") {
		t.Errorf("the page has no comparison:\n%s", page)
	}
}

func TestWrongArguments(t *testing.T) {
	for _, arguments := range [][]string{
		{"-systems", "smoke-signals"}, {"-loads", "none"}, {"-inflight", "0"}, {"-inflight", "1,x"}, {"-rounds", "0"}, {"-systems", "floor", "grpc-go"},
	} {
		if _, err := parsePlan(arguments); err == nil {
			t.Errorf("%q is accepted", arguments)
		}
	}
}

func TestComparisonIsByRound(t *testing.T) {
	turnOf := func(calls int64, cpu time.Duration) turn {
		return turn{Client: report{Calls: calls, Took: time.Second, Usage: usage{CPU: cpu}}}
	}
	base := []turn{turnOf(100, 400*time.Microsecond), turnOf(100, 800*time.Microsecond), turnOf(100, 1200*time.Microsecond)}
	fast := []turn{turnOf(200, 200*time.Microsecond), turnOf(400, 400*time.Microsecond), turnOf(500, 300*time.Microsecond)}
	if got, want := rate.advantage(fast, base), (spread{Median: 4, Lowest: 2, Highest: 5}); got != want {
		t.Errorf("calls/s: %v, want %v", got, want)
	}
	// 4 to 1, 8 to 1 and 12 to 0.6 microseconds a call.
	if got, want := bothCPU.advantage(fast, base), (spread{Median: 8, Lowest: 4, Highest: 20}); got != want {
		t.Errorf("CPU: %v, want %v", got, want)
	}
	if got, want := spreadOf([]float64{4, 1, 3, 2}), (spread{Median: 2.5, Lowest: 1, Highest: 4}); got != want {
		t.Errorf("spread: %v, want %v", got, want)
	}
}

// The clock is read once a call, so the latencies of a worker add up to its running time.
func TestLatenciesCoverTheRun(t *testing.T) {
	var calls int
	operation := load{name: "test", prepare: func(client) (func() error, error) {
		return func() error { calls++; charge(newRequest(0, 100_000)); return nil }, nil
	}}
	done, err := run(nil, operation, 1, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if done.Calls != int64(calls) {
		t.Errorf("%d calls are reported and %d were made", done.Calls, calls)
	}
	if done.P50 <= 0 || done.P50 > done.P99 || done.P99 > done.Longest+done.Longest/1000 || done.Longest > done.Took+done.Took/1000 {
		t.Errorf("the latencies are out of order: %+v", done)
	}
}
