// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// The payment hop as it is commonly written with JSON: structs of its own, encoding/json, net/http.

type chargeRequest struct {
	IdempotencyKey string `json:"idempotency_key"`
	OrderID        string `json:"order_id"`
	CardToken      string `json:"card_token"`
	Amount         amount `json:"amount"`
	Items          []item `json:"items"`
}

type amount struct {
	CurrencyCode string `json:"currency_code"`
	Units        int64  `json:"units"`
	Nanos        int32  `json:"nanos"`
}

type item struct {
	SKU       string `json:"sku"`
	Quantity  int32  `json:"quantity"`
	UnitPrice amount `json:"unit_price"`
}

type chargeResponse struct {
	PaymentID    string `json:"payment_id"`
	Amount       amount `json:"amount"`
	Status       int32  `json:"status"`
	CreateTimeMS int64  `json:"create_time_ms"`
}

func (a amount) message() *shoppb.Money {
	return &shoppb.Money{CurrencyCode: a.CurrencyCode, Units: a.Units, Nanos: a.Nanos}
}

func amountOf(m *shoppb.Money) amount { return amount{m.GetCurrencyCode(), m.GetUnits(), m.GetNanos()} }

// jsonHandler offers payments at POST /charge.
func jsonHandler(payments shoppb.Payments) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request chargeRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		items := make([]*shoppb.LineItem, len(request.Items))
		for i, it := range request.Items {
			items[i] = &shoppb.LineItem{Sku: it.SKU, Quantity: it.Quantity, UnitPrice: it.UnitPrice.message()}
		}
		receipt, err := payments.Charge(r.Context(), &shoppb.ChargeRequest{
			IdempotencyKey: request.IdempotencyKey, OrderId: request.OrderID, CardToken: request.CardToken,
			Amount: request.Amount.message(), Items: items,
		})
		if err != nil {
			http.Error(w, farcall.AsError(err).Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(chargeResponse{ // fails if the client has gone
			PaymentID: receipt.GetPaymentId(), Amount: amountOf(receipt.GetAmount()),
			Status: int32(receipt.GetStatus()), CreateTimeMS: receipt.GetCreateTimeMs(),
		})
	}
}

// jsonClient charges by JSON over HTTP/1.1.
type jsonClient struct {
	client http.Client
	url    string
}

func newJSONClient(address string, inFlight int) *jsonClient {
	return &jsonClient{
		client: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: inFlight, MaxConnsPerHost: inFlight}},
		url:    "http://" + address,
	}
}

func (c *jsonClient) charge(ctx context.Context, key string) (paymentID string, err error) {
	price := amount{"EUR", 12, 990_000_000}
	body, err := json.Marshal(chargeRequest{
		IdempotencyKey: key, OrderID: key, CardToken: "tok_visa_4242", Amount: amount{"EUR", 25, 980_000_000},
		Items: []item{{"TEA-500", 2, price}},
	})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/charge", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // the status alone says enough
		return "", fmt.Errorf("charge by JSON: %s: %s", response.Status, text)
	}
	var receipt chargeResponse
	if err := json.NewDecoder(response.Body).Decode(&receipt); err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, response.Body) // to its end, so that the connection is used again
	return receipt.PaymentID, err
}

func (c *jsonClient) close() { c.client.CloseIdleConnections() }
