// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"testing"

	"github.com/farcall/farcall/bench/harness"
)

// What the plan names must exist, and names must be found again.
func TestPlanFits(t *testing.T) {
	sections := map[string]bool{}
	for _, section := range slices.Concat([]Section{Quick}, Sections, Profiled) {
		if sections[section.Name] {
			t.Errorf("two sections %s", section.Name)
		}
		sections[section.Name] = true
		var labels []string
		for _, contestant := range section.Contestants {
			labels = append(labels, contestant.Label)
			for _, system := range []string{contestant.System, contestant.Behind} {
				if _, ok := FindProgram(system); system != "" && !ok {
					t.Errorf("%s: no program has the system %s", section.Name, system)
				}
			}
		}
		cells := map[string]bool{}
		for _, cell := range section.Cells {
			if _, err := harness.FindLoad(cell.Load); err != nil || cells[cell.Name] {
				t.Errorf("%s: cell %s: %v, or it is there twice", section.Name, cell.Name, err)
			}
			cells[cell.Name] = true
			for _, label := range cell.Only {
				if !slices.Contains(labels, label) {
					t.Errorf("%s: %s is not there to play %s", section.Name, label, cell.Name)
				}
			}
			if (cell.InFlight > 0) == (cell.OfPeak > 0) || cell.OfPeak > 0 && !section.Calibrate {
				t.Errorf("%s: cell %s is neither a closed nor an open loop", section.Name, cell.Name)
			}
		}
	}
	profiled := map[string]bool{}
	for _, section := range Profiled {
		for _, cell := range section.Cells {
			if profiled[cell.Name] { // the table of profiles knows a cell by its name alone
				t.Errorf("two profiles of %s", cell.Name)
			}
			profiled[cell.Name] = true
		}
	}
	for _, system := range slices.Concat(IdleSystems, ColdSystems) {
		if _, ok := FindProgram(system); !ok {
			t.Errorf("no program has the system %s", system)
		}
	}
}
