// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

func TestBars(t *testing.T) {
	svg := Bars{Title: "a < b & c", Bars: []Bar{{Label: "one", Value: 0.25, Low: 0.2, High: 0.3, Target: 0.25}, {Label: "two", Value: 1, Low: 1, High: 1}}}.SVG()
	wellFormed(t, svg)
	if strings.Count(svg, `height="18"`) != 2 || strings.Contains(svg, "NaN") {
		t.Errorf("want two bars and no NaN:\n%s", svg)
	}
	wellFormed(t, Bars{Title: "nothing"}.SVG())
	// Bars begin where the longest label ends, and their texts fit beside them.
	long := Bars{Bars: []Bar{{Label: strings.Repeat("x", 100), Value: 1, Text: "1 of 2"}}}.SVG()
	if !strings.Contains(long, `<rect x="708.0"`) || !strings.Contains(long, ">1 of 2</text>") {
		t.Errorf("a label of a hundred letters:\n%s", long)
	}
}

func TestLines(t *testing.T) {
	svg := Lines{Series: []Series{{Name: "a", Points: []Point{{1, 10}, {64, 5}}}, {Name: "a", Dashed: true, Points: []Point{{1, 20}}}, {Name: "b"}}}.SVG()
	wellFormed(t, svg)
	if strings.Count(svg, "<polyline") != 3 || strings.Count(svg, ">a</text>") != 1 || strings.Contains(svg, "NaN") {
		t.Errorf("want three lines, one name for two of them, and no NaN:\n%s", svg)
	}
}

func TestAxis(t *testing.T) {
	log := axis{low: 1, high: 100, from: 0, to: 200, log: true}
	if got := log.at(10); got != 100 {
		t.Errorf("10 is at %.1f, want the middle", got)
	}
	if got, want := log.ticks(), []float64{1, 2, 5, 10, 20, 50, 100}; !slices.Equal(got, want) {
		t.Errorf("ticks %v, want %v", got, want)
	}
	if low, high := enclosing([]float64{0.31, 7.2}); low != 0.2 || high != 10 {
		t.Errorf("0.31 and 7.2 are in %v to %v, want 0.2 to 10", low, high)
	}
	for value, want := range map[float64]float64{0: 1, 79.3: 80, 218: 250, 5.09: 6, 0.81: 0.9} {
		if got := roundUp(value); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("an axis for %v ends at %v, want %v", value, got, want)
		}
	}
	for value, want := range map[float64]string{0.25: "0.25", 1500: "1.5k", 2e6: "2M", 12.345: "12.3"} {
		if got := label(value); got != want {
			t.Errorf("%v is written %s, want %s", value, got, want)
		}
	}
}
