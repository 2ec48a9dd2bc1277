// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/farcall/farcall/conformance/paymentspb"
)

// What every server under test does, whatever it is built on: the same payment service, with handlers that cost nothing,
// so that what is measured is the server.
const (
	chargePath  = "/shop.v1.Payments/Charge"        // one message each way
	watchPath   = "/shop.v1.Payments/WatchPayments" // an endless stream of messages as large as watched
	settlePath  = "/shop.v1.Payments/Settle"        // takes records and counts them
	disputePath = "/shop.v1.Payments/Dispute"       // echoes
)

// mostReceived bounds a message, also after it is decompressed: the default of farcall and grpc-go, and so what the handler
// on net/http does.
const mostReceived = 4 << 20

func charge(request *paymentspb.ChargeRequest) *paymentspb.ChargeResponse {
	return &paymentspb.ChargeResponse{
		PaymentId: "pay_" + request.GetIdempotencyKey(),
		Amount:    &paymentspb.Money{CurrencyCode: request.GetAmount().GetCurrencyCode(), Units: request.GetAmount().GetUnits()},
		Status:    paymentspb.PaymentStatus_PAYMENT_STATUS_CHARGED,
	}
}

// watched is the message of the endless stream: large, for those who ask for much and take nothing.
var watched = &paymentspb.Payment{PaymentId: "pay_1", OrderId: strings.Repeat("x", 16<<10)}

// chargeRequest is what the well-behaved client asks for.
func chargeRequest() *paymentspb.ChargeRequest {
	return &paymentspb.ChargeRequest{
		IdempotencyKey: "basket-7", OrderId: "ord_1", CardToken: "tok_visa_4242",
		Amount: &paymentspb.Money{CurrencyCode: "EUR", Units: 25, Nanos: 980_000_000},
		Items:  []*paymentspb.LineItem{{Sku: "TEA-500", Quantity: 2}},
	}
}
