// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/farcall/farcall/bench/outcome"
)

// still returns the tables of what needs no turns.
func still(r *outcome.Results) string {
	var text strings.Builder
	if len(r.Idle) > 0 {
		text.WriteString("## Idle connections\n\nWhat a connection holds, client and server together, after one call on it and a collection. " +
			"Every connection has a client of its own.\n\n")
		if _, drawn := Pictures(r)[idlePicture]; drawn {
			fmt.Fprintf(&text, "![Idle connections](%s)\n\n", idlePicture)
		}
		text.WriteString("| | connections | | KB: heap + stacks | resident KB | goroutines |\n|---|--:|---|--:|--:|--:|\n")
		for _, i := range r.Idle {
			each := func(bytes int64) float64 { return float64(bytes) / float64(i.Connections) / 1000 }
			heap, stacks := each(i.Client.Heap+i.Server.Heap), each(i.Client.Stacks+i.Server.Stacks)
			fmt.Fprintf(&text, "| %s | %d | %s | %.1f + %.1f = %.1f | %.1f | %.1f |\n", i.System, i.Connections, transport(i.TLS),
				heap, stacks, heap+stacks, each(i.Client.Resident+i.Server.Resident), i.Goroutines())
		}
		text.WriteString("\n")
	}
	if len(r.Cold) > 0 {
		text.WriteString("## Cold start\n\nFrom the start of a process to a listening server, and from the start of another to its first answer.\n\n" +
			"| | server ms | client ms | together ms |\n|---|--:|--:|--:|\n")
		for _, c := range r.Cold {
			server, client := milliseconds(c.Server), milliseconds(c.Client)
			fmt.Fprintf(&text, "| %s | %.1f | %.1f | %.1f |\n", c.System, server, client, server+client)
		}
		text.WriteString("\n")
	}
	if len(r.Binaries) > 0 {
		text.WriteString("## Binaries\n\nStripped (-trimpath -ldflags='-s -w').\n\n| | MB |\n|---|--:|\n")
		for _, b := range r.Binaries {
			fmt.Fprintf(&text, "| %s | %.2f |\n", b.About, float64(b.Bytes)/1e6)
		}
		text.WriteString("\n")
	}
	return text.String()
}

func transport(tls bool) string {
	if tls {
		return "TLS"
	}
	return "plaintext"
}

func milliseconds(all []time.Duration) float64 {
	var values []float64
	for _, one := range all {
		values = append(values, outcome.Microseconds(one)/1000)
	}
	return outcome.MedianOf(values).Median
}
