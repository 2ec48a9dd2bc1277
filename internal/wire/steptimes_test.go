// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/wire"
)

func TestStepTimes(t *testing.T) {
	times := []wire.StepTime{
		{farcall.StepReceiveRequest, 0, 91}, {farcall.StepDecodeRequest, 1200, 91}, {farcall.StepInvokeHandler, 1300, 0},
		{farcall.StepSendResponse, 2000, 17},
	}
	encoded := string(wire.AppendStepTimes(nil, times))
	if encoded != "6=0/91,7=1200/91,8=1300/0,11=2000/17" {
		t.Errorf("encoded %q", encoded)
	}
	if got := wire.ParseStepTimes(encoded); !slices.Equal(got, times) {
		t.Errorf("parsed %v", got)
	}
	if got := wire.AppendStepTimes(nil, []wire.StepTime{{6, -5, -5}}); string(got) != "6=0/0" {
		t.Errorf("negative values became %q", got)
	}
	if got := wire.AppendStepTimes([]byte("x"), nil); string(got) != "x" {
		t.Errorf("no steps became %q", got)
	}
}

// It is for showing: what is wrong is left out, the rest is shown.
func TestStepTimesAreReadTolerantly(t *testing.T) {
	good := []wire.StepTime{{farcall.StepDecodeRequest, 5, 6}}
	for _, value := range []string{
		"7=5/6", ",7=5/6,", " 7=5/6 , ", "x,7=5/6", "7=5,7=5/6", "5=1/1,7=5/6", "12=1/1,7=5/6", "0=1/1,7=5/6", "263=1/1,7=5/6",
		"7=-5/6,7=5/6", "7=5/-6,7=5/6", "7=99999999999999999999/1,7=5/6", "7=1/99999999999999999999,7=5/6", "7=9223372036854775808/1,7=5/6",
	} {
		if got := wire.ParseStepTimes(value); !slices.Equal(got, good) {
			t.Errorf("ParseStepTimes(%q) = %v", value, got)
		}
	}
	if got := wire.ParseStepTimes(""); got != nil {
		t.Errorf("nothing became %v", got)
	}
	many := wire.ParseStepTimes(strings.Repeat("7=5/6,", 1000))
	if len(many) != 64 {
		t.Errorf("%d steps were read of 1000, 64 is the bound", len(many))
	}
	if again := wire.AppendStepTimes(nil, slices.Repeat(good, 1000)); len(wire.ParseStepTimes(string(again))) != 64 || len(again) != 64*6-1 {
		t.Errorf("%d bytes were written for 1000 steps", len(again))
	}
}

func FuzzStepTimes(f *testing.F) {
	f.Add("6=0/91,7=1200/91")
	f.Add("7=,=/,99")
	f.Fuzz(func(t *testing.T, value string) {
		times := wire.ParseStepTimes(value)
		for _, one := range times {
			if one.Step < 6 || one.Step > 11 || one.Since < 0 || one.Bytes < 0 {
				t.Errorf("%q was read as %v", value, one)
			}
		}
		if again := wire.ParseStepTimes(string(wire.AppendStepTimes(nil, times))); !slices.Equal(again, times) {
			t.Errorf("%v became %v", times, again)
		}
	})
}
