// SPDX-License-Identifier: Apache-2.0

// Package bill checks what a customer pays for and with, and adds it up; both services of the shop do.
package bill

import (
	"fmt"

	"github.com/farcall/farcall/examples/shop/internal/money"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// The limits of one bill.
const (
	mostItems    = 1000
	mostSKUBytes = 64
	// MostTextBytes bounds ids, keys, names and reasons.
	MostTextBytes = 256
)

// Amount returns a message's money as an amount to calculate with. An absent message is no money in no currency.
func Amount(m *shoppb.Money) money.Amount {
	return money.Amount{Currency: m.GetCurrencyCode(), Units: m.GetUnits(), Nanos: m.GetNanos()}
}

// Message is the inverse of Amount.
func Message(a money.Amount) *shoppb.Money {
	return &shoppb.Money{CurrencyCode: a.Currency, Units: a.Units, Nanos: a.Nanos}
}

// Total returns what the items cost together. What is wrong with them is noted in wrong; the total then means nothing.
func Total(items []*shoppb.LineItem, wrong *Violations) money.Amount {
	if len(items) > mostItems {
		wrong.Add("items", "must be at most %d, not %d", mostItems, len(items))
		return money.Amount{}
	}
	var total money.Amount
	for i, item := range items {
		field := fmt.Sprintf("items[%d]", i)
		if !checkItem(field, item, wrong) {
			continue
		}
		price := Amount(item.GetUnitPrice())
		if total.Currency == "" {
			total.Currency = price.Currency
		}
		if price.Currency != total.Currency {
			wrong.Add(field+".unit_price.currency_code", "must be %s as in the items before, not %s: one order is paid in one currency",
				total.Currency, price.Currency)
			continue
		}
		cost, err := price.Times(int64(item.GetQuantity()))
		if err == nil {
			cost, err = total.Add(cost)
		}
		if err != nil {
			wrong.Add(field, "%v", err)
			continue
		}
		total = cost
	}
	return total
}

// checkItem reports whether an item can be calculated with.
func checkItem(field string, item *shoppb.LineItem, wrong *Violations) bool {
	before := len(wrong.found) + wrong.more
	if item.GetSku() == "" {
		wrong.Add(field+".sku", "is missing")
	}
	wrong.Text(field+".sku", item.GetSku(), mostSKUBytes)
	if item.GetQuantity() < 1 {
		wrong.Add(field+".quantity", "must be at least 1, not %d", item.GetQuantity())
	}
	if item.GetUnitPrice() == nil {
		wrong.Add(field+".unit_price", "is missing")
	} else if err := Amount(item.GetUnitPrice()).Check(); err != nil {
		wrong.Add(field+".unit_price", "%v", err)
	} else if price := Amount(item.GetUnitPrice()); price.Sign() < 0 {
		wrong.Add(field+".unit_price", "must not be negative, as %v is", price)
	}
	return len(wrong.found)+wrong.more == before
}
