// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/farcall/farcall/internal/wire"
)

func TestStatusMessage(t *testing.T) {
	for message, encoded := range map[string]string{
		"":                   "",
		"no order 7":         "no order 7",
		"100% of ~ and \x7f": "100%25 of ~ and %7F",
		"tab\tline\r\n":      "tab%09line%0D%0A",
		"Grüße":              "Gr%C3%BC%C3%9Fe",
		"😀 ok":               "%F0%9F%98%80 ok",
		"\x00":               "%00",
		" both ends ":        " both ends ",
	} {
		if got := wire.EncodeStatusMessage(message); got != encoded {
			t.Errorf("EncodeStatusMessage(%q) = %q, want %q", message, got, encoded)
		}
		if got := wire.DecodeStatusMessage(encoded); got != message {
			t.Errorf("DecodeStatusMessage(%q) = %q, want %q", encoded, got, message)
		}
	}
}

func TestStatusMessageThatIsNotUTF8(t *testing.T) {
	if got := wire.EncodeStatusMessage("a\xffb%"); got != "a%EF%BF%BDb%25" {
		t.Errorf("encoded %q", got)
	}
}

// Decoding must neither fail nor throw the message away.
func TestDecodeBrokenStatusMessage(t *testing.T) {
	for encoded, want := range map[string]string{
		"%":          "%",
		"100%":       "100%",
		"%4":         "%4",
		"%zz":        "%zz",
		"%2":         "%2",
		"%%41":       "%A",
		"%4g%41":     "%4gA",
		"%e4%F6":     "\uFFFD",
		"a\xffb":     "a\uFFFDb",
		"raw Grüße":  "raw Grüße",
		"%c3%bc":     "ü",
		"%C3 %BC":    "\uFFFD \uFFFD",
		"%41%42%4":   "AB%4",
		"%E2%82%AC%": "€%",
	} {
		if got := wire.DecodeStatusMessage(encoded); got != want {
			t.Errorf("DecodeStatusMessage(%q) = %q, want %q", encoded, got, want)
		}
	}
}

func FuzzStatusMessage(f *testing.F) {
	for _, seed := range []string{"", "plain", "100%", "%41%", "Grüße", "a\xff", "%e4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		encoded := wire.EncodeStatusMessage(message)
		for _, c := range []byte(encoded) {
			if c < 0x20 || c > 0x7e {
				t.Fatalf("%q was encoded to %q", message, encoded)
			}
		}
		if got := wire.DecodeStatusMessage(encoded); got != strings.ToValidUTF8(message, "\uFFFD") {
			t.Errorf("%q became %q and then %q", message, encoded, got)
		}
		if decoded := wire.DecodeStatusMessage(message); !utf8.ValidString(decoded) || decoded == "" && message != "" {
			t.Errorf("DecodeStatusMessage(%q) = %q", message, decoded)
		}
	})
}

func TestPlainStatusMessageCostsNoAllocation(t *testing.T) {
	message := "order 7 was not found in the store"
	if n := testing.AllocsPerRun(100, func() {
		if wire.DecodeStatusMessage(wire.EncodeStatusMessage(message)) != message {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
