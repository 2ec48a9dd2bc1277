// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	xhpack "golang.org/x/net/http2/hpack"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/hpack"
)

const noLimit = 1 << 30 // of header lists

// headMaker makes random heads: from few names and values, so that tables are hit, and now and then from many.
type headMaker struct {
	random *rand.Rand
	fixed  []*exchange.Fixed
}

func newHeadMaker(random *rand.Rand) *headMaker {
	m := &headMaker{random: random}
	for range 1 + random.IntN(40) {
		m.fixed = append(m.fixed, &exchange.Fixed{Fields: m.fields(1 + random.IntN(12))})
	}
	return m
}

func (m *headMaker) head() exchange.Head {
	head := exchange.Head{Fields: m.fields(m.random.IntN(6))}
	if m.random.IntN(8) > 0 {
		head.Fixed = m.fixed[m.random.IntN(len(m.fixed))]
	}
	return head
}

var names = []string{
	":method", ":path", ":status", ":scheme", ":authority", "content-type", "te", "user-agent", "grpc-timeout", "grpc-status",
	"cookie", "accept-encoding", "x-request-id", "trace-bin", "x", "",
}

func (m *headMaker) fields(count int) []exchange.Field {
	fields := make([]exchange.Field, count)
	for i := range fields {
		f := &fields[i]
		f.Name = names[m.random.IntN(len(names))]
		switch m.random.IntN(6) {
		case 0:
			f.Value = [...]string{"GET", "POST", "/", "200", "404", "https", "gzip, deflate", ""}[m.random.IntN(8)]
		case 1:
			f.Value = string(randomBytes(m.random, 40)) // any octets
		case 2:
			f.Value = strings.Repeat("long-", m.random.IntN(400))
		default:
			f.Value = fmt.Sprintf("value-%d", m.random.IntN(30))
		}
		f.Sensitive = m.random.IntN(10) == 0
	}
	return fields
}

// flat returns a head as x/net would have it.
func flat(head exchange.Head) []xhpack.HeaderField {
	var fields []xhpack.HeaderField
	for f := range head.All {
		fields = append(fields, xhpack.HeaderField{Name: f.Name, Value: f.Value, Sensitive: f.Sensitive})
	}
	return fields
}

