// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"math"
	"slices"
)

// confidence is how often the intervals of the report are to hold the true median.
const confidence = 0.95

// Interval is the middle of what several rounds gave, and what the true median is likely to lie between.
type Interval struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	// Confidence is how likely, at least: below 0.95 when the rounds were too few for that.
	Confidence float64 `json:"confidence"`
}

// MedianOf returns the median of independent values and its confidence interval. The interval reaches from the k-th
// lowest value to the k-th highest. It misses the true median only if fewer than k values fell on one side of it, and
// each value falls on either side like a fair coin, so nothing has to be assumed about the noise but that it is
// independent from round to round. k is the largest that keeps the confidence.
func MedianOf(values []float64) Interval {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return Interval{Median: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	k := 1
	for 2*(k+1) <= n && covers(n, k+1) >= confidence {
		k++
	}
	return Interval{
		Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Low: sorted[k-1], High: sorted[n-k], Confidence: covers(n, k),
	}
}

// covers says how likely at least k of n fair coins show each side.
func covers(n, k int) float64 {
	fewer := 0.0 // the probability of fewer than k heads
	for heads := range k {
		fewer += binomial(n, heads) * math.Pow(0.5, float64(n))
	}
	return 1 - 2*fewer
}

func binomial(n, k int) float64 {
	ways := 1.0
	for i := range k {
		ways = ways * float64(n-i) / float64(i+1)
	}
	return ways
}
