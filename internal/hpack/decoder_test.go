// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
)

func TestDecodeErrors(t *testing.T) {
	for _, test := range []struct {
		name, block string
		want        error
	}{
		{"index 0", "80", errIndex},
		{"index past the static table", "be", errIndex},
		{"large index", "ff80ffffff07", errIndex},
		{"index too large to read", "ffffffffffff07", errInteger},
		{"index cut short", "ff", errTruncated},
		{"index cut short after two fields", "8286ff", errTruncated},
		{"name index past the static table", "7e00", errIndex},
		{"name index past the table, not indexed", "0f2f00", errIndex},
		{"no value", "44", errTruncated},
		{"no name", "40", errTruncated},
		{"value cut short", "44032f61", errTruncated},
		{"name cut short", "40036162", errTruncated},
		{"length that nothing can have", "447f80ffffff07", errTruncated},
		{"length too large to read", "447fffffffffffff07", errInteger},
		{"bad Huffman code in a name", "4081ff00", errHuffman},
		{"bad Huffman code in a value", "4484ffffffff", errHuffman},
		{"size update after a field", "8220", errUpdatePlace},
		{"size update after two fields", "828620", errUpdatePlace},
		{"size update above the limit", "3fe21f", errUpdateTooBig},
		{"size update cut short", "3f", errTruncated},
	} {
		t.Run(test.name, func(t *testing.T) {
			fresh, primed := NewDecoder(4096, 1<<16), NewDecoder(4096, 1<<16)
			decodeAll(t, primed, "8286") // a run that some of the blocks begin with
			for _, d := range []*Decoder{fresh, primed} {
				if head, err := d.Decode(unhex(t, test.block)); !errors.Is(err, test.want) {
					t.Errorf("decoded to %q, %v, want %v", listText(head), err, test.want)
				}
			}
		})
	}
}

// decodeAll feeds blocks in hexadecimal to d and returns the last head.
func decodeAll(t *testing.T, d *Decoder, blocks ...string) exchange.Head {
	t.Helper()
	var head exchange.Head
	for _, block := range blocks {
		var err error
		if head, err = d.Decode(unhex(t, block)); err != nil {
			t.Fatalf("%s: %v", block, err)
		}
	}
	return head
}

func TestDecodeEmptyBlock(t *testing.T) {
	if head := decodeAll(t, NewDecoder(4096, 0), ""); head.Fixed != nil || head.Fields != nil {
		t.Errorf("got %+v", head)
	}
}

func TestSizeUpdates(t *testing.T) {
	d := NewDecoder(4096, 1<<16)
	decodeAll(t, d, "4001610162", "4001630164")
	decodeAll(t, d, "3e82") // to 30
	if d.table.count != 0 || d.table.limit != 30 {
		t.Errorf("table of %d entries and limit %d, want none and 30", d.table.count, d.table.limit)
	}
	decodeAll(t, d, "20 3fe11f 4001610162") // to 0 and back to 4096
	if got := tableText(d); got != "a: b" || d.table.limit != 4096 {
		t.Errorf("table %q, limit %d", got, d.table.limit)
	}
	decodeAll(t, d, "3f03") // to 34, which is what the entry has
	if got := tableText(d); got != "a: b" {
		t.Errorf("table %q", got)
	}
	decodeAll(t, d, "3f02") // to 33
	if d.table.count != 0 || d.table.bytes != 0 {
		t.Errorf("table of %d entries, %d bytes, want none", d.table.count, d.table.bytes)
	}
}

func TestTableBeforeSettings(t *testing.T) {
	// The peer uses the default size until it has seen our settings (RFC 9113 section 6.5.2)...
	d := NewDecoder(100, 1<<16)
	decodeAll(t, d, "4001610162 4001630164 4001650166 4001670168", "82bebfc0c1")
	// ... and must then say that it uses less.
	decodeAll(t, d, "3f45") // to 100
	if got := tableText(d); got != "g: h\ne: f" {
		t.Errorf("table %q", got)
	}
	if _, err := d.Decode(unhex(t, "3f46")); !errors.Is(err, errUpdateTooBig) {
		t.Errorf("101 of 100 bytes: %v", err)
	}
}

