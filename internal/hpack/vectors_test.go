// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
)

// vector is one block of RFC 7541 appendix C: the bytes, the header list, and the dynamic table afterwards, newest entry
// first. Lists are "name: value" lines.
type vector struct {
	block, list, table string
	tableBytes         int
}

// Appendix C.2: one field each, on a new table each.
var singleVectors = []vector{
	{"400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header", "custom-key: custom-header", 55},
	{"040c2f73616d706c652f70617468", ":path: /sample/path", "", 0},
	{"100870617373776f726406736563726574", "password: secret", "", 0},
	{"82", ":method: GET", "", 0},
}

var requestLists = []vector{
	{
		list: `:method: GET
			:scheme: http
			:path: /
			:authority: www.example.com`,
		table:      `:authority: www.example.com`,
		tableBytes: 57,
	}, {
		list: `:method: GET
			:scheme: http
			:path: /
			:authority: www.example.com
			cache-control: no-cache`,
		table: `cache-control: no-cache
			:authority: www.example.com`,
		tableBytes: 110,
	}, {
		list: `:method: GET
			:scheme: https
			:path: /index.html
			:authority: www.example.com
			custom-key: custom-value`,
		table: `custom-key: custom-value
			cache-control: no-cache
			:authority: www.example.com`,
		tableBytes: 164,
	},
}

var plainRequests = []string{ // C.3
	"828684410f7777772e6578616d706c652e636f6d",
	"828684be58086e6f2d6361636865",
	"828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
}

var compressedRequests = []string{ // C.4
	"828684418cf1e3c2e5f23a6ba0ab90f4ff",
	"828684be5886a8eb10649cbf",
	"828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
}

var responseLists = []vector{
	{
		list: `:status: 302
			cache-control: private
			date: Mon, 21 Oct 2013 20:13:21 GMT
			location: https://www.example.com`,
		table: `location: https://www.example.com
			date: Mon, 21 Oct 2013 20:13:21 GMT
			cache-control: private
			:status: 302`,
		tableBytes: 222,
	}, {
		list: `:status: 307
			cache-control: private
			date: Mon, 21 Oct 2013 20:13:21 GMT
			location: https://www.example.com`,
		table: `:status: 307
			location: https://www.example.com
			date: Mon, 21 Oct 2013 20:13:21 GMT
			cache-control: private`,
		tableBytes: 222,
	}, {
		list: `:status: 200
			cache-control: private
			date: Mon, 21 Oct 2013 20:13:22 GMT
			location: https://www.example.com
			content-encoding: gzip
			set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1`,
		table: `set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1
			content-encoding: gzip
			date: Mon, 21 Oct 2013 20:13:22 GMT`,
		tableBytes: 215,
	},
}

var plainResponses = []string{ // C.5
	`4803333032 580770726976617465 611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54
		6e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
	"4803333037c1c0bf",
	`88c1 611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54 c05a04677a6970
		7738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31`,
}

var compressedResponses = []string{ // C.6
	`488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff
		6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
	"4883640effc1c0bf",
	`88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1
		ab270fb5291f9587316065c003ed4ee5b1063d5007`,
}

func lines(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.TrimSpace(line))
	}
	return strings.Join(out, "\n")
}

func listText(head exchange.Head) string {
	var out []string
	for f := range head.All {
		out = append(out, f.Name+": "+f.Value)
	}
	return strings.Join(out, "\n")
}

func tableText(d *Decoder) string {
	var out []string
	for i := range d.table.count {
		e := d.table.at(i + 1)
		out = append(out, e.name+": "+e.value)
	}
	return strings.Join(out, "\n")
}

func (v vector) check(t *testing.T, d *Decoder, block []byte) {
	t.Helper()
	head, err := d.Decode(block)
	if err != nil {
		t.Fatal(err)
	}
	if got := listText(head); got != lines(v.list) {
		t.Errorf("list\n%s\nwant\n%s", got, lines(v.list))
	}
	if got := tableText(d); got != lines(v.table) || d.table.bytes != v.tableBytes {
		t.Errorf("table of %d bytes\n%s\nwant %d bytes\n%s", d.table.bytes, got, v.tableBytes, lines(v.table))
	}
}

func TestSingleVectors(t *testing.T) {
	for i, v := range singleVectors {
		t.Run(fmt.Sprintf("C.2.%d", i+1), func(t *testing.T) {
			v.check(t, NewDecoder(4096, 1<<16), unhex(t, v.block))
		})
	}
}

func TestSequenceVectors(t *testing.T) {
	for _, sequence := range []struct {
		name   string
		before string // what the first block begins with: C.5 and C.6 have a table of 256 bytes
		lists  []vector
		blocks []string
	}{
		{"C.3", "", requestLists, plainRequests},
		{"C.4", "", requestLists, compressedRequests},
		{"C.5", "3fe101", responseLists, plainResponses},
		{"C.6", "3fe101", responseLists, compressedResponses},
	} {
		t.Run(sequence.name, func(t *testing.T) {
			d := NewDecoder(4096, 1<<16)
			for i, v := range sequence.lists {
				v.check(t, d, unhex(t, sequence.before+sequence.blocks[i]))
				sequence.before = ""
			}
		})
	}
}

func TestNeverIndexedVector(t *testing.T) {
	head, err := NewDecoder(4096, 1<<16).Decode(unhex(t, singleVectors[2].block))
	if err != nil || len(head.Fields) != 1 || !head.Fields[0].Sensitive {
		t.Errorf("%+v, %v: a never-indexed literal is to be marked as sensitive", head, err)
	}
	head, err = NewDecoder(4096, 1<<16).Decode(unhex(t, singleVectors[1].block))
	if err != nil || len(head.Fields) != 1 || head.Fields[0].Sensitive {
		t.Errorf("%+v, %v: only a never-indexed literal is to be marked as sensitive", head, err)
	}
}

// fixedOf returns "name: value" lines as a fixed run.
func fixedOf(text string) *exchange.Fixed {
	fixed := &exchange.Fixed{}
	for line := range strings.Lines(lines(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line)[1:], ": ")
		fixed.Fields = append(fixed.Fields, exchange.Field{Name: line[:1] + name, Value: value})
	}
	return fixed
}

// Fixed runs enter the table in order, so the requests of appendix C.4 come out as written there.
func TestEncoderVectors(t *testing.T) {
	e := NewEncoder(4096)
	for i, v := range requestLists {
		got := e.AppendHead(nil, exchange.Head{Fixed: fixedOf(v.list)})
		if want := unhex(t, compressedRequests[i]); !bytes.Equal(got, want) {
			t.Errorf("request %d is\n% x, want\n% x", i+1, got, want)
		}
		if e.bytes != v.tableBytes {
			t.Errorf("after request %d the table has %d bytes, want %d", i+1, e.bytes, v.tableBytes)
		}
	}
}
