// SPDX-License-Identifier: Apache-2.0

package order

import (
	"github.com/farcall/farcall/examples/shop/internal/bill"
	"github.com/farcall/farcall/examples/shop/internal/money"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// checkCreate returns what the order costs.
func checkCreate(req *shoppb.CreateOrderRequest) (money.Amount, error) {
	var wrong bill.Violations
	wrong.Text("idempotency_key", req.GetIdempotencyKey(), bill.MostTextBytes)
	wrong.Text("customer", req.GetCustomer(), bill.MostTextBytes)
	bill.CheckCard(req.GetCardToken(), &wrong)
	if len(req.GetItems()) == 0 {
		wrong.Add("items", "is missing: an order has at least one item")
		return money.Amount{}, wrong.Err()
	}
	total := bill.Total(req.GetItems(), &wrong)
	if !wrong.Any() && total.Sign() == 0 {
		wrong.Add("items", "cost nothing together, and a card cannot be charged with nothing")
	}
	return total, wrong.Err()
}

func checkGet(req *shoppb.GetOrderRequest) error {
	var wrong bill.Violations
	checkID(req.GetOrderId(), &wrong)
	return wrong.Err()
}

func checkWatch(req *shoppb.WatchOrderRequest) error {
	var wrong bill.Violations
	checkID(req.GetOrderId(), &wrong)
	return wrong.Err()
}

func checkCancel(req *shoppb.CancelOrderRequest) error {
	var wrong bill.Violations
	checkID(req.GetOrderId(), &wrong)
	wrong.Text("reason", req.GetReason(), bill.MostTextBytes)
	return wrong.Err()
}

func checkID(orderID string, wrong *bill.Violations) {
	if orderID == "" {
		wrong.Add("order_id", "is missing")
	}
	wrong.Text("order_id", orderID, bill.MostTextBytes)
}
