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
	jsonPage(&b, results)
	return b.String()
}

// jsonPage writes the tables on JSON.
func jsonPage(b *strings.Builder, results []result) {
	b.WriteString(`
# JSON

What protojson does is "message": from a message, and into a new one. REST has bytes on the other side, of a handler elsewhere
or of one here, whose messages are copied by way of bytes: that is "bytes", protojson's with proto.Marshal and proto.Unmarshal
beside it, and farcall's with transcode alone. farcall's "message" is transcode with codec.Append and codec.Decode. "÷" says
how many times faster farcall is: with bytes than protojson with a message, which is all that protojson itself does, then message
against message, and bytes against bytes.

## To JSON

Into a buffer that is large enough.

`)
	jsonTable(b, results, func(r result) []figures { return r.write })
	b.WriteString(`
## From JSON

`)
	jsonTable(b, results, func(r result) []figures { return r.read })
}

// jsonTable writes a table of one direction.
func jsonTable(b *strings.Builder, results []result, of func(result) []figures) {
	b.WriteString(`| message | protojson, message | protojson, bytes | farcall, message | farcall, bytes | ÷ | message ÷ | bytes ÷ |
|---|--:|--:|--:|--:|--:|--:|--:|
`)
	for _, r := range results {
		f := byName(of(r))
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %.1f | %.1f | %.1f |\n", r.load.name,
			withAllocations(f[jsonMessage]), withAllocations(f[jsonBytes]), withAllocations(f[farcallMessage]), withAllocations(f[farcallBytes]),
			f[farcallBytes].times(f[jsonMessage]), f[farcallMessage].times(f[jsonMessage]), f[farcallBytes].times(f[jsonBytes]))
	}
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
