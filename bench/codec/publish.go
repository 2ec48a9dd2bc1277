// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// page returns the tables as Markdown.
func page(results []result, rounds int, lasting time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Encoding messages\n\n")
	fmt.Fprintf(&b, "`make bench-codec` on %d processors, %s, %s: the median of %d rounds of %v for each system.\n",
		runtime.GOMAXPROCS(0), runtime.GOOS+"/"+runtime.GOARCH, runtime.Version(), rounds, lasting)
	b.WriteString(`
Nanoseconds of processor time for one message, the garbage collector's included; behind a slash, allocations. "vt ÷" and
"go ÷" say how many times faster farcall is than vtprotobuf 0.6.0 and protobuf-go 1.36.12, in the median of the rounds.
vtprotobuf does not check that strings are UTF-8; the other two do. Where other programs load the machine, the collector and
the cache misses weigh more, and they are the same for all.

## To bytes

Into a buffer that is large enough: MarshalAppend; SizeVT and MarshalToSizedBufferVT; codec.Append. None of them allocates.

| message | bytes | protobuf-go | vtprotobuf | farcall | vt ÷ | go ÷ |
|---|--:|--:|--:|--:|--:|--:|
`)
	for _, r := range results {
		f := byName(r.encode)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %.1f | %.1f |\n", r.load.name, whole(float64(r.load.bytes)),
			nanoseconds(f[protobufGo]), nanoseconds(f[vtprotobuf]), nanoseconds(f[farcall]),
			f[farcall].times(f[vtprotobuf]), f[farcall].times(f[protobufGo]))
	}
	b.WriteString(`
## From bytes

Into a new message: Unmarshal, UnmarshalVT, codec.Decode.

| message | bytes | protobuf-go | vtprotobuf | farcall | vt ÷ | go ÷ |
|---|--:|--:|--:|--:|--:|--:|
`)
	for _, r := range results {
		f := byName(r.decode)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %.1f | %.1f |\n", r.load.name, whole(float64(r.load.bytes)),
			withAllocations(f[protobufGo]), withAllocations(f[vtprotobuf]), withAllocations(f[farcall]),
			f[farcall].times(f[vtprotobuf]), f[farcall].times(f[protobufGo]))
	}
	b.WriteString(`
## From bytes, on conditions

"Unsafe" and "alias" let strings and bytes refer to the input, which must never change again. "Pool" takes messages from
pools, to which the program gives them back when nobody refers to them any more; that is in the time.

| message | vtprotobuf unsafe | vtprotobuf pool | farcall alias |
|---|--:|--:|--:|
`)
	for _, r := range results {
		f := byName(r.decode)
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.load.name,
			withAllocations(f[vtUnsafe]), withAllocations(f[vtPool]), withAllocations(f[farcallLend]))
	}
	return b.String()
}

func byName(all []figures) map[string]figures {
	named := make(map[string]figures)
	for _, f := range all {
		named[f.system] = f
	}
	return named
}

func nanoseconds(f figures) string { return whole(median(f.nanoseconds)) }

func withAllocations(f figures) string {
	return whole(median(f.nanoseconds)) + " / " + whole(f.allocations)
}

// whole is a number with commas.
func whole(v float64) string {
	digits := strconv.FormatInt(int64(math.Round(v)), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
