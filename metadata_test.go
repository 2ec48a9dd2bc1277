// SPDX-License-Identifier: Apache-2.0

package farcall_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/farcall/farcall"
)

// text writes metadata as "key=value key=value".
func text(m farcall.Metadata) string {
	var out []byte
	for key, value := range m.All() {
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = fmt.Appendf(out, "%s=%s", key, value)
	}
	return string(out)
}

func expect(t *testing.T, m farcall.Metadata, want string) {
	t.Helper()
	if got := text(m); got != want {
		t.Errorf("metadata is %q, want %q", got, want)
	}
}

func TestMetadataKeepsOrderAndRepeats(t *testing.T) {
	m := farcall.NewMetadata("B", "1", "a", "2", "b", "3")
	expect(t, m, "b=1 a=2 b=3")
	if m.Len() != 3 || m.Get("B") != "1" || m.Get("absent") != "" {
		t.Errorf("Len %d, Get(B) %q", m.Len(), m.Get("B"))
	}
	if got := m.Values("b"); !slices.Equal(got, []string{"1", "3"}) {
		t.Errorf("Values(b) = %q", got)
	}
	if got := m.Values("absent"); got != nil {
		t.Errorf("Values(absent) = %q", got)
	}
	m.Add("A", "4")
	expect(t, m, "b=1 a=2 b=3 a=4")
	m.Set("B", "5")
	expect(t, m, "a=2 a=4 b=5")
	m.Delete("A")
	expect(t, m, "b=5")
	m.Delete("absent")
	expect(t, m, "b=5")
}

func TestMetadataOddKeyHasEmptyValue(t *testing.T) {
	expect(t, farcall.NewMetadata("a", "1", "b"), "a=1 b=")
	expect(t, farcall.NewMetadata(), "")
}

func TestMetadataZeroValueIsReady(t *testing.T) {
	var m farcall.Metadata
	if m.Len() != 0 || m.Get("a") != "" {
		t.Error("the zero value is not empty")
	}
	m.Delete("a")
	expect(t, m.Join(farcall.Metadata{}), "")
	m.Set("a", "1")
	expect(t, m, "a=1")
}

func TestMetadataAllStopsWhenAsked(t *testing.T) {
	m := farcall.NewMetadata("a", "1", "b", "2")
	for key := range m.All() {
		if key != "a" {
			t.Errorf("went on to %q", key)
		}
		break
	}
}

// The many calls of one context, and the many requests of one remembered header run, each have a copy.
func TestMetadataCopiesDoNotWriteIntoEachOther(t *testing.T) {
	base := farcall.NewMetadata("a", "1", "b", "2", "c", "3")
	sources := map[string]farcall.Metadata{
		"NewMetadata": base,
		"Clone":       base.Clone(),
		"Join":        base.Join(farcall.NewMetadata()),
	}
	shrunk := farcall.NewMetadata("a", "1", "b", "2", "x", "9", "c", "3")
	shrunk.Delete("x")
	sources["Delete"] = shrunk
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			one, two, three := source, source, source
			one.Add("one", "1")
			two.Add("two", "2")
			three.Delete("b")
			three.Set("a", "9")
			expect(t, source, "a=1 b=2 c=3")
			expect(t, one, "a=1 b=2 c=3 one=1")
			expect(t, two, "a=1 b=2 c=3 two=2")
			expect(t, three, "c=3 a=9")
		})
	}
}

func TestMetadataGrowSavesAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		var m farcall.Metadata
		m.Grow(8)
		for range 8 {
			m.Add("key", "value")
		}
	}); n > 2 { // 1; the race detector's build takes 2. Without Grow it is 4
		t.Errorf("%v allocations, 1 is enough", n)
	}
}

func TestMetadataReadingCostsNoAllocation(t *testing.T) {
	m := farcall.NewMetadata("a", "1", "b", "2")
	if n := testing.AllocsPerRun(100, func() {
		for key, value := range m.All() {
			if m.Get(key) != value {
				t.Fail()
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
