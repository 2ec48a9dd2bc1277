// SPDX-License-Identifier: Apache-2.0

// Package systemtest tests a system: that it answers every load which the plan has for it, in this process.
package systemtest

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/plan"
)

// Run tests all that a server and client must do.
func Run(t *testing.T, system harness.System) {
	t.Run("answers are those of the service", func(t *testing.T) { answers(t, system) })
	t.Run("payloads come back to whom they belong", func(t *testing.T) { echoes(t, system) })
	t.Run("calls fail when the server is gone", func(t *testing.T) { failsWithoutServer(t, system) })
	planned := false
	for _, section := range plan.Sections {
		for _, contestant := range section.Contestants {
			if contestant.System == system.Name && contestant.Behind == "" {
				planned = true
				t.Run(section.Name+"/"+contestant.Label, func(t *testing.T) { plays(t, system, section, contestant) })
			}
		}
	}
	if !planned {
		t.Errorf("no section of the plan has %s", system.Name)
	}
}

const testTime = 60 * time.Second

// Serve starts the system's server for the length of the test and returns its address.
func Serve(t *testing.T, system harness.System, setup harness.Setup) string {
	t.Helper()
	address, stop := serve(t, system, setup)
	t.Cleanup(stop)
	return address
}

func serve(t *testing.T, system harness.System, setup harness.Setup) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop, err = system.Serve(listener, setup)
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String(), stop
}

func connect(t *testing.T, system harness.System, address string, setup harness.Setup) *harness.Ends {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	ends, err := harness.ConnectAll(ctx, system, address, setup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ends.Close)
	return ends
}

// answers makes calls that differ from many goroutines: each must get its own answer.
func answers(t *testing.T, system harness.System) {
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	on, err := system.Connect(ctx, Serve(t, system, harness.Setup{}), harness.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	var callers sync.WaitGroup
	for caller := range 32 {
		callers.Go(func() {
			for call := range 10 {
				request := harness.NewRequest(caller, 0)
				request.Amount.Units = int64(caller*1000 + call)
				response, err := on.Charge(ctx, request)
				if err != nil {
					t.Error(err)
					return
				}
				if want := harness.Charge(request); !proto.Equal(response, want) {
					t.Errorf("got %v, want %v", response, want)
				}
			}
		})
	}
	callers.Wait()
}

// echoes sends payloads that differ, small and large ones at the same time.
func echoes(t *testing.T, system harness.System) {
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	on, err := system.Connect(ctx, Serve(t, system, harness.Setup{}), harness.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	echoer, ok := on.(harness.Echoer)
	if !ok {
		t.Fatalf("%T has no payloads", on)
	}
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for call := range 6 {
				payload := &chargepb.Payload{Data: bytes.Repeat([]byte{byte(caller*16 + call)}, 1+call%2*200_000)}
				back, err := echoer.Echo(ctx, payload)
				if err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(back.GetData(), payload.GetData()) {
					t.Errorf("caller %d, call %d: other bytes came back", caller, call)
				}
			}
		})
	}
	callers.Wait()
}

func failsWithoutServer(t *testing.T, system harness.System) {
	address, stop := serve(t, system, harness.Setup{})
	ends := connect(t, system, address, harness.Setup{})
	stop()
	if _, err := ends.Run(harness.Command{Load: "charge", InFlight: 4, Lasting: testTime}); err == nil {
		t.Error("a run without a server reports no failure")
	}
}

// plays plays every cell of a section for a moment.
func plays(t *testing.T, system harness.System, section plan.Section, contestant plan.Contestant) {
	setup := Affordable(t, contestant.Setup)
	served, _ := harness.ServerBook.Count()
	ends := connect(t, system, Serve(t, system, setup), setup)
	for _, cell := range section.Cells {
		if cell.Plays(contestant.Label) {
			playCell(t, ends, cell)
		}
	}
	if !setup.Interceptors {
		return
	}
	now, identified := harness.ServerBook.Count()
	called, _ := harness.ClientBook.Count()
	attempted, _ := harness.ClientAttemptBook.Count()
	if now == served || identified == 0 || called == 0 || attempted == 0 {
		t.Errorf("the interceptors noted %d calls on the server, %d of them identified, and %d and %d on the client", now-served, identified, called, attempted)
	}
}

// Affordable returns what a test can do of a setup.
func Affordable(t *testing.T, setup harness.Setup) harness.Setup {
	t.Helper()
	setup.Parked = min(setup.Parked, 20)
	if setup.Certificates != "" {
		setup.Certificates = t.TempDir()
		if err := harness.CreateCertificate(setup.Certificates); err != nil {
			t.Fatal(err)
		}
	}
	return setup
}

func playCell(t *testing.T, ends *harness.Ends, cell plan.Cell) {
	t.Helper()
	order := harness.Command{Load: cell.Load, InFlight: min(cell.InFlight, 4), Lasting: time.Millisecond}
	if cell.OfPeak > 0 {
		order = harness.Command{Load: cell.Load, Rate: 1000, Lasting: 20 * time.Millisecond}
	}
	report, err := ends.Run(order)
	if err != nil {
		t.Errorf("%s: %v", cell.Name, err)
	} else if report.Units == 0 || report.Latencies.P50 == 0 {
		t.Errorf("%s: nothing was done: %+v", cell.Name, report)
	}
}

// RunEdge tests that a system passes calls on to a server, its own or whatever speaks the same protocol.
func RunEdge(t *testing.T, edge, behind harness.System) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop, err := edge.Edge(listener, Serve(t, behind, harness.Setup{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	planned := false
	for _, section := range plan.Sections {
		for _, contestant := range section.Contestants {
			if contestant.System == edge.Name && contestant.Behind != "" {
				planned = true
				ends := connect(t, harness.RESTClient, listener.Addr().String(), contestant.Setup)
				for _, cell := range section.Cells {
					playCell(t, ends, cell)
				}
			}
		}
	}
	if !planned {
		t.Errorf("no section of the plan has %s as an edge", edge.Name)
	}
}
