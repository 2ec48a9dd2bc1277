// SPDX-License-Identifier: Apache-2.0

package payment

import (
	"github.com/farcall/farcall/examples/shop/internal/bill"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

func checkCharge(req *shoppb.ChargeRequest) error {
	var wrong bill.Violations
	wrong.Text("idempotency_key", req.GetIdempotencyKey(), bill.MostTextBytes)
	if req.GetOrderId() == "" {
		wrong.Add("order_id", "is missing")
	}
	wrong.Text("order_id", req.GetOrderId(), bill.MostTextBytes)
	bill.CheckCard(req.GetCardToken(), &wrong)
	amount := bill.Amount(req.GetAmount())
	switch err := amount.Check(); {
	case req.GetAmount() == nil:
		wrong.Add("amount", "is missing")
	case err != nil:
		wrong.Add("amount", "%v", err)
	case amount.Sign() <= 0:
		wrong.Add("amount", "must be more than nothing, not %v", amount)
	}
	if len(req.GetItems()) > 0 {
		if total := bill.Total(req.GetItems(), &wrong); !wrong.Any() && total != amount {
			wrong.Add("amount", "must be what the items cost together, %v, not %v", total, amount)
		}
	}
	return wrong.Err()
}

func checkRefund(req *shoppb.RefundRequest) error {
	var wrong bill.Violations
	switch {
	case req.GetPaymentId() == "" && req.GetChargeKey() == "":
		wrong.Add("payment_id", "is missing")
	case req.GetPaymentId() != "" && req.GetChargeKey() != "":
		wrong.Add("charge_key", "must be left out where payment_id is given")
	}
	wrong.Text("payment_id", req.GetPaymentId(), bill.MostTextBytes)
	wrong.Text("charge_key", req.GetChargeKey(), bill.MostTextBytes)
	wrong.Text("reason", req.GetReason(), bill.MostTextBytes)
	return wrong.Err()
}

func checkGet(req *shoppb.GetPaymentRequest) error {
	var wrong bill.Violations
	if req.GetPaymentId() == "" {
		wrong.Add("payment_id", "is missing")
	}
	wrong.Text("payment_id", req.GetPaymentId(), bill.MostTextBytes)
	return wrong.Err()
}
