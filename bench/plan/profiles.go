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
// contestant is started anew for each cell, so that a profile is of one load.
var Profiled = []Section{
	{
		Name: "profiles", Title: "Where the CPU of small messages goes",
		Contestants: contestants(harness.Setup{}, Subject, Floor, Baseline),
		Cells: []Cell{
			{Name: "charge-1", Load: "charge", InFlight: 1, Only: []string{Subject, Floor}},
			{Name: "charge-64", Load: "charge", InFlight: 64},
			{Name: "charge-512", Load: "charge", InFlight: 512, Only: []string{Subject, Floor}},
			{Name: "charge50-64", Load: "charge-50", InFlight: 64},
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
}
