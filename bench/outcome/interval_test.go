// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The ranks and their confidence are those of the tables in textbooks.
func TestMedianOf(t *testing.T) {
	for _, want := range []struct {
		n                       int
		median, low, high, sure float64
	}{
		{1, 1, 1, 1, 0},
		{5, 3, 1, 5, 0.9375},
		{6, 3.5, 1, 6, 0.96875},
		{8, 4.5, 1, 8, 0.9921875},
		{9, 5, 2, 8, 0.9609375},
		{10, 5.5, 2, 9, 0.978515625},
		{12, 6.5, 3, 10, 0.96142578125},
		{20, 10.5, 6, 15, 0.958610534},
	} {
		var values []float64
		for i := range want.n {
			values = append(values, float64(want.n-i))
		}
		got := MedianOf(values)
		if got.Median != want.median || got.Low != want.low || got.High != want.high || math.Abs(got.Confidence-want.sure) > 1e-6 {
			t.Errorf("of 1 to %d: %+v, want %+v", want.n, got, want)
		}
	}
	if none := MedianOf(nil); !math.IsNaN(none.Median) {
		t.Errorf("the median of nothing: %+v", none)
	}
}

// Intervals of skewed noise hold the true median as often as they promise.
func TestIntervalsHoldTheMedian(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const trials = 5000
	held := 0
	for range trials {
		values := make([]float64, 12)
		for i := range values {
			values[i] = random.ExpFloat64()
		}
		if got := MedianOf(values); got.Low <= math.Ln2 && math.Ln2 <= got.High {
			held++
		}
	}
	if share := float64(held) / trials; share < 0.95 || share > 0.975 {
		t.Errorf("%.3f of the intervals hold the median, want about 0.961", share)
	}
}
