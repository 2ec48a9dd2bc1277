// SPDX-License-Identifier: Apache-2.0

// Package chart draws bars and lines as SVG, readable on white and on black pages.
package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// colours are given by number: hues that the colour-blind tell apart (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8b6914", "#555555", "#a00000", "#000000"}

// drawing collects the elements of a picture.
type drawing struct {
	strings.Builder
	width, height float64
}

func newDrawing(width, height float64, title string) *drawing {
	d := &drawing{width: width, height: height}
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="13" role="img">`+"\n", width, height)
	fmt.Fprintf(d, "<title>%s</title>\n", escape(title))
	fmt.Fprintf(d, `<rect width="%.0f" height="%.0f" fill="#ffffff"/>`+"\n", width, height)
	d.text(14, 24, "start", title, `font-size="16" font-weight="bold"`)
	return d
}

func (d *drawing) end() string {
	d.WriteString("</svg>\n")
	return d.String()
}

func (d *drawing) text(x, y float64, anchor, text string, more ...string) {
	fmt.Fprintf(d, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="#222222" %s>%s</text>`+"\n", x, y, anchor, strings.Join(more, " "), escape(text))
}

func (d *drawing) line(x1, y1, x2, y2 float64, colour string, width float64, more ...string) {
	fmt.Fprintf(d, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f" %s/>`+"\n", x1, y1, x2, y2, colour, width, strings.Join(more, " "))
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// axis maps values to places on the paper.
type axis struct {
	low, high float64 // values
	from, to  float64 // places
	log       bool
}

func (a axis) at(value float64) float64 {
	low, high := a.low, a.high
	if a.log {
		low, high, value = math.Log(low), math.Log(high), math.Log(max(value, a.low))
	}
	return a.from + (a.to-a.from)*(value-low)/(high-low)
}

// ticks returns round values on the axis: 1, 2 and 5 times the powers of ten, only the powers where those are many.
func (a axis) ticks() []float64 {
	if !a.log {
		return linearTicks(a.high)
	}
	var all []float64
	factors := []float64{1, 2, 5}
	if a.high/a.low > 500 {
		factors = factors[:1]
	}
	for power := math.Floor(math.Log10(a.low)); power <= math.Log10(a.high)+1e-9; power++ {
		for _, factor := range factors {
			if v := factor * math.Pow(10, power); v >= a.low*(1-1e-9) && v <= a.high*(1+1e-9) {
				all = append(all, v)
			}
		}
	}
	return all
}

// linearTicks returns five to ten values from 0.
func linearTicks(high float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(high)))
	switch {
	case high/step < 2:
		step /= 5
	case high/step < 5:
		step /= 2
	}
	var all []float64
	for i := 0; float64(i)*step <= high*(1+1e-9); i++ {
		all = append(all, float64(i)*step)
	}
	return all
}

// roundUp returns the first tick of a linear axis that is not below the value.
func roundUp(value float64) float64 {
	if value <= 0 {
		return 1
	}
	ticks := linearTicks(value)
	step := ticks[1] - ticks[0]
	return step * math.Ceil(value/step-1e-9)
}

// label writes a value short: 1500 as 1.5k.
func label(value float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e6, "M"}, {1e3, "k"}} {
		if math.Abs(value) >= unit.size {
			return trimmed(value/unit.size, 3) + unit.name
		}
	}
	return trimmed(value, 3)
}

// trimmed writes so many significant digits without zeros at the end.
func trimmed(value float64, digits int) string {
	text := strconv.FormatFloat(value, 'g', digits, 64)
	if plain, err := strconv.ParseFloat(text, 64); err == nil {
		return strconv.FormatFloat(plain, 'f', -1, 64)
	}
	return text
}

// enclosing returns the powers of ten, or a half or fifth of them, around values above zero.
func enclosing(values []float64) (low, high float64) {
	low, high = math.Inf(1), 0
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	if high == 0 {
		return 1, 10
	}
	low, high = roundDown(low), 1/roundDown(1/high)
	if low == high {
		high *= 10
	}
	return low, high
}

func roundDown(value float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(value)))
	for _, factor := range []float64{5, 2} {
		if value >= factor*power*(1-1e-9) {
			return factor * power
		}
	}
	return power
}
