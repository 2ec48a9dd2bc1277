// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/wire"
)

const century = 100 * 365 * 24 * time.Hour

func TestAppendTimeout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		math.MinInt64:                   "1n", // the number must be positive
		-time.Second:                    "1n",
		0:                               "1n",
		1:                               "1n",
		99_999_999:                      "99999999n",
		100_000_000:                     "100000u",
		100_000_001:                     "100001u", // rounded up
		time.Second:                     "1000000u",
		99_999_999 * time.Microsecond:   "99999999u",
		99_999_999*time.Microsecond + 1: "100000m",
		time.Minute + time.Nanosecond:   "60000001u",
		100 * time.Second:               "100000m",
		28 * time.Hour:                  "100800S",
		99_999_999 * time.Second:        "99999999S",
		99_999_999*time.Second + 1:      "1666667M",
		99_999_999 * time.Minute:        "99999999M",
		99_999_999*time.Minute + 1:      "1666667H",
		math.MaxInt64:                   "2562048H",
	} {
		if got := string(wire.AppendTimeout([]byte("x"), d)); got != "x"+want {
			t.Errorf("AppendTimeout(%d) = %q, want %q", d, got, "x"+want)
		}
	}
}

func TestParseTimeout(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"0n": 0, "0H": 0, "1n": 1, "001u": time.Microsecond, "5m": 5 * time.Millisecond, "2S": 2 * time.Second, "3M": 3 * time.Minute,
		"4H": 4 * time.Hour, "99999999n": 99_999_999,
		"876000H": century, "876001H": century, "99999999H": century, "99999999M": century, "99999999S": 99_999_999 * time.Second,
	} {
		got, err := wire.ParseTimeout(value)
		if err != nil || got != want {
			t.Errorf("ParseTimeout(%q) = %v, %v; want %v", value, got, err, want)
		}
	}
	for _, value := range []string{
		"", "S", "1", "-1S", "+1S", "1.5S", "1s", "1 S", " 1S", "1S ", "0x1S", "100000000n", "1_0S", "١S", strings.Repeat("1", 1000) + "S",
	} {
		got, err := wire.ParseTimeout(value)
		if err == nil {
			t.Errorf("ParseTimeout(%q) = %v, it is malformed", value, got)
		} else if len(err.Error()) > 300 {
			t.Errorf("the error for a value of %d bytes has %d", len(value), len(err.Error()))
		}
	}
}

// A timeout never becomes shorter on the wire, never longer by more than one part in a hundred thousand of what it was (or a
// nanosecond), and is never 0.
func FuzzTimeout(f *testing.F) {
	for _, d := range []int64{0, 1, 99_999_999, 100_000_001, int64(time.Hour) + 1, math.MaxInt64} {
		f.Add(d, "1S")
	}
	f.Fuzz(func(t *testing.T, nanoseconds int64, value string) {
		sent := max(time.Duration(nanoseconds), 1)
		encoded := string(wire.AppendTimeout(nil, time.Duration(nanoseconds)))
		received, err := wire.ParseTimeout(encoded)
		if err != nil {
			t.Fatalf("%v became %q: %v", sent, encoded, err)
		}
		if sent <= century && received < sent || received <= 0 || received-sent > sent/100_000+1 {
			t.Errorf("%d became %q and then %d", sent, encoded, received)
		}
		if parsed, err := wire.ParseTimeout(value); err == nil && (parsed < 0 || parsed > century || len(value) > 9) {
			t.Errorf("ParseTimeout(%q) = %v", value, parsed)
		}
	})
}
