// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
)

// orderNow makes an order by REST, and returns its id and its payment's.
func orderNow(t *testing.T, orders string) (orderID, paymentID string) {
	t.Helper()
	status, _, answer := ask(t, restClients(t)["HTTP/1.1"], "POST", "http://"+orders+"/v1/orders", jsonType, exampleOrder)
	var order struct{ OrderID, PaymentID string }
	if err := json.Unmarshal([]byte(answer), &order); err != nil || status != http.StatusOK {
		t.Fatalf("the order is answered with %d %s", status, answer)
	}
	return order.OrderID, order.PaymentID
}

func cancelNow(t *testing.T, orders, orderID string) {
	t.Helper()
	status, _, answer := ask(t, restClients(t)["HTTP/1.1"], "POST", "http://"+orders+"/v1/orders/"+orderID+":cancel", jsonType, `{}`)
	if status != http.StatusOK {
		t.Fatalf("to cancel is answered with %d %s", status, answer)
	}
}

// TestWatchAnOrderByCurl watches as the README says, over both versions of HTTP, and cancels meanwhile.
func TestWatchAnOrderByCurl(t *testing.T) {
	needCurl(t)
	_, orders, _ := startBoth(t)
	for _, version := range []string{"--http1.1", "--http2-prior-knowledge"} {
		orderID, _ := orderNow(t, orders)
		curl := exec.Command("curl", "-N", version, "--silent", "--show-error", "--fail-with-body", "--max-time", "60", "http://"+orders+"/v1/orders/"+orderID+":watch")
		var problems bytes.Buffer
		curl.Stderr = &problems
		output, err := curl.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := curl.Start(); err != nil {
			t.Fatal(err)
		}
		var states []string
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			var order struct{ OrderID, Status string }
			if err := json.Unmarshal(lines.Bytes(), &order); err != nil || order.OrderID != orderID {
				t.Errorf("%s: the line %s: %v", version, lines.Text(), err)
			}
			if states = append(states, order.Status); len(states) == 1 {
				cancelNow(t, orders, orderID)
			}
		}
		// An order that is cancelled has come to its end, and the watch with it.
		if err := curl.Wait(); err != nil || strings.Join(states, " ") != "ORDER_STATUS_PAID ORDER_STATUS_CANCELLED" {
			t.Errorf("%s: the states are %v, %v %s", version, states, err, problems.String())
		}
	}
	for version, client := range restClients(t) {
		status, header, answer := ask(t, client, "GET", "http://"+orders+"/v1/orders/ord_none:watch", "", "")
		if status != http.StatusNotFound || header.Get("Content-Type") != jsonType || answer != `{"code":5,"message":"there is no order \"ord_none\""}` {
			t.Errorf("%s: an unknown order: %d %s", version, status, answer)
		}
	}
}

// TestWatchesEndWithTheServices: whoever watches does not hold up the end, and learns of it.
func TestWatchesEndWithTheServices(t *testing.T) {
	s, orders, payments := startBoth(t)
	orderID, paymentID := orderNow(t, orders)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	order, stopOrder := iter.Pull2(shoppb.NewOrdersStub(connect(t, orders)).WatchOrder(ctx, &shoppb.WatchOrderRequest{OrderId: orderID}))
	defer stopOrder()
	payment, stopPayment := iter.Pull2(shoppb.NewPaymentsStub(connect(t, payments)).WatchPayments(ctx, &shoppb.WatchPaymentsRequest{OrderId: orderID}))
	defer stopPayment()
	if first, err, _ := order(); err != nil || first.GetOrderId() != orderID {
		t.Fatalf("the order's watch begins with %v, %v", first, err)
	}
	if first, err, _ := payment(); err != nil || first.GetPaymentId() != paymentID {
		t.Fatalf("the payment's watch begins with %v, %v", first, err)
	}
	if err := s.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if last, err, _ := order(); !errors.Is(err, farcall.Unavailable) {
		t.Errorf("the order's watch ends with %v, %v, want UNAVAILABLE", last, err)
	}
	if last, err, _ := payment(); !errors.Is(err, farcall.Unavailable) {
		t.Errorf("the payment's watch ends with %v, %v, want UNAVAILABLE", last, err)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("shop ends with status %d:\n%s", code, s.printed())
	}
}