// byName sorts the fields behind a fixed run by their names. The Encoder may send them in another order, those of one name in
// theirs; the run, and a head without one, are sent as they are.
func byName(fields []xhpack.HeaderField, head exchange.Head) []xhpack.HeaderField {
	if head.Fixed == nil || len(fields) < len(head.Fixed.Fields) {
		return fields
	}
	fields = slices.Clone(fields)
	varying := fields[len(head.Fixed.Fields):]
	slices.SortStableFunc(varying, func(a, b xhpack.HeaderField) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// encoding is the random test of farcall's Encoder: whatever it is told to send, x/net's decoder reads, and farcall's
// own reads the same.
func encoding(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	tableLimit := [...]int{0, 100, 4096, 4096, 64 << 10}[random.IntN(5)]
	encoder := hpack.NewEncoder(tableLimit)
	theirDecoder := xhpack.NewDecoder(4096, nil)
	ourDecoder := hpack.NewDecoder(1<<20, noLimit)
	maker := newHeadMaker(random)
	var block []byte
	for step := range 150 {
		for random.IntN(12) == 0 { // now and then the peer changes its mind, sometimes twice between two blocks
			limit := [...]uint32{0, 60, 1000, 4096, 4096, 1 << 20}[random.IntN(6)]
			encoder.SetPeerLimit(limit)
			theirDecoder.SetAllowedMaxDynamicTableSize(limit)
		}
		head := maker.head()
		if random.IntN(5) == 0 { // a block that uses no table, such as an answer made ahead of its turn
			head = exchange.Head{Fields: append(flatten(head), head.Fields...)}
			stateless := encoder.AppendStateless(nil, head.Fields)
			block = append(encoder.AppendSizeUpdate(block[:0]), stateless...)
		} else {
			block = encoder.AppendHead(block[:0], head)
		}
		want := flat(head)
		got, err := theirDecoder.DecodeFull(block)
		if err != nil {
			t.Fatalf("seed %d, block %d: x/net refuses %x: %v", seed, step, block, err)
		}
		if !slices.Equal(byName(got, head), byName(want, head)) {
			t.Fatalf("seed %d, block %d: x/net read %v, want %v", seed, step, got, want)
		}
		again, err := ourDecoder.Decode(block)
		if err != nil {
			t.Fatalf("seed %d, block %d: farcall refuses its own %x: %v", seed, step, block, err)
		}
		if !slices.Equal(flat(again), got) {
			t.Fatalf("seed %d, block %d: farcall read %v, x/net %v", seed, step, flat(again), got)
		}
	}
}

// flatten returns the fields of a head's fixed run in a slice of their own.
func flatten(head exchange.Head) []exchange.Field {
	if head.Fixed == nil {
		return nil
	}
	return slices.Clone(head.Fixed.Fields)
}

// decoding is the random test of farcall's Decoder: whatever x/net's encoder sends, it reads. It returns how often a
// remembered run was found again.
func decoding(t *testing.T, seed uint64) (remembered int) {
	random := rand.New(rand.NewPCG(seed, 2))
	advertised := [...]uint32{0, 100, 1000, 4096, 4096, 64 << 10}[random.IntN(6)]
	var block bytes.Buffer
	encoder := xhpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSizeLimit(advertised)
	decoder := hpack.NewDecoder(advertised, noLimit)
	maker := newHeadMaker(random)
	seen := map[*exchange.Fixed]bool{}
	for step := range 150 {
		if random.IntN(12) == 0 {
			encoder.SetMaxDynamicTableSize(random.Uint32N(advertised + 1))
		}
		if random.IntN(40) == 0 {
			encoder.SetMaxDynamicTableSize(advertised)
		}
		block.Reset()
		want := flat(maker.head())
		for _, f := range want {
			if err := encoder.WriteField(f); err != nil {
				t.Fatal(err)
			}
		}
		head, err := decoder.Decode(block.Bytes())
		if err != nil {
			t.Fatalf("seed %d, block %d: farcall refuses %x: %v", seed, step, block.Bytes(), err)
		}
		if got := flat(head); !slices.Equal(got, want) {
			t.Fatalf("seed %d, block %d: farcall read %v, want %v", seed, step, got, want)
		}
		if head.Fixed != nil {
			if seen[head.Fixed] {
				remembered++
			}
			seen[head.Fixed] = true
		}
	}
	return remembered
}

func TestEncoderIsUnderstood(t *testing.T) {
	for seed := range uint64(100) {
		encoding(t, seed)
	}
}

func TestDecoderUnderstands(t *testing.T) {
	remembered := 0
	for seed := range uint64(100) {
		remembered += decoding(t, seed)
	}
	if remembered == 0 {
		t.Error("no run of fields was ever remembered: the test does not reach the Decoder's memory")
	}
}

// A client's traffic as it really is: the same few heads again and again, with a varying tail.
func TestSteadyTraffic(t *testing.T) {
	var block bytes.Buffer
	encoder, decoder := xhpack.NewEncoder(&block), hpack.NewDecoder(4096, noLimit)
	methods := []string{"/shop.v1.Payments/Charge", "/shop.v1.Payments/Refund", "/shop.v1.Payments/GetPayment"}
	fixed := map[string]*exchange.Fixed{}
	for call := range 600 {
		path := methods[call%len(methods)]
		want := []xhpack.HeaderField{
			{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: path},
			{Name: ":authority", Value: "payments:9090"}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
			{Name: "authorization", Value: fmt.Sprintf("Bearer %d", call), Sensitive: true},
		}
		block.Reset()
		for _, f := range want {
			if err := encoder.WriteField(f); err != nil {
				t.Fatal(err)
			}
		}
		head, err := decoder.Decode(block.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got := flat(head); !slices.Equal(got, want) {
			t.Fatalf("call %d: %v, want %v", call, got, want)
		}
		if call < 20 { // by then everything is in the table
			fixed[path] = head.Fixed
		} else if head.Fixed == nil || head.Fixed != fixed[path] {
			t.Fatalf("call %d: the run of %s is not remembered", call, path)
		}
	}
}

// differences are the errors that only one of the decoders has.
var differences = []string{
	// RFC 7541 section 4.2 forbids a size update after a field; x/net minds only if the table has entries.
	"size update after a field",
	// The same section allows two size updates in a row; x/net minds the second if the table has entries.
	"dynamic table size update MUST occur at the beginning",
	// Section 5.1 lets a decoder refuse long integers: farcall refuses what takes more than 31 bits, or five bytes to say.
	"an integer that is too large",
}

// FuzzEncoder tries more seeds.
func FuzzEncoder(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(encoding)
}

// FuzzDecoder gives any blocks to both decoders: both read the same fields, or both refuse, but for what differences
// lists.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("\x04\x82\x86\x84\x41"))
	f.Add([]byte("\x06\x40\x01a\x02bc\x02\xbe\xbe\x03\x20\xbe\x82\x04\x3f\xe1\x1f\x82"))
	f.Add([]byte("\x08\x41\x86\xf1\xe3\xc2\xe5\xf2\x3a"))
	f.Add([]byte("\x05\x82\x20\x82\x82\x82"))
	f.Fuzz(func(t *testing.T, blocks []byte) {
		theirDecoder := xhpack.NewDecoder(4096, nil)
		ourDecoder := hpack.NewDecoder(4096, noLimit)
		for len(blocks) > 0 {
			length := min(int(blocks[0]), len(blocks)-1)
			block := blocks[1 : 1+length]
			blocks = blocks[1+length:]
			want, theirError := theirDecoder.DecodeFull(block)
			head, ourError := ourDecoder.Decode(block)
			if (ourError == nil) != (theirError == nil) && slices.ContainsFunc(differences, func(known string) bool {
				return strings.Contains(fmt.Sprint(ourError, theirError), known)
			}) {
				return
			}
			if (ourError == nil) != (theirError == nil) {
				t.Fatalf("%x: farcall says %v, x/net %v", block, ourError, theirError)
			}
			if ourError != nil {
				return // the connection is over
			}
			if got := flat(head); !slices.Equal(got, want) {
				t.Fatalf("%x: farcall read %v, x/net %v", block, got, want)
			}
		}
	})
}
