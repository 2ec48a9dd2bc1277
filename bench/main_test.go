// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/bench/attribution"
	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// TestMain lets the test binary be the server, edge and client processes that the conductor starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == harness.RoleServer || os.Args[1] == harness.RoleEdge || os.Args[1] == harness.RoleClient) {
		log.SetOutput(io.Discard) // net/rpc tells of every listener that is closed
		harness.Main(stands()...)
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // of the processes: each would wait a second
	os.Exit(m.Run())
}

// variable of the environment is shown in the settings of those who have it.
const variable = "BENCH_TEST_SETTING"

// stands returns what stands for the plan's systems in tests, under their names: net/rpc, which needs no program of its own.
func stands() []harness.System {
	all := []harness.System{harness.RESTClient}
	for _, name := range plan.AllSystems() {
		all = append(all, harness.System{Name: name, Settings: "net/rpc in a test" + os.Getenv(variable), Serve: serveRPC, Connect: dialRPC, Edge: serveEdge})
	}
	return all
}

// Payments is the service in the form of net/rpc.
type Payments struct{}

// Charge is exported because net/rpc wants it so.
func (Payments) Charge(request *chargepb.ChargeRequest, response **chargepb.ChargeResponse) error {
	*response = harness.Charge(request)
	return nil
}

func serveRPC(listener net.Listener, _ harness.Setup) (func(), error) {
	server := rpc.NewServer()
	if err := server.Register(Payments{}); err != nil {
		return nil, err
	}
	go server.Accept(listener) // ends with the listener
	return func() { listener.Close() }, nil
}

type rpcClient struct{ *rpc.Client }

func dialRPC(_ context.Context, address string, _ harness.Setup) (harness.Client, error) {
	client, err := rpc.Dial("tcp", address)
	return rpcClient{client}, err
}

func (c rpcClient) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	var response *chargepb.ChargeResponse
	err := c.Call("Payments.Charge", request, &response)
	return response, err
}

func (c rpcClient) Close() { c.Client.Close() }

func serveEdge(listener net.Listener, behind string) (func(), error) {
	backend, err := dialRPC(context.Background(), behind, harness.Setup{})
	if err != nil {
		return nil, err
	}
	server := &http.Server{Protocols: harness.BothHTTP(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		response, err := backend.Charge(r.Context(), harness.NewRequest(0, 0))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, `{"payment_id":"`+response.GetPaymentId()+`"}`)
	})}
	go server.Serve(listener) // ends in Close
	return func() { server.Close() }, nil
}

// buildNothing lets this test binary be every program.
func buildNothing(_ context.Context, systems []string) (programs, missing map[string]string, err error) {
	self, err := os.Executable()
	programs = map[string]string{}
	for _, system := range systems {
		programs[system] = self
	}
	return programs, nil, err
}

var shortest = []string{"-rounds", "1", "-turn", "10ms", "-warmup", "0s"}

func TestQuick(t *testing.T) {
	var out strings.Builder
	err := runProgram(t.Context(), append([]string{"quick"}, shortest...), &out, buildNothing)
	if err == nil || !strings.Contains(err.Error(), "short of their target") {
		t.Fatalf("systems that are all the same reach every target: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(outcome.QuickGoals()) || strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), string(outcome.NotMeasured)) {
		t.Errorf("want a measured line for each goal:\n%s", &out)
	}
}

// What was not measured is no success.
func TestQuickNeedsEveryGoal(t *testing.T) {
	if err := judge(io.Discard, outcome.QuickGoals(), new(outcome.Results)); err == nil || !strings.Contains(err.Error(), "8 of 8 were not measured") {
		t.Errorf("without a result: %v", err)
	}
}

func TestCompare(t *testing.T) {
	var out strings.Builder
	arguments := append([]string{"compare", "-systems", "farcall,floor", "-loads", "charge,charge-50", "-inflight", "2,3"}, shortest...)
	if err := runProgram(t.Context(), arguments, &out, buildNothing); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n| floor"); got != 4 {
		t.Errorf("%d rows of floor, want one for each of two loads with each of two numbers in flight:\n%s", got, &out)
	}
}

// A contestant's variables reach its processes, and nobody else's.
func TestEnvironment(t *testing.T) {
	c := conductor{rounds: 1, turn: time.Millisecond}
	c.programs, _, _ = buildNothing(t.Context(), []string{plan.Subject, plan.Floor})
	section := plan.Section{
		Name: "environment", Cells: []plan.Cell{{Name: "charge-1", Load: "charge", InFlight: 1}},
		Contestants: []plan.Contestant{
			{Label: "with", System: plan.Subject, Environment: []string{variable + "=, set"}}, {Label: "without", System: plan.Floor},
		},
	}
	if _, err := c.play(t.Context(), section); err != nil {
		t.Fatal(err)
	}
	for system, want := range map[string]string{plan.Subject: "net/rpc in a test, set", plan.Floor: "net/rpc in a test"} {
		if got := c.systems[system].Settings; got != want {
			t.Errorf("%s was started as %q, want %q", system, got, want)
		}
	}
}

