// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"context"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// farcallClient charges by the stub.
type farcallClient struct {
	conn     *client.Conn
	payments shoppb.Payments
}

func newFarcallClient(address string) (*farcallClient, error) {
	conn, err := client.New(address, client.Options{})
	if err != nil {
		return nil, err
	}
	return &farcallClient{conn, shoppb.NewPaymentsStub(conn)}, nil
}

func (c *farcallClient) charge(ctx context.Context, key string) (paymentID string, err error) {
	receipt, err := c.payments.Charge(ctx, &shoppb.ChargeRequest{
		IdempotencyKey: key, OrderId: key, CardToken: "tok_visa_4242",
		Amount: &shoppb.Money{CurrencyCode: "EUR", Units: 25, Nanos: 980_000_000},
		Items: []*shoppb.LineItem{{Sku: "TEA-500", Quantity: 2,
			UnitPrice: &shoppb.Money{CurrencyCode: "EUR", Units: 12, Nanos: 990_000_000}}},
	})
	return receipt.GetPaymentId(), err
}

func (c *farcallClient) close() { c.conn.Close() }
