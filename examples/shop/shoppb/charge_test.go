// SPDX-License-Identifier: Apache-2.0

package shoppb_test

import (
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// TestTypicalCharge holds the size of the message by which encoders and calls are measured.
func TestTypicalCharge(t *testing.T) {
	charge := &shoppb.ChargeRequest{
		IdempotencyKey: "0b6f1c1e-52a7-4c0a-9d0c-6a5b8a3f7f10",
		OrderId:        "ord_3f9a1c7be2d04568",
		CardToken:      "tok_visa_4242",
		Amount:         &shoppb.Money{CurrencyCode: "EUR", Units: 149, Nanos: 900_000_000},
	}
	if got := proto.Size(charge); got != 91 {
		t.Errorf("a typical charge has %d bytes, want 91", got)
	}
}

func TestRules(t *testing.T) {
	for method, want := range map[*farcall.Method][3]string{
		shoppb.OrdersCreateOrderMethod: {"POST", "/v1/orders", "*"},
		shoppb.OrdersGetOrderMethod:    {"GET", "/v1/orders/{order_id}", ""},
		shoppb.OrdersListOrdersMethod:  {"GET", "/v1/orders", ""},
		shoppb.OrdersCancelOrderMethod: {"POST", "/v1/orders/{order_id}:cancel", "*"},
		shoppb.OrdersWatchOrderMethod:  {"GET", "/v1/orders/{order_id}:watch", ""},
	} {
		rule, _ := proto.GetExtension(method.Descriptor().Options(), annotations.E_Http).(*annotations.HttpRule)
		got := [3]string{"GET", rule.GetGet(), rule.GetBody()}
		if rule.GetPost() != "" {
			got = [3]string{"POST", rule.GetPost(), rule.GetBody()}
		}
		if got != want {
			t.Errorf("%s has the rule %v, want %v", method, got, want)
		}
	}
}
