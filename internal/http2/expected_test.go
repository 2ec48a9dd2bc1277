// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"encoding/binary"
	"testing"
)

// grow delivers a body in frames, and returns how often its buffer moved. It fails where the buffer has more than trust times what
// has come.
func grow(t *testing.T, s *stream, body []byte, trust int) (moves int) {
	t.Helper()
	for at := 0; at < len(body); {
		n := min(16<<10, len(body)-at)
		before := 0
		if s.in != nil {
			before = cap(s.in.B)
		}
		s.window.require(n)
		if err := s.deliverBatch(body[at:at+n], 0, at+n == len(body), false); err != nil {
			t.Fatal(err)
		}
		at += n
		if cap(s.in.B) != before {
			moves++
		}
		if most := trust*at + trust*at/32; cap(s.in.B) > most && cap(s.in.B) > 256<<10 {
			t.Fatalf("%d bytes of memory for %d that have come", cap(s.in.B), at)
		}
	}
	return moves
}

// A buffer takes the size of its message when a part of that is there, whoever knows it: the consumer, content-length or
// what is said at the beginning. A beginning that promises too much is not believed. The part is a sixteenth, or a quarter
// where memory is strained.
func TestBufferGrowsToWhatIsExpected(t *testing.T) {
	const length = 13 << 20
	body := pattern(length)
	measure := func(beginning []byte) int { return int(binary.BigEndian.Uint32(beginning)) }
	whole := func(n int) func(s *stream) { return func(s *stream) { s.want = want{bytes: n, all: true} } }
	for name, test := range map[string]struct {
		prepare func(s *stream)
		says    uint32
		known   bool
	}{
		"the consumer":             {func(s *stream) { s.want = want{bytes: length, all: true, exact: true} }, 0, true},
		"one who waits for a part": {func(s *stream) { s.want = want{bytes: length} }, 0, true},
		"content-length":           {func(s *stream) { s.want, s.declared = want{bytes: 64 << 20, all: true}, length }, 0, true},
		"the beginning":            {whole(64 << 20), length, true},
		"nobody":                   {whole(64 << 20), 0, false},
		"more than the limit":      {whole(length), 1 << 30, false},
	} {
		for trust, moves := range map[int]int{16: 8, 4: 10} {
			budget := NewBudget(1 << 30)
			if trust == 4 {
				budget.used.Store(1 << 29)
			}
			s := &loneStream(t, Options{Measure: measure, Budget: budget}).stream
			test.prepare(s)
			binary.BigEndian.PutUint32(body, test.says)
			if moved := grow(t, s, body, trust); test.known && moved > moves {
				t.Errorf("%s knows the length, and the buffer moved %d times, trusting one in %d", name, moved, trust)
			}
			if got := cap(s.in.B); test.known && got > length+length/4 {
				t.Errorf("%s knows the length, %d bytes, and the buffer has %d", name, length, got)
			}
			if string(s.in.B) != string(body) {
				t.Errorf("%s: the bytes are not those that came", name)
			}
		}
	}
	s := &loneStream(t, Options{Measure: measure}).stream
	s.want, s.total = want{bytes: 64 << 20, all: true}, 100
	if got := s.expected(50); got != 0 {
		t.Errorf("%d bytes are expected where the beginning is gone", got)
	}
}
