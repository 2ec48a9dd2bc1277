// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
)

func wantBlock(t *testing.T, got []byte, want string) {
	t.Helper()
	if expected := unhex(t, want); !bytes.Equal(got, expected) {
		t.Errorf("block\n% x, want\n% x", got, expected)
	}
}

func TestAppendHead(t *testing.T) {
	e := NewEncoder(4096)
	fixed := fixedOf(`:method: POST
		:path: /a
		te: trailers`)
	first := e.AppendHead([]byte("dst"), exchange.Head{Fixed: fixed})
	wantBlock(t, first[3:], "83 44022f61 40027465864d833505b11f")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "83 bf be")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "83 bf be")
	head := exchange.Head{Fixed: fixed, Fields: []exchange.Field{
		{Name: ":status", Value: "200"},                   // static, exactly
		{Name: ":status", Value: "1"},                     // static name
		{Name: "te", Value: "x"},                          // dynamic name
		{Name: "te", Value: "trailers"},                   // dynamic, exactly
		{Name: "n", Value: "x"},                           // nowhere
		{Name: "te", Value: "trailers", Sensitive: true},  // never by index
		{Name: ":method", Value: "POST", Sensitive: true}, // nor by a static one
		{Name: "n", Value: "x", Sensitive: true},
	}}
	wantBlock(t, e.AppendHead(nil, head),
		"83bfbe 88 080131 0f2f0178 be 00016e0178 1f2f 087472 61696c657273 1304504f5354 10016e0178")
	if len(e.fields) != 2 {
		t.Errorf("the table has %d entries: varying fields must not enter it", len(e.fields))
	}
}

func TestAppendHeadSensitiveFixed(t *testing.T) {
	e := NewEncoder(4096)
	fixed := &exchange.Fixed{Fields: []exchange.Field{
		{Name: "authorization", Value: "x", Sensitive: true}, {Name: ":method", Value: "GET"}, {Name: "n", Value: "x", Sensitive: true},
	}}
	for range 3 {
		wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "1f080178 82 10016e0178")
	}
	if len(e.fields) != 0 {
		t.Error("a secret entered the table")
	}
}

// A full table stays as it is, and what has no room in it is a literal from then on.
func TestTableFreezesWhenFull(t *testing.T) {
	e, d := NewEncoder(70), NewDecoder(4096, 1<<16)
	fixed := &exchange.Fixed{Fields: []exchange.Field{ // of 36, 36 and 33 bytes
		{Name: "aa", Value: "bb"}, {Name: "cc", Value: "dd"}, {Name: "e"},
	}}
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "40026161026262 00026363026464 40016500")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "bf 00026363026464 be")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "bf 00026363026464 be")
	if e.bytes != 69 || len(e.blocks) != 1 {
		t.Errorf("%d bytes, %d blocks remembered, want 69 and 1", e.bytes, len(e.blocks))
	}
	other := fixedOf("x: y")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: other}), "0001780179")
	decodeAll(t, d, "40026161026262 00026363026464 40016500", "bf00026363026464be", "0001780179")
}

// An insertion for one run moves the indices of all others.
func TestRememberedBlocksFollowTheTable(t *testing.T) {
	e := NewEncoder(4096)
	first, second := fixedOf("a: b"), fixedOf("c: d")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: first}), "4001610162")
	if len(e.blocks) != 0 {
		t.Error("a block was remembered that will never be sent again")
	}
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: first}), "be")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: second}), "4001630164")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: first}), "bf")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: second}), "be")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: first}), "bf")
}

func TestSetPeerLimit(t *testing.T) {
	fixed := fixedOf("a: b")
	for _, test := range []struct {
		name    string
		ceiling int
		limits  []uint32
		want    string // the next block
	}{
		{"nothing new", 4096, []uint32{4096}, "be"},
		{"more than we use", 4096, []uint32{1 << 31, 1<<32 - 1, 4096}, "be"},
		{"less", 4096, []uint32{100}, "20 3f45 4001610162"},
		{"none", 4096, []uint32{0}, "20 0001610162"},
		{"less, and then as before", 4096, []uint32{0, 4096}, "20 3fe11f 4001610162"},
		{"too little for the field", 4096, []uint32{33}, "20 3f02 0001610162"},
		{"more, which we use", 8192, []uint32{8192}, "20 3fe13f 4001610162"},
		{"more, of which we use a part", 8192, []uint32{10000}, "20 3fe13f 4001610162"},
		// The peer's table is at 4096 until it hears otherwise, however little of it we use.
		{"less, but more than we use", 100, []uint32{2000}, "20 3f45 4001610162"},
		{"we use less anyway", 100, []uint32{4096}, "be"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := NewEncoder(test.ceiling)
			wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "4001610162")
			wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "be")
			for _, limit := range test.limits {
				e.SetPeerLimit(limit)
			}
			fields := fixed.Fields
			if got := e.AppendStateless(nil, fields); !bytes.Equal(got, unhex(t, "0001610162")) {
				t.Errorf("stateless block % x", got)
			}
			wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), test.want)
			// Once only: no block may begin with an update that is not due.
			if again := e.AppendHead(nil, exchange.Head{}); len(again) != 0 {
				t.Errorf("then % x", again)
			}
		})
	}
}

