// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"

	"github.com/farcall/farcall/bench/chargepb"
)

// NewRequest returns a request of 91 bytes, and more with items or work.
func NewRequest(items int, work int64) *chargepb.ChargeRequest {
	request := &chargepb.ChargeRequest{
		IdempotencyKey: "ik_5f0c3d8a9b7e4216a8c1f2d3e4b5",
		OrderId:        "ord_2026_11_22_000000001",
		Card:           "tok_visa_424242",
		Amount:         &chargepb.Money{CurrencyCode: "EUR", Units: 42, Nanos: 990_000_000},
		Work:           work,
	}
	for i := range items {
		request.Items = append(request.Items, &chargepb.Item{
			Sku:      fmt.Sprintf("sku-%05d", i),
			Quantity: int32(i%5 + 1),
			Price:    &chargepb.Money{CurrencyCode: "EUR", Units: int64(i + 1), Nanos: 990_000_000},
		})
	}
	return request
}

// Charge is the one handler: every system's server calls it, for each request of a stream as well. The answer depends on
// the work, so that the work is done.
func Charge(request *chargepb.ChargeRequest) *chargepb.ChargeResponse {
	return &chargepb.ChargeResponse{
		PaymentId: "pay_7d1f0c9ab3e24e55",
		Status:    chargepb.Status_STATUS_PAID,
		ChargedAt: 1_795_300_000 + int64(burn(request.GetWork())&1),
		Charged:   &chargepb.Money{CurrencyCode: request.GetAmount().GetCurrencyCode(), Units: request.GetAmount().GetUnits(), Nanos: request.GetAmount().GetNanos()},
	}
}

// burn does rounds of arithmetic that depend on each other, about two nanoseconds each.
func burn(rounds int64) uint64 {
	x := uint64(rounds)
	for range rounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// watched is what Watch answers with, again and again.
var watched = NewRequest(0, 0)

// Event returns the next message of a Watch, a new one each time.
func Event() *chargepb.ChargeResponse { return Charge(watched) }

// Echo is the handler for payloads.
func Echo(payload *chargepb.Payload) *chargepb.Payload { return payload }

// NewPayload returns bytes that compress to about a third, as text does.
func NewPayload(size int) *chargepb.Payload {
	data := make([]byte, 0, size+64)
	for i := uint64(0); len(data) < size; i++ {
		data = fmt.Appendf(data, "{\"order\":\"ord_%016x\",\"units\":%d},", i*0x9e3779b97f4a7c15, i%977)
	}
	return &chargepb.Payload{Data: data[:size]}
}

// checkCharge says whether an answer is the service's.
func checkCharge(response *chargepb.ChargeResponse) error {
	if response.GetStatus() != chargepb.Status_STATUS_PAID {
		return fmt.Errorf("the answer is not the service's: %v", response)
	}
	return nil
}
