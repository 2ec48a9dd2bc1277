// SPDX-License-Identifier: Apache-2.0

package bill

import (
	"math"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/internal/money"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

func item(sku string, quantity int32, currency string, units int64, nanos int32) *shoppb.LineItem {
	return &shoppb.LineItem{Sku: sku, Quantity: quantity,
		UnitPrice: &shoppb.Money{CurrencyCode: currency, Units: units, Nanos: nanos}}
}

func TestTotal(t *testing.T) {
	var wrong Violations
	total := Total([]*shoppb.LineItem{
		item("TEA-500", 3, "EUR", 4, 990_000_000),
		item("CUP-BLUE", 2, "EUR", 11, 500_000_000),
		item("FREE", 7, "EUR", 0, 0),
	}, &wrong)
	if want := (money.Amount{Currency: "EUR", Units: 37, Nanos: 970_000_000}); total != want || wrong.Any() {
		t.Errorf("the total is %v, %v; want %v", total, wrong.Err(), want)
	}
}

func TestTotalNamesWhatIsWrong(t *testing.T) {
	good := item("TEA", 1, "EUR", 5, 0)
	for name, test := range map[string]struct {
		items []*shoppb.LineItem
		field string
		says  string
	}{
		"negative quantity": {[]*shoppb.LineItem{good, item("TEA", -2, "EUR", 5, 0)}, "items[1].quantity", "must be at least 1, not -2"},
		"no quantity":       {[]*shoppb.LineItem{item("TEA", 0, "EUR", 5, 0)}, "items[0].quantity", "must be at least 1, not 0"},
		"no sku":            {[]*shoppb.LineItem{item("", 1, "EUR", 5, 0)}, "items[0].sku", "is missing"},
		"long sku":          {[]*shoppb.LineItem{item(strings.Repeat("x", 65), 1, "EUR", 5, 0)}, "items[0].sku", "at most 64 bytes, not 65"},
		"no price":          {[]*shoppb.LineItem{{Sku: "TEA", Quantity: 1}}, "items[0].unit_price", "is missing"},
		"nil item":          {[]*shoppb.LineItem{nil}, "items[0].sku", "is missing"},
		"negative price":    {[]*shoppb.LineItem{item("TEA", 1, "EUR", 0, -1)}, "items[0].unit_price", "must not be negative"},
		"bad currency":      {[]*shoppb.LineItem{item("TEA", 1, "euro", 5, 0)}, "items[0].unit_price", `not "euro"`},
		"too many nanos":    {[]*shoppb.LineItem{item("TEA", 1, "EUR", 5, 1_000_000_000)}, "items[0].unit_price", "not 1000000000"},
		"mixed currencies":  {[]*shoppb.LineItem{good, item("TEA", 1, "USD", 5, 0)}, "items[1].unit_price.currency_code", "must be EUR"},
		"product too large": {[]*shoppb.LineItem{item("TEA", 2, "EUR", math.MaxInt64, 0)}, "items[0]", "the amount is too large: 9223372036854775807.00 EUR × 2"},
		"sum too large":     {[]*shoppb.LineItem{item("TEA", 1, "EUR", math.MaxInt64, 0), good}, "items[1]", "the amount is too large"},
		"too many":          {make([]*shoppb.LineItem, mostItems+1), "items", "must be at most 1000, not 1001"},
	} {
		t.Run(name, func(t *testing.T) {
			var wrong Violations
			Total(test.items, &wrong)
			err := wrong.Err()
			if farcall.CodeOf(err) != farcall.InvalidArgument {
				t.Fatalf("the error is %v, want INVALID_ARGUMENT", err)
			}
			detail, ok := farcall.Detail[*errdetails.BadRequest](err)
			if !ok {
				t.Fatalf("%v has no BadRequest detail", err)
			}
			first := detail.FieldViolations[0]
			if first.Field != test.field || !strings.Contains(first.Description, test.says) {
				t.Errorf("the violation is %s: %s; want %s: …%s…", first.Field, first.Description, test.field, test.says)
			}
		})
	}
}

func TestViolationsAreBounded(t *testing.T) {
	var wrong Violations
	Total(make([]*shoppb.LineItem, mostItems), &wrong)
	detail, _ := farcall.Detail[*errdetails.BadRequest](wrong.Err())
	if len(detail.GetFieldViolations()) != mostViolations {
		t.Errorf("%d violations, want %d", len(detail.GetFieldViolations()), mostViolations)
	}
	if want := "(and 2999 more)"; !strings.HasSuffix(wrong.Err().Error(), want) {
		t.Errorf("the error is %q, want …%s", wrong.Err(), want)
	}
}

func TestNothingWrong(t *testing.T) {
	var wrong Violations
	if err := wrong.Err(); err != nil {
		t.Errorf("no violation is the error %v", err)
	}
}
