// SPDX-License-Identifier: Apache-2.0

// Package plan says what is measured: which systems take turns, set up how, at which loads.
package plan

import (
	"fmt"
	"slices"

	"github.com/farcall/farcall/bench/harness"
)

// Section is a group of measurements for which every contestant is started once and takes its turn in every round.
type Section struct {
	Name        string
	Title       string
	Contestants []Contestant
	Cells       []Cell
	// Calibrate says that Cell.OfPeak is used: the Baseline's peak is measured first.
	Calibrate bool
}

// Contestant is a system with its setup: a server and a client process, for an edge a process between them.
type Contestant struct {
	Label  string // its name in the section
	System string
	Setup  harness.Setup
	// Environment is for its processes, such as "GOGC=400", besides what they inherit.
	Environment []string
	// Behind makes it an edge, called by the REST client, in front of a server of this system.
	Behind string
}

// Cell is a load with its numbers.
type Cell struct {
	Name     string
	Load     string
	InFlight int
	// OfPeak makes it an open loop at this part of the Baseline's peak rate.
	OfPeak float64
	// Longer is how many times as long its turns are, so that enough large messages are in one; 0 is once.
	Longer int
	// Only are the labels that play it; empty for all.
	Only []string
}

// Plays says whether a contestant plays the cell.
func (c Cell) Plays(label string) bool { return len(c.Only) == 0 || slices.Contains(c.Only, label) }

// Find returns a section's cell.
func (s Section) Find(cell string) (Cell, bool) {
	at := slices.IndexFunc(s.Cells, func(c Cell) bool { return c.Name == cell })
	if at < 0 {
		return Cell{}, false
	}
	return s.Cells[at], true
}

// The names of the systems.
const (
	Subject     = "farcall"
	Baseline    = "grpc-go"
	Floor       = "floor"
	HTTPJSON    = "http-json"
	ConnectGRPC = "connect-grpc"
	Connect     = "connect"
	DRPC        = "drpc"
	Kitex       = "kitex"
	CPlusPlus   = "grpc-c++"
	Gateway     = "grpc-gateway"    // an edge only
	Vanguard    = "vanguard"        // an edge only
	REST        = "rest-client"     // the client of every edge
	Unyielding  = "farcall-noyield" // built so that nobody yields before a write: what that brings is seen beside it
	SubjectPGO  = Subject + WithPGO
	BaselinePGO = Baseline + WithPGO
)

// The sections that ask what a setting brings, and are reported as that.
const (
	GC               = "gc"
	FewerCollections = "GOGC=400" // the variable that those of the section GC have, or have not
	PGO              = "pgo"
	Yield            = "yield"
	WithPGO          = "-pgo" // ends the names of the systems that are built with a profile
)

// contestants returns systems under their own names, all with the same setup.
func contestants(setup harness.Setup, systems ...string) []Contestant {
	var all []Contestant
	for _, name := range systems {
		all = append(all, Contestant{Label: name, System: name, Setup: setup})
	}
	return all
}

// in returns contestants with a variable of the environment, which their labels name.
func in(variable string, all []Contestant) []Contestant {
	for i := range all {
		all[i].Label, all[i].Environment = In(variable, all[i].Label), []string{variable}
	}
	return all
}

// Yielding are the variables with which it is measured what the yield before a write brings: as many processors as there are
// on a small machine, and as many as the scheduler may believe in on a larger one.
var Yielding = []string{"GOMAXPROCS=2", "GOMAXPROCS=16"}

// yielding returns those who yield and those who do not, with each of the variables.
func yielding() []Contestant {
	var all []Contestant
	for _, variable := range Yielding {
		all = append(all, in(variable, contestants(harness.Setup{}, Subject, Unyielding))...)
	}
	return all
}

// In is the label of who runs with a variable of the environment.
func In(variable, label string) string { return label + " " + variable }

// charging returns cells of the plain call.
func charging(inFlight ...int) []Cell {
	var cells []Cell
	for _, n := range inFlight {
		cells = append(cells, Cell{Name: fmt.Sprintf("charge-%d", n), Load: "charge", InFlight: n})
	}
	return cells
}

// only leaves one of the cells to some of those who take turns: a run is to end, and nobody asks for the others there.
func only(cells []Cell, name string, labels ...string) []Cell {
	for i := range cells {
		if cells[i].Name == name {
			cells[i].Only = labels
		}
	}
	return cells
}

