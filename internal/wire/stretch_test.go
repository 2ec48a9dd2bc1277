// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"testing"
)

func message(flag byte, content string) []byte {
	b := AppendPrefix(nil, len(content))
	b[0] = flag
	return append(b, content...)
}

func TestStretch(t *testing.T) {
	for _, test := range []struct {
		about   string
		stretch []byte
		limit   int
		want    []string
	}{
		{"nothing", nil, -1, nil},
		{"a part of a prefix", []byte{0, 0, 0, 0}, -1, nil},
		{"whole messages, one of them empty", bytes.Join([][]byte{message(0, "a"), message(0, ""), message(0, "bcd")}, nil), -1, []string{"a", "", "bcd"}},
		{"a last one that is not whole", append(message(0, "ab"), message(0, "cd")[:6]...), -1, []string{"ab"}},
		{"at the limit and above it", append(message(0, "ab"), message(0, "abc")...), 2, []string{"ab"}},
		{"a compressed one", bytes.Join([][]byte{message(0, "ab"), message(1, "x"), message(0, "y")}, nil), -1, []string{"ab"}},
		{"no message", append(message(0, "ab"), "\x07hello"...), -1, []string{"ab"}},
		{"a length that overflows", append(message(0, "ab"), 0, 0xff, 0xff, 0xff, 0xff, 1), -1, []string{"ab"}},
	} {
		var r Stretch
		r.Begin(test.stretch)
		var got []string
		bytesRead := 0
		for {
			m, ok := r.Next(test.limit)
			if !ok {
				break
			}
			got, bytesRead = append(got, string(m)), bytesRead+PrefixBytes+len(m)
		}
		if len(got) != len(test.want) {
			t.Errorf("%s: %q, want %q", test.about, got, test.want)
			continue
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s: %q, want %q", test.about, got, test.want)
			}
		}
		copy(test.stretch, bytes.Repeat(message(0, ""), 10)) // as the body does with memory that it uses again
		if m, ok := r.Next(-1); ok {
			t.Errorf("%s: %q came from behind the end", test.about, m)
		}
		if taken := r.End(); taken != bytesRead {
			t.Errorf("%s: %d bytes were taken, want %d", test.about, taken, bytesRead)
		}
		if _, ok := r.Next(-1); ok || r.End() != 0 {
			t.Errorf("%s: it goes on behind its end", test.about)
		}
	}
}
