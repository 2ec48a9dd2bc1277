// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
)

// sameDecode decodes block with both decoders and fails the test where they differ. It reports whether the block was
// well-formed, so that there may be a next one.
func sameDecode(t *testing.T, with, without *Decoder, block []byte) bool {
	t.Helper()
	got, gotErr := with.Decode(block)
	want, wantErr := without.Decode(block)
	if gotErr != wantErr {
		t.Fatalf("% x: error %v with the memory, %v without", block, gotErr, wantErr)
	}
	if without.memo.hits != 0 || want.Fixed != nil && len(block) > 1 {
		t.Fatal("the memory that is off is on")
	}
	if !equalHeads(got, want) {
		t.Fatalf("% x:\n%s\nwith the memory, without\n%s", block, listText(got), listText(want))
	}
	if g, w := tableText(with), tableText(without); g != w || with.table.bytes != without.table.bytes {
		t.Fatalf("% x: the table is\n%s\nwith the memory, without\n%s", block, g, w)
	}
	return gotErr == nil || gotErr == ErrListTooLarge
}

func equalHeads(a, b exchange.Head) bool {
	var left, right []exchange.Field
	a.All(func(f exchange.Field) bool { left = append(left, f); return true })
	b.All(func(f exchange.Field) bool { right = append(right, f); return true })
	if len(left) != len(right) {
		return false
	}
	for i := range left {
		if left[i] != right[i] {
			return false
		}
	}
	return true
}

// blocks makes random blocks that a peer might send: every representation, insertions, evictions and size updates, and
// often one that has been sent before. It keeps the table's count in a Decoder of its own, so that its indices exist.
type blocks struct {
	choose func(n int) int // one of the n first numbers
	shadow *Decoder
	sent   [][]byte
	// insert is how many of 100 blocks may change the table.
	insert int
}

func newBlocks(seed uint64) *blocks {
	b := &blocks{choose: rand.New(rand.NewPCG(seed, seed)).IntN, shadow: NewDecoder(4096, 1<<20), insert: 10}
	b.shadow.memo.resting = 1 << 30
	return b
}

func (b *blocks) text() string {
	const letters = "abcdefghijklmnopqrstuvwxyz-0123456789{}\x00\xff"
	length := b.choose(10)
	if b.choose(20) == 0 {
		length = b.choose(1500)
	}
	text := make([]byte, length)
	for i := range text {
		text[i] = letters[b.choose(len(letters))]
	}
	return string(text)
}

// next returns a block that is valid after those returned before.
func (b *blocks) next() []byte {
	for {
		block := b.candidate()
		trial := b.shadow.copy()
		if _, err := trial.Decode(block); err != nil {
			continue // a block of earlier, with an index that is gone
		}
		b.shadow = trial
		b.sent = append(b.sent, block)
		return block
	}
}

func (d *Decoder) copy() *Decoder {
	copied := *d
	copied.table.ring = append([]entry(nil), d.table.ring...)
	copied.fields, copied.text, copied.names = nil, nil, nil
	return &copied
}

func (b *blocks) candidate() []byte {
	if len(b.sent) > 0 && b.choose(3) != 0 {
		recent := b.sent[max(0, len(b.sent)-20):]
		return recent[b.choose(len(recent))]
	}
	var block []byte
	changes := b.choose(100) < b.insert
	if changes {
		for range b.choose(3) {
			block = appendInteger(block, sizeUpdate, updateBits, b.choose(4097))
		}
	}
	index := func() int { return 1 + b.choose(staticEntries+b.shadow.table.count) }
	for range b.choose(12) {
		block = appendInteger(block, indexed, indexedBits, index())
	}
	for range b.choose(5) {
		pattern, bits := byte(notIndexed), uint(literalBits)
		switch b.choose(4) {
		case 0:
			block = appendInteger(block, indexed, indexedBits, index())
			continue
		case 1:
			pattern = neverIndexed
		case 2:
			if changes {
				pattern, bits = indexing, indexingBits
			}
		}
		f := exchange.Field{Name: b.text(), Value: b.text()}
		name := 0
		if b.choose(2) == 0 {
			name = index()
		}
		block = appendLiteral(block, pattern, bits, name, &f, b.choose(2) == 0)
	}
	return block
}