// A cell's turns are as long as it says.
func TestLongerTurns(t *testing.T) {
	c := conductor{rounds: 1, turn: 20 * time.Millisecond}
	c.programs, _, _ = buildNothing(t.Context(), []string{plan.Subject})
	measured, err := c.play(t.Context(), plan.Section{
		Name: "longer", Contestants: []plan.Contestant{{Label: plan.Subject, System: plan.Subject}},
		Cells: []plan.Cell{{Name: "longer", Load: "charge", InFlight: 1, Longer: 5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if cell := measured.Cells[0]; cell.Longer != 5 || cell.Turns[plan.Subject][0].Client.Took < 5*c.turn {
		t.Errorf("a turn of five times %v took %v, and says that it is %d times as long", c.turn, cell.Turns[plan.Subject][0].Client.Took, cell.Longer)
	}
}

// A run of turns in an open loop, of an edge, and of cold starts: what the stands can do.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	arguments := append([]string{"run", "-only", "open,journey,journey-http2,cold", "-out", folder}, shortest...)
	if err := runProgram(t.Context(), arguments, io.Discard, buildNothing); err != nil {
		t.Fatal(err)
	}
	results, err := outcome.Read(filepath.Join(folder, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"open", "journey", "journey-http2"} {
		planned, _ := plan.FindSection(name)
		section, ok := results.Section(name)
		if !ok || len(section.Cells) != len(planned.Cells) {
			t.Errorf("section %s has %d cells, want %d", name, len(section.Cells), len(planned.Cells))
			continue
		}
		for i, cell := range section.Cells {
			for _, contestant := range planned.Contestants {
				if turns := cell.Turns[contestant.Label]; planned.Cells[i].Plays(contestant.Label) != (len(turns) == 1) {
					t.Errorf("%s, %s: %d turns of %s", name, cell.Name, len(turns), contestant.Label)
				} else {
					checkTurns(t, name, cell, turns)
				}
			}
		}
	}
	if len(results.Cold) != len(plan.ColdSystems) || len(results.Cold[0].Client) != 2 || results.Cold[0].Client[1] <= 0 {
		t.Errorf("cold starts: %+v", results.Cold)
	}
	if results.Systems[plan.Floor].Settings == "" || results.Machine.Processors == 0 || results.Ended.Before(results.Began) {
		t.Errorf("the results do not say what was measured: %+v", results)
	}
}

func checkTurns(t *testing.T, section string, cell outcome.Cell, turns []outcome.Turn) {
	t.Helper()
	for _, turn := range turns {
		if turn.Client.Units == 0 || turn.Client.Usage.CPU <= 0 || turn.Server.CPU <= 0 || turn.Server.Allocations < uint64(turn.Client.Units) {
			t.Errorf("%s, %s: an impossible turn: %+v", section, cell.Name, turn)
		}
		if (turn.Edge != nil) != strings.HasPrefix(section, "journey") || (turn.Client.Offered > 0) != (section == "open") {
			t.Errorf("%s, %s: edge %v, offered %d", section, cell.Name, turn.Edge, turn.Client.Offered)
		}
	}
}

// A profile of each process is taken, read and shared out: net/rpc's frames belong to nobody, the harness's to it.
func TestExplain(t *testing.T) {
	var c conductor
	c.programs, _, _ = buildNothing(t.Context(), []string{plan.Subject, plan.Floor})
	section := plan.Section{
		Name: "explained", Contestants: []plan.Contestant{{Label: plan.Subject, System: plan.Subject}, {Label: plan.Floor, System: plan.Floor}},
		Cells: []plan.Cell{{Name: "both", Load: "charge", InFlight: 8}, {Name: "alone", Load: "charge", InFlight: 1, Only: []string{plan.Floor}}},
	}
	explained, err := c.explain(t.Context(), []plan.Section{section}, 800*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	var played []string
	writing := 0.0
	for _, one := range explained.All {
		played = append(played, one.Cell+" "+one.System)
		sum := one.Of(attribution.Layers...)
		if one.Samples == 0 || one.CPU <= 0 || math.Abs(sum-one.CPU) > one.CPU/100 {
			t.Errorf("%s, %s: %d samples; layers of %.2f µs, want the %.2f of a call", one.Cell, one.System, one.Samples, sum, one.CPU)
		}
		writing += one.Of(attribution.KernelWrite)
	}
	if writing == 0 {
		t.Error("nothing is known of what net/rpc writes")
	}
	if want := []string{"both farcall", "both floor", "alone floor"}; !slices.Equal(played, want) {
		t.Errorf("explained are %q, want %q", played, want)
	}
}

// Profiles join the results that are there.
func TestExplainNeedsResults(t *testing.T) {
	err := runProgram(t.Context(), []string{"explain", "-out", t.TempDir()}, io.Discard, buildNothing)
	if err == nil || !strings.Contains(err.Error(), "go run . run") {
		t.Errorf("without results: %v", err)
	}
}

func TestIdleConnections(t *testing.T) {
	var c conductor
	c.programs, _, _ = buildNothing(t.Context(), []string{plan.Subject})
	weighed, err := c.weighIdle(t.Context(), plan.Idle{System: plan.Subject, Connections: 30})
	if err != nil {
		t.Fatal(err)
	}
	// net/rpc has a goroutine for a connection on either side.
	if weighed.Goroutines() != 2 || weighed.Bytes() < 1000 {
		t.Errorf("a connection has %.2f goroutines and %.0f bytes", weighed.Goroutines(), weighed.Bytes())
	}
}

func TestWrongArguments(t *testing.T) {
	for _, arguments := range [][]string{
		{}, {"sing"}, {"quick", "charge"}, {"quick", "-rounds", "0"}, {"explain", "-turn", "0s"}, {"run", "-only", "everything"}, {"run", "-turn", "0s"},
		{"compare", "-systems", "smoke-signals"}, {"compare", "-loads", "none"}, {"compare", "-inflight", "0"},
		{"compare", "-inflight", "1,x"}, {"compare", "-setup", `{"tls":true}`}, {"compare", "-systems", "floor", "grpc-go"},
	} {
		if err := runProgram(t.Context(), arguments, io.Discard, buildNothing); err == nil {
			t.Errorf("%q is accepted", arguments)
		}
	}
}

// The system in C++ says the same words as those in Go.
func TestCPlusPlus(t *testing.T) {
	programs, missing, err := buildSystems(t.Context(), []string{plan.CPlusPlus})
	if err != nil {
		t.Fatal(err)
	}
	if reason := missing[plan.CPlusPlus]; reason != "" {
		if os.Getenv("CI") != "" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	c := conductor{programs: programs, rounds: 1, turn: 10 * time.Millisecond}
	section := plan.Section{Name: "C++", Contestants: []plan.Contestant{{Label: plan.CPlusPlus, System: plan.CPlusPlus}}}
	for _, load := range []string{"charge", "charge-50"} {
		section.Cells = append(section.Cells, plan.Cell{Name: load, Load: load, InFlight: 8})
	}
	measured, err := c.play(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	for _, cell := range measured.Cells {
		turn := cell.Turns[plan.CPlusPlus][0]
		if turn.Client.Units < 8 || turn.Client.Usage.CPU <= 0 || turn.Server.CPU <= 0 || turn.Client.Latencies.P50 <= 0 || turn.Client.Took < c.turn {
			t.Errorf("%s: an impossible turn: %+v", cell.Name, turn)
		}
	}
	if c.systems[plan.CPlusPlus].Settings == "" || c.systems[plan.CPlusPlus].Versions["libgrpc++"] == "" {
		t.Errorf("it says of itself %+v", c.systems[plan.CPlusPlus])
	}
}

// A profile for the compiler has the samples of both processes, and is taken anew only of another program.
func TestProfileForCompiler(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, content, 0o755); err != nil {
		t.Fatal(err)
	}
	path, err := profileOnce(t.Context(), plan.Subject, program, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-traces", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, frames)
	}
	for _, of := range []string{"net/rpc.(*Client).", "net/rpc.(*Server)."} {
		if !strings.Contains(string(frames), of) {
			t.Errorf("the profile has no sample of %s:\n%s", of, frames)
		}
	}
	const mark = "the profile that is there"
	if err := os.WriteFile(path, []byte(mark), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := profileOnce(t.Context(), plan.Subject, program, 300*time.Millisecond)
	if kept, _ := os.ReadFile(again); err != nil || string(kept) != mark {
		t.Errorf("the same program was profiled again, %v", err)
	}
	if err := os.WriteFile(program, append(content, 0), 0o755); err != nil {
		t.Fatal(err)
	}
	if other, err := profileOnce(t.Context(), plan.Subject, program, 300*time.Millisecond); err != nil || other == path {
		t.Errorf("another program has the same profile, %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the old program's profile is left behind")
	}
}

// A process that ends too early is an error that names it, and nothing is left running.
func TestProcessThatDies(t *testing.T) {
	if _, _, err := startProcess(t.Context(), "the dead", nil, "/bin/false"); err == nil || !strings.Contains(err.Error(), "the dead") {
		t.Errorf("got %v", err)
	}
}
