// SPDX-License-Identifier: Apache-2.0

package money

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exact is the amount in nanos, by math/big: the judge of all arithmetic here.
func exact(a Amount) *big.Int {
	total := new(big.Int).Mul(big.NewInt(a.Units), big.NewInt(NanosPerUnit))
	return total.Add(total, big.NewInt(int64(a.Nanos)))
}

// amountOf is the inverse of exact; false if the units do not fit an int64.
func amountOf(total *big.Int) (Amount, bool) {
	units, nanos := new(big.Int).QuoRem(total, big.NewInt(NanosPerUnit), new(big.Int))
	return Amount{Currency: "EUR", Units: units.Int64(), Nanos: int32(nanos.Int64())}, units.IsInt64()
}

// randomAmount prefers the edges: zero, one, the largest and the smallest, and what lies beside them.
func randomAmount(random *rand.Rand) Amount {
	units := randomFactor(random)
	edges := []int32{0, 1, 999_999_999, 500_000_000, 250_000_000, int32(random.IntN(NanosPerUnit))}
	nanos := edges[random.IntN(len(edges))]
	if units < 0 || units == 0 && random.IntN(2) == 0 {
		nanos = -nanos
	}
	return Amount{Currency: "EUR", Units: units, Nanos: nanos}
}

func randomFactor(random *rand.Rand) int64 {
	edges := []int64{
		0, 1, -1, 2, -2, 3, math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1, math.MaxInt64 / 2,
		math.MinInt64 / 2, 1_000_000_000, 3_037_000_499, 3_037_000_500,
		int64(random.Uint64()), int64(random.Uint64()) >> random.IntN(64), int64(random.IntN(1000)) - 500,
	}
	return edges[random.IntN(len(edges))]
}

const rounds = 200_000

func TestAddIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	overflows := 0
	for range rounds {
		a, b := randomAmount(random), randomAmount(random)
		want, fits := amountOf(new(big.Int).Add(exact(a), exact(b)))
		got, err := a.Add(b)
		if !fits {
			overflows++
			if !errors.Is(err, ErrOverflow) {
				t.Fatalf("%v + %v = %v, %v; want an overflow", a, b, got, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Fatalf("%v + %v = %v, %v; want %v", a, b, got, err, want)
		}
		if err := got.Check(); err != nil {
			t.Fatalf("%v + %v = %+v: %v", a, b, got, err)
		}
	}
	if overflows == 0 || overflows == rounds {
		t.Fatalf("%d overflows of %d: the amounts tried do not reach both sides of the edge", overflows, rounds)
	}
}

func TestTimesIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	overflows := 0
	for range rounds {
		a, count := randomAmount(random), randomFactor(random)
		want, fits := amountOf(new(big.Int).Mul(exact(a), big.NewInt(count)))
		got, err := a.Times(count)
		if !fits {
			overflows++
			if !errors.Is(err, ErrOverflow) {
				t.Fatalf("%v × %d = %v, %v; want an overflow", a, count, got, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Fatalf("%v × %d = %v, %v; want %v", a, count, got, err, want)
		}
		if err := got.Check(); err != nil {
			t.Fatalf("%v × %d = %+v: %v", a, count, got, err)
		}
	}
	if overflows == 0 || overflows == rounds {
		t.Fatalf("%d overflows of %d: the amounts tried do not reach both sides of the edge", overflows, rounds)
	}
}

func TestSignAgreesWithExact(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range rounds / 10 {
		if a := randomAmount(random); a.Sign() != exact(a).Sign() {
			t.Fatalf("the sign of %+v is %d, want %d", a, a.Sign(), exact(a).Sign())
		}
	}
}

func TestAddRefusesMixedCurrencies(t *testing.T) {
	if sum, err := (Amount{"EUR", 1, 0}).Add(Amount{"USD", 1, 0}); !errors.Is(err, ErrMixed) {
		t.Errorf("1 EUR + 1 USD = %v, %v; want %v", sum, err, ErrMixed)
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		amount Amount
		want   error
	}{
		{Amount{"EUR", 12, 990_000_000}, nil},
		{Amount{"EUR", -12, -990_000_000}, nil},
		{Amount{"EUR", 0, -1}, nil},
		{Amount{"EUR", math.MinInt64, -999_999_999}, nil},
		{Amount{"", 1, 0}, ErrCurrency},
		{Amount{"eur", 1, 0}, ErrCurrency},
		{Amount{"EURO", 1, 0}, ErrCurrency},
		{Amount{"E€", 1, 0}, ErrCurrency},
		{Amount{"EUR", 1, 1_000_000_000}, ErrNanos},
		{Amount{"EUR", -1, -1_000_000_000}, ErrNanos},
		{Amount{"EUR", 1, math.MinInt32}, ErrNanos},
		{Amount{"EUR", 1, -1}, ErrSigns},
		{Amount{"EUR", -1, 1}, ErrSigns},
	} {
		if err := test.amount.Check(); !errors.Is(err, test.want) {
			t.Errorf("Check of %+v: %v, want %v", test.amount, err, test.want)
		}
	}
}

func TestString(t *testing.T) {
	for _, test := range []struct {
		amount Amount
		want   string
	}{
		{Amount{"EUR", 28, 0}, "28.00 EUR"},
		{Amount{"EUR", 0, 500_000_000}, "0.50 EUR"},
		{Amount{"EUR", 0, -500_000_000}, "-0.50 EUR"},
		{Amount{"JPY", 1200, 1}, "1200.000000001 JPY"},
		{Amount{"EUR", 1, 125_000_000}, "1.125 EUR"},
		{Amount{"EUR", 0, 5_000_000}, "0.005 EUR"},
		{Amount{"USD", math.MinInt64, -10_000_000}, "-9223372036854775808.01 USD"},
	} {
		if got := test.amount.String(); got != test.want {
			t.Errorf("%+v is written %q, want %q", test.amount, got, test.want)
		}
	}
}
