// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"
)

// Point is one place of a line.
type Point struct{ X, Y float64 }

// Series is a line with its name. Those of one name have one colour and stand in the legend once; Dashed tells them apart.
type Series struct {
	Name   string
	Colour int // its number, the same in all pictures
	Dashed bool
	Points []Point
}

// Lines draws lines on two logarithmic axes.
type Lines struct {
	Title, XAxis, YAxis string
	Note                string // below, such as what is dashed
	Ticks               []float64
	TickLabels          []string // of Ticks; empty for the values
	Series              []Series
}

// SVG returns the picture.
func (l Lines) SVG() string {
	const width, height, left, right, top, bottom = 760, 430, 70, 160, 44, 74
	d := newDrawing(width, height, l.Title)
	var xs, ys []float64
	for _, s := range l.Series {
		for _, p := range s.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
		}
	}
	x := axis{from: left, to: width - right, log: true}
	y := axis{from: height - bottom, to: top, log: true}
	x.low, x.high = enclosing(xs)
	y.low, y.high = enclosing(ys)
	if len(l.Ticks) > 1 {
		x.low, x.high = l.Ticks[0], l.Ticks[len(l.Ticks)-1]
	}
	l.grid(d, x, y)
	named := map[string]bool{}
	for _, s := range l.Series {
		colour := colours[s.Colour%len(colours)]
		if !named[s.Name] {
			row := float64(top + 10 + 22*len(named))
			d.line(width-right+16, row, width-right+40, row, colour, 3)
			d.text(width-right+46, row+4, "start", s.Name)
			named[s.Name] = true
		}
		draw(d, s, x, y, colour)
	}
	return d.end()
}

func (l Lines) grid(d *drawing, x, y axis) {
	ticks := l.Ticks
	if len(ticks) == 0 {
		ticks = x.ticks()
	}
	for i, tick := range ticks {
		d.line(x.at(tick), y.to, x.at(tick), y.from, "#dddddd", 1)
		text := label(tick)
		if i < len(l.TickLabels) {
			text = l.TickLabels[i]
		}
		d.text(x.at(tick), y.from+18, "middle", text)
	}
	for _, tick := range y.ticks() {
		d.line(x.from, y.at(tick), x.to, y.at(tick), "#dddddd", 1)
		d.text(x.from-8, y.at(tick)+4, "end", label(tick))
	}
	middle := (x.from + x.to) / 2
	d.text(middle, y.from+40, "middle", l.XAxis)
	d.text(middle, y.from+60, "middle", l.Note, `font-size="12"`)
	d.text(0, 0, "middle", l.YAxis, fmt.Sprintf(`transform="translate(18 %.1f) rotate(-90)"`, (y.from+y.to)/2))
}

func draw(d *drawing, s Series, x, y axis, colour string) {
	var places []string
	for _, p := range s.Points {
		places = append(places, fmt.Sprintf("%.1f,%.1f", x.at(p.X), y.at(p.Y)))
	}
	dashes := ""
	if s.Dashed {
		dashes = ` stroke-dasharray="6 4"`
	}
	fmt.Fprintf(d, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2.2"%s/>`+"\n", strings.Join(places, " "), colour, dashes)
	for _, p := range s.Points {
		fmt.Fprintf(d, `<circle cx="%.1f" cy="%.1f" r="3.2" fill="%s"/>`+"\n", x.at(p.X), y.at(p.Y), colour)
	}
}
