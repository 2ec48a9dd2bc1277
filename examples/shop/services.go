// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	_ "embed" // openapi.json
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/examples/shop/internal/steps"
	"github.com/farcall/farcall/examples/shop/order"
	"github.com/farcall/farcall/examples/shop/payment"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"github.com/farcall/farcall/health"
	"github.com/farcall/farcall/reflection"
	"github.com/farcall/farcall/server"
)

// description is what the order service serves at /openapi.json and shows at /docs, with the comments of the .proto files.
//
//go:embed openapi.json
var description []byte

// shutdownTimeout is how long requests under way may take once a service has been asked to end.
const shutdownTimeout = 5 * time.Second

// serviceFlags are the flags that both services have.
type serviceFlags struct {
	listen     string
	next       bool
	withParent bool
}

func (f *serviceFlags) register(flags *flag.FlagSet, address string) {
	flags.StringVar(&f.listen, "listen", address, "listen on this `address`")
	flags.BoolVar(&f.next, "next", false, "if the port is taken, listen on the next one that is free")
	flags.BoolVar(&f.withParent, "with-parent", false, "end when the standard input ends, and not by Ctrl-C")
}

// runPayment is "shop payment".
func runPayment(ctx context.Context, arguments []string, out io.Writer) error {
	var common serviceFlags
	flags := newFlags("shop payment", "The payment service takes money from cards and gives it back.")
	common.register(flags, "127.0.0.1:9090")
	if err := parseFlags(flags, arguments, 0); err != nil {
		return err
	}
	srv := server.New(server.Options{StepTimes: true}) // "shop order -v" asks for them
	payments := payment.New(payment.NewMemory(), payment.Options{})
	shoppb.RegisterPayments(srv, payments)
	srv.OnShutdown(payments.EndWatches)
	return serve(ctx, srv, common, out)
}

// runOrder is "shop order".
func runOrder(ctx context.Context, arguments []string, out io.Writer) error {
	var common serviceFlags
	flags := newFlags("shop order", "The order service takes orders, by REST, gRPC, gRPC-Web and Connect, and has them paid.")
	common.register(flags, "127.0.0.1:8080")
	target := flags.String("payments", "127.0.0.1:9090", "the payment service is at this `target`")
	verbose := flags.Bool("v", false, "print the fourteen steps of each order")
	origins := flags.String("origins", "", "let web pages of these `origins` call, with commas between them: https://shop.example")
	certificate := flags.String("tls-cert", "", "speak TLS with the certificate in this PEM `file`: browsers speak HTTP/2 then")
	key := flags.String("tls-key", "", "the certificate's key is in this PEM `file`")
	timeout := flags.Duration("payment-timeout", 2*time.Second, "how long one call of the payment service may take")
	if err := parseFlags(flags, arguments, 0); err != nil {
		return err
	}
	secure, err := serverTLS(*certificate, *key)
	if err != nil {
		return err
	}
	var observer farcall.Observer
	if *verbose {
		observer = steps.NewPrinter(out)
	}
	conn, err := client.New(*target, client.Options{
		Observer: observer, StepTimes: *verbose,
		// It is next door: look again soon after it was away.
		Backoff: client.Backoff{First: 100 * time.Millisecond, Longest: 2 * time.Second},
	})
	if err != nil {
		return fmt.Errorf("the payment service %s: %w", *target, err)
	}
	defer conn.Close()
	options := server.Options{Observer: observer, TLS: secure, REST: server.REST{OpenAPI: server.OpenAPI{Docs: true, Document: description}}}
	if *origins != "" {
		options.CORS.Origins = strings.Split(*origins, ",")
	}
	srv := server.New(options)
	orders := order.New(order.NewMemory(), shoppb.NewPaymentsStub(conn), order.Options{PaymentTimeout: *timeout, Log: slog.Default()})
	shoppb.RegisterOrders(srv, orders)
	srv.OnShutdown(orders.EndWatches)
	return serve(ctx, srv, common, out)
}

// serverTLS returns how a service speaks TLS with the certificate in two files, nil if none are named.
func serverTLS(certificateFile, keyFile string) (*tls.Config, error) {
	if certificateFile == "" && keyFile == "" {
		return nil, nil
	}
	if certificateFile == "" || keyFile == "" {
		return nil, errors.New("-tls-cert and -tls-key go together: one names the certificate, the other its key")
	}
	certificate, err := server.CertificateFiles(certificateFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("-tls-cert and -tls-key: %w", err)
	}
	return &tls.Config{GetCertificate: certificate}, nil
}

// serve offers the standard services beside a service's own, prints the address, and serves until it is asked to end.
func serve(ctx context.Context, srv *server.Server, common serviceFlags, out io.Writer) error {
	health.Register(srv)
	reflection.Register(srv)
	listener, err := listen(common.listen, common.next)
	if err != nil {
		return err
	}
	if common.withParent {
		var cancel context.CancelFunc
		ctx, cancel = withParent(ctx)
		defer cancel()
	}
	fmt.Fprintln(out, listeningOn+listener.Addr().String())
	return serveUntil(ctx, srv, listener)
}

// listeningOn begins the first line that a service prints; its address follows.
const listeningOn = "listening on "

// withParent returns a context that ends when the standard input does: when the parent closes it, or however the parent
// dies. Ctrl-C, which reaches every process of a terminal, is ignored: the parent ends its services one after the other.
func withParent(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(os.Interrupt)
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the standard input, or with the process
		_, _ = io.Copy(io.Discard, os.Stdin) // a broken pipe is an end as well
		cancel()
	}()
	return ctx, cancel
}

// serveUntil serves until ctx ends, and then gives requests under way some time.
func serveUntil(ctx context.Context, srv *server.Server, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }() // ends by Shutdown
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	return errors.Join(srv.Shutdown(grace), <-served)
}