func TestAppendSizeUpdate(t *testing.T) {
	e := NewEncoder(4096)
	wantBlock(t, e.AppendSizeUpdate(nil), "")
	if e.OwesUpdate() {
		t.Error("a new encoder owes an update")
	}
	e.SetPeerLimit(100)
	if !e.OwesUpdate() {
		t.Error("a changed size owes no update")
	}
	wantBlock(t, e.AppendSizeUpdate(nil), "20 3f45")
	wantBlock(t, e.AppendSizeUpdate(nil), "")
	if e.OwesUpdate() {
		t.Error("an update is owed twice")
	}
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixedOf("a: b")}), "4001610162")
	e.SetPeerLimit(100)
	wantBlock(t, e.AppendSizeUpdate(nil), "")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixedOf("a: b")}), "be")
}

// Huffman code is for what is sent once, or remembered.
func TestHuffmanForFixedRunsOnly(t *testing.T) {
	e, fixed := NewEncoder(4096), fixedOf("custom-key: custom-value")
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "408825a849e95ba97d7f8925a849e95bb8e8b4bf")
	e = NewEncoder(0)
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fixed: fixed}), "008825a849e95ba97d7f8925a849e95bb8e8b4bf")
	plain := "000a637573746f6d2d6b6579 0c637573746f6d2d76616c7565"
	wantBlock(t, e.AppendHead(nil, exchange.Head{Fields: fixed.Fields}), plain)
	wantBlock(t, e.AppendStateless(nil, fixed.Fields), plain)
}

func TestAppendStateless(t *testing.T) {
	e := NewEncoder(4096)
	fixed := fixedOf("te: trailers")
	e.AppendHead(nil, exchange.Head{Fixed: fixed})
	got := e.AppendStateless(nil, []exchange.Field{
		{Name: ":status", Value: "200"}, {Name: ":status", Value: "1"}, {Name: "te", Value: "x"},
		{Name: "cookie", Value: "x", Sensitive: true},
	})
	wantBlock(t, got, "88 080131 000274650178 1f110178")
}

func TestEncoderMemoryIsBounded(t *testing.T) {
	e := NewEncoder(4096)
	for i := range 2000 {
		fixed := fixedOf(fmt.Sprintf("name-%d: %s", i, strings.Repeat("x", i%50)))
		for range 3 {
			e.AppendHead(nil, exchange.Head{Fixed: fixed})
		}
	}
	if len(e.blocks) != maxBlocks || e.bytes > 4096 || len(e.fields) > 4096/entryOverhead {
		t.Errorf("%d blocks remembered, %d entries of %d bytes", len(e.blocks), len(e.fields), e.bytes)
	}
}

func TestEncodeAllocations(t *testing.T) {
	e := NewEncoder(4096)
	fixed := fixedOf(requestLists[2].list)
	fields := []exchange.Field{
		{Name: "grpc-timeout", Value: "999m"}, {Name: "x-request-id", Value: "0123456789"},
		{Name: "authorization", Value: "Bearer 0123456789", Sensitive: true},
	}
	dst := make([]byte, 0, 1024)
	for range 2 {
		e.AppendHead(dst, exchange.Head{Fixed: fixed})
	}
	for name, head := range map[string]exchange.Head{
		"remembered": {Fixed: fixed}, "remembered and varying": {Fixed: fixed, Fields: fields}, "varying": {Fields: fields},
	} {
		if got := testing.AllocsPerRun(200, func() { e.AppendHead(dst, head) }); got != 0 {
			t.Errorf("%s: %v allocations, want none", name, got)
		}
	}
	if got := testing.AllocsPerRun(200, func() { e.AppendStateless(dst, fields) }); got != 0 {
		t.Errorf("stateless: %v allocations, want none", got)
	}
}

// conversation encodes and decodes, and checks that what comes out is what went in.
type conversation struct {
	encoder *Encoder
	decoder *Decoder
	choose  func(n int) int // a number below n
	fixed   []*exchange.Fixed
	text    func() string
	ceiling int // of the decoder
}

func (c *conversation) field() exchange.Field {
	if c.choose(4) == 0 {
		return staticTable[1+c.choose(staticEntries)]
	}
	names := [...]string{":path", "content-type", "te", "grpc-timeout", "x-a", "x-b", "", c.text()}
	return exchange.Field{Name: names[c.choose(len(names))], Value: c.text(), Sensitive: c.choose(6) == 0}
}

func (c *conversation) fieldList(most int) []exchange.Field {
	list := make([]exchange.Field, c.choose(most))
	for i := range list {
		list[i] = c.field()
	}
	return list
}