func TestEntryTooLargeEmptiesTable(t *testing.T) {
	d := NewDecoder(4096, 1<<16)
	head := decodeAll(t, d, "3f45 4001610162 400163 7f17"+strings.Repeat("64", 150))
	if d.table.count != 0 || d.table.bytes != 0 {
		t.Errorf("table of %d entries, %d bytes, want none", d.table.count, d.table.bytes)
	}
	if head.Get("c") != strings.Repeat("d", 150) {
		t.Errorf("the field itself is lost: %q", listText(head))
	}
}

// A name taken from an entry that the insertion evicts is still that name (RFC 7541 section 4.4).
func TestNameOfEvictedEntry(t *testing.T) {
	d := NewDecoder(4096, 1<<16)
	decodeAll(t, d, "3f05 4001610162") // a table for one entry
	decodeAll(t, d, "7e0163")
	if got := tableText(d); got != "a: c" {
		t.Errorf("table %q, want a: c", got)
	}
}

func TestListLimit(t *testing.T) {
	const block = "8286 4001610162 0001630164" // 42 + 43 + 34 + 34
	if head, err := NewDecoder(4096, 153).Decode(unhex(t, block)); err != nil || strings.Count(listText(head), "\n") != 3 {
		t.Errorf("a list of just the limit: %q, %v", listText(head), err)
	}
	for limit := range 153 {
		d := NewDecoder(4096, limit)
		head, err := d.Decode(unhex(t, block))
		if err != ErrListTooLarge || head.Fixed != nil || head.Fields != nil {
			t.Fatalf("limit %d: %q, %v", limit, listText(head), err)
		}
		if tableText(d) != "a: b" {
			t.Fatalf("limit %d: the table is %q: out of step", limit, tableText(d))
		}
	}
}