// TestStreamsFromAfar calls the payment service's streams by the stub.
func TestStreamsFromAfar(t *testing.T) {
	_, orders, payments := startBoth(t)
	t.Run("WatchPayments", func(t *testing.T) { watchAllPayments(t, orders, payments) })
	t.Run("Settle", func(t *testing.T) { settle(t, orders, payments) })
	t.Run("Dispute", func(t *testing.T) { disputePayment(t, orders, payments) })
}

// watchAllPayments begins to order when the watch has begun, which the response's header says.
func watchAllPayments(t *testing.T, orders, payments string) {
	watch, err := shoppb.OpenPaymentsWatchPayments(t.Context(), connect(t, payments), &shoppb.WatchPaymentsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	watch.Header()
	orderID, paymentID := orderNow(t, orders)
	expect := func(want shoppb.PaymentStatus) {
		t.Helper()
		if payment, err := watch.Receive(); err != nil || payment.GetPaymentId() != paymentID || payment.GetOrderId() != orderID || payment.GetStatus() != want {
			t.Errorf("the watch has %v, %v, want %v of %s", payment, err, want, paymentID)
		}
	}
	expect(shoppb.PaymentStatus_PAYMENT_STATUS_CHARGED)
	cancelNow(t, orders, orderID)
	expect(shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED)
}

func settle(t *testing.T, orders, payments string) {
	_, paymentID := orderNow(t, orders)
	summary, err := shoppb.NewPaymentsStub(connect(t, payments)).Settle(t.Context(), func(yield func(*shoppb.SettleRecord, error) bool) {
		amount := &shoppb.Money{CurrencyCode: "EUR", Units: 34, Nanos: 480_000_000}
		for range 1000 {
			if !yield(&shoppb.SettleRecord{PaymentId: paymentID, Amount: amount, Status: shoppb.PaymentStatus_PAYMENT_STATUS_CHARGED}, nil) {
				return
			}
		}
	})
	if err != nil || summary.GetRecords() != 1000 || summary.GetMatched() != 1 || summary.GetCharged()[0].GetUnits() != 34 ||
		len(summary.GetMismatches()) != 100 || summary.GetMoreMismatches() != 899 {
		t.Errorf("Settle: %d records, %d matched, %v, %d mismatches, %v", summary.GetRecords(), summary.GetMatched(),
			summary.GetCharged(), len(summary.GetMismatches()), err)
	}
}

// disputePayment answers what the service says, with a Feed.
func disputePayment(t *testing.T, orders, payments string) {
	_, paymentID := orderNow(t, orders)
	ctx, feed := farcall.NewFeed[shoppb.DisputeMessage](t.Context())
	go func() { // ends when the message is taken, or with the call
		_ = feed.Send(ctx, &shoppb.DisputeMessage{PaymentId: paymentID, Text: "I have sent it back"})
	}()
	var statuses []string
	for answer, err := range shoppb.NewPaymentsStub(connect(t, payments)).Dispute(ctx, feed.All()) {
		if err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, strings.TrimPrefix(answer.GetStatus().String(), "DISPUTE_STATUS_"))
		if answer.GetStatus() == shoppb.DisputeStatus_DISPUTE_STATUS_OPEN {
			if err := feed.Send(ctx, &shoppb.DisputeMessage{Evidence: "parcel 7"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if strings.Join(statuses, " ") != "OPEN REFUNDED" {
		t.Errorf("the answers are %v", statuses)
	}
	expectPayment(t, payments, paymentID, shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED)
}
