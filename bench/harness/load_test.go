// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/bench/chargepb"
)

// stub is a Client whose calls take as long as wait says.
type stub struct {
	calls atomic.Int64
	wait  func(call int64)
	fail  error
}

func (s *stub) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	call := s.calls.Add(1)
	if s.wait != nil {
		s.wait(call)
	}
	return Charge(request), s.fail
}

func (s *stub) Close() {}

func TestRequestIs91Bytes(t *testing.T) {
	if got := proto.Size(NewRequest(0, 0)); got != 91 {
		t.Errorf("the request has %d bytes, want 91", got)
	}
	if got := proto.Size(NewRequest(50, 0)); got != 1591 {
		t.Errorf("the request with 50 items has %d bytes, want 1,591", got)
	}
	if got := len(NewPayload(1000).GetData()); got != 1000 {
		t.Errorf("the payload has %d bytes, want 1,000", got)
	}
}

// The clock is read once an operation, so the latencies of a worker add up to its running time.
func TestClosedLoopCoversTheRun(t *testing.T) {
	on := &stub{wait: func(int64) { Charge(NewRequest(0, 100_000)) }}
	l, _ := FindLoad("charge")
	done, err := runClosed([]Client{on}, l, 1, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if done.Units != on.calls.Load() {
		t.Errorf("%d calls are reported and %d were made", done.Units, on.calls.Load())
	}
	if got := done.Latencies; got.P50 <= 0 || got.P50 > got.P99 || got.P99 > got.Longest+got.Longest/1000 || got.Longest > done.Took+done.Took/1000 {
		t.Errorf("the latencies are out of order: %+v", done)
	}
}

func TestWorkersShareTheClients(t *testing.T) {
	one, two := new(stub), new(stub)
	l, _ := FindLoad("charge")
	if _, err := runClosed([]Client{one, two}, l, 6, time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	if one.calls.Load() < 3 || two.calls.Load() < 3 {
		t.Errorf("six workers made %d and %d calls on two clients, want three each at least", one.calls.Load(), two.calls.Load())
	}
}

// largeOnly counts the calls that carry megabytes, and fails them if it is to.
type largeOnly struct {
	stub
	large atomic.Int64
	fails bool
}

func (s *largeOnly) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	if len(request.GetOrderId()) < 1<<20 {
		return s.stub.Charge(ctx, request)
	}
	s.large.Add(1)
	if s.fails {
		return nil, errors.New("too large")
	}
	return Charge(NewRequest(0, 0)), nil
}

// What is beside a load is neither counted nor ignored when it fails.
func TestBesideALoad(t *testing.T) {
	on := new(largeOnly)
	order := Command{Load: "charge-beside-16m", InFlight: 2, Lasting: time.Nanosecond}
	done, err := run([]Client{on}, order)
	if err != nil {
		t.Fatal(err)
	}
	if on.large.Load() == 0 || done.Units != on.calls.Load() {
		t.Errorf("%d large calls were made beside, and %d of %d small ones are reported", on.large.Load(), done.Units, on.calls.Load())
	}
	if _, err := run([]Client{&largeOnly{fails: true}}, order); err == nil {
		t.Error("nothing is said of a failure beside")
	}
}

// What is apart from a load has the last client for itself.
func TestApartFromALoad(t *testing.T) {
	small, large := new(largeOnly), new(largeOnly)
	order := Command{Load: "charge-apart-16m", InFlight: 2, Lasting: time.Nanosecond}
	done, err := run([]Client{small, large}, order)
	if err != nil {
		t.Fatal(err)
	}
	if large.large.Load() == 0 || large.calls.Load() > 0 || small.large.Load() > 0 || done.Units != small.calls.Load() {
		t.Errorf("%d large and %d small calls on the last client, %d and %d on the first", large.large.Load(), large.calls.Load(), small.large.Load(), small.calls.Load())
	}
	if _, err := run([]Client{small}, order); err == nil {
		t.Error("one client was enough")
	}
}

func TestRunsFail(t *testing.T) {
	broken := &stub{fail: errors.New("broken")}
	for name, order := range map[string]Command{
		"closed loop":                 {Load: "charge", InFlight: 2, Lasting: time.Minute},
		"open loop":                   {Load: "charge", Rate: 100, Lasting: 100 * time.Millisecond},
		"no worker":                   {Load: "charge", Lasting: time.Millisecond},
		"a load that is not there":    {Load: "none", InFlight: 1, Lasting: time.Millisecond},
		"streams of a client without": {Load: "two-way", InFlight: 1, Lasting: time.Millisecond},
		"payloads":                    {Load: "echo-1k", InFlight: 1, Lasting: time.Millisecond},
		"metadata":                    {Load: "realistic", InFlight: 1, Lasting: time.Millisecond},
	} {
		if _, err := run([]Client{broken}, order); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The moments of an open loop are a Poisson process of the rate, and the same for the same seed.
func TestSchedule(t *testing.T) {
	const rate, lasting = 10_000.0, 10 * time.Second
	due := schedule(rate, lasting, 7)
	if got := float64(len(due)); got < 99_000 || got > 101_000 {
		t.Errorf("%.0f calls are due, want about 100,000", got)
	}
	// Of the gaps of a Poisson process a share of 1/e is longer than their mean; of even gaps none would be.
	longer := 0
	last := time.Duration(0)
	for _, moment := range due {
		if moment < last || moment >= lasting {
			t.Fatalf("%v comes after %v", moment, last)
		}
		if moment-last > time.Duration(float64(time.Second)/rate) {
			longer++
		}
		last = moment
	}
	if share := float64(longer) / float64(len(due)); share < 0.36 || share > 0.376 {
		t.Errorf("a share of %.3f of the gaps is longer than the mean, want 0.368", share)
	}
	again, other := schedule(rate, lasting, 7), schedule(rate, lasting, 8)
	if again[100] != due[100] || other[100] == due[100] {
		t.Error("the seed does not decide")
	}
}

// A system that stands still for a while delays all calls that were due meanwhile, not only the one in flight.
func TestOpenLoopCorrectsCoordinatedOmission(t *testing.T) {
	const standstill = 100 * time.Millisecond
	var gate = make(chan struct{})
	on := &stub{}
	on.wait = func(call int64) {
		if call == 1 {
			time.AfterFunc(standstill, func() { close(gate) })
		}
		<-gate // all calls wait for the first
	}
	l, _ := FindLoad("charge")
	done, err := runOpen([]Client{on}, l, Command{Rate: 1000, Lasting: 2 * standstill, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if done.Units != done.Offered || done.Units < 100 {
		t.Errorf("%d of %d calls were made, want all of about 200", done.Units, done.Offered)
	}
	// Half of the calls were due during the standstill: a quarter of all waited for half of it at least.
	if got := done.Latencies.P90; got < standstill/2 {
		t.Errorf("p90 is %v although a tenth of the calls had to wait for most of %v", got, standstill)
	}
}

// More calls than workers: those without a worker wait too.
func TestOpenLoopBeyondItsWorkers(t *testing.T) {
	const standstill = 50 * time.Millisecond
	on := &stub{wait: func(int64) { time.Sleep(standstill) }}
	l, _ := FindLoad("charge")
	done, err := runOpen([]Client{on}, l, Command{Rate: 100_000, Lasting: standstill})
	if err != nil {
		t.Fatal(err)
	}
	if done.Offered < 3*openWorkers || done.Latencies.P99 < 2*standstill {
		t.Errorf("%d calls for %d workers had a p99 of %v", done.Offered, openWorkers, done.Latencies.P99)
	}
}

func TestAnnotations(t *testing.T) {
	one, two := annotationsOf(1), annotationsOf(2)
	if len(one) != 10 {
		t.Fatalf("%d entries, want ten", len(one))
	}
	own := 0
	for i := range one {
		if one[i] != two[i] {
			own++
		}
	}
	if own != 2 {
		t.Errorf("%d entries differ from call to call, want two", own)
	}
	lookup := func(name string) string {
		for _, a := range one {
			if a.Name == name {
				return a.Value
			}
		}
		return ""
	}
	if err := Authorize(lookup); err != nil {
		t.Error(err)
	}
	if err := Authorize(func(string) string { return "" }); err == nil {
		t.Error("a call without authorization passes")
	}
}
