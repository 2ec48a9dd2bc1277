// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"fmt"
	"io"
	"strings"
)

// WriteComparison writes a section's medians, and how they compare with those of the first label, as Markdown that is
// readable as it stands.
func WriteComparison(out io.Writer, section Section, labels []string) {
	for _, cell := range section.Cells {
		fmt.Fprintf(out, "\n%s, %d in flight\n\n", cell.About, cell.InFlight)
		fmt.Fprintf(out, "| %-14s | %9s | %8s | %8s | %-28s | %7s | %7s | %-24s |\n", "", cell.Unit+"s/s", "p50 µs", "p99 µs", "CPU µs: client + server", "allocs", "B", "CPU of "+labels[0]+"'s")
		fmt.Fprintln(out, "|---|--:|--:|--:|---|--:|--:|---|")
		for _, label := range labels {
			if len(cell.Turns[label]) == 0 {
				continue
			}
			of := func(m Metric) float64 { return m.Median(cell, label) }
			cpu := fmt.Sprintf("%.2f + %.2f = %.2f", of(ClientCPU), of(ServerCPU), of(BothCPU))
			ratio := BothCPU.Ratio(cell, label, labels[0])
			fmt.Fprintf(out, "| %-14s | %9.0f | %8.1f | %8.1f | %-28s | %7.1f | %7.0f | %-24s |\n", label,
				of(Rate), of(P50), of(P99), cpu, of(Allocations), of(AllocatedBytes), strings.TrimSpace(fmt.Sprintf("%.2f (%.2f to %.2f)", ratio.Median, ratio.Low, ratio.High)))
		}
	}
}
