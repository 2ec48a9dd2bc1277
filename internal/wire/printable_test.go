// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"
	"testing"
)

// Every byte at every place of values of all lengths that matter is judged as by itself.
func TestPrintable(t *testing.T) {
	for length := range 26 {
		for at := range length {
			for b := range 256 {
				value := []byte(strings.Repeat("~", length)) // the last that is printable
				value[at] = byte(b)
				if got, want := printable(string(value)), 0x20 <= b && b <= 0x7e; got != want {
					t.Fatalf("%q: %v", value, got)
				}
			}
		}
		if !printable(strings.Repeat(" ", length)) { // the first
			t.Fatalf("%d spaces", length)
		}
	}
}
