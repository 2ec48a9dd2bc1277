// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"github.com/farcall/farcall/bench/harness"
)

// ProfileTurn is how long each system is profiled at each load: with the profiler's hundred looks a second for each
// processor, a layer of 10 % is known to about 1 %.
const ProfileTurn = 2800 * time.Millisecond

// Profiled are the loads whose CPU is explained: those at which there are goals that farcall can be short of. Each
// contestant is started anew for each cell, so that a profile is of one load. What differs in its setup alone has a section and
// a name of its own.
var Profiled = []Section{
	{
		Name: "profiles", Title: "Where the CPU of small messages goes",
		Contestants: contestants(harness.Setup{}, Subject, Floor, Baseline),
		Cells: []Cell{
			{Name: "charge-1", Load: "charge", InFlight: 1},
			{Name: "charge-64", Load: "charge", InFlight: 64},
			{Name: "charge-512", Load: "charge", InFlight: 512},
			{Name: "charge50-64", Load: "charge-50", InFlight: 64},
			{Name: "server-8", Load: "server-stream", InFlight: 8, Only: []string{Subject, Baseline}},
			{Name: "client-8", Load: "client-stream", InFlight: 8, Only: []string{Subject, Baseline}},
			{Name: "two-way-8", Load: "two-way", InFlight: 8, Only: []string{Subject, Baseline}},
		},
	},
	{
		Name: "profiles-realistic", Title: "Where the CPU of a realistic call goes",
		Contestants: contestants(harness.Setup{Interceptors: true}, Subject, Baseline),
		Cells:       []Cell{{Name: "realistic-64", Load: "realistic", InFlight: 64}},
	},
	{
		Name: "profiles-large", Title: "Where the CPU of large messages goes",
		Contestants: contestants(harness.Setup{LargeMessages: true}, Subject, Floor, Baseline),
		Cells: []Cell{
			{Name: "echo1m-4", Load: "echo-1m", InFlight: 4},
			{Name: "echo16m-2", Load: "echo-16m", InFlight: 2},
		},
	},
	{
		Name: "profiles-beside", Title: "Where the CPU of small calls goes beside large messages, on the same connection",
		Contestants: contestants(harness.Setup{LargeMessages: true}, Subject),
		Cells: []Cell{
			{Name: "charge-8", Load: "charge", InFlight: 8},
			{Name: "charge-8-beside-16m", Load: "charge-beside-16m", InFlight: 8},
		},
	},
	{
		Name: "profiles-apart", Title: "Where the CPU of small calls goes beside large messages, on another connection",
		Contestants: contestants(harness.Setup{LargeMessages: true, Connections: 2}, Subject),
		Cells:       []Cell{{Name: "charge-8-apart-16m", Load: "charge-apart-16m", InFlight: 8}},
	},
	{
		Name: "profiles-unparked", Title: "Where the CPU of small calls goes on ten connections",
		Contestants: contestants(harness.Setup{Connections: 10}, Subject),
		Cells:       []Cell{{Name: "unparked-64", Load: "charge", InFlight: 64}},
	},
	{
		Name: "profiles-parked", Title: "Where the CPU of small calls goes on ten connections, beside 10,000 parked streams",
		Contestants: contestants(harness.Setup{Connections: 10, Parked: 10_000}, Subject),
		Cells:       []Cell{{Name: "parked-64", Load: "charge", InFlight: 64}},
	},
}
