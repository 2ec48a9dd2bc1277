// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Bar is a value with what it may as well be.
type Bar struct {
	Label     string
	Value     float64
	Low, High float64 // the interval; equal for none
	Target    float64 // a mark; 0 for none
	Text      string  // at its end; empty for the value
	Emphasis  bool
}

// Bars draws horizontal bars from zero, or with Log from the left end of a logarithmic axis.
type Bars struct {
	Title, Axis string
	Log         bool
	Bars        []Bar
}

// SVG returns the picture.
func (b Bars) SVG() string {
	b.Bars = slices.Clone(b.Bars)
	const top, row, bottom, paper = 44, 28, 52, 470
	left, right := 210.0, 80.0
	for i := range b.Bars {
		if b.Bars[i].Text == "" {
			b.Bars[i].Text = label(b.Bars[i].Value)
		}
		left, right = max(left, 8+widthOf(b.Bars[i].Label)), max(right, 12+widthOf(b.Bars[i].Text))
	}
	width := left + paper + right
	height := float64(top + row*len(b.Bars) + bottom)
	d := newDrawing(width, height, b.Title)
	var values []float64
	for _, bar := range b.Bars {
		values = append(values, bar.Value, bar.Low, bar.High, bar.Target)
	}
	x := axis{from: left, to: width - right, log: b.Log}
	x.low, x.high = enclosing(values)
	if !b.Log {
		x.low, x.high = 0, roundUp(slices.Max(append(values, 0)))
	}
	foot := height - bottom
	for _, tick := range x.ticks() {
		d.line(x.at(tick), top-6, x.at(tick), foot, "#dddddd", 1)
		d.text(x.at(tick), foot+18, "middle", label(tick))
	}
	d.text(left+paper/2, foot+40, "middle", b.Axis)
	for i, bar := range b.Bars {
		y := float64(top + row*i)
		colour := "#8fb3cc"
		if bar.Emphasis {
			colour = colours[0]
		}
		fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="18" fill="%s"/>`+"\n", left, y, max(1, x.at(bar.Value)-left), colour)
		d.text(left-8, y+14, "end", bar.Label)
		end := x.at(bar.Value)
		if bar.Low < bar.High {
			d.line(x.at(bar.Low), y+9, x.at(bar.High), y+9, "#222222", 1.5)
			d.line(x.at(bar.Low), y+5, x.at(bar.Low), y+13, "#222222", 1.5)
			d.line(x.at(bar.High), y+5, x.at(bar.High), y+13, "#222222", 1.5)
			end = x.at(bar.High)
		}
		if bar.Target > 0 {
			d.line(x.at(bar.Target), y-3, x.at(bar.Target), y+21, "#d55e00", 2.5)
			end = max(end, x.at(bar.Target))
		}
		d.text(end+7, y+14, "start", bar.Text)
	}
	return d.end()
}

// widthOf is about how wide a text is.
func widthOf(text string) float64 { return 7 * float64(utf8.RuneCountInString(text)) }
