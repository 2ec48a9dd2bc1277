// SPDX-License-Identifier: Apache-2.0

// Package money adds and multiplies amounts of money exactly: whole units and billionths, no floats, overflow detected.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// NanosPerUnit is how many nanos make one unit.
const NanosPerUnit = 1_000_000_000

// Amount is an amount in one currency: Units whole units and Nanos billionths. Both have the same sign, or are zero, so
// that each amount is written in one way only. -1.75 is Units -1, Nanos -750,000,000.
type Amount struct {
	Currency string // three capital letters, as ISO 4217 has them
	Units    int64
	Nanos    int32
}

// The ways in which an amount or a sum can be wrong. The errors returned wrap them.
var (
	ErrCurrency = errors.New("a currency is three capital letters, such as EUR")
	ErrNanos    = errors.New("nanos run from -999999999 to 999999999")
	ErrSigns    = errors.New("units and nanos have different signs")
	ErrMixed    = errors.New("amounts of different currencies cannot be added")
	ErrOverflow = errors.New("the amount is too large")
)

// Check says what is wrong with an amount that came from outside, nil if nothing is.
func (a Amount) Check() error {
	if !isCurrency(a.Currency) {
		return fmt.Errorf("%w, not %q", ErrCurrency, a.Currency)
	}
	if a.Nanos <= -NanosPerUnit || a.Nanos >= NanosPerUnit {
		return fmt.Errorf("%w, not %d", ErrNanos, a.Nanos)
	}
	if a.Units > 0 && a.Nanos < 0 || a.Units < 0 && a.Nanos > 0 {
		return fmt.Errorf("%w: %d and %d", ErrSigns, a.Units, a.Nanos)
	}
	return nil
}

func isCurrency(name string) bool {
	if len(name) != 3 {
		return false
	}
	for i := range len(name) {
		if name[i] < 'A' || name[i] > 'Z' {
			return false
		}
	}
	return true
}

// Sign returns -1 for an amount below zero, 0 for zero and 1 for one above.
func (a Amount) Sign() int {
	switch {
	case a.Units < 0 || a.Nanos < 0:
		return -1
	case a.Units > 0 || a.Nanos > 0:
		return 1
	}
	return 0
}

// Add returns a + b. Both must pass Check.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("%w: %s and %s", ErrMixed, a.Currency, b.Currency)
	}
	units, fits := addUnits(a.Units, b.Units)
	nanos := int64(a.Nanos) + int64(b.Nanos) // below two billion, so it fits
	carry := nanos / NanosPerUnit
	nanos %= NanosPerUnit
	// The carry has the sign of the nanos. Where the units have the other sign it brings them nearer to zero; where they
	// have the same sign it may take them over the edge.
	if fits {
		units, fits = addUnits(units, carry)
	}
	if !fits {
		return Amount{}, fmt.Errorf("%w: %s + %s", ErrOverflow, a, b)
	}
	switch { // borrow one unit where the signs differ
	case units > 0 && nanos < 0:
		units, nanos = units-1, nanos+NanosPerUnit
	case units < 0 && nanos > 0:
		units, nanos = units+1, nanos-NanosPerUnit
	}
	return Amount{Currency: a.Currency, Units: units, Nanos: int32(nanos)}, nil
}

func addUnits(a, b int64) (sum int64, fits bool) {
	sum = a + b
	return sum, (a^sum)&(b^sum) >= 0 // the sum of two numbers of one sign has that sign
}

// Times returns a × count. a must pass Check.
func (a Amount) Times(count int64) (Amount, error) {
	negative := (a.Sign() < 0) != (count < 0)
	factor := magnitude(count)
	overflow, units := bits.Mul64(magnitude(a.Units), factor)
	// The nanos' product is below 2^30 × 2^63, so its upper half is below a billion and the division cannot overflow.
	high, low := bits.Mul64(magnitude(int64(a.Nanos)), factor)
	carry, nanos := bits.Div64(high, low, NanosPerUnit)
	units, beyond := bits.Add64(units, carry, 0)
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	if overflow != 0 || beyond != 0 || units > limit {
		return Amount{}, fmt.Errorf("%w: %s × %d", ErrOverflow, a, count)
	}
	product := Amount{Currency: a.Currency, Units: int64(units), Nanos: int32(nanos)}
	if negative {
		product.Units, product.Nanos = -product.Units, -product.Nanos // -MinInt64 is MinInt64, as it should be here
	}
	return product, nil
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