func TestListLimitAfterRememberedRun(t *testing.T) {
	d := NewDecoder(4096, 119)
	for _, test := range []struct {
		block string
		want  error
	}{
		{"8286", nil},
		{"8286 0001630164", nil},
		{"8286 000163026464", ErrListTooLarge},
		{"8286 000163026464 000165026666", ErrListTooLarge},
		{"8286 000163026464 80", errIndex}, // what is malformed stays malformed
	} {
		if _, err := d.Decode(unhex(t, test.block)); err != test.want {
			t.Errorf("%s: %v, want %v", test.block, err, test.want)
		}
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A few bytes on the wire can stand for a list of any size. It must cost neither memory nor the connection.
func TestSmallBlockOfLargeList(t *testing.T) {
	d := NewDecoder(4096, 64<<10)
	decodeAll(t, d, "400161 7fa11e"+strings.Repeat("62", 4000))
	bomb := []byte(strings.Repeat("\xbe", 60_000)) // a list of 240 MB
	used := allocated(func() {
		if _, err := d.Decode(bomb); err != ErrListTooLarge {
			t.Error(err)
		}
	})
	if used > 1<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
	if cap(d.fields) > maxSpareFields {
		t.Errorf("room for %d fields was kept", cap(d.fields))
	}
	if head := decodeAll(t, d, "be"); len(head.Get("a")) != 4000 {
		t.Error("the table is out of step")
	}
}

func TestWorkingSpaceIsReleased(t *testing.T) {
	d := NewDecoder(4096, 1<<20)
	text := strings.Repeat("a", 100_000)
	head, err := d.Decode(appendString([]byte{0, 1, 'n'}, text, true))
	if err != nil || head.Get("n") != text {
		t.Fatal(err)
	}
	for i := range 1000 {
		block := fmt.Appendf(nil, "\x00\x04%04d\x00", i)
		if _, err := d.Decode([]byte(strings.Repeat(string(block), 200))); err != nil {
			t.Fatal(err)
		}
	}
	if cap(d.text) > maxSpareText || cap(d.fields) > maxSpareFields {
		t.Errorf("room for %d bytes and %d fields was kept", cap(d.text), cap(d.fields))
	}
	decodeAll(t, d, "82", "0001610162 0001630164")
	if cap(d.fields) == 0 {
		t.Error("a little working space was not kept")
	}
	for _, f := range d.fields[:cap(d.fields)] {
		if f != (exchange.Field{}) {
			t.Errorf("the working space holds on to %v", f)
		}
	}
}

func TestTableReleasesWhatItEvicts(t *testing.T) {
	d := NewDecoder(4096, 1<<16)
	decodeAll(t, d, "4001610162 4001630164 4001650166", "3f04") // to 35, which is room for one
	left := 0
	for _, e := range d.table.ring {
		if e != (entry{}) {
			left++
		}
	}
	if left != 1 {
		t.Errorf("the ring holds %d entries, want 1", left)
	}
}

// An entry must not keep the whole block alive that it came in.
func TestEntriesHaveMemoryOfTheirOwn(t *testing.T) {
	d := NewDecoder(4096, 1<<20)
	live := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := live()
	for i := range 200 {
		block := appendString([]byte{0, 1, 'n'}, strings.Repeat("{", 60_000), true)
		block = fmt.Appendf(block, "\x40\x04%04d\x04%04d", i, i)
		block = append(block, appendString([]byte{0, 1, 'n'}, strings.Repeat("{", 60_000), true)...)
		if _, err := d.Decode(block); err != nil {
			t.Fatal(err)
		}
	}
	if after := live(); after > before+1<<20 {
		t.Errorf("%d bytes are kept for a table of %d", after-before, d.table.bytes)
	}
	if d.table.count < 100 {
		t.Errorf("the table has %d entries only", d.table.count)
	}
}

// Results stay what they were, whatever is decoded later.
func TestResultsAreImmutable(t *testing.T) {
	d, random := NewDecoder(4096, 1<<16), newBlocks(3)
	var heads []exchange.Head
	var texts []string
	for range 2000 {
		head, err := d.Decode(random.next())
		if err != nil {
			t.Fatal(err)
		}
		heads, texts = append(heads, head), append(texts, strings.Clone(listText(head)))
	}
	for i := range heads {
		if got := listText(heads[i]); got != texts[i] {
			t.Fatalf("head %d was\n%s\nand has become\n%s", i, texts[i], got)
		}
	}
}

func TestDecodeAllocations(t *testing.T) {
	d := NewDecoder(4096, 1<<16)
	decodeAll(t, d, "4001610162 4001630164")
	for _, test := range []struct {
		name, block string
		want        float64
	}{
		{"remembered run", "8386bebf", 0},
		{"remembered run, indexed field, one-byte value", "8386bebf 10026162 0163", 1},
		// One for the fields, one for all their text.
		{"remembered run, two literals", "8386bebf 0002616203636465 0002616203636465", 2},
		{"no run, two literals", "0002616203636465 00026162821c64", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			block := unhex(t, test.block)
			got := testing.AllocsPerRun(200, func() {
				if _, err := d.Decode(block); err != nil {
					t.Fatal(err)
				}
			})
			if got != test.want {
				t.Errorf("%v allocations, want %v", got, test.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, blocks := range [][]string{plainRequests, compressedRequests, plainResponses, compressedResponses} {
		f.Add([]byte{20, 20, 20}, unhex(f, strings.Join(blocks, "")))
	}
	f.Add([]byte{2, 2, 2, 2}, unhex(f, "8286 8286 8286 20828220"))
	f.Fuzz(func(t *testing.T, sizes, stream []byte) {
		with, without := NewDecoder(4096, 2000), NewDecoder(4096, 2000)
		without.memo.resting = 1 << 30
		for _, size := range sizes {
			block := stream[:min(int(size), len(stream))]
			stream = stream[len(block):]
			if !sameDecode(t, with, without, block) {
				return
			}
			if with.table.bytes > with.table.limit || with.table.limit > 4096 || len(with.memo.runs) > maxRuns {
				t.Fatalf("table of %d bytes, limit %d, %d runs", with.table.bytes, with.table.limit, len(with.memo.runs))
			}
		}
	})
}
