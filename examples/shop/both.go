// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// runBoth is "shop" alone: both services, each in a process of its own, talking over TCP.
func runBoth(ctx context.Context, arguments []string, out io.Writer) (err error) {
	flags := newFlags("shop", usage)
	rest := flags.String("rest", "127.0.0.1:8080", "the order service listens on this `address`: REST and gRPC")
	grpc := flags.String("grpc", "127.0.0.1:9090", "the payment service listens on this `address`: gRPC")
	verbose := flags.Bool("v", false, "print the fourteen steps of each order")
	if err := parseFlags(flags, arguments, 0); err != nil {
		return err
	}
	payments, err := startService(out, "payment", "-next", "-with-parent", "-listen", *grpc)
	if err != nil {
		return fmt.Errorf("the payment service: %w", err)
	}
	defer func() { err = errors.Join(err, payments.stop()) }()
	orders, err := startService(out, "order", "-next", "-with-parent", "-listen", *rest, "-payments", payments.address, fmt.Sprintf("-v=%t", *verbose))
	if err != nil {
		return fmt.Errorf("the order service: %w", err)
	}
	defer func() { err = errors.Join(err, orders.stop()) }() // the first to end: it needs the other

	fmt.Fprintf(out, "order service:   %s (REST and gRPC, process %d)\n", orders.address, orders.pid())
	fmt.Fprintf(out, "payment service: %s (gRPC, process %d)\n\n", payments.address, payments.pid())
	fmt.Fprintf(out, "Order something:\n\n%s\n\nCtrl-C ends both.\n", curlLine(orders.address))
	select {
	case <-ctx.Done():
		return nil
	case <-payments.ended:
		return fmt.Errorf("the payment service has ended by itself: %v", payments.outcome)
	case <-orders.ended:
		return fmt.Errorf("the order service has ended by itself: %v", orders.outcome)
	}
}

// exampleOrder is the order that the documentation tells of.
const exampleOrder = `{"customer":"ada","card_token":"tok_visa_4242","items":[` +
	`{"sku":"TEA-500","quantity":2,"unit_price":{"currency_code":"EUR","units":"12","nanos":990000000}},` +
	`{"sku":"CUP-BLUE","quantity":1,"unit_price":{"currency_code":"EUR","units":"8","nanos":500000000}}]}`

// curlLine is a command that orders something.
func curlLine(address string) string {
	return fmt.Sprintf("curl -H 'content-type: application/json' -d '%s' http://%s/v1/orders", exampleOrder, address)
}

// executable is this program's own file, to be started again as each of the services.
func executable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("this program's own file cannot be found: %w", err)
	}
	return path, nil
}
