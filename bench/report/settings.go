// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// settings are the sections about what a setting brings: each has one table of its own, since its contestants come in pairs.
var settings = map[string]func(outcome.Section) string{
	plan.GC: func(s outcome.Section) string {
		return pairs(s, plan.FewerCollections, func(label string) string { return plan.In(plan.FewerCollections, label) })
	},
	plan.PGO: func(s outcome.Section) string {
		return pairs(s, "PGO", func(label string) string { return label + plan.WithPGO })
	},
	plan.Yield: yields,
}

// yields returns a row for each load: what is needed of those who yield, and how often that of those who do not.
func yields(section outcome.Section) string {
	var table strings.Builder
	table.WriteString("| |")
	for _, variable := range plan.Yielding {
		fmt.Fprintf(&table, " CPU µs, %s | times that without |", variable)
	}
	table.WriteString("\n|---|" + strings.Repeat("--:|--:|", len(plan.Yielding)) + "\n")
	for _, cell := range section.Cells {
		fmt.Fprintf(&table, "| %s |", strings.Trim(headline(cell), "*"))
		for _, variable := range plan.Yielding {
			with, without := plan.In(variable, plan.Subject), plan.In(variable, plan.Unyielding)
			fmt.Fprintf(&table, " %s | %s |", number(outcome.BothCPU.Median(cell, with)), interval(outcome.BothCPU.Ratio(cell, without, with)))
		}
		table.WriteString("\n")
	}
	return table.String()
}

// pairs returns a row for each system at each load, as it is and with the setting. The subject is compared with others that
// have what it has.
func pairs(section outcome.Section, setting string, with func(label string) string) string {
	var table strings.Builder
	fmt.Fprintf(&table, "| | | CPU µs | with %s | with to without | farcall's CPU to it | with %s, both |\n|---|---|--:|--:|--:|--:|--:|\n", setting, setting)
	for _, cell := range section.Cells {
		load := strings.Trim(headline(cell), "*")
		for _, system := range order(cell) {
			if len(cell.Turns[with(system)]) == 0 { // it is itself one with the setting
				continue
			}
			against, againstWith := "", ""
			if system != plan.Subject {
				against = interval(outcome.BothCPU.Ratio(cell, plan.Subject, system))
				againstWith = interval(outcome.BothCPU.Ratio(cell, with(plan.Subject), with(system)))
			}
			fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s | %s |\n", load, system,
				number(outcome.BothCPU.Median(cell, system)), number(outcome.BothCPU.Median(cell, with(system))),
				interval(outcome.BothCPU.Ratio(cell, with(system), system)), against, againstWith)
			load = ""
		}
	}
	return table.String()
}