// Sections are what `make bench` measures by turns.
var Sections = []Section{
	{
		Name: "unary", Title: "A small unary call",
		Contestants: contestants(harness.Setup{}, Subject, Baseline, Floor, HTTPJSON, ConnectGRPC, Connect, DRPC, Kitex, CPlusPlus),
		Cells:       only(charging(1, 8, 64, 512), "charge-8", Subject, Baseline, Floor),
	},
	{
		Name: "connections", Title: "A small unary call over eight connections",
		Contestants: contestants(harness.Setup{Connections: 8}, Subject, Baseline, Floor, ConnectGRPC, Kitex),
		Cells:       charging(64),
	},
	{
		Name: "items", Title: "A unary call with fifty items",
		Contestants: contestants(harness.Setup{}, Subject, Baseline, Floor, HTTPJSON, ConnectGRPC, Connect, DRPC, Kitex, CPlusPlus),
		Cells:       []Cell{{Name: "charge50-64", Load: "charge-50", InFlight: 64}},
	},
	{
		Name: "realistic", Title: "A realistic call: deadline, ten metadata entries, two interceptors on either end",
		Contestants: contestants(harness.Setup{Interceptors: true}, Subject, Baseline, HTTPJSON, ConnectGRPC, Kitex),
		Cells:       []Cell{{Name: "realistic-64", Load: "realistic", InFlight: 64}},
	},
	{
		Name: "work", Title: "A small unary call with a handler that works",
		Contestants: contestants(harness.Setup{}, Subject, Baseline),
		Cells: []Cell{
			{Name: "work50us-64", Load: "charge-work50us", InFlight: 64},
			{Name: "work1ms-64", Load: "charge-work1ms", InFlight: 64},
		},
	},
	{
		Name: "tls", Title: "A small unary call over TLS 1.3",
		Contestants: contestants(harness.Setup{Certificates: "yes"}, Subject, Baseline, Floor, HTTPJSON, ConnectGRPC, DRPC),
		Cells:       only(charging(1, 64), "charge-1", Subject, Baseline, Floor),
	},
	{
		Name: "gzip", Title: "Messages compressed by gzip",
		Contestants: contestants(harness.Setup{Gzip: true}, Subject, Baseline, ConnectGRPC),
		Cells: []Cell{
			{Name: "charge50-64", Load: "charge-50", InFlight: 64},
			{Name: "echo64k-8", Load: "echo-64k", InFlight: 8},
		},
	},
	{
		Name: "payloads", Title: "Large messages",
		Contestants: contestants(harness.Setup{LargeMessages: true}, Subject, Baseline, Floor, HTTPJSON, ConnectGRPC, DRPC, Kitex),
		Cells: []Cell{
			{Name: "echo1k-64", Load: "echo-1k", InFlight: 64},
			{Name: "echo64k-16", Load: "echo-64k", InFlight: 16},
			{Name: "echo1m-4", Load: "echo-1m", InFlight: 4, Longer: 3},
			{Name: "echo16m-2", Load: "echo-16m", InFlight: 2, Longer: 5, Only: []string{Subject, Baseline, Floor}},
		},
	},
	{
		Name: "streams", Title: "Streams of small messages",
		Contestants: contestants(harness.Setup{}, Subject, Baseline, ConnectGRPC, DRPC, Kitex),
		Cells: []Cell{
			{Name: "server-8", Load: "server-stream", InFlight: 8},
			{Name: "client-8", Load: "client-stream", InFlight: 8},
			{Name: "two-way-8", Load: "two-way", InFlight: 8},
		},
	},
	{
		Name: "open", Title: "Calls offered at a fixed rate",
		Contestants: contestants(harness.Setup{}, Subject, Baseline, HTTPJSON),
		Calibrate:   true,
		Cells: []Cell{
			offered(0.1), offered(0.3), offered(0.5), offered(0.7), offered(0.9, Subject, Baseline),
			offered(1.5, Subject), offered(2, Subject), offered(3, Subject), offered(4, Subject),
		},
	},
	{
		Name: "parked", Title: "Small unary calls beside 10,000 parked streams on ten connections",
		Contestants: []Contestant{
			{Label: Subject, System: Subject, Setup: harness.Setup{Connections: 10}},
			{Label: Subject + " parked", System: Subject, Setup: harness.Setup{Connections: 10, Parked: 10_000}},
			{Label: Baseline, System: Baseline, Setup: harness.Setup{Connections: 10}},
			{Label: Baseline + " parked", System: Baseline, Setup: harness.Setup{Connections: 10, Parked: 10_000}},
		},
		Cells: charging(64),
	},
	{
		Name: "beside", Title: "Small unary calls beside large messages, on the same connection",
		Contestants: []Contestant{
			{Label: Subject, System: Subject, Setup: harness.Setup{LargeMessages: true}},
			{Label: Subject + " apart", System: Subject, Setup: harness.Setup{LargeMessages: true, Connections: 2}},
			{Label: Baseline, System: Baseline, Setup: harness.Setup{LargeMessages: true}},
			{Label: Baseline + " apart", System: Baseline, Setup: harness.Setup{LargeMessages: true, Connections: 2}},
		},
		Cells: []Cell{
			{Name: "charge-8", Load: "charge", InFlight: 8, Only: []string{Subject, Baseline}},
			{Name: "charge-8-beside-16m", Load: "charge-beside-16m", InFlight: 8, Longer: 5, Only: []string{Subject, Baseline}},
			// What the connection has to do with it: as much work for the machine, on another one.
			{Name: "charge-8-apart-16m", Load: "charge-apart-16m", InFlight: 8, Longer: 5, Only: []string{Subject + " apart", Baseline + " apart"}},
		},
	},
	{
		Name: GC, Title: "Fewer collections: GOGC=400",
		Contestants: slices.Concat(
			contestants(harness.Setup{LargeMessages: true}, Subject, Baseline, Floor),
			in(FewerCollections, contestants(harness.Setup{LargeMessages: true}, Subject, Baseline, Floor)),
		),
		Cells: []Cell{
			{Name: "charge-64", Load: "charge", InFlight: 64},
			{Name: "charge50-64", Load: "charge-50", InFlight: 64},
			{Name: "echo1m-4", Load: "echo-1m", InFlight: 4, Longer: 3},
		},
	},
	{
		Name: PGO, Title: "Built with a profile",
		Contestants: contestants(harness.Setup{}, Subject, SubjectPGO, Baseline, BaselinePGO),
		Cells: []Cell{
			{Name: "charge-64", Load: "charge", InFlight: 64},
			{Name: "charge50-64", Load: "charge-50", InFlight: 64},
		},
	},
	{
		Name: Yield, Title: "The yield before a write",
		Contestants: yielding(),
		Cells: append(charging(1, 64, 512),
			Cell{Name: "work50us-64", Load: "charge-work50us", InFlight: 64},
			Cell{Name: "work1ms-64", Load: "charge-work1ms", InFlight: 64},
			Cell{Name: "server-8", Load: "server-stream", InFlight: 8},
		),
	},
	{
		Name: "journey", Title: "REST in over HTTP/1.1, a second hop, REST out",
		Contestants: edges(harness.Setup{}),
		Cells:       only(charging(1, 64), "charge-1", Subject, Gateway),
	},
	{
		Name: "journey-http2", Title: "REST in over HTTP/2, a second hop, REST out",
		Contestants: edges(harness.Setup{HTTP2: true}),
		Cells:       only(charging(1, 64), "charge-1", Subject, Gateway),
	},
}

