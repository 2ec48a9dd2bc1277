// SPDX-License-Identifier: Apache-2.0

package farcall_test

import (
	"errors"
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/farcall/farcall"
)

// The names and numbers are those of google.rpc.Code, which is generated from Google's own file.
func TestCodesAreGooglesCodes(t *testing.T) {
	if len(code.Code_name) != 17 {
		t.Fatalf("google.rpc.Code has %d codes, 17 are known here", len(code.Code_name))
	}
	for number, name := range code.Code_name {
		got := farcall.Code(number)
		if got.String() != name || got.Error() != name {
			t.Errorf("code %d is %q and %q as an error, want %q", number, got.String(), got.Error(), name)
		}
		parsed, ok := farcall.ParseCode(name)
		if !ok || parsed != got {
			t.Errorf("ParseCode(%q) = %v, %v", name, parsed, ok)
		}
	}
}

func TestCodeOutsideTheTable(t *testing.T) {
	if got := farcall.Code(17).String(); got != "CODE_17" {
		t.Errorf("String() = %q", got)
	}
	for _, name := range []string{"", "not_found", "NOT FOUND", "CODE_17"} {
		if parsed, ok := farcall.ParseCode(name); ok || parsed != farcall.Unknown {
			t.Errorf("ParseCode(%q) = %v, %v, want Unknown, false", name, parsed, ok)
		}
	}
}

func TestCodeIsAnError(t *testing.T) {
	err := fmt.Errorf("loading: %w", farcall.NotFound)
	if !errors.Is(err, farcall.NotFound) || errors.Is(err, farcall.Aborted) {
		t.Errorf("errors.Is does not tell codes apart in %v", err)
	}
	var asked farcall.Code
	if !errors.As(err, &asked) || asked != farcall.NotFound {
		t.Errorf("errors.As gave %v", asked)
	}
}