func TestMemoChangesNothing(t *testing.T) {
	for seed := range uint64(20) {
		source := newBlocks(seed)
		source.insert = []int{0, 2, 10, 60}[seed%4]
		with, without := NewDecoder(4096, 3000), NewDecoder(4096, 3000)
		without.memo.resting = 1 << 30
		found := 0
		for range 1500 {
			before := with.memo.hits
			if !sameDecode(t, with, without, source.next()) {
				t.Fatal("a block that was valid is not")
			}
			if with.memo.hits > before {
				found++
			}
		}
		if seed%4 < 3 && found == 0 {
			t.Errorf("seed %d: the memory was never of use", seed)
		}
	}
}

func TestMemoGivesTheSamePointer(t *testing.T) {
	d := NewDecoder(4096, 1<<16)
	decodeAll(t, d, "4001610162 4001630164")
	first := decodeAll(t, d, "83bebf")
	second := decodeAll(t, d, "83bebf")
	if first.Fixed == nil || first.Fixed != second.Fixed || len(first.Fields) != 0 {
		t.Fatalf("%+v, then %+v: want one Fixed", first, second)
	}
	longer := decodeAll(t, d, "83bebf 0001780179")
	if longer.Fixed != first.Fixed || listText(exchange.Head{Fields: longer.Fields}) != "x: y" {
		t.Errorf("with a literal after the run: %+v", longer)
	}
	if other := decodeAll(t, d, "83bf be"); other.Fixed == first.Fixed || other.Fixed == nil {
		t.Errorf("other bytes: %+v", other)
	}
	for _, change := range []string{
		"4001650166",  // insertion
		"3fe11f",      // size update to the size that it has
		"3f25 3fe11f", // eviction
	} {
		before := decodeAll(t, d, "8386bebe", "8386bebe")
		decodeAll(t, d, change)
		decodeAll(t, d, "4001650166")
		after := decodeAll(t, d, "8386bebe")
		if before.Fixed == after.Fixed || after.Fixed == nil {
			t.Errorf("after %s the same bytes have the Fixed of before", change)
		}
	}
}

// An eviction moves no index, but the entry is gone.
func TestMemoForgetsWhatWasEvicted(t *testing.T) {
	d := NewDecoder(4096, 1<<16)
	decodeAll(t, d, "4001610162 4001630164", "bebf", "bebf", "3f04")
	if head, err := d.Decode(unhex(t, "bebf")); err != errIndex {
		t.Errorf("decoded to %q, %v, want %v", listText(head), err, errIndex)
	}
}

// The text of a field that came later must not be kept alive by the run that it followed.
func TestMemoKeepsTheRunAlone(t *testing.T) {
	d := NewDecoder(4096, 1<<16)
	head := decodeAll(t, d, "8386 0001780179")
	if got := cap(head.Fixed.Fields); got != 2 {
		t.Errorf("the run has room for %d fields, want 2", got)
	}
}

func TestRunBounds(t *testing.T) {
	for _, test := range []struct {
		name, block   string
		bytes, fields int
	}{
		{"nothing", "", 0, 0},
		{"literal", "0001610162", 0, 0},
		{"size update first", "208286", 0, 0},
		{"one field", "82", 1, 1},
		{"up to a literal", "828684 41 0161", 3, 3},
		{"index of two bytes", "82ff0086", 4, 3},
		{"index of three bytes", "82ff800086", 1, 1},
		{"index cut short", "8286ff", 2, 2},
		{"32 fields", strings.Repeat("82", 32), 32, 32},
		{"more than 32 fields", strings.Repeat("82", 40), 32, 32},
	} {
		t.Run(test.name, func(t *testing.T) {
			if bytes, fields := leadingRun(unhex(t, test.block)); bytes != test.bytes || fields != test.fields {
				t.Errorf("%d bytes, %d fields, want %d and %d", bytes, fields, test.bytes, test.fields)
			}
		})
	}
	for block, remembered := range map[string]bool{"82": false, "82 0001610162": false, "8286": true, "208286": false} {
		if head := decodeAll(t, NewDecoder(4096, 1<<16), block); (head.Fixed != nil) != remembered {
			t.Errorf("%s: Fixed is %v", block, head.Fixed)
		}
	}
}

// memoBytes returns what the memory of d holds: keys and fields. The text belongs to the tables.
func memoBytes(d *Decoder) (sum int) {
	for key, run := range d.memo.runs {
		sum += len(key) + 40*cap(run.fixed.Fields) + 100
	}
	return sum
}

