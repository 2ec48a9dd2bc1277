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

func checkWatch(req *shoppb.WatchPaymentsRequest) error {
	var wrong bill.Violations
	wrong.Text("order_id", req.GetOrderId(), bill.MostTextBytes)
	return wrong.Err()
}

func checkRecord(record *shoppb.SettleRecord) error {
	var wrong bill.Violations
	wrong.Text("payment_id", record.GetPaymentId(), bill.MostTextBytes)
	if status := record.GetStatus(); status != shoppb.PaymentStatus_PAYMENT_STATUS_CHARGED && status != shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED {
		wrong.Add("status", "must say whether the money came or went back, which %v does not", status)
	}
	switch amount := bill.Amount(record.GetAmount()); {
	case record.GetAmount() == nil:
		wrong.Add("amount", "is missing")
	case amount.Check() != nil:
		wrong.Add("amount", "%v", amount.Check())
	case amount.Sign() <= 0:
		wrong.Add("amount", "must be more than nothing, not %v", amount)
	}
	return wrong.Err()
}

// checkDispute checks a customer's message; payment is what the dispute is about, nil before the first message.
func checkDispute(said *shoppb.DisputeMessage, payment *shoppb.Payment) error {
	var wrong bill.Violations
	switch {
	case payment == nil && said.GetPaymentId() == "":
		wrong.Add("payment_id", "is missing in the first message")
	case payment != nil && said.GetPaymentId() != "" && said.GetPaymentId() != payment.GetPaymentId():
		wrong.Add("payment_id", "must be %s as in the first message, or left out", payment.GetPaymentId())
	}
	wrong.Text("payment_id", said.GetPaymentId(), bill.MostTextBytes)
	wrong.Text("text", said.GetText(), mostWordsBytes)
	wrong.Text("evidence", said.GetEvidence(), bill.MostTextBytes)
	if status := said.GetStatus(); status != shoppb.DisputeStatus_DISPUTE_STATUS_UNSPECIFIED && status != shoppb.DisputeStatus_DISPUTE_STATUS_WITHDRAWN {
		wrong.Add("status", "is for the service to say; a customer can only withdraw")
	}
	return wrong.Err()
}

// mostWordsBytes bounds what a customer says at a time.
const mostWordsBytes = 4096
