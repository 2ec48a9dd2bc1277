// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"github.com/farcall/farcall/health"
)

// needCurl skips a test where curl is missing; the continuous integration must have it.
func needCurl(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI is set, and curl is missing: %v", err)
		}
		t.Skip("curl is missing")
	}
}

// restClients are the two versions of HTTP that the REST port speaks.
func restClients(t *testing.T) map[string]*http.Client {
	clients := make(map[string]*http.Client)
	for name, choose := range map[string]func(*http.Protocols, bool){
		"HTTP/1.1": (*http.Protocols).SetHTTP1,
		"HTTP/2":   (*http.Protocols).SetUnencryptedHTTP2,
	} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		choose(transport.Protocols, true)
		t.Cleanup(transport.CloseIdleConnections)
		clients[name] = &http.Client{Transport: transport}
	}
	return clients
}

// ask makes a REST request and returns the answer's status, headers and body.
func ask(t *testing.T, client *http.Client, verb, url, contentType, body string) (status int, header http.Header, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, verb, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

const jsonType = "application/json"

// TestThePrintedCommandOrders does what a user does: start the shop, and run the line that it prints.
func TestThePrintedCommandOrders(t *testing.T) {
	needCurl(t)
	s, _, _ := startBoth(t)
	line := s.await(commandLine)[0]
	for _, command := range []string{line, strings.Replace(line, "curl ", "curl --http2-prior-knowledge ", 1)} {
		curl := exec.Command("sh", "-c", command+" --silent --show-error --fail-with-body --max-time 60")
		var problems bytes.Buffer
		curl.Stderr = &problems
		answer, err := curl.Output()
		if err != nil || !strings.Contains(string(answer), `"ORDER_STATUS_PAID"`) {
			t.Errorf("%s\nanswers %s, %v %s; want a paid order", command, answer, err, problems.String())
		}
	}
}

func TestAnOrdersLife(t *testing.T) {
	_, orders, payments := startBoth(t)
	for version, client := range restClients(t) {
		t.Run(version, func(t *testing.T) {
			orderAndCancel(t, client, "http://"+orders+"/v1/orders", payments)
		})
	}
}

func orderAndCancel(t *testing.T, client *http.Client, url, payments string) {
	type order struct {
		OrderID, PaymentID, Status string
		Total                      struct {
			CurrencyCode, Units string
			Nanos               int
		}
	}
	expect := func(verb, url, body string) (got order) {
		t.Helper()
		status, header, answer := ask(t, client, verb, url, jsonType, body)
		if status != http.StatusOK || header.Get("Content-Type") != jsonType {
			t.Fatalf("%s %s: %d %s %s", verb, url, status, header.Get("Content-Type"), answer)
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		return got
	}
	made := expect("POST", url, exampleOrder)
	if made.Status != "ORDER_STATUS_PAID" || made.Total.CurrencyCode != "EUR" || made.Total.Units != "34" || made.Total.Nanos != 480_000_000 {
		t.Errorf("the order is %+v", made)
	}
	if found := expect("GET", url+"/"+made.OrderID, ""); found != made {
		t.Errorf("looked up, the order is %+v, not %+v", found, made)
	}
	expectPayment(t, payments, made.PaymentID, shoppb.PaymentStatus_PAYMENT_STATUS_CHARGED)
	cancelled := expect("POST", url+"/"+made.OrderID+":cancel", `{"reason":"too late"}`)
	if cancelled.Status != "ORDER_STATUS_CANCELLED" {
		t.Errorf("cancelled, the order is %+v", cancelled)
	}
	expectPayment(t, payments, made.PaymentID, shoppb.PaymentStatus_PAYMENT_STATUS_REFUNDED)

	keyed := strings.Replace(exampleOrder, "{", `{"idempotency_key":"`+t.Name()+`",`, 1)
	if first, second := expect("POST", url, keyed), expect("POST", url, keyed); first != second {
		t.Errorf("an order that is sent twice is %+v, and %+v", first, second)
	}
	_, _, list := ask(t, client, "GET", url+"?page_size=2", "", "")
	if strings.Count(list, `"orderId"`) != 2 || strings.Contains(list, made.OrderID) == strings.Contains(list, `"nextPageToken":""`) {
		t.Errorf("the newest two orders are %s", list)
	}
}

func connect(t *testing.T, address string) *client.Conn {
	t.Helper()
	conn, err := client.New(address, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func expectPayment(t *testing.T, payments, paymentID string, want shoppb.PaymentStatus) {
	t.Helper()
	payment, err := shoppb.NewPaymentsStub(connect(t, payments)).GetPayment(t.Context(), &shoppb.GetPaymentRequest{PaymentId: paymentID})
	if err != nil || payment.GetStatus() != want {
		t.Errorf("payment %q is %v, %v; want %v", paymentID, payment.GetStatus(), err, want)
	}
}

// TestTheRESTPortSpeaksGRPC orders by the stub, on the port that speaks REST.
func TestTheRESTPortSpeaksGRPC(t *testing.T) {
	_, orders, payments := startBoth(t)
	conn := connect(t, orders)
	order, err := shoppb.NewOrdersStub(conn).CreateOrder(t.Context(), &shoppb.CreateOrderRequest{
		CardToken: "tok_visa_4242", Items: []*shoppb.LineItem{{Sku: "TEA-500", Quantity: 1,
			UnitPrice: &shoppb.Money{CurrencyCode: "EUR", Units: 12}}},
	})
	if err != nil || order.GetStatus() != shoppb.OrderStatus_ORDER_STATUS_PAID {
		t.Errorf("CreateOrder: %v, %v", order, err)
	}
	_, err = shoppb.NewOrdersStub(conn).GetOrder(t.Context(), &shoppb.GetOrderRequest{OrderId: "ord_none"})
	if farcall.CodeOf(err) != farcall.NotFound {
		t.Errorf("an unknown order: %v, want NOT_FOUND", err)
	}
	for name, address := range map[string]string{"order": orders, "payment": payments} {
		if status, err := health.Check(t.Context(), connect(t, address), ""); err != nil || status != health.Serving {
			t.Errorf("the health of the %s service is %v, %v", name, status, err)
		}
	}
}

func TestVerbosePrintsFourteenSteps(t *testing.T) {
	t.Run("together", func(t *testing.T) {
		s, orders, _ := startBoth(t, "-v")
		expectSteps(t, s, orders)
	})
	t.Run("apart", func(t *testing.T) {
		const address = `(?m)^listening on (\S+)$`
		payments := startShop(t, "payment", "-listen", "127.0.0.1:0").await(address)[1]
		s := startShop(t, "order", "-listen", "127.0.0.1:0", "-payments", payments, "-v")
		expectSteps(t, s, s.await(address)[1])
	})
}

// expectSteps orders something, and expects that s prints all that happens to the order.
func expectSteps(t *testing.T, s *shop, orders string) {
	t.Helper()
	status, _, answer := ask(t, http.DefaultClient, "POST", "http://"+orders+"/v1/orders", jsonType, exampleOrder)
	http.DefaultClient.CloseIdleConnections()
	if status != http.StatusOK {
		t.Fatalf("the order: %d %s", status, answer)
	}
	pattern := `shop\.v1\.Orders/CreateOrder, begun .*\n.*step .*`
	for step := farcall.StepRequestArrives; step <= farcall.StepAnswer; step++ {
		service := "orders"
		if step >= farcall.StepReceiveRequest && step <= farcall.StepSendResponse {
			service = "payments"
		}
		pattern += `\n +\d+  ` + step.String() + ` +` + service + ` .*\d(µs|ms|s)`
	}
	s.await(pattern)
}