func (c *conversation) step(t *testing.T) {
	t.Helper()
	var block []byte
	var head exchange.Head
	switch c.choose(12) {
	case 0:
		c.encoder.SetPeerLimit(uint32(c.choose(c.ceiling + 1)))
		return
	case 1:
		c.encoder.SetPeerLimit(uint32(c.ceiling))
		return
	case 2:
		head.Fields = c.fieldList(6)
		block = c.encoder.AppendSizeUpdate(nil)
		block = c.encoder.AppendStateless(block, head.Fields)
	default:
		if c.choose(8) == 0 || len(c.fixed) == 0 {
			c.fixed = append(c.fixed, &exchange.Fixed{Fields: c.fieldList(10)})
		}
		head.Fixed = c.fixed[c.choose(len(c.fixed))]
		if c.choose(2) == 0 {
			head.Fields = c.fieldList(5)
		}
		block = c.encoder.AppendHead(nil, head)
	}
	got, err := c.decoder.Decode(block)
	if err != nil {
		t.Fatalf("% x: %v", block, err)
	}
	if !sentAs(got, head) {
		t.Fatalf("% x: sent\n%s\ngot\n%s", block, listText(head), listText(got))
	}
	// The encoder's table is the decoder's: nothing was evicted.
	if d := c.decoder; d.table.count != len(c.encoder.fields) || d.table.bytes != c.encoder.bytes {
		t.Fatalf("the decoder has %d entries of %d bytes, the encoder %d of %d", d.table.count, d.table.bytes,
			len(c.encoder.fields), c.encoder.bytes)
	}
}

// sentAs reports whether got is what an Encoder may make of head: the fixed run as it is, and so is a head without one. Behind
// the run the fields of one name have their order, and those with a colon theirs, with nothing new in front of them.
func sentAs(got, head exchange.Head) bool {
	sent, received := slices.Collect(head.All), slices.Collect(got.All)
	exact := len(sent)
	if head.Fixed != nil {
		exact = len(head.Fixed.Fields)
	}
	if len(sent) != len(received) || !slices.Equal(sent[:exact], received[:exact]) {
		return false
	}
	sent, received = sent[exact:], received[exact:]
	pseudo, before := pseudoFields(sent)
	pseudoAgain, beforeAgain := pseudoFields(received)
	if !slices.Equal(pseudo, pseudoAgain) {
		return false
	}
	for i := range before {
		if beforeAgain[i] > before[i] {
			return false
		}
	}
	byName := func(a, b exchange.Field) int { return strings.Compare(a.Name, b.Name) }
	slices.SortStableFunc(sent, byName)
	slices.SortStableFunc(received, byName)
	return slices.Equal(sent, received)
}

// pseudoFields returns the fields with a colon, and how many others are in front of each.
func pseudoFields(fields []exchange.Field) (pseudo []exchange.Field, before []int) {
	for i, f := range fields {
		if strings.HasPrefix(f.Name, ":") {
			pseudo, before = append(pseudo, f), append(before, i-len(pseudo))
		}
	}
	return pseudo, before
}

func TestRoundTrip(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 7))
		sizes := []int{0, 40, 200, 4096, 20_000}
		c := &conversation{
			encoder: NewEncoder(sizes[random.IntN(len(sizes))]), ceiling: sizes[random.IntN(len(sizes))],
			choose: random.IntN,
		}
		c.decoder = NewDecoder(uint32(c.ceiling), 1<<20)
		c.text = func() string {
			text := make([]byte, random.IntN(12)+random.IntN(2)*random.IntN(300))
			for i := range text {
				text[i] = byte(random.IntN(256))
				if random.IntN(5) != 0 {
					text[i] = 'a' + text[i]%26
				}
			}
			return string(text)
		}
		for range 600 {
			c.step(t)
			if random.IntN(10) == 0 {
				c.encoder.Trim()
				c.decoder.Trim()
			}
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("\x05\x00\x03abc\x05\x00\x05\x01\x00\x20\x05\x00"), uint16(4096), uint16(4096))
	f.Add([]byte("\x02\x03\x01\x07\x04\x05\x00\x00\x00\x04\x05\x06"), uint16(100), uint16(8000))
	f.Fuzz(func(t *testing.T, script []byte, limit, ceiling uint16) {
		next := func() int {
			if len(script) == 0 {
				return 0
			}
			b := script[0]
			script = script[1:]
			return int(b)
		}
		c := &conversation{encoder: NewEncoder(int(limit)), ceiling: int(ceiling)}
		c.decoder = NewDecoder(uint32(ceiling), 1<<20)
		c.choose = func(n int) int {
			if n <= 256 {
				return next() % n
			}
			return (next()<<8 | next()) % n
		}
		c.text = func() string {
			text := script[:min(next(), len(script))]
			script = script[len(text):]
			return string(text)
		}
		for len(script) > 0 {
			c.step(t)
		}
	})
}
