// SPDX-License-Identifier: Apache-2.0

// Package journey sends one order through the shop's two services, records all that happens, and shows it: as text, and
// as a picture.
package journey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/examples/shop/order"
	"github.com/farcall/farcall/examples/shop/payment"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"github.com/farcall/farcall/server"
)

// timeout bounds the whole journey, which takes a few milliseconds.
const timeout = 20 * time.Second

// paymentsName is what the order service calls the payment service, wherever that listens: it is in the header block.
const paymentsName = "payments:9090"

// theOrder is the order whose journey is shown.
const theOrder = `{
  "idempotency_key": "basket-7",
  "customer": "ada",
  "card_token": "tok_visa_4242",
  "items": [
    {"sku": "TEA-500", "quantity": 2, "unit_price": {"currency_code": "EUR", "units": 12, "nanos": 990000000}}
  ]
}`

// theTime is when it happens: each journey is the same.
var theTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Run runs both services, in this process but over TCP, and sends the order.
func Run(ctx context.Context) (record *Record, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	recorder := newRecorder()

	payments := server.New(server.Options{Observer: recorder.on(farcall.SideServer)})
	shoppb.RegisterPayments(payments, recordedPayments{payment.New(payment.NewMemory(), payment.Options{
		Now: func() time.Time { return theTime }, NewID: func() string { return "pay_f3k7" },
	}), recorder})
	paymentsAddress, stopPayments, err := start(ctx, payments)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopPayments()) }()

	conn, err := client.New(paymentsName, client.Options{
		Plaintext: true,
		Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, paymentsAddress)
		},
		Observer: recorder.on(farcall.SideClient),
		Frames:   recorder,
	})
	if err != nil {
		return nil, err
	}
	defer conn.Close()

	orders := server.New(server.Options{Observer: recorder.on(farcall.SideEdge)})
	ids := []string{"ord_q8wd", "ord_m2xa"} // the services are called one at a time
	shoppb.RegisterOrders(orders, order.New(order.NewMemory(), shoppb.NewPaymentsStub(conn), order.Options{
		Now: func() time.Time { return theTime }, NewID: func() string { id := ids[0]; ids = ids[1:]; return id },
	}))
	ordersAddress, stopOrders, err := start(ctx, orders)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopOrders()) }()

	ask, answer, err := post(ctx, ordersAddress, theOrder)
	if err != nil {
		return nil, err
	}
	if err := recorder.awaitSteps(ctx); err != nil {
		return nil, err
	}
	// The next order shows what the connection has learnt.
	if _, _, err := post(ctx, ordersAddress, strings.Replace(theOrder, "basket-7", "basket-8", 1)); err != nil {
		return nil, err
	}
	if record, err = recorder.finish(); err != nil {
		return nil, err
	}
	record.ask, record.answer = ask, answer
	return record, nil
}

// start serves on a free port of this machine.
func start(ctx context.Context, srv *server.Server) (address string, stop func() error, err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }() // ends in stop
	return listener.Addr().String(), func() error {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		return errors.Join(srv.Shutdown(grace), <-served)
	}, nil
}

// post sends an order as a REST client does.
func post(ctx context.Context, address, body string) (ask, answer httpMessage, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/orders", strings.NewReader(body))
	if err != nil {
		return ask, answer, err
	}
	request.Header.Set("Content-Type", "application/json")
	ask = httpMessage{"POST /v1/orders HTTP/1.1", "application/json", body}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return ask, answer, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return ask, answer, err
	}
	answer = httpMessage{response.Proto + " " + response.Status, response.Header.Get("Content-Type"), string(text)}
	if response.StatusCode != http.StatusOK {
		return ask, answer, fmt.Errorf("the order failed: %s: %s", response.Status, text)
	}
	return ask, answer, nil
}