// A peer that never sends the same run twice gets no more memory than any other, and in the end none.
func TestEndlessDistinctRuns(t *testing.T) {
	d := NewDecoder(4096, 1<<16)
	random := rand.New(rand.NewPCG(1, 1))
	block := make([]byte, 40)
	most, asleep := 0, 0
	for range 20_000 {
		for i := range block {
			block[i] = indexed | byte(1+random.IntN(staticEntries))
		}
		head, err := d.Decode(block)
		if err != nil {
			t.Fatal(err)
		}
		if head.Fixed == nil {
			asleep++
		}
		if len(d.memo.runs) > maxRuns {
			t.Fatalf("%d runs are remembered", len(d.memo.runs))
		}
		most = max(most, memoBytes(d))
	}
	if most == 0 || most > 100<<10 {
		t.Errorf("the memory took %d bytes at most", most)
	}
	if asleep < 20_000*3/4 {
		t.Errorf("for %d of 20000 blocks only the memory was at rest", asleep)
	}
	// It wakes up when there is something to remember.
	for range restingBlocks + trialLookups {
		decodeAll(t, d, "8386")
	}
	first, second := decodeAll(t, d, "8386"), decodeAll(t, d, "8386")
	if first.Fixed == nil || first.Fixed != second.Fixed {
		t.Error("the memory never came back")
	}
}

// A list that is too large, or a block that is malformed, leaves nothing in the memory.
func TestMemoOfFailures(t *testing.T) {
	d := NewDecoder(4096, 50)
	for _, block := range []string{"8286", "8286be", "8286"} {
		if _, err := d.Decode(unhex(t, block)); err == nil {
			t.Errorf("%s: no error", block)
		}
	}
	if len(d.memo.runs) != 0 {
		t.Errorf("%d runs are remembered", len(d.memo.runs))
	}
}

// FuzzMemo has a fuzzer make the choices of TestMemoChangesNothing. Besides, what was decoded must stay as it is, whatever
// is decoded later, and a block that has become invalid must be refused.
func FuzzMemo(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, insert := range []byte{0, 5, 60} {
		for _, maxListBytes := range []uint16{200, 3000} {
			script := make([]byte, 300)
			for i := range script {
				script[i] = byte(random.Uint32())
			}
			f.Add(insert, maxListBytes, insert == 5, script)
		}
	}
	f.Fuzz(func(t *testing.T, insert byte, maxListBytes uint16, full bool, script []byte) {
		source := newBlocks(0)
		source.insert = int(insert % 101)
		source.choose = func(n int) int {
			chosen := 0
			for most := n - 1; most > 0 && len(script) > 0; most >>= 8 {
				chosen, script = chosen<<8|int(script[0]), script[1:]
			}
			return chosen % n
		}
		with, without := NewDecoder(4096, int(maxListBytes)), NewDecoder(4096, int(maxListBytes))
		without.memo.resting = 1 << 30
		if full { // so that there are indices of more than a byte
			sameDecode(t, with, without, source.fill(100))
		}
		var heads []exchange.Head
		var texts []string
		for len(script) > 0 {
			if len(source.sent) > 0 && source.choose(16) == 0 { // one of earlier, whose indices may be gone
				if !sameDecode(t, with, without, leading(source.sent[source.choose(len(source.sent))])) {
					break // the connection would end here
				}
			}
			block := source.next()
			if !sameDecode(t, with, without, block) {
				t.Fatalf("% x: a block that was valid is not", block)
			}
			if again, err := with.Decode(leading(block)); err == nil && len(heads) < 50 { // a block of indexed fields changes nothing
				heads, texts = append(heads, again), append(texts, listText(again))
			}
		}
		for i, head := range heads {
			if got := listText(head); got != texts[i] {
				t.Fatalf("what was decoded as\n%s\nhas become\n%s", texts[i], got)
			}
		}
	})
}

// fill returns a block that enters many small fields into the table.
func (b *blocks) fill(count int) (block []byte) {
	for i := range count {
		block = appendLiteral(block, indexing, indexingBits, 0, &exchange.Field{Name: "n", Value: string(rune('a' + i%26))}, false)
	}
	if _, err := b.shadow.Decode(block); err != nil {
		panic(err)
	}
	return block
}

// leading returns the run of indexed fields at the front of a block.
func leading(block []byte) []byte {
	bytes, _ := leadingRun(block)
	return block[:bytes]
}