// edges returns what turns REST into calls, each in front of what it usually calls.
func edges(setup harness.Setup) []Contestant {
	return []Contestant{
		{Label: Subject, System: Subject, Setup: setup, Behind: Subject},
		{Label: HTTPJSON, System: HTTPJSON, Setup: setup, Behind: HTTPJSON},
		{Label: Gateway, System: Gateway, Setup: setup, Behind: Baseline},
		{Label: Vanguard, System: Vanguard, Setup: setup, Behind: ConnectGRPC},
	}
}

// offered returns the cell of an open loop at a part of the Baseline's peak.
func offered(ofPeak float64, only ...string) Cell {
	return Cell{Name: fmt.Sprintf("offered-%.0f%%", ofPeak*100), Load: "charge", OfPeak: ofPeak, Only: only}
}

// Quick is what `make bench-quick` measures.
var Quick = Section{
	Name: "quick", Title: "The rows that the work on speed is steered by",
	Contestants: contestants(harness.Setup{}, Subject, Baseline, Floor, HTTPJSON),
	Cells: []Cell{
		{Name: "charge-64", Load: "charge", InFlight: 64},
		{Name: "charge-512", Load: "charge", InFlight: 512, Only: []string{Subject, Baseline}},
		{Name: "charge-1", Load: "charge", InFlight: 1, Only: []string{Subject, Baseline, Floor}},
		{Name: "charge50-64", Load: "charge-50", InFlight: 64, Only: []string{Subject, Baseline, Floor}},
	},
}

// FindSection returns the section of a name, Quick included.
func FindSection(name string) (Section, bool) {
	for _, s := range append([]Section{Quick}, Sections...) {
		if s.Name == name {
			return s, true
		}
	}
	return Section{}, false
}
