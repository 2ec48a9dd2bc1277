// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"time"

	"github.com/farcall/farcall/bench/attribution"
)

// Profiles say where the CPU of calls goes.
type Profiles struct {
	Began time.Time     `json:"began"`
	Turn  time.Duration `json:"turn"`
	All   []Profile     `json:"all"`
}

// Profile is where the CPU of one system went at one load, client and server together.
type Profile struct {
	Cell     string `json:"name"`
	System   string `json:"of"`
	About    string `json:"about"`
	Unit     string `json:"unit"` // "call" or "message"
	InFlight int    `json:"in_flight"`
	// CPU is that of a unit in µs, from getrusage; Layers are their shares by the profiles.
	CPU    float64                       `json:"cpu"`
	Layers map[attribution.Layer]float64 `json:"layers"`
	// Samples is how often the profiler looked: what has few of them is known to a few percent only.
	Samples int64   `json:"samples"`
	Others  float64 `json:"others"` // processors that everything else on the machine used meanwhile
}

// Of returns what some layers cost together, in µs a unit.
func (p Profile) Of(layers ...attribution.Layer) float64 {
	sum := 0.0
	for _, layer := range layers {
		sum += p.Layers[layer]
	}
	return sum
}

// Find returns the profile of a system at a load.
func (p *Profiles) Find(cell, system string) (Profile, bool) {
	for _, one := range p.All {
		if one.Cell == cell && one.System == system {
			return one, true
		}
	}
	return Profile{}, false
}

// Explain returns a turn's CPU by the layers of its two processes' profiles.
func Explain(system string, cell Cell, turn Turn, client, server *attribution.Profile) Profile {
	explained := Profile{
		Cell: cell.Name, System: system, About: cell.About, Unit: cell.Unit, InFlight: cell.InFlight,
		CPU: BothCPU.Of(cell, turn), Layers: map[attribution.Layer]float64{}, Samples: client.Samples + server.Samples, Others: turn.Others,
	}
	for _, layer := range attribution.Layers {
		if cost := client.Share(layer)*ClientCPU.Of(cell, turn) + server.Share(layer)*ServerCPU.Of(cell, turn); cost > 0 {
			explained.Layers[layer] = cost
		}
	}
	return explained
}
