// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"strings"
	"testing"
)

// Every byte at every place of values of all lengths that matter is judged as by itself.
func TestValidValue(t *testing.T) {
	for length := range 26 {
		for at := range length {
			for b := range 256 {
				value := []byte(strings.Repeat("x", length))
				value[at] = byte(b)
				outside := at == 0 || at == length-1
				want := b != 0 && b != '\r' && b != '\n' && !(outside && (b == ' ' || b == '\t'))
				if got := validValue(string(value)); got != want {
					t.Fatalf("%q: %v", value, got)
				}
				if at > 0 { // beside a byte that may carry over into it
					value[at-1] = 0xff
					if got := validValue(string(value)); got != want {
						t.Fatalf("%q: %v", value, got)
					}
				}
			}
		}
	}
	if !validValue("") {
		t.Error("an empty value")
	}
}
