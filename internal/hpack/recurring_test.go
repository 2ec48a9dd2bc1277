// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
)

// send takes a head from an Encoder to a Decoder.
func send(t *testing.T, e *Encoder, d *Decoder, head exchange.Head) (got exchange.Head, size int) {
	t.Helper()
	block := e.AppendHead(nil, head)
	got, err := d.Decode(block)
	if err != nil {
		t.Fatalf("% x: %v", block, err)
	}
	return got, len(block)
}

// A field that keeps coming becomes an index, and with the run before it one thing that the peer remembers, whatever else
// comes between them.
func TestWhatRecursJoinsTheFixedRun(t *testing.T) {
	e, d := NewEncoder(4096), NewDecoder(4096, 1<<16)
	fixed := fixedOf(`:method: POST
		:path: /a
		te: trailers`)
	var before *exchange.Fixed
	for call := range 40 {
		head := exchange.Head{Fixed: fixed, Fields: []exchange.Field{
			{Name: "grpc-timeout", Value: fmt.Sprint(call, "u")}, {Name: "x-caller", Value: "orders"},
			{Name: "authorization", Value: "s", Sensitive: true}, {Name: "x-shard", Value: "17"}, {Name: "x-id", Value: fmt.Sprint(call)},
		}}
		got, size := send(t, e, d, head)
		if !sentAs(got, head) {
			t.Fatalf("call %d: sent\n%s\ngot\n%s", call, listText(head), listText(got))
		}
		if call < 30 {
			continue
		}
		if got.Fixed == nil || len(got.Fixed.Fields) != 5 || len(got.Fields) != 3 || before != nil && got.Fixed != before {
			t.Fatalf("call %d: %s is not a run that was remembered and three more", call, listText(got))
		}
		if before = got.Fixed; size > 5+3*(2+4)+2 { // indices; the others have their name's index and their value
			t.Errorf("call %d takes %d bytes", call, size)
		}
	}
	for _, entry := range e.fields {
		if entry.name == "authorization" {
			t.Error("a secret entered the table")
		}
	}
}

// Trailers that are always the same are one index, and one value to whoever receives them.
func TestWhatRecursAlone(t *testing.T) {
	e, d := NewEncoder(4096), NewDecoder(4096, 1<<16)
	trailers := exchange.Head{Fields: []exchange.Field{{Name: "grpc-status", Value: "0"}}}
	for range sameAgain {
		send(t, e, d, trailers)
	}
	first, size := send(t, e, d, trailers)
	again, _ := send(t, e, d, trailers)
	if size != 1 || first.Fixed == nil || first.Fixed != again.Fixed || !equalHeads(first, trailers) {
		t.Errorf("%d bytes, then %s", size, listText(first))
	}
	block := []byte{indexed | 1 + staticEntries}
	if got := testing.AllocsPerRun(100, func() { _, _ = d.Decode(block) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
	if _, err := d.Decode([]byte{indexed | 2 + staticEntries}); err != errIndex {
		t.Errorf("an index beyond the table: %v", err)
	}
	full := NewDecoder(4096, 1<<16)
	for i := range 70 { // so many that half an index would be one
		if _, err := full.Decode([]byte{0x40, 1, 'n', 1, byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := full.Decode([]byte{0xff}); err != errTruncated {
		t.Errorf("an index that is cut short: %v", err)
	}
	small := NewDecoder(4096, 20)
	for _, block := range [][]byte{{0x40, 1, 'n', 1, 'x'}, block} {
		if _, err := small.Decode(block); err != ErrListTooLarge {
			t.Errorf("a list above the limit: %v", err)
		}
	}
}

// What recurs leaves half of the table to fixed runs, and long fields do not enter it.
func TestWhatRecursIsBounded(t *testing.T) {
	e, d := NewEncoder(4096), NewDecoder(4096, 1<<20)
	long := exchange.Field{Name: "long", Value: strings.Repeat("x", longestEntry)}
	for call := range 10_000 {
		send(t, e, d, exchange.Head{Fields: []exchange.Field{{Name: fmt.Sprint("n", call/10), Value: "v"}, long}})
	}
	if e.recurring.bytes > e.limit/recurringShare || e.bytes != e.recurring.bytes || e.bytes < e.limit/recurringShare-longestEntry {
		t.Errorf("%d bytes, of them %d recur, of %d", e.bytes, e.recurring.bytes, e.limit)
	}
	for _, entry := range e.fields {
		if entry.name == "long" {
			t.Error("a long field entered the table")
		}
	}
}
