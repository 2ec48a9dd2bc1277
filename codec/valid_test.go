// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValidText(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "12345678", strings.Repeat("x", 33), "ü", "€", "日本", "\U0010ffff", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80"}
	for range 200_000 {
		var text []byte
		valid := random.IntN(2) == 0 // half of them are
		for range random.IntN(12) {
			n := len(pieces)
			if valid {
				n = 7
			}
			text = append(text, pieces[random.IntN(n)]...)
		}
		if validText(text) != utf8.Valid(text) {
			t.Fatalf("validText(%q) = %v", text, validText(text))
		}
	}
}

func FuzzValidText(f *testing.F) {
	f.Add([]byte("a text of some length, für Elise"))
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.Clone(text) // of just its length, for the race detector
		if validText(text) != utf8.Valid(text) {
			t.Errorf("validText(%q) = %v", text, validText(text))
		}
	})
}
